/* runner.h — runs a pool's work on holdfastd, by io.holdfast.Node.Run on /run/holdfast/node
 *
 * One varlink connection per run; closing it cancels.  Serves any number of pools of one caller.
 */
#pragma once

#include <systemd/sd-event.h>

#include "appliance/psrp/psrp.h"

enum { RUNNER_RUNS_MAX = 32 };

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
