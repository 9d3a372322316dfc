#include <string.h>

#include <libvirt/virterror.h>

#include "appliance/base/clock.h"
#include "migrate/compare-internal.h"
#include "migrate/live-internal.h"

enum { FIRST_WRITE_LOOK_US = 1000000 };

Incoming *live_incoming(Live *live, const char *token) {
        for (size_t i = 0; i < LIVE_INCOMING_MAX; i++)
                if (live->incoming[i] && strcmp(live->incoming[i]->record.token, token) == 0)
                        return live->incoming[i];
        return NULL;
}

bool live_has_incoming(Live *live, const Channel *channel, const char *token) {
        bool found = false;
        (void)pthread_mutex_lock(&live->lock);
        for (size_t i = 0; i < LIVE_INCOMING_MAX; i++) {
                const Incoming *in = live->incoming[i];
                found |= in && in->channel == channel && !in->gone &&
                         (!token || strcmp(in->record.token, token) == 0);
        }
        (void)pthread_mutex_unlock(&live->lock);
        return found;
}

/* Locked: the thread of @in sees that its channel is gone; nobody uses it when this returns. */
static void forget_channel(Live *live, Incoming *in) {
        in->channel = NULL;
        (void)pthread_cond_broadcast(&live->changed);
        while (in->channel_users)
                (void)pthread_cond_wait(&live->changed, &live->lock);
}

void live_incoming_closed(Live *live, Channel *channel) {
        (void)pthread_mutex_lock(&live->lock);
        for (size_t i = 0; i < LIVE_INCOMING_MAX; i++)
                if (live->incoming[i] && live->incoming[i]->channel == channel)
                        forget_channel(live, live->incoming[i]);
        (void)pthread_mutex_unlock(&live->lock);
}

void live_incoming_join(Live *live, bool all) {
        for (size_t i = 0; i < LIVE_INCOMING_MAX; i++) {
                (void)pthread_mutex_lock(&live->lock);
                Incoming *in = live->incoming[i];
                bool join = in && in->threaded && (in->finished || all);
                if (join)
                        in->threaded = false;   /* one caller joins and frees it */
                (void)pthread_mutex_unlock(&live->lock);
                if (!join)
                        continue;
                (void)pthread_join(in->thread, NULL);
                (void)pthread_mutex_lock(&live->lock);
                live->incoming[i] = NULL;
                (void)pthread_mutex_unlock(&live->lock);
                free(in);
        }
}

/* ---- the end of an incoming move ---------------------------------------------------------------- */

/* Nothing was written here: the disks are READERs, or nobody un-parked a write. */
static void tear_down(Incoming *in) {
        Live *live = in->live;
        Error why = { 0 };

        if (live_remove_domain(live, in->record.vm_id, &why) < 0)
                live_say(live, true, &in->record, "%s", why.text);
        for (unsigned i = 0; i < in->started; i++)
                if (disk_stop(&in->disks[i], &why) < 0)
                        live_say(live, true, &in->record, "the disk process of %s was not stopped: %s",
                                 in->disks[i].unc, why.text);
        move_record_remove(in->record.token);
        vmhost_unclaim(live->host, in->record.vm_id);
}

static void settle_in(Incoming *in) {
        move_record_remove(in->record.token);
        vmhost_unclaim(in->live->host, in->record.vm_id);
}

static bool runs_here(Incoming *in) {
        auto_(live_domain_freep) virDomainPtr domain = NULL;
        int state = 0, reason = 0;
        Error ignored;

        return vmhost_domain(in->live->host, in->record.vm_id, &domain, &ignored) == 0 &&
               virDomainGetState(domain, &state, &reason, 0) == 0 && state == VIR_DOMAIN_RUNNING;
}

/* libvirt's word that the guest was started here may be late or lost; a parked write says the same. */
static bool first_write(Incoming *in) {
        for (unsigned i = 0; i < in->started; i++) {
                DiskStatus status = { 0 };
                Error ignored;
                if (disk_status(&in->disks[i], &status, &ignored) == 0 && status.wanted)
                        return true;
        }
        return false;
}

/* Locked.  Waits until the guest runs here, or never will. */
static bool wait_for_guest(Incoming *in) {
        Live *live = in->live;

        while (!in->running && !in->abandon && in->channel) {
                if (live_wait(live, clock_us(CLOCK_MONOTONIC) + FIRST_WRITE_LOOK_US))
                        continue;
                (void)pthread_mutex_unlock(&live->lock);
                bool ring = first_write(in);
                (void)pthread_mutex_lock(&live->lock);
                in->running |= ring;
        }
        if (in->running)
                return true;
        /* the channel ended: libvirt may have started the guest in the last moment */
        (void)pthread_mutex_unlock(&live->lock);
        bool runs = runs_here(in);
        (void)pthread_mutex_lock(&live->lock);
        in->running |= runs;
        return in->running;
}

static void *incoming_run(void *userdata) {
        Incoming *in = userdata;
        Live *live = in->live;
        TakeEnd end = TAKE_REFUSED;

        (void)pthread_mutex_lock(&live->lock);
        if (wait_for_guest(in)) {
                (void)pthread_mutex_unlock(&live->lock);
                end = live_take(in);
                (void)pthread_mutex_lock(&live->lock);
        }
        in->owned = end == TAKE_OWNED || end == TAKE_OFF_WRITTEN;
        (void)pthread_mutex_unlock(&live->lock);
        files_link_end(take_ptr(in->files));

        if (end == TAKE_REFUSED)
                tear_down(in);
        else if (end != TAKE_LATER)
                settle_in(in);
        (void)pthread_mutex_lock(&live->lock);
        in->gone = end != TAKE_LATER;   /* then the next process decides, and nobody may be told anything */
        in->finished = true;
        (void)pthread_cond_broadcast(&live->changed);
        (void)pthread_mutex_unlock(&live->lock);
        return NULL;
}

/* ---- the beginning ------------------------------------------------------------------------------ */

static int enter(Live *live, Incoming *in, Error *err) {
        unsigned running = 0;
        size_t slot = LIVE_INCOMING_MAX;

        live_incoming_join(live, false);
        (void)pthread_mutex_lock(&live->lock);
        for (size_t i = 0; i < LIVE_INCOMING_MAX; i++) {
                running += live->incoming[i] != NULL && !live->incoming[i]->finished;
                if (!live->incoming[i])
                        slot = i;
        }
        bool full = running >= live->config.moves.maximum || slot == LIVE_INCOMING_MAX || live->stopping;
        if (!full) {
                live->incoming[slot] = in;
                in->threaded = pthread_create(&in->thread, NULL, incoming_run, in) == 0;
                if (!in->threaded)
                        live->incoming[slot] = NULL;
        }
        (void)pthread_mutex_unlock(&live->lock);
        if (full)
                return error_set(err, ERROR_LIMIT, 0,
                                 "the host receives %u virtual machines already, which is its limit; "
                                 "try again later",
                                 running);
        return in->threaded ? 0 : error_set(err, ERROR_LIMIT, 0, "the host has no threads left for a move");
}

int live_incoming_adopt(Live *live, const MoveRecord *record, Error *err) {
        auto_free Incoming *in = calloc(1, sizeof *in);

        if (!in)
                return error_oom(err);
        in->live = live;
        in->adopted = true;
        in->record = *record;
        in->started = record->disk_count;
        if (move_record_disks(record, in->disks, err) < 0 ||
            vmhost_claim(live->host, VM_CLAIM_MOVE_IN, record->vm_id, record->vm_name, in->disks,
                         record->disk_count, err) < 0)
                return -1;
        if (enter(live, in, err) < 0) {
                vmhost_unclaim(live->host, record->vm_id);
                return -1;
        }
        in = NULL;
        return 0;
}

static void fill_record(const CompareRequest *request, MoveRecord *record) {
        (void)snprintf(record->token, sizeof record->token, "%s", request->token);
        (void)snprintf(record->peer, sizeof record->peer, "%s", request->source);
        (void)snprintf(record->vm_name, sizeof record->vm_name, "%s", request->definition.name);
        (void)snprintf(record->vm_id, sizeof record->vm_id, "%s", request->definition.id);
        (void)snprintf(record->folder, sizeof record->folder, "%s", request->definition.folder);
        record->disk_count = request->definition.disk_count;
        record->next_epoch = request->next_epoch;
        for (unsigned i = 0; i < record->disk_count; i++)
                (void)snprintf(record->disks[i], sizeof record->disks[i], "%s", request->definition.disks[i]);
}

/* A leftover of the same machine, switched off, makes libvirt refuse it. */
static int make_room(Live *live, const char *vm_id, Error *err) {
        return vmhost_undefine(live->host, vm_id, err);
}

/* A move that meets one finding ends there; Compare-VM wants them all, but for disks that others here may be using. */
static bool disks_matter(const CompareRequest *request, const Findings *findings) {
        if (request->keep)
                return !findings_block(findings);
        for (size_t i = 0; i < findings->count; i++)
                if (findings->list[i].id == FINDING_RUNNING_THERE || findings->list[i].id == FINDING_NAME_TAKEN)
                        return false;
        return true;
}

static void check_room(Live *live, Findings *findings) {
        unsigned running = 0, maximum;

        (void)pthread_mutex_lock(&live->lock);
        for (size_t i = 0; i < LIVE_INCOMING_MAX; i++)
                running += live->incoming[i] && !live->incoming[i]->finished;
        maximum = live->config.moves.maximum;
        (void)pthread_mutex_unlock(&live->lock);
        if (running >= maximum)
                live_limit(running, maximum, "receives", findings);
}

/* Compare-VM tells of a libvirt that is not there; a move fails with its words. */
static int ask_libvirt(Live *live, const CompareRequest *request, Findings *findings, Error *err) {
        int r = compare_destination(live->host, request, findings, err);

        if (r == 0 || request->keep || (err->kind != ERROR_UNREACHABLE && err->kind != ERROR_TIMEOUT))
                return r;
        Finding *f = finding_add(findings, FINDING_HYPERVISOR, err->kind, "%s runs no virtual machines now: %s",
                                 findings->host, err->text);
        finding_because(f, "systemctl restart libvirtd", "%s", error_kind_name(err->kind));
        *err = (Error){ 0 };
        return 0;
}

/* Everything that changes something here, in the order in which tear_down() undoes it. */
static int compare_claimed(Live *live, Incoming *in, const CompareRequest *request, AccessLook **files,
                           Findings *findings, Error *err) {
        if (!request->keep)
                check_room(live, findings);
        if (ask_libvirt(live, request, findings, err) < 0)
                return -1;
        if (!request->running || !disks_matter(request, findings))
                return 0;
        if (request->keep && move_record_store(&in->record, LIVE_QEMU_USER, err) < 0)
                return -1;
        if (compare_disks(request, in->disks, in->file_count, &in->started, findings, err) < 0)
                return -1;
        access_look_end(take_ptr(*files), findings, request->keep ? &in->files : NULL);
        if (findings_block(findings) || !request->keep)
                return 0;
        return make_room(live, in->record.vm_id, err);
}

static void undo_compare(Live *live, Incoming *in) {
        Error ignored;
        for (unsigned i = 0; i < in->started; i++)
                (void)!disk_stop(&in->disks[i], &ignored);
        files_link_end(take_ptr(in->files));
        move_record_remove(in->record.token);
        vmhost_unclaim(live->host, in->record.vm_id);
}

static int claim(Live *live, const Incoming *in, const CompareRequest *request, Findings *findings, Error *err) {
        if (vmhost_claim(live->host, VM_CLAIM_MOVE_IN, in->record.vm_id, in->record.vm_name, in->disks,
                         in->file_count, err) == 0)
                return 1;
        if (request->keep || err->kind != ERROR_CONFLICT)
                return -1;
        Finding *f = finding_add(findings, FINDING_STATE, err->kind, "%s cannot take \"%s\" now: %s", findings->host,
                                 in->record.vm_name, err->text);
        finding_because(f, NULL, "%s", error_kind_name(err->kind));
        *err = (Error){ 0 };
        return 0;
}

static int compare(Live *live, Channel *channel, const CompareRequest *request, Findings *findings, Error *err) {
        auto_free Incoming *in = calloc(1, sizeof *in);
        auto_(access_look_freep) AccessLook *files = NULL;

        if (!in)
                return error_oom(err);
        in->live = live;
        in->channel = channel;
        fill_record(request, &in->record);
        if (live_under_way(live, in->record.token))
                return error_set(err, ERROR_CONFLICT, 0, "the move %s is under way already", in->record.token);
        if (definition_files(&request->definition, in->disks, &in->file_count, err) < 0)
                return -1;
        live_tail_wait(live, in->record.vm_id, LIVE_TAIL_US); /* it may have left this host a moment ago */
        int r = claim(live, in, request, findings, err);
        if (r <= 0)
                return r;
        r = access_look_begin(&request->definition, findings->host, &files, err);
        if (r == 0)
                r = compare_claimed(live, in, request, &files, findings, err);
        access_look_end(take_ptr(files), findings, NULL);
        bool keep = r == 0 && request->keep && request->running && !findings_block(findings);
        if (keep && (r = enter(live, in, err)) == 0) {
                in = NULL;
                return 0;
        }
        undo_compare(live, in);
        return r;
}

int live_serve_compare(Live *live, Channel *channel, sd_json_variant *parameters, sd_json_variant **ret,
                       Error *err) {
        auto_free CompareRequest *request = calloc(1, sizeof *request);
        auto_free Findings *findings = calloc(1, sizeof *findings);
        auto_(live_unrefp) sd_json_variant *list = NULL;
        Machine machine;
        Directory *directory;

        if (!request || !findings)
                return error_oom(err);
        if (compare_request_parse(parameters, request, err) < 0 || live_who(live, &machine, &directory, err) < 0)
                return -1;
        if (!text_equal_nocase(request->source, channel_peer(channel)->host))
                return error_set(err, ERROR_DENIED, 0, "the request comes from %s and names %s as the source",
                                 channel_peer(channel)->host, request->source);
        (void)snprintf(findings->host, sizeof findings->host, "%s", machine.host);
        live_check_way(live, channel, findings);
        LiveLook *look = request->keep ? NULL : live_look_begin(live);
        int r = compare(live, channel, request, findings, err);
        (void)live_look_end(look, findings);
        compare_identity_first(findings, machine.host);
        if (r < 0)
                return error_wrap(err, "%s", machine.host);
        if (findings_json(findings, &list, err) < 0)
                return -1;
        if (sd_json_buildo(ret, SD_JSON_BUILD_PAIR_VARIANT("Findings", list)) < 0)
                return error_oom(err);
        return 0;
}

/* ---- the source gives up ------------------------------------------------------------------------ */

/* Without a move of that token here: does the machine run here, on disks that are ours? */
bool live_owns(Live *live, const char *vm_id) {
        auto_free VmInfo *vm = calloc(1, sizeof *vm);
        auto_free DiskName *disks = calloc(VM_DISKS_MAX, sizeof *disks);
        Error ignored;

        if (!vm || !disks || vmhost_find(live->host, vm_id, vm, &ignored) < 0 || !vm->active ||
            definition_disks(&vm->definition, disks, &ignored) < 0)
                return false;
        for (unsigned i = 0; i < vm->definition.disk_count; i++) {
                DiskStatus status = { 0 };
                if (disk_status(&disks[i], &status, &ignored) < 0 ||
                    (status.state != DISK_OWNER && status.state != DISK_ARMED))
                        return false;
        }
        return true;
}

/* A former process prepared it and nobody has looked after it since: nothing can be said yet. */
static bool waits_for_adoption(const char *token) {
        auto_free MoveRecord *record = calloc(1, sizeof *record);
        Error ignored;

        return !record || (move_record_load(token, record, &ignored) == 0 && !record->outgoing);
}

int live_serve_abandon(Live *live, const char *peer, sd_json_variant *parameters, sd_json_variant **ret,
                       Error *err) {
        const char *token = live_string(parameters, "Token");
        uint64_t until_us = clock_us(CLOCK_MONOTONIC) + LIVE_ABANDON_US;
        bool owned = false, undecided = waits_for_adoption(token);      /* a look at a file: before the lock */

        (void)pthread_mutex_lock(&live->lock);
        Incoming *in = live_incoming(live, token);
        bool known = in != NULL;
        if (in && !move_is_with(&in->record, peer, err)) {
                (void)pthread_mutex_unlock(&live->lock);
                return -1;
        }
        if (in)
                in->abandon = true;
        (void)pthread_cond_broadcast(&live->changed);
        /* by token each time: a finished one may be joined and freed by somebody else */
        while ((in = live_incoming(live, token)) && !in->gone && !live->stopping)
                if (!live_wait(live, until_us) && clock_us(CLOCK_MONOTONIC) >= until_us)
                        break;
        if (known)
                undecided = in && !in->gone;
        if (in)
                owned = in->owned;
        (void)pthread_mutex_unlock(&live->lock);
        if (undecided)
                return error_set(err, ERROR_TIMEOUT, 0, "the host has not decided yet whether it owns the disks");
        if (!known || !in)
                owned = live_owns(live, live_string(parameters, "VMId"));
        if (sd_json_buildo(ret, SD_JSON_BUILD_PAIR_BOOLEAN("Owned", owned)) < 0)
                return error_oom(err);
        return 0;
}
