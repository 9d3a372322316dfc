#include <string.h>

#include <libvirt/virterror.h>

#include "appliance/base/clock.h"
#include "migrate/libvirt-error.h"
#include "migrate/live-internal.h"

enum {
        WATCH_US = 100000,              /* between two looks at the job */
        DOWNTIME_FIRST_MS = 20,         /* performance.md §10: a ramp beats every fixed limit */
        DOWNTIME_MAX_MS = 300,
};

typedef struct Watch {
        Outgoing *out;
        bool cancelled;
        uint64_t downtime_ms, iteration, remaining;
} Watch;

typedef struct Job {
        int count, type;
        virTypedParameterPtr params;
} Job;

static void job_freep(Job *job) {
        virTypedParamsFree(job->params, job->count);
}

static uint64_t job_number(const Job *job, const char *name) {
        unsigned long long value = 0;
        (void)virTypedParamsGetULLong(job->params, job->count, name, &value);
        return value;
}

/* One pass that did not shrink what remains: let the guest stand still a little longer. */
static void ramp(Watch *watch, const Job *job) {
        uint64_t iteration = job_number(job, VIR_DOMAIN_JOB_MEMORY_ITERATION);
        uint64_t remaining = job_number(job, VIR_DOMAIN_JOB_MEMORY_REMAINING);

        if (iteration <= watch->iteration)
                return;
        if (watch->iteration > 1 && remaining >= watch->remaining && watch->downtime_ms < DOWNTIME_MAX_MS) {
                uint64_t more = watch->downtime_ms * 3 / 2;
                watch->downtime_ms = more < DOWNTIME_MAX_MS ? more : DOWNTIME_MAX_MS;
                (void)virDomainMigrateSetMaxDowntime(watch->out->domain, watch->downtime_ms, 0);
        }
        watch->iteration = iteration;
        watch->remaining = remaining;
}

static void look(Watch *watch) {
        const LiveMove *move = watch->out->move;
        auto_(job_freep) Job job = { 0 };

        if (virDomainGetJobStats(watch->out->domain, &job.type, &job.params, &job.count, 0) == 0) {
                uint64_t total = job_number(&job, VIR_DOMAIN_JOB_MEMORY_TOTAL);
                uint64_t remaining = job_number(&job, VIR_DOMAIN_JOB_MEMORY_REMAINING);
                int percent = total && remaining <= total ? 10 + (int)(80 * (total - remaining) / total) : 10;
                if (move->progress)
                        move->progress(move->userdata, "Transfer", percent);
                ramp(watch, &job);
        }
        if (!watch->cancelled && move->cancelled && move->cancelled(move->userdata)) {
                /* too late is fine: libvirt refuses, and the move goes on to its end */
                watch->cancelled = virDomainAbortJob(watch->out->domain) == 0;
        }
}

static int migrate(Outgoing *out, Error *err) {
        char socket[MOVE_PATH_MAX], memory[MOVE_PATH_MAX];
        virTypedParameterPtr params = NULL;
        int count = 0, room = 0, r;

        move_path(out->record.token, "libvirt.sock", socket);
        move_path(out->record.token, "qemu/memory.sock", memory);
        auto_free char *uri = text_format("qemu+unix:///system?socket=%s", socket);
        auto_free char *memory_uri = text_format("unix://%s", memory);
        if (!uri || !memory_uri)
                return error_oom(err);
        if (virTypedParamsAddString(&params, &count, &room, VIR_MIGRATE_PARAM_URI, memory_uri) < 0 ||
            (out->move->bandwidth_mib_s &&
             virTypedParamsAddULLong(&params, &count, &room, VIR_MIGRATE_PARAM_BANDWIDTH,
                                     out->move->bandwidth_mib_s) < 0)) {
                virTypedParamsFree(params, count);
                return error_oom(err);
        }
        r = virDomainMigrateToURI3(out->domain, uri, params, (unsigned)count,
                                   VIR_MIGRATE_PEER2PEER | VIR_MIGRATE_LIVE | VIR_MIGRATE_PERSIST_DEST |
                                   VIR_MIGRATE_UNDEFINE_SOURCE | VIR_MIGRATE_ABORT_ON_ERROR);
        virTypedParamsFree(params, count);
        if (r < 0)
                return libvirt_error(err, "Live migration of 'Virtual Machine %s' failed", out->record.vm_name);
        return 0;
}

static void *transfer_run(void *userdata) {
        Outgoing *out = userdata;
        Error err = { 0 };
        int r = migrate(out, &err);

        (void)pthread_mutex_lock(&out->live->lock);
        out->transfer_error = err;
        out->transfer_result = r;
        out->transfer_ended = true;
        (void)pthread_cond_broadcast(&out->live->changed);
        (void)pthread_mutex_unlock(&out->live->lock);
        return NULL;
}

/* Locked.  Everything has gone, says QEMU. */
static bool wants_look(const Outgoing *out) {
        return out->sent && !out->complete && out->state == LIFE_TRANSFER;
}

/* Looks at the job until there is nothing to wait for any more. */
static void watch_it(Watch *watch) {
        Outgoing *out = watch->out;
        Live *live = out->live;

        (void)pthread_mutex_lock(&live->lock);
        while (!out->transfer_ended && !out->owned) {
                uint64_t until_us = clock_us(CLOCK_MONOTONIC) + WATCH_US;
                while (!out->transfer_ended && !out->owned && !wants_look(out) && live_wait(live, until_us))
                        ;
                if (out->transfer_ended || out->owned || out->state != LIFE_TRANSFER)
                        continue;
                bool stopped = out->stopped_us, complete = out->complete;
                out->sent = false;
                (void)pthread_mutex_unlock(&live->lock);
                if (!stopped)
                        look(watch);
                else if (!complete)
                        (void)live_look_complete(out);
                (void)pthread_mutex_lock(&live->lock);
        }
        (void)pthread_mutex_unlock(&live->lock);
}

int live_transfer_join(Outgoing *out, Error *err) {
        if (out->transferring)
                (void)pthread_join(out->transfer, NULL);
        out->transferring = false;
        if (out->transfer_result == 0)          /* also when libvirt was never asked */
                return 0;
        *err = out->transfer_error;
        /* when the channel is gone libvirt only knows that a socket was closed */
        (void)pthread_mutex_lock(&out->live->lock);
        Error why = out->why_lost;
        bool lost = out->lost;
        (void)pthread_mutex_unlock(&out->live->lock);
        if (lost)
                (void)error_set(err, why.kind, why.cause, "Live migration of 'Virtual Machine %s' failed: %s",
                                out->record.vm_name, why.text);
        return -1;
}

int live_transfer(Outgoing *out, Error *err) {
        Watch watch = { .out = out, .downtime_ms = DOWNTIME_FIRST_MS };

        if (vmhost_domain(out->live->host, out->record.vm_id, &out->domain, err) < 0)
                return -1;
        if (virDomainMigrateSetMaxDowntime(out->domain, DOWNTIME_FIRST_MS, 0) < 0)
                return libvirt_error(err, "the downtime of \"%s\" cannot be limited", out->record.vm_name);
        if (pthread_create(&out->transfer, NULL, transfer_run, out) != 0)
                return error_set(err, ERROR_LIMIT, 0, "there are no threads left for a move");
        out->transferring = true;
        watch_it(&watch);
        (void)pthread_mutex_lock(&out->live->lock);
        bool owned = out->owned;
        (void)pthread_mutex_unlock(&out->live->lock);
        if (owned)
                return 0;
        int r = live_transfer_join(out, err);
        if (r < 0 && watch.cancelled)
                return error_set(err, ERROR_CANCELLED, 0, "the move of \"%s\" was cancelled", out->record.vm_name);
        return r;
}
