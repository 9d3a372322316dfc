#include "appliance/node/jobs.h"

#include <assert.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"

enum {
        RUNNING_MAX = 64,
        HISTORY_MAX = 10000,            /* ended jobs kept; receipts also lie on the share */
        BUSY_MS = 5000,
};

/* What changes too often to be stored. */
typedef struct Running {
        char id[UUID_TEXT_SIZE], vm_name[256];
        int percent;
        bool cancelled;
} Running;

struct Jobs {
        pthread_mutex_t lock;           /* guards everything, the database handle too */
        sqlite3 *db;
        Running running[RUNNING_MAX];
        size_t running_count;
};

/* Each entry brings the schema from its index to the next version. */
static const char *const migrations[] = {
        "CREATE TABLE jobs (id TEXT PRIMARY KEY, kind TEXT NOT NULL, vm_name TEXT NOT NULL COLLATE NOCASE,"
        " vm_id TEXT NOT NULL, source TEXT NOT NULL, destination TEXT NOT NULL, caller TEXT NOT NULL,"
        " phase TEXT NOT NULL, percent INTEGER NOT NULL, state INTEGER NOT NULL, started_us INTEGER NOT NULL,"
        " ended_us INTEGER NOT NULL, reason TEXT NOT NULL, receipt TEXT) STRICT;"
        "CREATE INDEX jobs_by_start ON jobs (started_us DESC);"
        "CREATE UNIQUE INDEX one_running_per_vm ON jobs (vm_id) WHERE state = 0;",
};

static const char columns[] =
        "id, kind, vm_name, vm_id, source, destination, caller, phase, percent, state, started_us,"
        " ended_us, reason, receipt";

static void lockp(pthread_mutex_t **lock) { (void)pthread_mutex_unlock(*lock); }
#define LOCKED(jobs) \
        (void)pthread_mutex_lock(&(jobs)->lock); \
        auto_(lockp) __attribute__((unused)) pthread_mutex_t *locked = &(jobs)->lock

static void finalizep(sqlite3_stmt **statement) { (void)sqlite3_finalize(*statement); }

static int failed(Jobs *jobs, const char *doing, Error *err) {
        int code = sqlite3_extended_errcode(jobs->db);
        return error_set(err, (code & 0xFF) == SQLITE_FULL ? ERROR_LIMIT : ERROR_INTERNAL, code,
                         "the job store cannot %s: %s", doing, sqlite3_errmsg(jobs->db));
}

static int execute(Jobs *jobs, const char *sql, const char *doing, Error *err) {
        return sqlite3_exec(jobs->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : failed(jobs, doing, err);
}

static int prepare(Jobs *jobs, const char *sql, sqlite3_stmt **ret, Error *err) {
        return sqlite3_prepare_v2(jobs->db, sql, -1, ret, NULL) == SQLITE_OK ? 0 : failed(jobs, "be read", err);
}

static void bind_text(sqlite3_stmt *statement, int at, const char *text) {
        (void)sqlite3_bind_text(statement, at, text, -1, SQLITE_TRANSIENT);
}

static int schema_version(Jobs *jobs, int *ret, Error *err) {
        auto_(finalizep) sqlite3_stmt *statement = NULL;
        if (prepare(jobs, "PRAGMA user_version", &statement, err) < 0)
                return -1;
        if (sqlite3_step(statement) != SQLITE_ROW)
                return failed(jobs, "tell its version", err);
        *ret = sqlite3_column_int(statement, 0);
        return 0;
}

static int migrate_schema(Jobs *jobs, Error *err) {
        int version = 0;
        if (schema_version(jobs, &version, err) < 0)
                return -1;
        if (version > (int)ARRAY_SIZE(migrations))
                return error_set(err, ERROR_UNSUPPORTED, 0,
                                 "the job store is of a newer Holdfast (version %d, this one "
                                 "knows %zu); install that one again, or move the file away",
                                 version, ARRAY_SIZE(migrations));
        for (; version < (int)ARRAY_SIZE(migrations); version++) {
                char set[48];
                (void)snprintf(set, sizeof set, "PRAGMA user_version = %d", version + 1);
                if (execute(jobs, "BEGIN IMMEDIATE", "be brought up to date", err) < 0 ||
                    execute(jobs, migrations[version], "be brought up to date", err) < 0 ||
                    execute(jobs, set, "be brought up to date", err) < 0 ||
                    execute(jobs, "COMMIT", "be brought up to date", err) < 0)
                        return -1;
        }
        return 0;
}

DEFINE_FREEP(Jobs, jobs_close);

int jobs_open(const char *path, Jobs **ret, Error *err) {
        auto_(jobs_closep) Jobs *jobs = calloc(1, sizeof *jobs);
        if (!jobs)
                return error_oom(err);
        (void)pthread_mutex_init(&jobs->lock, NULL);
        int r = sqlite3_open_v2(
                path, &jobs->db,
                SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL);
        if (r != SQLITE_OK)
                return error_set(err, ERROR_INTERNAL, r, "the job store %s cannot be opened: %s", path,
                                 sqlite3_errstr(r));
        (void)sqlite3_busy_timeout(jobs->db, BUSY_MS);
        if (execute(jobs, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL", "be opened", err) < 0 ||
            migrate_schema(jobs, err) < 0)
                return error_wrap(err, "%s", path);
        *ret = take_ptr(jobs);
        return 0;
}

void jobs_close(Jobs *jobs) {
        if (!jobs)
                return;
        (void)sqlite3_close(jobs->db);
        (void)pthread_mutex_destroy(&jobs->lock);
        free(jobs);
}

static Running *running_find(Jobs *jobs, const char *id) {
        for (size_t i = 0; i < jobs->running_count; i++)
                if (strcmp(jobs->running[i].id, id) == 0)
                        return &jobs->running[i];
        return NULL;
}

static void running_remove(Jobs *jobs, const char *id) {
        Running *running = running_find(jobs, id);
        if (running)
                *running = jobs->running[--jobs->running_count];
}

static int insert(Jobs *jobs, const Job *job, Error *err) {
        auto_(finalizep) sqlite3_stmt *s = NULL;
        if (prepare(jobs, "INSERT INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, 0, '', NULL)", &s, err) < 0)
                return -1;
        const char *texts[] = { job->id,     job->kind,        job->vm_name, job->vm_id,
                                job->source, job->destination, job->caller,  job->phase };
        for (int i = 0; i < (int)ARRAY_SIZE(texts); i++)
                bind_text(s, i + 1, texts[i]);
        (void)sqlite3_bind_int(s, 9, job->percent);
        (void)sqlite3_bind_int64(s, 10, (sqlite3_int64)job->started_us);
        if (sqlite3_step(s) == SQLITE_DONE)
                return 0;
        if (sqlite3_extended_errcode(jobs->db) == SQLITE_CONSTRAINT_UNIQUE)
                return error_set(err, ERROR_CONFLICT, 0,
                                 "the virtual machine \"%s\" is being moved already; Get-VMMigration "
                                 "shows how far it is",
                                 job->vm_name);
        return failed(jobs, "take a new job", err);
}

int jobs_start(Jobs *jobs, Job *job, Error *err) {
        LOCKED(jobs);
        Job copy = *job;

        if (jobs->running_count == RUNNING_MAX)
                return error_set(err, ERROR_LIMIT, 0,
                                 "%d jobs run on this host already; try again when one has ended", RUNNING_MAX);
        if (text_uuid(copy.id, err) < 0)
                return -1;
        copy.state = JOB_RUNNING;
        copy.started_us = clock_us(CLOCK_REALTIME);
        copy.ended_us = 0;
        if (insert(jobs, &copy, err) < 0)
                return -1;
        Running *running = &jobs->running[jobs->running_count++];
        *running = (Running){ .percent = copy.percent };
        memcpy(running->id, copy.id, sizeof running->id);
        memcpy(running->vm_name, copy.vm_name, sizeof running->vm_name);
        *job = copy;
        return 0;
}

/* Runs a statement whose parameters are bound and which must change exactly one running job. */
static int change_one(Jobs *jobs, sqlite3_stmt *s, const char *id, Error *err) {
        if (sqlite3_step(s) != SQLITE_DONE)
                return failed(jobs, "be written", err);
        if (sqlite3_changes(jobs->db) != 1)
                return error_set(err, ERROR_NOT_FOUND, 0, "there is no running job %s", id);
        return 0;
}

int jobs_progress(Jobs *jobs, const char *id, const char *phase, int percent, Error *err) {
        LOCKED(jobs);
        auto_(finalizep) sqlite3_stmt *s = NULL;
        Running *running = running_find(jobs, id);

        if (running)
                running->percent = percent;
        if (prepare(jobs, "SELECT phase FROM jobs WHERE id = ? AND state = 0", &s, err) < 0)
                return -1;
        bind_text(s, 1, id);
        if (sqlite3_step(s) != SQLITE_ROW)
                return error_set(err, ERROR_NOT_FOUND, 0, "there is no running job %s", id);
        if (strcmp((const char *)sqlite3_column_text(s, 0), phase) == 0)
                return 0;
        auto_(finalizep) sqlite3_stmt *update = NULL;
        (void)sqlite3_reset(s);
        if (prepare(jobs, "UPDATE jobs SET phase = ?, percent = ? WHERE id = ? AND state = 0", &update, err) < 0)
                return -1;
        bind_text(update, 1, phase);
        (void)sqlite3_bind_int(update, 2, percent);
        bind_text(update, 3, id);
        return change_one(jobs, update, id, err);
}

static int forget_old(Jobs *jobs, Error *err) {
        char sql[200];
        (void)snprintf(sql, sizeof sql, "DELETE FROM jobs WHERE state <> 0 AND id NOT IN "
                       "(SELECT id FROM jobs ORDER BY started_us DESC LIMIT %d)", HISTORY_MAX);
        return execute(jobs, sql, "forget old jobs", err);
}

int jobs_end(Jobs *jobs, const char *id, JobState state, const char *reason, const char *receipt, Error *err) {
        assert(state != JOB_RUNNING);
        LOCKED(jobs);
        auto_(finalizep) sqlite3_stmt *s = NULL;

        if (prepare(jobs,
                    "UPDATE jobs SET state = ?, ended_us = ?, reason = ?, receipt = ?,"
                    " percent = CASE WHEN ?1 = 1 THEN 100 ELSE ?5 END WHERE id = ?6 AND state = 0",
                    &s, err) < 0)
                return -1;
        const Running *running = running_find(jobs, id);
        (void)sqlite3_bind_int(s, 1, state);
        (void)sqlite3_bind_int64(s, 2, (sqlite3_int64)clock_us(CLOCK_REALTIME));
        bind_text(s, 3, reason ? reason : "");
        if (receipt)
                bind_text(s, 4, receipt);
        (void)sqlite3_bind_int(s, 5, running ? running->percent : 0);
        bind_text(s, 6, id);
        if (change_one(jobs, s, id, err) < 0)
                return -1;
        running_remove(jobs, id);
        return forget_old(jobs, err);
}

int jobs_settle(Jobs *jobs, const char *id, JobState state, const char *result, Error *err) {
        assert(state == JOB_COMPLETED || state == JOB_FAILED);
        LOCKED(jobs);
        auto_(finalizep) sqlite3_stmt *s = NULL;

        if (prepare(jobs,
                    "UPDATE jobs SET state = ?1, ended_us = ?2, percent = CASE WHEN ?1 = 1 THEN 100 ELSE percent END,"
                    " reason = CASE WHEN reason = '' THEN ?3 ELSE reason || '; then: ' || ?3 END"
                    " WHERE id = ?4 AND state IN (0, 2)",
                    &s, err) < 0)
                return -1;
        (void)sqlite3_bind_int(s, 1, state);
        (void)sqlite3_bind_int64(s, 2, (sqlite3_int64)clock_us(CLOCK_REALTIME));
        bind_text(s, 3, result);
        bind_text(s, 4, id);
        if (change_one(jobs, s, id, err) < 0)
                return -1;
        running_remove(jobs, id);
        return 0;
}

int jobs_cancel(Jobs *jobs, const char *vm_name, Error *err) {
        LOCKED(jobs);
        for (size_t i = 0; i < jobs->running_count; i++) {
                if (!text_equal_nocase(jobs->running[i].vm_name, vm_name))
                        continue;
                jobs->running[i].cancelled = true;
                return 0;
        }
        return error_set(err, ERROR_NOT_FOUND, 0, "the virtual machine \"%s\" is not being moved by this host",
                         vm_name);
}

bool jobs_cancelled(Jobs *jobs, const char *id) {
        LOCKED(jobs);
        const Running *running = running_find(jobs, id);
        return running && running->cancelled;
}

static void take_text(sqlite3_stmt *s, int column, char *to, size_t size) {
        const char *text = (const char *)sqlite3_column_text(s, column);
        (void)snprintf(to, size, "%s", text ? text : "");
}

static int read_job(Jobs *jobs, sqlite3_stmt *s, Job *job, Error *err) {
        *job = (Job){ .percent = sqlite3_column_int(s, 8), .state = (JobState)sqlite3_column_int(s, 9),
                      .started_us = (uint64_t)sqlite3_column_int64(s, 10),
                      .ended_us = (uint64_t)sqlite3_column_int64(s, 11) };
        struct { char *to; size_t size; } texts[] = {
                { job->id, sizeof job->id }, { job->kind, sizeof job->kind }, { job->vm_name, sizeof job->vm_name },
                { job->vm_id, sizeof job->vm_id }, { job->source, sizeof job->source },
                { job->destination, sizeof job->destination }, { job->caller, sizeof job->caller },
                { job->phase, sizeof job->phase },
        };
        for (int i = 0; i < (int)ARRAY_SIZE(texts); i++)
                take_text(s, i, texts[i].to, texts[i].size);
        take_text(s, 12, job->reason, sizeof job->reason);
        const Running *running = running_find(jobs, job->id);
        if (running)
                job->percent = running->percent;
        const char *receipt = (const char *)sqlite3_column_text(s, 13);
        if (receipt && !(job->receipt = strdup(receipt)))
                return error_oom(err);
        return 0;
}

void jobs_list_free(Job *list, size_t count) {
        for (size_t i = 0; list && i < count; i++)
                free(list[i].receipt);
        free(list);
}

/* Rows of "SELECT columns … LIMIT max". */
static int read_jobs(Jobs *jobs, sqlite3_stmt *s, bool only_left, Job **ret, size_t *ret_count, Error *err) {
        Job *list = NULL;
        size_t count = 0;
        int r, step;

        for (r = 0; r == 0 && (step = sqlite3_step(s)) == SQLITE_ROW;) {
                if (only_left && running_find(jobs, (const char *)sqlite3_column_text(s, 0)))
                        continue;
                void *more =
                        (count & (count - 1)) == 0 ? reallocarray(list, count ? 2 * count : 1, sizeof *list) : list;
                if (!more) {
                        r = error_oom(err);
                        break;
                }
                list = more;
                r = read_job(jobs, s, &list[count], err);
                count += r == 0;
        }
        if (r == 0 && step != SQLITE_DONE)
                r = failed(jobs, "be read", err);
        if (r < 0) {
                jobs_list_free(list, count);
                return -1;
        }
        *ret = list;
        *ret_count = count;
        return 0;
}

int jobs_list(Jobs *jobs, size_t max, Job **ret, size_t *ret_count, Error *err) {
        LOCKED(jobs);
        auto_(finalizep) sqlite3_stmt *s = NULL;
        char sql[320];

        (void)snprintf(sql, sizeof sql, "SELECT %s FROM jobs ORDER BY started_us DESC, rowid DESC LIMIT ?",
                       columns);
        if (prepare(jobs, sql, &s, err) < 0)
                return -1;
        (void)sqlite3_bind_int64(s, 1, max > HISTORY_MAX ? HISTORY_MAX : (sqlite3_int64)max);
        return read_jobs(jobs, s, false, ret, ret_count, err);
}

int jobs_left_running(Jobs *jobs, Job **ret, size_t *ret_count, Error *err) {
        LOCKED(jobs);
        auto_(finalizep) sqlite3_stmt *s = NULL;
        char sql[320];

        (void)snprintf(sql, sizeof sql, "SELECT %s FROM jobs WHERE state = 0 ORDER BY started_us", columns);
        if (prepare(jobs, sql, &s, err) < 0)
                return -1;
        return read_jobs(jobs, s, true, ret, ret_count, err);
}
