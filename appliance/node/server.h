/* server.h — the varlink server of holdfastd: who may connect, one call per connection
 */
#pragma once

#include <sys/types.h>

#include "appliance/node/node-internal.h"

typedef struct Server Server;

/* Listens on the unix socket @address (made, mode 0600: root is the administrator, nobody else may connect yet). */
int server_new(Node *node, const char *address, Server **ret, Error *err) FAILS;
/* Listens for the gateway, too, on the unix socket @address that only @uid (and root) may use: its callers have to
 * sign in.  At most once. */
int server_listen_gateway(Server *server, const char *address, uid_t uid, gid_t gid, Error *err) FAILS;
/* Listens for people of the domain, too, on the unix socket @address that only @gid may use: who somebody is, the
 * kernel says by his number (auth/person.h), and what he may do the directory.  At most once. */
int server_listen_people(Server *server, const char *address, gid_t gid, Error *err) FAILS;
/* Other hosts' commands come by node->admit from now on, as long as the server lives. */
int server_admit_hosts(Server *server, Error *err) FAILS;
/* Every run is told to stop; node_free() waits for them.  Call before node_free(). */
void server_stop(Server *server);
void server_free(Server *server);               /* after node_free(); accepts NULL */
