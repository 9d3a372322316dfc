#include <string.h>

#include <libvirt/virterror.h>

#include "appliance/base/clock.h"
#include "appliance/base/text.h"
#include "migrate/libvirt-error.h"
#include "migrate/live-internal.h"

enum {
        COMPLETE_WAIT_US = 5 * 1000000, /* the destination runs: QEMU here says "completed" within moments */
        COMPLETE_PAUSE_US = 5000,
};

/* What the destination is told.  Only a NO that was found by looking at the machine itself ends its copy. */
typedef enum GiveWord { GIVE_YES, GIVE_NO, GIVE_UNDECIDED } GiveWord;

typedef struct Ask {
        const char *token, *vm_id, *peer;
        bool acquired;                  /* the destination writes to one of the disks already */
} Ask;

/* One look.  The guest stands still by the migration, and QEMU says that all of it has gone: it has nothing to
 * write any more.  A guest that was let run again and stopped since has another reason to stand still. */
static GiveWord look(Live *live, const MoveRecord *record, bool ask_qemu, Error *err) {
        auto_(live_domain_freep) virDomainPtr domain = NULL;
        bool complete = !ask_qemu;
        int state = 0, reason = 0;

        if (vmhost_domain(live->host, record->vm_id, &domain, err) < 0)
                return err->kind == ERROR_NOT_FOUND ? GIVE_YES : GIVE_UNDECIDED;        /* moved away, says libvirt */
        int active = virDomainIsActive(domain);
        if (active == 0)
                return GIVE_YES;
        if (active < 0 || virDomainGetState(domain, &state, &reason, 0) < 0) {
                (void)libvirt_error(err, "the state of \"%s\" is unknown", record->vm_name);
                return GIVE_UNDECIDED;
        }
        if (state == VIR_DOMAIN_PAUSED && reason == VIR_DOMAIN_PAUSED_MIGRATION) {
                if (ask_qemu && vmhost_migration_complete(domain, &complete, err) < 0)
                        return GIVE_UNDECIDED;
                if (complete)
                        return GIVE_YES;
        }
        (void)error_set(err, ERROR_CONFLICT, 0, "\"%s\" lives on this host: its memory has not been moved completely",
                        record->vm_name);
        return GIVE_NO;
}

/* Bytes changed on each disk so far. */
static int count_written(const MoveRecord *record, const DiskName *disks, uint64_t ret[static VM_DISKS_MAX], Error *err) {
        for (unsigned i = 0; i < record->disk_count; i++) {
                DiskStatus status = { 0 };
                if (disk_status(&disks[i], &status, err) < 0)
                        return -1;
                ret[i] = status.bytes_written;
        }
        return 0;
}

/* libvirt holds its lock on the machine for 200 ms and more while it ends our QEMU, and a look has to wait for it.
 * Between the stop and that there is time to look: what is found is kept, with what had been written by then. */
bool live_look_complete(Outgoing *out) {
        Live *live = out->live;
        uint64_t written[VM_DISKS_MAX];
        Error ignored;

        if (count_written(&out->record, out->disks, written, &ignored) < 0 ||
            look(live, &out->record, true, &ignored) != GIVE_YES)
                return false;
        (void)pthread_mutex_lock(&live->lock);
        (void)memcpy(out->written, written, sizeof out->written);
        out->complete = true;
        (void)pthread_mutex_unlock(&live->lock);
        return true;
}

/* Our guest has lost part of its disks to one that writes there: it must never run again. */
static void stop_for_good(Live *live, const MoveRecord *record) {
        auto_(live_domain_freep) virDomainPtr domain = NULL;
        Error ignored;
        int state = 0, reason = 0;

        if (vmhost_domain(live->host, record->vm_id, &domain, &ignored) == 0 &&
            virDomainGetState(domain, &state, &reason, 0) == 0 && state == VIR_DOMAIN_RUNNING)
                (void)virDomainSuspend(domain);
}

static GiveWord may_give(Live *live, const MoveRecord *record, bool acquired, Error *err) {
        uint64_t until_us = clock_us(CLOCK_MONOTONIC) + COMPLETE_WAIT_US;

        if (acquired) {
                stop_for_good(live, record);
                return GIVE_YES;
        }
        for (;;) {
                GiveWord word = look(live, record, true, err);
                if (word == GIVE_YES || clock_us(CLOCK_MONOTONIC) >= until_us)
                        return word;
                (void)usleep(COMPLETE_PAUSE_US);
        }
}

int live_give_disk(const MoveRecord *record, const DiskName *disk, Error *err) {
        DiskStatus status = { 0 };
        Error gone = { 0 };

        if (disk_status(disk, &status, &gone) < 0) {
                if (gone.kind == ERROR_NOT_FOUND || gone.kind == ERROR_UNREACHABLE)
                        return 0;       /* its process ended: the file server has closed the handle */
                *err = gone;
                return -1;
        }
        if (status.state == DISK_GIVEN || status.state == DISK_LOST || status.state == DISK_READER ||
            status.state == DISK_NONE)
                return 0;               /* no write handle of ours exists */
        if (disk_release(disk, record->token, err) < 0 && err->kind != ERROR_CONFLICT)
                return -1;
        return disk_give(disk, record->token, record->next_epoch, err);
}

static Outgoing *outgoing(Live *live, const char *token) {
        for (size_t i = 0; i < LIVE_OUTGOING_MAX; i++)
                if (live->outgoing[i] && strcmp(live->outgoing[i]->record.token, token) == 0)
                        return live->outgoing[i];
        return NULL;
}

static int give_disks(Outgoing *out, Error *err) {
        for (unsigned i = 0; i < out->record.disk_count; i++) {
                if (live_give_disk(&out->record, &out->disks[i], err) < 0)
                        return -1;
                (void)pthread_mutex_lock(&out->live->lock);
                if (out->given <= i)
                        out->given = i + 1;
                (void)pthread_mutex_unlock(&out->live->lock);
        }
        return 0;
}

/* Whether libvirt let our guest run between the look and the last close; then its last writes may be on the disks,
 * and the other side must not be told that they are as it knows them. */
static int look_again(Live *live, const MoveRecord *record, bool acquired, Error *err) {
        return acquired || look(live, record, false, err) == GIVE_YES ? 0 : -1;
}

/* The same, without libvirt where it can be seen on the disks. */
static int look_at_writes(Outgoing *out, bool acquired, Error *err) {
        uint64_t then[VM_DISKS_MAX], now[VM_DISKS_MAX];
        Error ignored;

        (void)pthread_mutex_lock(&out->live->lock);     /* the watcher may just be noting it */
        bool complete = out->complete;
        (void)memcpy(then, out->written, sizeof then);
        (void)pthread_mutex_unlock(&out->live->lock);
        if (complete && count_written(&out->record, out->disks, now, &ignored) == 0 &&
            memcmp(now, then, out->record.disk_count * sizeof *now) == 0)
                return 0;
        return look_again(out->live, &out->record, acquired, err);
}

/* A holdfastd that started after the move began: the record on disk is all there is. */
static GiveWord give_by_record(Live *live, const Ask *ask, Error *err) {
        auto_free MoveRecord *record = calloc(1, sizeof *record);
        auto_free DiskName *disks = calloc(VM_DISKS_MAX, sizeof *disks);

        if (!record || !disks) {
                (void)error_oom(err);
                return GIVE_UNDECIDED;
        }
        if (move_record_load(ask->token, record, err) < 0) {
                /* long settled; the machine that runs here on its own disks is the one that counts */
                if (err->kind != ERROR_NOT_FOUND || !live_owns(live, ask->vm_id))
                        return GIVE_UNDECIDED;
                (void)error_set(err, ERROR_CONFLICT, 0, "the machine runs on this host, on disks that are this host's");
                return GIVE_NO;
        }
        if (!record->outgoing) {
                (void)error_set(err, ERROR_CONFLICT, 0, "the move %s does not leave this host", ask->token);
                return GIVE_UNDECIDED;
        }
        if (move_record_disks(record, disks, err) < 0 || !move_is_with(record, ask->peer, err))
                return GIVE_UNDECIDED;
        GiveWord word = may_give(live, record, ask->acquired, err);
        for (unsigned i = 0; word == GIVE_YES && i < record->disk_count; i++)
                if (live_give_disk(record, &disks[i], err) < 0)
                        word = GIVE_UNDECIDED;
        if (word == GIVE_YES && look_again(live, record, ask->acquired, err) < 0)
                word = GIVE_UNDECIDED;
        return word;
}

/* What the phase alone says; GIVE_YES: look at the machine.  Locked. */
static GiveWord by_phase(const Outgoing *out, const Ask *ask, Error *err) {
        switch (out->state) {
        case LIFE_TRANSFER:
        case LIFE_SWITCH:
        case LIFE_CONFIRM:
        case LIFE_DOUBT:
        case LIFE_DONE:
                return GIVE_YES;
        case LIFE_UNDO:         /* it is asking the other side, which decides: nothing of ours was given, or all waits */
                if (out->given > 0 || ask->acquired)
                        break;
                /* fall through */
        default:
                (void)error_set(err, ERROR_CONFLICT, 0, "\"%s\" stays on its host: its move is in the phase %s",
                                out->record.vm_name, life_name(out->state));
                return GIVE_NO;
        }
        (void)error_set(err, ERROR_UNREACHABLE, 0, "the move of \"%s\" is being undone", out->record.vm_name);
        return GIVE_UNDECIDED;
}

/* With Outgoing.giving set, so that live_move() does not let it go. */
static GiveWord give_outgoing(Outgoing *out, const Ask *ask, Error *err) {
        Live *live = out->live;
        Error ignored;

        (void)pthread_mutex_lock(&live->lock);
        bool complete = out->complete && !ask->acquired && out->state != LIFE_DOUBT;
        (void)pthread_mutex_unlock(&live->lock);
        GiveWord word = complete ? GIVE_YES : may_give(live, &out->record, ask->acquired, err);
        if (word != GIVE_YES)
                return word;
        (void)pthread_mutex_lock(&live->lock);
        if (out->state == LIFE_TRANSFER)
                (void)!life_step(&out->state, LIFE_ON_ASKED, &ignored);
        (void)pthread_mutex_unlock(&live->lock);
        if (give_disks(out, err) < 0 || look_at_writes(out, ask->acquired, err) < 0)
                return GIVE_UNDECIDED;
        return GIVE_YES;
}

static GiveWord give(Live *live, const Ask *ask, Error *err) {
        uint64_t now = clock_us(CLOCK_MONOTONIC);
        Outgoing *out;
        GiveWord word;

        (void)pthread_mutex_lock(&live->lock);
        while ((out = outgoing(live, ask->token)) && out->giving)       /* by token each time: it may have gone */
                (void)pthread_cond_wait(&live->changed, &live->lock);
        if (!out) {
                (void)pthread_mutex_unlock(&live->lock);
                (void)pthread_mutex_lock(&live->settle_lock);
                word = give_by_record(live, ask, err);
                (void)pthread_mutex_unlock(&live->settle_lock);
                return word;
        }
        word = move_is_with(&out->record, ask->peer, err) ? by_phase(out, ask, err) : GIVE_UNDECIDED;
        if (word == GIVE_YES) {
                if (!out->asked_us)
                        out->asked_us = now;
                out->giving = true;
        }
        (void)pthread_mutex_unlock(&live->lock);
        if (word != GIVE_YES)
                return word;

        word = give_outgoing(out, ask, err);
        (void)pthread_mutex_lock(&live->lock);
        out->giving = false;
        (void)pthread_cond_broadcast(&live->changed);
        (void)pthread_mutex_unlock(&live->lock);
        return word;
}

int live_give(Live *live, const char *peer, sd_json_variant *parameters, sd_json_variant **ret, Error *err) {
        const Ask ask = { .token = live_string(parameters, "Token"), .vm_id = live_string(parameters, "VMId"),
                          .peer = peer, .acquired = live_boolean(parameters, "Acquired") };
        GiveWord word = give(live, &ask, err);

        if (word == GIVE_UNDECIDED)
                return -1;
        if (sd_json_buildo(ret, SD_JSON_BUILD_PAIR_BOOLEAN("Given", word == GIVE_YES),
                           SD_JSON_BUILD_PAIR_STRING("Reason", word == GIVE_YES ? "" : err->text)) < 0)
                return error_oom(err);
        return 0;
}

int live_give_rest(Outgoing *out, Error *err) {
        Live *live = out->live;
        int r = 0;

        (void)pthread_mutex_lock(&live->lock);
        while (out->giving)
                (void)pthread_cond_wait(&live->changed, &live->lock);
        bool all = out->given == out->record.disk_count;
        if (out->state == LIFE_TRANSFER)
                r = life_step(&out->state, LIFE_ON_ASKED, err);
        out->giving = !all && r == 0;
        (void)pthread_mutex_unlock(&live->lock);
        if (all || r < 0)
                return r;
        r = give_disks(out, err);
        (void)pthread_mutex_lock(&live->lock);
        out->giving = false;
        (void)pthread_cond_broadcast(&live->changed);
        (void)pthread_mutex_unlock(&live->lock);
        return r;
}

static void take_disk(sd_json_variant *v, TakenDisk *to) {
        *to = (TakenDisk){ .epoch_after = live_unsigned(v, "EpochAfter"),
                           .bytes_written = live_unsigned(v, "BytesWritten"),
                           .handover_us = live_unsigned(v, "HandoverUs") };
}

int live_owned(Live *live, const char *peer, sd_json_variant *parameters, Error *err) {
        sd_json_variant *disks = sd_json_variant_by_key(parameters, "Disks");
        int r = 0;

        if (!disks || !sd_json_variant_is_array(disks))
                return error_set(err, ERROR_PROTOCOL, 0, "the other host names no disks");
        (void)pthread_mutex_lock(&live->lock);
        Outgoing *out = outgoing(live, live_string(parameters, "Token"));
        if (!out)
                r = error_set(err, ERROR_NOT_FOUND, 0, "this host knows of no such move");
        else if (!move_is_with(&out->record, peer, err))
                r = -1;
        else if (sd_json_variant_elements(disks) != out->record.disk_count)
                r = error_set(err, ERROR_PROTOCOL, 0, "the other host counts the disks wrongly");
        else {
                for (unsigned i = 0; i < out->record.disk_count; i++)
                        take_disk(sd_json_variant_by_index(disks, i), &out->taken[i]);
                out->figures = (LiveFigures){ .memory_total = live_unsigned(parameters, "MemoryTotal"),
                                              .memory_sent = live_unsigned(parameters, "MemorySent"),
                                              .iterations = live_unsigned(parameters, "Iterations"),
                                              .disk_processed = live_unsigned(parameters, "DiskProcessed") };
                out->owned = true;
        }
        (void)pthread_cond_broadcast(&live->changed);
        (void)pthread_mutex_unlock(&live->lock);
        return r;
}
