#include "appliance/node/background.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/text.h"
#include "appliance/command/object.h"

enum { RECORD_COST = 64, TEXT_MAX = 600 };      /* bytes that a record takes besides its text */

struct BackgroundJob {
        BackgroundJob *next;
        Background *owner;              /* a reference while it runs */
        uint32_t id;
        char instance[UUID_TEXT_SIZE];
        char command[TEXT_MAX], location[TEXT_MAX];
        atomic_bool stop;
        BackgroundState state;
        uint64_t begun_us, ended_us;    /* realtime; 0: not yet */
        BackgroundRecord *kept;
        size_t kept_count, kept_room, kept_bytes, lost;
        char *progress;                 /* the last record of it, also when it has been received; or NULL */
        char reason[ERROR_TEXT_MAX];    /* of the first error; "" none */
        bool failed;
};

struct Background {
        pthread_mutex_t lock;           /* guards everything, that of the jobs, too */
        pthread_cond_t changed;
        unsigned references;
        atomic_size_t *all;
        BackgroundJob *jobs;            /* by number */
        size_t count;
        uint32_t last_id;
        uint64_t changes;
        bool closed;
};

static void lockp(pthread_mutex_t **lock) { (void)pthread_mutex_unlock(*lock); }
#define LOCKED(b) \
        (void)pthread_mutex_lock(&(b)->lock); \
        auto_(lockp) __attribute__((unused)) pthread_mutex_t *locked = &(b)->lock

static void changed(Background *b) {
        b->changes++;
        (void)pthread_cond_broadcast(&b->changed);
}

/* ---- life ------------------------------------------------------------------------------------------------ */

int background_new(atomic_size_t *all, Background **ret, Error *err) {
        Background *b = calloc(1, sizeof *b);
        if (!b)
                return error_oom(err);
        (void)pthread_mutex_init(&b->lock, NULL);
        (void)pthread_cond_init(&b->changed, NULL);
        b->references = 1;
        b->all = all;
        *ret = b;
        return 0;
}

static void forget_kept(BackgroundJob *job) {
        (void)atomic_fetch_sub(job->owner->all, job->kept_bytes);
        background_records_free(job->kept, job->kept_count);
        job->kept = NULL;
        job->kept_count = job->kept_room = job->kept_bytes = job->lost = 0;
}

static void job_free(BackgroundJob *job) {
        forget_kept(job);
        free(job->progress);
        free(job);
}

Background *background_ref(Background *b) {
        LOCKED(b);
        b->references++;
        return b;
}

void background_unref(Background *b) {
        if (!b)
                return;
        (void)pthread_mutex_lock(&b->lock);
        bool last = --b->references == 0;
        (void)pthread_mutex_unlock(&b->lock);
        if (!last)
                return;
        while (b->jobs) {               /* each has ended: what runs holds a reference */
                BackgroundJob *job = b->jobs;
                b->jobs = job->next;
                job_free(job);
        }
        (void)pthread_mutex_destroy(&b->lock);
        (void)pthread_cond_destroy(&b->changed);
        free(b);
}

static void stop_locked(BackgroundJob *job) {
        atomic_store(&job->stop, true);
        job->state = BACKGROUND_STOPPING;
}

bool background_any(Background *b) {
        LOCKED(b);
        return b->count > 0;
}

size_t background_close(Background *b) {
        LOCKED(b);
        size_t ran = 0;

        b->closed = true;
        for (BackgroundJob *job = b->jobs; job; job = job->next)
                if (!background_ended(job->state)) {
                        stop_locked(job);
                        ran++;
                }
        changed(b);
        return ran;
}

/* ---- the job's own side ------------------------------------------------------------------------------------ */

int background_begin(Background *b, const BatchJob *what, BackgroundJob **ret, Error *err) {
        LOCKED(b);
        BackgroundJob **at = &b->jobs;
        char instance[UUID_TEXT_SIZE];

        if (b->closed)
                return error_set(err, ERROR_CANCELLED, 0, "the session has ended");
        if (b->count == BACKGROUND_JOBS_MAX)
                return error_set(err, ERROR_LIMIT, 0, "This session has %d jobs; Get-Job | Remove-Job makes room for "
                                 "others.", BACKGROUND_JOBS_MAX);
        if (text_uuid(instance, err) < 0)
                return -1;
        BackgroundJob *job = calloc(1, sizeof *job);
        if (!job)
                return error_oom(err);
        *job = (BackgroundJob){ .owner = b, .id = ++b->last_id, .begun_us = clock_us(CLOCK_REALTIME) };
        memcpy(job->instance, instance, sizeof instance);
        (void)snprintf(job->command, sizeof job->command, "%s", what->shown);
        (void)snprintf(job->location, sizeof job->location, "%s", what->location);
        while (*at)
                at = &(*at)->next;
        *at = job;
        b->count++;
        b->references++;
        changed(b);
        *ret = job;
        return 0;
}

uint32_t background_id(const BackgroundJob *job) { return job->id; }

const atomic_bool *background_stop_flag(const BackgroundJob *job) { return &job->stop; }

/* Whether @bytes more may be kept; then they are counted. */
static bool reserve(BackgroundJob *job, RecordStream stream, size_t bytes) {
        size_t most = BACKGROUND_KEPT_MAX + (stream == STREAM_ERROR ? BACKGROUND_KEPT_MAX / 8 : 0);

        if (job->kept_bytes + bytes > most)
                return false;
        if (atomic_fetch_add(job->owner->all, bytes) + bytes > BACKGROUND_ALL_MAX) {
                (void)atomic_fetch_sub(job->owner->all, bytes);
                return false;
        }
        job->kept_bytes += bytes;
        return true;
}

static bool make_room(BackgroundJob *job) {
        if (job->kept_count < job->kept_room)
                return true;
        size_t room = job->kept_room ? 2 * job->kept_room : 8;
        void *more = reallocarray(job->kept, room, sizeof *job->kept);
        if (!more)
                return false;
        job->kept = more;
        job->kept_room = room;
        return true;
}

/* Progress that nobody has seen yet gives way to what came after it. */
static void drop_old_progress(BackgroundJob *job) {
        if (job->kept_count == 0 || job->kept[job->kept_count - 1].stream != STREAM_PROGRESS)
                return;
        BackgroundRecord *old = &job->kept[--job->kept_count];
        size_t bytes = strlen(old->json) + RECORD_COST;
        job->kept_bytes -= bytes;
        (void)atomic_fetch_sub(job->owner->all, bytes);
        free(old->json);
}

static void keep(BackgroundJob *job, RecordStream stream, char *consumed_json) {
        auto_free char *json = consumed_json;

        if (stream == STREAM_PROGRESS)
                drop_old_progress(job);
        if (json && make_room(job) && reserve(job, stream, strlen(json) + RECORD_COST))
                job->kept[job->kept_count++] = (BackgroundRecord){ .stream = stream, .json = take_ptr(json) };
        else
                job->lost++;
}

void background_record(BackgroundJob *job, RecordStream stream, sd_json_variant *record) {
        auto_free char *json = NULL;

        if (stream == STREAM_STATE || stream == STREAM_PROMPT)
                return;
        if (sd_json_variant_format(record, 0, &json) < 0)
                json = NULL;
        LOCKED(job->owner);
        if (stream == STREAM_ERROR) {
                const char *message = object_string(record, "Message");
                if (!job->failed)
                        (void)snprintf(job->reason, sizeof job->reason, "%s", message ? message : "");
                job->failed = true;
                text_mend(job->reason);
        }
        if (stream == STREAM_PROGRESS && json) {
                free(job->progress);
                job->progress = strdup(json);
        }
        keep(job, stream, take_ptr(json));
        changed(job->owner);
}

void background_end(BackgroundJob *job, bool gave_up) {
        Background *b = job->owner;

        (void)pthread_mutex_lock(&b->lock);
        job->state = gave_up ? BACKGROUND_STOPPED : job->failed ? BACKGROUND_FAILED : BACKGROUND_COMPLETED;
        job->ended_us = clock_us(CLOCK_REALTIME);
        changed(b);
        (void)pthread_mutex_unlock(&b->lock);
        background_unref(b);
}

/* ---- the session's side ------------------------------------------------------------------------------------- */

static int find(Background *b, uint32_t id, BackgroundJob **ret, Error *err) {
        BackgroundJob *job = b->jobs;
        while (job && job->id != id)
                job = job->next;
        if (!job)
                return error_set(err, ERROR_NOT_FOUND, 0, "The command cannot find a job with the job ID %u. Verify the "
                                 "value of the Id parameter and then try the command again.", id);
        *ret = job;
        return 0;
}

int background_list(Background *b, uint32_t **ret, size_t *ret_count, Error *err) {
        LOCKED(b);
        uint32_t *ids = calloc(b->count + 1, sizeof *ids);
        size_t n = 0;

        if (!ids)
                return error_oom(err);
        for (const BackgroundJob *job = b->jobs; job; job = job->next)
                ids[n++] = job->id;
        *ret = ids;
        *ret_count = n;
        return 0;
}

static const char *state_name(BackgroundState state) {
        static const char *const names[] = { [BACKGROUND_RUNNING] = "Running", [BACKGROUND_STOPPING] = "Stopping",
                                             [BACKGROUND_COMPLETED] = "Completed", [BACKGROUND_FAILED] = "Failed",
                                             [BACKGROUND_STOPPED] = "Stopped" };
        return names[state];
}

static int object_locked(const BackgroundJob *job, sd_json_variant **ret) {
        auto_(sd_json_variant_unrefp) sd_json_variant *progress = NULL, *shown = NULL;
        char begun[DATETIME_TEXT_SIZE], ended[DATETIME_TEXT_SIZE], name[BACKGROUND_NAME_SIZE];
        int r = sd_json_variant_new_array(&shown, NULL, 0);

        if (r >= 0 && job->progress && sd_json_parse(job->progress, 0, &progress, NULL, NULL) >= 0)
                r = sd_json_variant_append_array(&shown, progress);
        datetime_text(job->begun_us, begun);
        datetime_text(job->ended_us, ended);
        (void)snprintf(name, sizeof name, "Job%u", job->id);
        return r < 0 ? r : sd_json_build(ret, SD_JSON_BUILD_OBJECT(
                SD_JSON_BUILD_PAIR_STRING("$type", "Microsoft.HyperV.PowerShell.VMJob"),
                SD_JSON_BUILD_PAIR_UNSIGNED("Id", job->id), SD_JSON_BUILD_PAIR_STRING("Name", name),
                SD_JSON_BUILD_PAIR_STRING("PSJobTypeName", "VMJob"),
                SD_JSON_BUILD_PAIR_STRING("State", state_name(job->state)),
                SD_JSON_BUILD_PAIR_BOOLEAN("HasMoreData", !background_ended(job->state) || job->kept_count > 0),
                SD_JSON_BUILD_PAIR_STRING("Location", job->location), SD_JSON_BUILD_PAIR_STRING("Command", job->command),
                SD_JSON_BUILD_PAIR_STRING("StatusMessage", job->reason),
                SD_JSON_BUILD_PAIR_STRING("InstanceId", job->instance),
                SD_JSON_BUILD_PAIR_STRING("PSBeginTime", begun), SD_JSON_BUILD_PAIR_STRING("PSEndTime", ended),
                SD_JSON_BUILD_PAIR("JobStateInfo", SD_JSON_BUILD_OBJECT(
                        SD_JSON_BUILD_PAIR_STRING("$type", "System.Management.Automation.JobStateInfo"),
                        SD_JSON_BUILD_PAIR_STRING("State", state_name(job->state)),
                        SD_JSON_BUILD_PAIR_STRING("Reason", job->reason))),
                SD_JSON_BUILD_PAIR("ChildJobs", SD_JSON_BUILD_EMPTY_ARRAY),
                SD_JSON_BUILD_PAIR_VARIANT("Progress", shown)));
}

int background_object(Background *b, uint32_t id, sd_json_variant **ret, Error *err) {
        LOCKED(b);
        BackgroundJob *job = NULL;
        if (find(b, id, &job, err) < 0)
                return -1;
        return object_locked(job, ret) < 0 ? error_oom(err) : 0;
}

int background_state(Background *b, uint32_t id, BackgroundState *ret, Error *err) {
        LOCKED(b);
        BackgroundJob *job = NULL;
        if (find(b, id, &job, err) < 0)
                return -1;
        *ret = job->state;
        return 0;
}

int background_stop(Background *b, uint32_t id, Error *err) {
        LOCKED(b);
        BackgroundJob *job = NULL;
        if (find(b, id, &job, err) < 0)
                return -1;
        if (!background_ended(job->state))
                stop_locked(job);
        changed(b);
        return 0;
}

int background_remove(Background *b, uint32_t id, Error *err) {
        LOCKED(b);
        BackgroundJob *job = NULL, **at = &b->jobs;
        if (find(b, id, &job, err) < 0)
                return -1;
        if (!background_ended(job->state))
                return error_set(err, ERROR_CONFLICT, 0, "The command cannot remove the job with the job ID %u because the "
                                 "job is not finished. To remove the job, first stop the job, or use the Force parameter.",
                                 id);
        while (*at != job)
                at = &(*at)->next;
        *at = job->next;
        b->count--;
        job_free(job);
        changed(b);
        return 0;
}

/* What was lost is told in the place where it would have stood: behind all that was kept. */
static char *loss(size_t lost) {
        auto_(sd_json_variant_unrefp) sd_json_variant *text = NULL;
        auto_free char *sentence = text_format(
                "%zu more records of this job were not kept, for they were too many; receive a job while it runs, with "
                "Receive-Job -Wait.", lost);
        char *json = NULL;

        if (!sentence || sd_json_variant_new_string(&text, sentence) < 0 || sd_json_variant_format(text, 0, &json) < 0)
                return NULL;
        return json;
}

static int copy_kept(const BackgroundJob *job, BackgroundRecord **ret, size_t *ret_count) {
        BackgroundRecord *records = calloc(job->kept_count + 1, sizeof *records);
        size_t n = 0;

        for (; records && n < job->kept_count; n++) {
                records[n].stream = job->kept[n].stream;
                if (!(records[n].json = strdup(job->kept[n].json)))
                        break;
        }
        if (!records || n < job->kept_count) {
                background_records_free(records, n);
                return -1;
        }
        if (job->lost > 0 && (records[n].json = loss(job->lost)))
                records[n++].stream = STREAM_WARNING;
        *ret = records;
        *ret_count = n;
        return 0;
}

int background_receive(Background *b, uint32_t id, bool stays, BackgroundRecord **ret, size_t *ret_count, Error *err) {
        LOCKED(b);
        BackgroundJob *job = NULL;

        if (find(b, id, &job, err) < 0)
                return -1;
        if (copy_kept(job, ret, ret_count) < 0)
                return error_oom(err);
        if (!stays)
                forget_kept(job);
        return 0;
}

void background_records_free(BackgroundRecord *records, size_t count) {
        for (size_t i = 0; i < count; i++)
                free(records[i].json);
        free(records);
}

void background_wait(Background *b, uint64_t *seen, unsigned ms) {
        LOCKED(b);
        struct timespec until;

        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += ms / 1000;
        until.tv_nsec += (long)(ms % 1000) * 1000000;
        if (until.tv_nsec >= 1000000000) {
                until.tv_sec++;
                until.tv_nsec -= 1000000000;
        }
        while (b->changes == *seen &&
               pthread_cond_clockwait(&b->changed, &b->lock, CLOCK_MONOTONIC, &until) == 0)
                ;
        *seen = b->changes;
}
