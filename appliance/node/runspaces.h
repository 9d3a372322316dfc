/* runspaces.h — the sessions that callers keep open, by ids of their own choice: each has its jobs
 *
 * A runspace lives as long as somebody holds it: a connection that said Hold, or a Run that named it; with jobs a little
 * longer than such a Run, so that its caller can say Hold then.  It belongs to the account that came first.  On the loop only.
 */
#pragma once

#include <stdatomic.h>
#include <systemd/sd-event.h>

#include "appliance/node/background.h"

enum { RUNSPACE_LINGER_MS = 5000 };

enum { RUNSPACE_ID_MIN = 32, RUNSPACE_ID_MAX = 64 };    /* characters: a secret of the caller's, which nobody guesses */

typedef struct Runspace Runspace;
typedef struct Runspaces {
        sd_event *event;                /* borrowed */
        Runspace *first;
        atomic_size_t *all;             /* as background_new() wants it */
} Runspaces;

/* One more holder of @id, for @owner (an account); NULL: for whomever it is of.  ERROR_DENIED: it is somebody else's;
 * ERROR_NOT_FOUND: it is nobody's; ERROR_INVALID: no id. */
int runspaces_hold(Runspaces *runspaces, const char *id, const char *owner, Runspace **ret, Error *err) FAILS;
/* Accepts NULL.  With the last holder its jobs are told to stop. */
void runspaces_leave(Runspaces *runspaces, Runspace *runspace);
/* The same; but when it has jobs it waits RUNSPACE_LINGER_MS for another holder. */
void runspaces_linger(Runspaces *runspaces, Runspace *runspace);
void runspaces_end(Runspaces *runspaces);               /* those that nobody holds any more */
Background *runspace_jobs(const Runspace *runspace);    /* borrowed */
