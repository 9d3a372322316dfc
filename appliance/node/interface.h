/* interface.h — io.holdfast.Node, the one way to speak to holdfastd
 */
#pragma once

#include <systemd/sd-varlink-idl.h>

#define NODE_SOCKET "/run/holdfast/node"
#define NODE_GATEWAY_SOCKET "/run/holdfast/gateway"     /* the same interface for holdfast-gateway, which must sign in */
#define NODE_PEOPLE_SOCKET "/run/holdfast/people"       /* the same for people of the domain who came by SSH */
#define NODE_PEOPLE_GROUP "holdfast-people"
#define NODE_USERS_SOCKET "/run/systemd/userdb/io.holdfast.People"
#define NODE_GATEWAY_USER "holdfast-gateway"

extern const sd_varlink_interface vl_interface_io_holdfast_Node;
