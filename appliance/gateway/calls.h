/* calls.h — what shells run, on holdfastd (io.holdfast.Node.Run): the WsmanNode of this process
 *
 * One varlink connection per call; closing it cancels.  A few whose call has ended are kept for the next calls, of whomever:
 * a call carries the handle of its sign-in, so a connection gives no right.  They last as long as holdfastd's end of them.
 */
#pragma once

#include <systemd/sd-event.h>

#include "appliance/wsman/wsman.h"

enum {
        CALLS_MAX = 256,                /* at once; more are refused */
        CALLS_IDLE_MAX = 8,             /* connections kept without a call; more are closed */
};

typedef struct Calls Calls;

int calls_new(sd_event *event, const char *address, Calls **ret, Error *err) FAILS;
void calls_free(Calls *calls);          /* after the shells; accepts NULL */
WsmanNode calls_node(Calls *calls);
