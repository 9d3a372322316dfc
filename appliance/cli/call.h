/* call.h — one conversation with holdfastd over io.holdfast.Node.Run
 */
#pragma once

#include <stdbool.h>

#include "appliance/cli/show.h"

typedef struct CallRequest {
        const char *address;            /* /run/holdfast/node */
        const char *origin;             /* the address a person came from by SSH; NULL: root of this host */
        const char *text;               /* PowerShell commands */
        bool password_stdin;
        Show *show;
} CallRequest;

typedef struct CallResult {
        bool had_errors;
        bool refused;                   /* the text was not understood; nothing ran */
        bool interrupted;               /* Ctrl+C, or the terminal went away */
} CallResult;

/* Blocks until everything has run.  Asks for passwords where commands need them. */
int call_run(const CallRequest *request, CallResult *ret, Error *err) FAILS;
