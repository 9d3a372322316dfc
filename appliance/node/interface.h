/* interface.h — io.holdfast.Node, the one way to speak to holdfastd
 */
#pragma once

#include <systemd/sd-varlink-idl.h>

#define NODE_SOCKET "/run/holdfast/node"

extern const sd_varlink_interface vl_interface_io_holdfast_Node;
