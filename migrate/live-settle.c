#include <libvirt/virterror.h>
#include <string.h>

#include "appliance/base/clock.h"
#include "migrate/libvirt-error.h"
#include "migrate/live-internal.h"

bool live_under_way(Live *live, const char *token) {
        bool found = false;
        (void)pthread_mutex_lock(&live->lock);
        for (size_t i = 0; i < LIVE_OUTGOING_MAX; i++)
                found |= live->outgoing[i] && strcmp(live->outgoing[i]->record.token, token) == 0;
        found |= live_incoming(live, token) != NULL;
        (void)pthread_mutex_unlock(&live->lock);
        return found;
}

static void settled(Live *live, const MoveRecord *record, bool here, const char *text) {
        live_say(live, false, record, "%s", text);
        if (live->config.settled)
                live->config.settled(live->config.userdata, record->token, here, text);
        move_record_remove(record->token);
}

/* What libvirt has of the machine on this host. */
typedef enum Here { HERE_NOT, HERE_OFF, HERE_ACTIVE } Here;

/* A migration that still runs in libvirt has lost its way through us; it must end before anything else. */
static int end_migration(Live *live, const MoveRecord *record, Here *ret, Error *err) {
        auto_(live_domain_freep) virDomainPtr domain = NULL;
        virDomainJobInfo job = { 0 };

        *ret = HERE_NOT;
        if (vmhost_domain(live->host, record->vm_id, &domain, err) < 0)
                return err->kind == ERROR_NOT_FOUND ? 0 : -1;
        int active = virDomainIsActive(domain);
        if (active < 0)
                return libvirt_error(err, "the state of \"%s\" is unknown", record->vm_name);
        *ret = active ? HERE_ACTIVE : HERE_OFF;
        if (virDomainGetJobInfo(domain, &job) == 0 && job.type != VIR_DOMAIN_JOB_NONE) {
                (void)virDomainAbortJob(domain);
                return error_set(err, ERROR_CONFLICT, 0, "libvirt has not ended the move of \"%s\" yet",
                                 record->vm_name);
        }
        return 0;
}

static int ask_peer(Live *live, const MoveRecord *record, bool *ret_owned, Error *err) {
        auto_(live_unrefp) sd_json_variant *parameters = NULL, *reply = NULL;
        Channel *channel = NULL;

        if (live_token_json(record, &parameters, err) < 0 || live_connect(live, record->peer, &channel, err) < 0)
                return -1;
        int r = channel_call(channel, "abandon", parameters, LIVE_ABANDON_US, &reply, err);
        channel_free(channel);
        *ret_owned = r == 0 && live_boolean(reply, "Owned");
        return r;
}

static int resume(Live *live, const MoveRecord *record, Error *err) {
        auto_(live_domain_freep) virDomainPtr domain = NULL;
        int state = 0, reason = 0;

        if (vmhost_domain(live->host, record->vm_id, &domain, err) < 0)
                return -1;
        if (virDomainGetState(domain, &state, &reason, 0) == 0 && state == VIR_DOMAIN_PAUSED &&
            virDomainResume(domain) < 0)
                return error_set(err, ERROR_INTERNAL, 0, "\"%s\" is paused here and cannot be resumed",
                                 record->vm_name);
        return 0;
}

/* The disks as they are now: how many were given? */
static int look_at_disks(const MoveRecord *record, const DiskName *disks, unsigned *ret_given, Error *err) {
        *ret_given = 0;
        for (unsigned i = 0; i < record->disk_count; i++) {
                DiskStatus status = { 0 };
                if (disk_status(&disks[i], &status, err) < 0)
                        return -1;
                *ret_given += status.state == DISK_GIVEN;
        }
        return 0;
}

static int bring_back(const MoveRecord *record, const DiskName *disks, Error *err) {
        for (unsigned i = 0; i < record->disk_count; i++) {
                DiskStatus status = { 0 };
                if (disk_status(&disks[i], &status, err) < 0)
                        return -1;
                if (status.state == DISK_ARMED && disk_disarm(&disks[i], record->token, err) < 0)
                        return -1;
                if (status.state == DISK_GIVEN &&
                    disk_take_back(&disks[i], record->token, record->next_epoch + 1, err) < 0)
                        return -1;
        }
        return 0;
}

/* Only what the other side has spoken of: a disk that was given since it was asked is not ours to take back. */
static int bring_back_as_seen(Live *live, const MoveRecord *record, const DiskName *disks, unsigned seen, Error *err) {
        unsigned given;

        if (look_at_disks(record, disks, &given, err) < 0)
                return -1;
        if (given != seen)
                return error_set(err, ERROR_CONFLICT, 0, "the disks of \"%s\" are being given", record->vm_name);
        return bring_back(record, disks, err) < 0 ? -1 : resume(live, record, err);
}

/* What a dead or doubtful outgoing move left: 0 when it has a named end now. */
static int settle_outgoing(Live *live, const MoveRecord *record, const DiskName *disks, Error *err) {
        bool owned = false;
        unsigned given;
        Here here;

        if (end_migration(live, record, &here, err) < 0)
                return -1;
        if (here != HERE_ACTIVE) {
                /* our QEMU is gone; libvirt forgets the machine only when the other side runs (UNDEFINE_SOURCE) */
                for (unsigned i = 0; i < record->disk_count; i++)
                        if (live_give_disk(record, &disks[i], err) < 0 || disk_stop(&disks[i], err) < 0)
                                return -1;
                settled(live, record, here == HERE_OFF,
                        here == HERE_OFF ? "the machine was turned off while it was moved; it is off on this host"
                                         : "the machine has moved; this host has released its disks");
                return 0;
        }
        if (look_at_disks(record, disks, &given, err) < 0)
                return -1;
        if (given && ask_peer(live, record, &owned, err) < 0)
                return -1;
        if (owned) {
                if (live_remove_domain(live, record->vm_id, err) < 0)
                        return -1;
                settled(live, record, false, "the machine runs on the destination; what was left here is gone");
                return 0;
        }
        (void)pthread_mutex_lock(&live->settle_lock);
        int r = bring_back_as_seen(live, record, disks, given, err);
        (void)pthread_mutex_unlock(&live->settle_lock);
        if (r < 0)
                return -1;
        settled(live, record, true, "the move was interrupted; the machine runs on this host");
        return 0;
}

static int settle_one(Live *live, const char *token, Error *err) {
        auto_free MoveRecord *record = calloc(1, sizeof *record);
        auto_free DiskName *disks = calloc(VM_DISKS_MAX, sizeof *disks);

        if (!record || !disks)
                return error_oom(err);
        if (move_record_load(token, record, err) < 0 || move_record_disks(record, disks, err) < 0) {
                if (err->kind == ERROR_INVALID || err->kind == ERROR_PROTOCOL || err->kind == ERROR_NOT_FOUND)
                        move_record_remove(token);      /* nobody could ever make sense of it */
                return -1;
        }
        if (!record->outgoing)
                return live_incoming_adopt(live, record, err);
        if (vmhost_claim(live->host, VM_CLAIM_SETTLE, record->vm_id, record->vm_name, disks, record->disk_count,
                         err) < 0)
                return -1;
        int r = settle_outgoing(live, record, disks, err);
        vmhost_unclaim(live->host, record->vm_id);
        return r;
}

/* True when something is left to be tried again. */
static bool settle_all(Live *live) {
        auto_free char (*tokens)[UUID_TEXT_SIZE] = calloc(MOVES_MAX, UUID_TEXT_SIZE);
        bool again = false;

        if (!tokens)
                return true;
        size_t count = move_record_list(tokens);
        for (size_t i = 0; i < count; i++) {
                Error why = { 0 };
                if (live_under_way(live, tokens[i]))
                        continue;
                if (settle_one(live, tokens[i], &why) < 0)
                        again = true;
        }
        return again;
}

static void *settler_run(void *userdata) {
        Live *live = userdata;

        (void)pthread_mutex_lock(&live->lock);
        for (;;) {
                uint64_t until_us = clock_us(CLOCK_MONOTONIC) + LIVE_SETTLE_PAUSE_US;
                while (!live->stopping && live_wait(live, until_us))
                        ;
                if (live->stopping)
                        break;
                (void)pthread_mutex_unlock(&live->lock);
                bool again = settle_all(live);
                (void)pthread_mutex_lock(&live->lock);
                if (!again)
                        break;
        }
        live->settling = false;
        (void)pthread_mutex_unlock(&live->lock);
        return NULL;
}

void live_settle_stop(Live *live) {
        if (live->has_settler)
                (void)pthread_join(live->settler, NULL);
        live->has_settler = false;
}

void live_settle_soon(Live *live) {
        (void)pthread_mutex_lock(&live->lock);
        bool start = !live->settling && !live->stopping;
        bool join = start && live->has_settler;
        if (start)
                live->settling = true;
        (void)pthread_mutex_unlock(&live->lock);
        if (join)
                (void)pthread_join(live->settler, NULL);
        if (!start)
                return;
        (void)pthread_mutex_lock(&live->lock);
        live->has_settler = pthread_create(&live->settler, NULL, settler_run, live) == 0;
        live->settling = live->has_settler;
        (void)pthread_mutex_unlock(&live->lock);
}

void live_reconcile(Live *live) {
        if (settle_all(live))
                live_settle_soon(live);
}
