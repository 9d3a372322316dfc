/* pool.h — a small bounded set of threads for work that blocks (libvirt, LDAP, Kerberos, SMB)
 *
 * The event loop owns all state.  A job carries its inputs by value, shares no state with the
 * loop, and ends in exactly one call of its `done` on the loop's thread.  A job may also post
 * messages on the way.  A full queue refuses (ERROR_LIMIT) and never grows.
 */
#pragma once

#include <systemd/sd-event.h>

#include "appliance/base/error.h"

#define POOL_IDLE_US (2 * 1000000ULL)

typedef struct Pool Pool;

typedef void (*PoolWork)(void *userdata);       /* runs on a pool thread */
typedef void (*PoolDone)(void *userdata);       /* runs on the loop's thread */

/* At most @threads (1…64) run at once: one is started when a job finds none waiting, and ends when it had nothing to
 * do for POOL_IDLE_US, so an idle pool costs nothing.  @queue_max jobs may wait.  Call on the loop's thread. */
int pool_new(sd_event *event, unsigned threads, unsigned queue_max, Pool **ret, Error *err) FAILS;

/* Waits for running jobs, drops waiting ones after calling their done.  Accepts NULL. */
void pool_free(Pool *pool);
/* The same for who must not wait: running jobs go on, no done is called any more, and @then(@userdata) is called once when
 * nobody works: now, or on a thread of its own.  Call on the loop's thread.  Accepts NULL. */
void pool_leave(Pool *pool, void (*then)(void *userdata), void *userdata);

/* ERROR_LIMIT: the queue is full, or there is no thread and none to be had.  @done may be NULL.  @userdata belongs to the job until done has run.  Any thread. */
int pool_run(Pool *pool, PoolWork work, PoolDone done, void *userdata, Error *err) FAILS;

/* Has @fn(@userdata) called on the loop's thread, after everything posted before it.  For jobs
 * that report on the way; any thread.  Fails only when memory is gone. */
int pool_post(Pool *pool, PoolDone fn, void *userdata, Error *err) FAILS;
