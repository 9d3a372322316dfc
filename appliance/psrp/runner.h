/* runner.h — runs a pool's work on holdfastd, by io.holdfast.Node.Run on /run/holdfast/node
 *
 * One varlink connection per run; closing it cancels.  Serves any number of pools of one caller.
 */
#pragma once

#include <systemd/sd-event.h>
#include <systemd/sd-varlink.h>

#include "appliance/psrp/psrp.h"

enum { RUNNER_RUNS_MAX = 32, RUNNER_HOLD_ID = 33 };

typedef struct Runner Runner;

/* @extra: an object whose fields go into every Run call (who the caller is, for a gateway), or NULL. */
int runner_new(sd_event *event, const char *address, sd_json_variant *extra, Runner **ret, Error *err) FAILS;
/* After the pools it served. */
void runner_free(Runner *runner);
/* For psrp_pool_new(). */
PsrpRunner runner_hooks(Runner *runner);
/* What somebody says to the question @id that a run asked, of whichever runner: over a connection of its own to @address, and
 * nobody waits for it.  The run goes on or does not, and a question that is over already stays so.  Blocks for as long as
 * the local socket takes the few bytes. */
void runner_answer(const char *address, const char *id, BatchAnswer choice);

/* The session of one pool, to which its jobs belong.  From the first job on it is kept at holdfastd by a connection that only
 * is there; when it is not there any more, holdfastd stops the jobs, however this process ended. */
typedef struct RunnerHold {
        sd_varlink *link;               /* NULL: there is nothing to keep */
        char id[RUNNER_HOLD_ID];        /* Run's Runspace; "" before the first time */
        bool wanted;                    /* there were jobs when it was asked for */
} RunnerHold;

/* For a Run that begins: the session's id; NULL: there can be none, and what runs is a session of its own.  @hold is
 * zero-initialized at first. */
const char *runner_session(RunnerHold *hold);
/* A Run of it said Jobs (@jobs), or ends unheard and might have; does not wait.  Does nothing without a session. */
void runner_hold(RunnerHold *hold, sd_event *event, const char *address, bool jobs);
void runner_release(RunnerHold *hold);
