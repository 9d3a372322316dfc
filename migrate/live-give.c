#include <string.h>

#include <libvirt/virterror.h>

#include "migrate/live-internal.h"

enum {
        COMPLETE_WAIT_US = 5 * 1000000, /* the destination runs: QEMU here says "completed" within moments */
        COMPLETE_PAUSE_US = 5000,
};

int live_may_give(Live *live, const MoveRecord *record, Error *err) {
        uint64_t until_us = live_now_us() + COMPLETE_WAIT_US;

        for (;;) {
                auto_(live_domain_freep) virDomainPtr domain = NULL;
                bool complete = false;

                if (vmhost_domain(live->host, record->vm_id, &domain, err) < 0)
                        return err->kind == ERROR_NOT_FOUND ? 0 : -1;   /* moved away, says libvirt */
                int active = virDomainIsActive(domain);
                if (active == 0)
                        return 0;
                int state = 0, reason = 0;
                (void)virDomainGetState(domain, &state, &reason, 0);
                if (active == 1 && state == VIR_DOMAIN_PAUSED &&
                    vmhost_migration_complete(domain, &complete, err) == 0 && complete)
                        return 0;
                if (live_now_us() >= until_us)
                        return error_set(err, ERROR_CONFLICT, 0,
                                         "\"%s\" still runs on this host: its memory has not been moved completely",
                                         record->vm_name);
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

/* A holdfastd that started after the move began: the record on disk is all there is. */
static int give_by_record(Live *live, const char *token, Error *err) {
        auto_free MoveRecord *record = calloc(1, sizeof *record);
        auto_free DiskName *disks = calloc(VM_DISKS_MAX, sizeof *disks);

        if (!record || !disks)
                return error_oom(err);
        if (move_record_load(token, record, err) < 0)
                return -1;
        if (!record->outgoing)
                return error_set(err, ERROR_CONFLICT, 0, "the move %s does not leave this host", token);
        if (move_record_disks(record, disks, err) < 0 || live_may_give(live, record, err) < 0)
                return -1;
        for (unsigned i = 0; i < record->disk_count; i++)
                if (live_give_disk(record, &disks[i], err) < 0)
                        return -1;
        return 0;
}

/* Takes the move into SWITCH, or says why it may not go there.  Locked. */
static int begin_giving(Outgoing *out, Error *err) {
        if (out->giving)
                return error_set(err, ERROR_CONFLICT, 0, "the disks of \"%s\" are being given already",
                                 out->record.vm_name);
        if (out->state != LIFE_SWITCH && out->state != LIFE_CONFIRM &&
            life_step(&out->state, LIFE_ON_ASKED, err) < 0)
                return -1;
        out->giving = true;
        return 0;
}

int live_give(Live *live, const char *token, Error *err) {
        uint64_t now = live_now_us();

        (void)pthread_mutex_lock(&live->lock);
        Outgoing *out = outgoing(live, token);
        int r = 0;
        if (out) {
                if (!out->asked_us)
                        out->asked_us = now;
                /* while giving is set, live_move() does not let the Outgoing go */
                if (!out->giving && (out->state == LIFE_TRANSFER || out->state == LIFE_SWITCH))
                        out->giving = true;
                else
                        r = error_set(err, ERROR_CONFLICT, 0,
                                      "\"%s\" stays on its host: its move is in the phase %s", out->record.vm_name,
                                      life_name(out->state));
        }
        (void)pthread_mutex_unlock(&live->lock);
        if (!out)
                return give_by_record(live, token, err);
        if (r < 0)
                return -1;

        r = live_may_give(live, &out->record, err);
        (void)pthread_mutex_lock(&live->lock);
        out->giving = false;
        if (r == 0)
                r = begin_giving(out, err);
        (void)pthread_mutex_unlock(&live->lock);
        if (r == 0) {
                r = give_disks(out, err);
                (void)pthread_mutex_lock(&live->lock);
                out->giving = false;
                (void)pthread_mutex_unlock(&live->lock);
        }
        (void)pthread_mutex_lock(&live->lock);
        (void)pthread_cond_broadcast(&live->changed);
        (void)pthread_mutex_unlock(&live->lock);
        return r;
}

int live_give_rest(Outgoing *out, Error *err) {
        Live *live = out->live;
        int r;

        (void)pthread_mutex_lock(&live->lock);
        while (out->giving)
                (void)pthread_cond_wait(&live->changed, &live->lock);
        bool all = out->given == out->record.disk_count && out->state == LIFE_SWITCH;
        r = all ? 0 : begin_giving(out, err);
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

int live_owned(Live *live, sd_json_variant *parameters, Error *err) {
        sd_json_variant *disks = sd_json_variant_by_key(parameters, "Disks");
        int r = 0;

        if (!disks || !sd_json_variant_is_array(disks))
                return error_set(err, ERROR_PROTOCOL, 0, "the other host names no disks");
        (void)pthread_mutex_lock(&live->lock);
        Outgoing *out = outgoing(live, live_string(parameters, "Token"));
        if (!out)
                r = error_set(err, ERROR_NOT_FOUND, 0, "this host knows of no such move");
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
