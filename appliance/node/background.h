/* background.h — the jobs of one session: what -AsJob began, and what it says until somebody receives it
 *
 *      caller's thread ─begin─▶ job ◀─record, end─ its own thread (run.c)
 *                                │
 *      Get-, Wait-, Receive-, Stop-, Remove-Job of the same session: by the job's number, from 1
 *
 * A session is a PowerShell runspace, or one command text; another one's jobs cannot be named here.  Only in memory: what
 * a move does to a machine is in the job store (jobs.h) besides.  Thread-safe; what is said is kept as text, because a JSON
 * value belongs to one thread.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-json.h>

#include "appliance/base/error.h"
#include "appliance/command/batch.h"

enum {
        BACKGROUND_JOBS_MAX = 100,              /* of a session, with those that have ended: the next one is refused */
        BACKGROUND_KEPT_MAX = 1024 * 1024,      /* bytes that a job says and nobody receives: what is more is lost, and
                                                 * receiving says how much; errors have an eighth more for themselves */
        BACKGROUND_ALL_MAX = 64 * 1024 * 1024,  /* the same, of all sessions of this host together */
        BACKGROUND_NAME_SIZE = 24,
};

typedef struct Background Background;           /* the jobs of a session; counted */
typedef struct BackgroundJob BackgroundJob;

typedef enum BackgroundState {
        BACKGROUND_RUNNING,
        BACKGROUND_STOPPING,
        BACKGROUND_COMPLETED,                   /* from here on: ended */
        BACKGROUND_FAILED,
        BACKGROUND_STOPPED,
} BackgroundState;

static inline bool background_ended(BackgroundState state) { return state >= BACKGROUND_COMPLETED; }

/* @all counts the bytes kept by all sessions, and outlives them. */
int background_new(atomic_size_t *all, Background **ret, Error *err) FAILS;
Background *background_ref(Background *background);
void background_unref(Background *background);  /* accepts NULL; jobs that run hold it, too */
bool background_any(Background *background);       /* whether it has jobs, also ones that have ended */
/* The session has ended: what runs is told to stop, and nothing begins any more.  Gives how many ran. */
size_t background_close(Background *background);

/* ---- the job's own side -------------------------------------------------------------------------------- */

/* A new job, running; it belongs to the session, and to the caller until background_end().  ERROR_LIMIT. */
int background_begin(Background *background, const BatchJob *what, BackgroundJob **ret, Error *err) FAILS;
uint32_t background_id(const BackgroundJob *job);
/* Whether it is to stop, for BatchRun.cancelled. */
const atomic_bool *background_stop_flag(const BackgroundJob *job);
void background_record(BackgroundJob *job, RecordStream stream, sd_json_variant *record);
/* Failed, if it said an error; else Completed; with @gave_up Stopped.  @job is not the caller's any more. */
void background_end(BackgroundJob *consumed_job, bool gave_up);

/* ---- the session's side: ERROR_NOT_FOUND when there is no job @id (any more) ------------------------------ */

/* The numbers of all jobs, in order; the caller frees *ret. */
int background_list(Background *background, uint32_t **ret, size_t *ret_count, Error *err) FAILS;
/* As Get-Job gives it. */
int background_object(Background *background, uint32_t id, sd_json_variant **ret, Error *err) FAILS;
int background_state(Background *background, uint32_t id, BackgroundState *ret, Error *err) FAILS;
int background_stop(Background *background, uint32_t id, Error *err) FAILS;
/* ERROR_CONFLICT while it runs. */
int background_remove(Background *background, uint32_t id, Error *err) FAILS;

typedef struct BackgroundRecord {
        RecordStream stream;
        char *json;
} BackgroundRecord;

/* What it has said since it was received last, in order; of the progress of one activity the last only.  With @keep it
 * stays.  The caller frees with background_records_free(). */
int background_receive(Background *background, uint32_t id, bool keep, BackgroundRecord **ret, size_t *ret_count,
                       Error *err) FAILS;
void background_records_free(BackgroundRecord *records, size_t count);

/* Blocks until anything has happened to a job of the session since the count *seen (0 at first), which is brought up to
 * date, at most @ms. */
void background_wait(Background *background, uint64_t *seen, unsigned ms);
