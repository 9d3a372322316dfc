/* moves.h — the node's side of live migration: serving other hosts, and jobs a former holdfastd left behind
 */
#pragma once

#include "appliance/node/node-internal.h"

/* Opens port 6600 as @machine unless it is open already; the first time, puts in order what was left behind.
 * Identity thread only. */
int moves_serve(Node *node, const Machine *machine, Error *err) FAILS;
/* For LiveConfig.settled. */
void moves_settled(void *userdata, const char *token, bool here, const char *result);
