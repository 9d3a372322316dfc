/* jobs.h — what this node is doing and has done: the job store (SQLite, /var/lib/holdfast/jobs.db)
 *
 * Stored first, then acted on, so that a restart knows what to undo.  Thread-safe.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "appliance/base/error.h"
#include "appliance/base/text.h"

typedef struct Jobs Jobs;

typedef enum JobState { JOB_RUNNING, JOB_COMPLETED, JOB_FAILED, JOB_CANCELLED } JobState;

typedef struct Job {
        char id[UUID_TEXT_SIZE];
        char kind[32];                  /* "LiveMigration" */
        char vm_name[256], vm_id[UUID_TEXT_SIZE];
        char source[256], destination[256];     /* host names */
        char caller[256];
        char phase[32];                 /* Compare, Prepare, Transfer, Switch, Confirm */
        int percent;                    /* 0…100 */
        JobState state;
        uint64_t started_us, ended_us;  /* realtime; 0 while running */
        char reason[ERROR_TEXT_MAX];    /* failed or cancelled: one sentence */
        char *receipt;                  /* JSON text or NULL; owned by the Job */
} Job;

int jobs_open(const char *path, Jobs **ret, Error *err) FAILS;
void jobs_close(Jobs *jobs);
/* Fills job->id and started_us and stores it as running.  ERROR_CONFLICT: this VM has a running job. */
int jobs_start(Jobs *jobs, Job *job, Error *err) FAILS;
/* Progress is kept in memory and stored when the phase changes. */
int jobs_progress(Jobs *jobs, const char *id, const char *phase, int percent, Error *err) FAILS;
int jobs_end(Jobs *jobs, const char *id, JobState state, const char *reason, const char *receipt, Error *err) FAILS;
/* What became of a move whose job failed in doubt, or still runs: its state, and @result after the reason it had.
 * ERROR_NOT_FOUND: there is no such job, or it ended in no doubt. */
int jobs_settle(Jobs *jobs, const char *id, JobState state, const char *result, Error *err) FAILS;
/* Ask a running job to stop; ERROR_NOT_FOUND when none runs for @vm_name. */
int jobs_cancel(Jobs *jobs, const char *vm_name, Error *err) FAILS;
bool jobs_cancelled(Jobs *jobs, const char *id);
/* Newest first, at most @max; the caller frees with jobs_list_free(). */
int jobs_list(Jobs *jobs, size_t max, Job **ret, size_t *ret_count, Error *err) FAILS;
void jobs_list_free(Job *list, size_t count);
/* At start: jobs a dead holdfastd left running; the caller decides what became of them. */
int jobs_left_running(Jobs *jobs, Job **ret, size_t *ret_count, Error *err) FAILS;
