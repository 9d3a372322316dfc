#include <string.h>

#include <libvirt/virterror.h>

#include "appliance/base/clock.h"
#include "migrate/ledger.h"
#include "migrate/live-internal.h"

enum { RETRY_US = 2 * 1000000, UNCLAIM_AFTER_US = 60 * 1000000, FIGURES_TRIES = 100, FIGURES_PAUSE_US = 5000 };

typedef enum Word { WORD_GIVEN, WORD_REFUSED, WORD_NONE } Word;

typedef struct Take {
        Incoming *in;
        uint64_t rang_us;
        bool given;                     /* the source has just said so */
        bool acquired[VM_DISKS_MAX];
        TakenDisk taken[VM_DISKS_MAX];
        bool unclaimed;
} Take;

/* The channel on which the move came, or a new one to the same host. */
static int call_source(Incoming *in, const char *method, sd_json_variant *parameters, sd_json_variant **ret,
                       Error *err) {
        Live *live = in->live;
        Channel *channel, *fresh = NULL;

        (void)pthread_mutex_lock(&live->lock);
        channel = in->channel;
        if (channel)
                in->channel_users++;
        (void)pthread_mutex_unlock(&live->lock);
        if (channel) {
                int r = channel_call(channel, method, parameters, LIVE_CALL_US, ret, err);
                (void)pthread_mutex_lock(&live->lock);
                in->channel_users--;
                (void)pthread_cond_broadcast(&live->changed);
                (void)pthread_mutex_unlock(&live->lock);
                return r;
        }
        if (live_connect(live, in->record.peer, &fresh, err) < 0)
                return -1;
        int r = channel_call(fresh, method, parameters, LIVE_CALL_US, ret, err);
        channel_free(fresh);
        return r;
}

static bool any_acquired(const Take *take) {
        bool any = false;
        for (unsigned i = 0; i < take->in->record.disk_count; i++)
                any |= take->acquired[i];
        return any;
}

static Word ask_source(Take *take, Error *err) {
        Incoming *in = take->in;
        auto_(live_unrefp) sd_json_variant *parameters = NULL, *reply = NULL;
        bool acquired = any_acquired(take);

        if (live_token_json(&in->record, &parameters, err) < 0 ||
            sd_json_variant_set_fieldb(&parameters, "Acquired", SD_JSON_BUILD_BOOLEAN(acquired)) < 0 ||
            call_source(in, "give", parameters, &reply, err) < 0)
                return WORD_NONE;       /* no error is a word about the machine */
        if (live_boolean(reply, "Given"))
                return WORD_GIVEN;
        (void)error_set(err, ERROR_CONFLICT, 0, "%s", live_string(reply, "Reason"));
        return acquired ? WORD_NONE : WORD_REFUSED;     /* what was written here is the truth (design §5 B) */
}

/* Before the source can have let the machine run again: that takes a migration that failed, and this one has
 * just come through.  Of one that a former process saw arrive nobody knows when that was: only its own mark counts. */
static void mark(Incoming *in) {
        if (in->adopted)
                return;
        for (unsigned i = 0; i < in->record.disk_count; i++) {
                DiskStatus status;
                Error why;
                if (disk_mark(&in->disks[i], &status, &why) < 0)
                        live_say(in->live, true, &in->record, "%s: %s", in->disks[i].unc, why.text);
        }
}

/* The file server is the judge: its exclusive open says that nobody else can write (design §5, rule D).  Without
 * the source's word its answer must also say that nobody else has written: the source may have let the machine
 * run again, and died then. */
static int acquire(Take *take, Error *err) {
        Incoming *in = take->in;

        for (unsigned i = 0; i < in->record.disk_count; i++) {
                DiskStatus status = { 0 };
                if (take->acquired[i])
                        continue;
                if (disk_status(&in->disks[i], &status, err) < 0)
                        return -1;
                take->taken[i].bytes_written = status.bytes_written;    /* before any write of the guest's here */
                if (status.state == DISK_READER && (take->given ? disk_acquire : disk_acquire_unchanged)(
                                                           &in->disks[i], in->record.next_epoch, &status, err) < 0)
                        return -1;
                take->acquired[i] = true;
                take->taken[i].epoch_after = status.epoch;
                take->taken[i].handover_us = clock_us(CLOCK_MONOTONIC) - take->rang_us;
        }
        return 0;
}

static bool is_off(Incoming *in) {
        auto_(live_domain_freep) virDomainPtr domain = NULL;
        Error why = { 0 };

        if (vmhost_domain(in->live->host, in->record.vm_id, &domain, &why) < 0)
                return why.kind == ERROR_NOT_FOUND;
        return virDomainIsActive(domain) == 0;
}

/* libvirt has them a moment after it let the guest run. */
static LiveFigures figures(Incoming *in) {
        auto_(live_domain_freep) virDomainPtr domain = NULL;
        virTypedParameterPtr params = NULL;
        unsigned long long value[4] = { 0 };
        int count = 0, type = VIR_DOMAIN_JOB_NONE;
        Error ignored;

        if (vmhost_domain(in->live->host, in->record.vm_id, &domain, &ignored) < 0)
                return (LiveFigures){ 0 };
        for (unsigned i = 0; i < FIGURES_TRIES && type == VIR_DOMAIN_JOB_NONE; i++) {
                if (i > 0)
                        (void)usleep(FIGURES_PAUSE_US);
                virTypedParamsFree(params, count);
                params = NULL;
                count = 0;
                if (virDomainGetJobStats(domain, &type, &params, &count,
                                         VIR_DOMAIN_JOB_STATS_COMPLETED | VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED) < 0)
                        break;
        }
        (void)virTypedParamsGetULLong(params, count, VIR_DOMAIN_JOB_MEMORY_TOTAL, &value[0]);
        (void)virTypedParamsGetULLong(params, count, VIR_DOMAIN_JOB_MEMORY_PROCESSED, &value[1]);
        (void)virTypedParamsGetULLong(params, count, VIR_DOMAIN_JOB_MEMORY_ITERATION, &value[2]);
        (void)virTypedParamsGetULLong(params, count, VIR_DOMAIN_JOB_DISK_PROCESSED, &value[3]);
        virTypedParamsFree(params, count);
        return (LiveFigures){ value[0], value[1], value[2], value[3] };
}

static int owned_json(const Take *take, sd_json_variant **ret, Error *err) {
        Incoming *in = take->in;
        auto_(live_unrefp) sd_json_variant *disks = NULL;
        LiveFigures f = figures(in);

        if (sd_json_variant_new_array(&disks, NULL, 0) < 0)
                return error_oom(err);
        for (unsigned i = 0; i < in->record.disk_count; i++) {
                auto_(live_unrefp) sd_json_variant *disk = NULL;
                if (sd_json_buildo(&disk, SD_JSON_BUILD_PAIR_UNSIGNED("EpochAfter", take->taken[i].epoch_after),
                                   SD_JSON_BUILD_PAIR_UNSIGNED("BytesWritten", take->taken[i].bytes_written),
                                   SD_JSON_BUILD_PAIR_UNSIGNED("HandoverUs", take->taken[i].handover_us)) < 0 ||
                    sd_json_variant_append_array(&disks, disk) < 0)
                        return error_oom(err);
        }
        if (sd_json_buildo(ret, SD_JSON_BUILD_PAIR_STRING("Token", in->record.token),
                           SD_JSON_BUILD_PAIR_UNSIGNED("MemoryTotal", f.memory_total),
                           SD_JSON_BUILD_PAIR_UNSIGNED("MemorySent", f.memory_sent),
                           SD_JSON_BUILD_PAIR_UNSIGNED("Iterations", f.iterations),
                           SD_JSON_BUILD_PAIR_UNSIGNED("DiskProcessed", f.disk_processed),
                           SD_JSON_BUILD_PAIR_VARIANT("Disks", disks)) < 0)
                return error_oom(err);
        return 0;
}

static void tell_everybody(Take *take) {
        Incoming *in = take->in;
        Live *live = in->live;
        auto_(live_unrefp) sd_json_variant *parameters = NULL;
        Ledger ledger = { .epoch = in->record.next_epoch, .since_us = clock_us(CLOCK_REALTIME) };
        Error why = { 0 };

        vmhost_name(live->host, ledger.host);
        if (ledger_write_over(in->files, in->record.folder, &ledger, &why) < 0)
                live_say(live, true, &in->record, "the ledger does not name this host yet: %s", why.text);
        if (owned_json(take, &parameters, &why) < 0 || call_source(in, "owned", parameters, NULL, &why) < 0)
                live_say(live, true, &in->record, "%s was not told that \"%s\" has arrived: %s", in->record.peer,
                         in->record.vm_name, why.text);
}

static bool stopping(Live *live) {
        (void)pthread_mutex_lock(&live->lock);
        bool stop = live->stopping;
        (void)pthread_mutex_unlock(&live->lock);
        return stop;
}

/* Says it once, and after a minute lets go of the machine, so that an administrator may turn it off.  It is
 * not paused: QEMU would wait for the parked writes first. */
static void keep_waiting(Take *take, const Error *why, char told[static ERROR_TEXT_MAX]) {
        Incoming *in = take->in;
        Live *live = in->live;

        if (strcmp(told, why->text) != 0)
                live_say(live, true, &in->record,
                         "\"%s\" runs here and waits for its disks, nothing is written: %s", in->record.vm_name,
                         why->text);
        (void)snprintf(told, ERROR_TEXT_MAX, "%s", why->text);
        if (!take->unclaimed && clock_us(CLOCK_MONOTONIC) - take->rang_us > UNCLAIM_AFTER_US) {
                vmhost_unclaim(live->host, in->record.vm_id);
                take->unclaimed = true;
        }
        (void)pthread_mutex_lock(&live->lock);
        uint64_t until_us = clock_us(CLOCK_MONOTONIC) + RETRY_US;
        while (!live->stopping && live_wait(live, until_us))
                ;
        (void)pthread_mutex_unlock(&live->lock);
}

TakeEnd live_take(Incoming *in) {
        Take take = { .in = in, .rang_us = clock_us(CLOCK_MONOTONIC) };
        Error why = { 0 };
        char told[ERROR_TEXT_MAX] = "";

        mark(in);
        for (;;) {
                Word word = ask_source(&take, &why);
                take.given = word == WORD_GIVEN;
                if (word == WORD_REFUSED) {
                        live_say(in->live, true, &in->record, "\"%s\" does not run here: %s", in->record.vm_name,
                                 why.text);
                        return TAKE_REFUSED;    /* no write was un-parked */
                }
                if (acquire(&take, &why) == 0)
                        break;
                if (is_off(in))
                        return any_acquired(&take) ? TAKE_OFF_WRITTEN : TAKE_OFF;
                if (stopping(in->live))
                        return TAKE_LATER;
                keep_waiting(&take, &why, told);
        }
        tell_everybody(&take);
        return TAKE_OWNED;
}
