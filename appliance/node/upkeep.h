/* upkeep.h — what the domain and the DNS have of this host is kept right: its names (SPNs) and its address
 *
 * On the identity thread.  Never more than a computer may write of itself.
 */
#pragma once

#include "appliance/base/error.h"

typedef struct Node Node;

/* Once a minute: does something only at the start, after a change of identity or address, and once a day.  What fails is
 * tried again the next time and said once. */
void upkeep_look(Node *node);
/* Everything now, whatever is known of it.  The first failure; the rest is done all the same. */
int upkeep_now(Node *node, Error *err) FAILS;
/* Another identity, or none: nothing is known any more. */
void upkeep_forget(Node *node);
