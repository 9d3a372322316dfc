#include <string.h>

#include "appliance/base/clock.h"
#include "migrate/compare-internal.h"
#include "migrate/live-internal.h"

enum { OWNED_WAIT_US = 60 * 1000000 };

static void progress(Outgoing *out, const char *phase, int percent) {
        if (out->move->progress)
                out->move->progress(out->move->userdata, phase, percent);
}

static bool cancelled(const Outgoing *out) {
        return out->move->cancelled && out->move->cancelled(out->move->userdata);
}

static int cancel_error(const Outgoing *out, Error *err) {
        return error_set(err, ERROR_CANCELLED, 0, "the move of \"%s\" was cancelled", out->record.vm_name);
}

static int step(Outgoing *out, LifeEvent event, Error *err) {
        (void)pthread_mutex_lock(&out->live->lock);
        int r = life_step(&out->state, event, err);
        (void)pthread_mutex_unlock(&out->live->lock);
        return r;
}

/* Ends the phase before and begins @name, for the receipt and for whoever watches. */
static void phase(Outgoing *out, unsigned index, const char *name, int percent) {
        uint64_t now = clock_us(CLOCK_MONOTONIC) - out->started_us;
        if (index > 0) {
                ReceiptPhase *before = &out->receipt.phases[index - 1];
                before->duration_us = now - before->started_us;
        }
        if (index < RECEIPT_PHASES) {
                out->receipt.phases[index] = (ReceiptPhase){ .name = name, .started_us = now };
                progress(out, name, percent);
        }
}

/* ---- in and out of the list -------------------------------------------------------------------- */

static int enter(Outgoing *out, Error *err) {
        Live *live = out->live;
        unsigned running = 0;
        size_t slot = LIVE_OUTGOING_MAX;

        (void)pthread_mutex_lock(&live->lock);
        for (size_t i = 0; i < LIVE_OUTGOING_MAX; i++) {
                running += live->outgoing[i] && !live->outgoing[i]->tail;
                if (!live->outgoing[i])
                        slot = i;
        }
        bool full = running >= live->config.moves.maximum || slot == LIVE_OUTGOING_MAX || live->stopping;
        if (!full)
                live->outgoing[slot] = out;
        (void)pthread_mutex_unlock(&live->lock);
        return full ? error_set(err, ERROR_LIMIT, 0,
                                "this host moves %u virtual machines already, which is its limit; wait, or raise "
                                "it with "
                                "Set-VMHost -MaximumVirtualMachineMigrations",
                                running)
                    : 0;
}

/* As many moves as there may be go out already: the next one would be refused. */
static void check_room(Live *live, Findings *findings) {
        unsigned running = 0, maximum;

        (void)pthread_mutex_lock(&live->lock);
        for (size_t i = 0; i < LIVE_OUTGOING_MAX; i++)
                running += live->outgoing[i] && !live->outgoing[i]->tail;
        maximum = live->config.moves.maximum;
        (void)pthread_mutex_unlock(&live->lock);
        if (running >= maximum)
                live_limit(running, maximum, "moves", findings);
}

/* ---- Compare ----------------------------------------------------------------------------------- */

/* The destination is reached and looks at its side while this thread looks at ours. */
typedef struct Elsewhere {
        Outgoing *out;
        pthread_t thread;
        int result;
        Error error;
} Elsewhere;

static void *connect_elsewhere(void *userdata) {
        Elsewhere *elsewhere = userdata;
        Channel *channel = NULL;
        elsewhere->result = live_connect_preferred(elsewhere->out->live, elsewhere->out->move->destination, &channel,
                                                   &elsewhere->error);
        (void)pthread_mutex_lock(&elsewhere->out->live->lock);
        elsewhere->out->channel = channel;
        (void)pthread_mutex_unlock(&elsewhere->out->live->lock);
        return NULL;
}

/* @keep: without findings of its own it keeps what it opened, for the move.  With findings of ours there will be none. */
static int ask_destination(Outgoing *out, bool keep, Findings *findings, Error *err) {
        auto_(live_unrefp) sd_json_variant *request = NULL, *reply = NULL;
        const ChannelPeer *peer = channel_peer(out->channel);

        (void)snprintf(out->record.peer, sizeof out->record.peer, "%s", peer->host);
        (void)snprintf(out->receipt.destination, sizeof out->receipt.destination, "%s", peer->host);
        (void)snprintf(out->receipt.channel_cipher, sizeof out->receipt.channel_cipher, "%s", peer->cipher);
        out->request.keep = keep;
        out->request.realtime_us = clock_us(CLOCK_REALTIME);
        if (compare_request_json(&out->request, &request, err) < 0 ||
            channel_call(out->channel, "compare", request, LIVE_CALL_US, &reply, err) < 0)
                return -1;
        return findings_append_json(findings, sd_json_variant_by_key(reply, "Findings"), err);
}

static bool names_us(const Machine *machine, const char *host) {
        size_t n = strcspn(machine->host, ".");
        return text_equal_nocase(host, machine->host) || text_equal_nocase(host, "localhost") ||
               (strlen(host) == n && text_starts_nocase(machine->host, host));
}

/* Somebody changes the machine at this moment. */
static void busy(const Outgoing *out, Findings *findings) {
        auto_free char *name = finding_quote(out->record.vm_name);
        bool moves = strstr(out->vm.claim, "moved") != NULL;
        Finding *f = finding_add(findings, FINDING_STATE, ERROR_CONFLICT,
                                 "The operation cannot be performed while the virtual machine is in its current state. "
                                 "\"%s\" is %s; wait until that ends%s", out->record.vm_name, out->vm.claim,
                                 moves ? ", or cancel it" : "");
        finding_because(f, NULL, "%s", out->vm.claim_status);
        if (moves && name)
                finding_remedy(f, NULL, "Stop-VMMigration %s", name);
}

static int compare(Outgoing *out, bool keep, Findings *findings, Error *err) {
        auto_(access_look_freep) AccessLook *files = NULL;
        auto_free Findings *there = calloc(1, sizeof *there);
        Elsewhere elsewhere = { .out = out };
        Machine machine;
        Directory *directory;
        LiveLook *look = NULL;

        if (!there)
                return error_oom(err);
        if (live_who(out->live, &machine, &directory, err) < 0)
                return -1;
        (void)snprintf(findings->host, sizeof findings->host, "%s", machine.host);
        if (names_us(&machine, out->move->destination)) {
                Finding *f = finding_add(findings, FINDING_SAME_HOST, ERROR_INVALID,
                                         "\"%s\" is on %s already; name another host as the destination",
                                         out->record.vm_name, machine.host);
                finding_because(f, NULL, "%s is this host", out->move->destination);
                return 0;
        }
        if (!keep && *out->vm.claim) {
                busy(out, findings);
                return 0;       /* the other host would say the same, in its way */
        }
        (void)snprintf(out->request.source, sizeof out->request.source, "%s", machine.host);
        (void)snprintf(out->request.token, sizeof out->request.token, "%s", out->record.token);
        out->request.keep = keep;
        out->request.running = out->vm.active;
        out->request.definition = out->vm.definition;
        live_check_way(out->live, NULL, findings);
        if (!keep)
                check_room(out->live, findings);

        if (access_look_begin(&out->vm.definition, machine.host, &files, err) < 0)
                return -1;
        if (pthread_create(&elsewhere.thread, NULL, connect_elsewhere, &elsewhere) != 0)
                return error_set(err, ERROR_LIMIT, 0, "there are no threads left for a move");
        if (!keep) {    /* a move does not ask: what of it matters meets it on its way */
                look = live_look_begin(out->live);
                compare_domain(&out->vm.definition, machine.domain, findings);
        }
        int r = compare_source(out->live->host, &out->vm, &out->request, findings, err);
        (void)pthread_join(elsewhere.thread, NULL);
        if (r == 0 && elsewhere.result == 0)    /* while our own servers may still be answering us */
                r = ask_destination(out, keep && !findings_block(findings), there, err);
        bool explained = live_look_end(look, findings);
        access_look_end(take_ptr(files), findings, keep ? &out->files : NULL);
        compare_identity_first(findings, machine.host);
        if (r < 0)
                return -1;
        if (elsewhere.result < 0) {
                if (!keep && (explained || live_explain(out->live, out->move->destination, &elsewhere.error, findings)))
                        return 0;
                *err = elsewhere.error;
                return -1;
        }
        if (out->request.keep && findings_block(findings) && !findings_block(there))
                live_abandon(out);
        findings_append(findings, there);
        return 0;
}

/* ---- Prepare … Confirm ------------------------------------------------------------------------- */

static int prepare(Outgoing *out, Error *err) {
        char path[MOVE_PATH_MAX];
        auto_free char *service = text_format("memory/%s", out->record.token);

        if (!service)
                return error_oom(err);
        out->record.next_epoch = out->request.next_epoch;
        if (move_record_store(&out->record, LIVE_QEMU_USER, err) < 0)
                return -1;
        for (; out->armed < out->record.disk_count; out->armed++)
                if (disk_arm(&out->disks[out->armed], out->record.token, err) < 0)
                        return -1;
        move_path(out->record.token, "libvirt.sock", path);
        if (channel_forward(out->channel, path, "libvirt", err) < 0)
                return -1;
        move_path(out->record.token, "qemu/memory.sock", path);
        if (channel_forward(out->channel, path, service, err) < 0)
                return -1;
        return cancelled(out) ? cancel_error(out, err) : 0;
}

/* libvirt says that it runs there, and our QEMU is gone: nothing can bring the machine back here.  The
 * destination asks for the disks as it starts; what it has not asked for yet is given now. */
static int hand_over(Outgoing *out, Error *err) {
        Live *live = out->live;
        uint64_t until_us;
        bool owned, lost;

        (void)pthread_mutex_lock(&live->lock);
        owned = out->owned;
        (void)pthread_mutex_unlock(&live->lock);
        if (owned)
                return 0;
        if (live_give_rest(out, err) < 0)
                return error_wrap(err,
                                  "\"%s\" runs on %s and waits for its disks, which this host could not give yet",
                                  out->record.vm_name, out->record.peer);
        (void)pthread_mutex_lock(&live->lock);
        until_us = clock_us(CLOCK_MONOTONIC) + OWNED_WAIT_US;
        while (!out->owned && !out->lost && live_wait(live, until_us))
                ;
        owned = out->owned;
        lost = out->lost;
        (void)pthread_mutex_unlock(&live->lock);
        if (!owned)
                return error_set(err, ERROR_UNREACHABLE, 0,
                                 "\"%s\" was moved to %s, its disks are given, but %s; look there with Get-VM",
                                 out->record.vm_name, out->record.peer,
                                 lost ? "the channel to it ended before it said that it has them"
                                      : "it has not said yet that it has them");
        return 0;
}

static void fill_receipt(Outgoing *out) {
        Receipt *receipt = &out->receipt;

        receipt->duration_us = clock_us(CLOCK_MONOTONIC) - out->started_us;
        (void)pthread_mutex_lock(&out->live->lock);
        receipt->has_downtime = out->stopped_us && out->asked_us > out->stopped_us;
        receipt->downtime_us = receipt->has_downtime ? out->asked_us - out->stopped_us : 0;
        receipt->downtime_method = receipt->has_downtime
                ? "source clock: guest stopped here until the destination's word that it runs there arrived"
                : "not measured";
        receipt->memory_bytes_total = out->figures.memory_total;
        receipt->memory_bytes_sent = out->figures.memory_sent;
        receipt->iterations = out->figures.iterations;
        receipt->disk_count = out->record.disk_count;
        for (unsigned i = 0; i < receipt->disk_count; i++) {
                ReceiptDisk *disk = &receipt->disks[i];
                const TakenDisk *taken = &out->taken[i];
                (void)snprintf(disk->path, sizeof disk->path, "%s", out->record.disks[i]);
                (void)memcpy(disk->file_id, out->request.disks[i].file_id, sizeof disk->file_id);
                (void)memcpy(disk->volume_id, out->request.disks[i].volume_id, sizeof disk->volume_id);
                disk->size_bytes = out->request.disks[i].size_bytes;
                disk->epoch_after = taken->epoch_after;
                disk->handover_us = taken->handover_us;
                /* what reached the file before the guest could write, and what libvirt copied itself */
                disk->bytes_moved = taken->bytes_written + (i == 0 ? out->figures.disk_processed : 0);
        }
        (void)pthread_mutex_unlock(&out->live->lock);
}

static int confirm(Outgoing *out, sd_json_variant **ret_receipt, Error *err) {
        Error why = { 0 };

        phase(out, 5, NULL, 100);
        fill_receipt(out);
        if (receipt_json(&out->receipt, ret_receipt, err) < 0)
                return -1;
        if (receipt_store(&out->receipt, out->files, out->vm.definition.folder, *ret_receipt, &why) < 0)
                live_say(out->live, true, &out->record, "the receipt was not written to the share: %s", why.text);
        return step(out, LIFE_ON_RELEASED, err);
}

/* The guest stood still before libvirt told us: the phase began then. */
static void switch_phase(Outgoing *out) {
        phase(out, 3, "Switch", 90);
        (void)pthread_mutex_lock(&out->live->lock);
        if (out->stopped_us > out->started_us) {
                ReceiptPhase *transfer = &out->receipt.phases[2], *now = &out->receipt.phases[3];
                now->started_us = out->stopped_us - out->started_us;
                transfer->duration_us = now->started_us - transfer->started_us;
        }
        (void)pthread_mutex_unlock(&out->live->lock);
}

/* From PREPARE on: everything that happens is undone here when it fails. */
static int carry_out(Outgoing *out, sd_json_variant **ret_receipt, Error *err) {
        Error ignored;

        phase(out, 1, "Prepare", 5);
        int r = prepare(out, err);
        if (r == 0)
                r = step(out, LIFE_ON_PREPARED, err);
        if (r == 0) {
                phase(out, 2, "Transfer", 10);
                r = live_transfer(out, err);
        }
        if (r < 0)
                live_undo(out, err);
        else {
                switch_phase(out);
                r = hand_over(out, err);
                (void)pthread_mutex_lock(&out->live->lock);     /* in one: nobody may see it being undone */
                (void)!life_step(&out->state, r < 0 ? LIFE_ON_ERROR : LIFE_ON_OWNED, &ignored);
                if (r < 0)
                        (void)!life_step(&out->state, LIFE_ON_SILENCE, &ignored);
                (void)pthread_mutex_unlock(&out->live->lock);
        }
        if (out->state == LIFE_CONFIRM) {
                phase(out, 4, "Confirm", 95);
                return confirm(out, ret_receipt, err);
        }
        if (out->state != LIFE_DOUBT)
                move_record_remove(out->record.token);
        if (r < 0 && out->state == LIFE_FAILED && out->vm.state == VM_RUNNING) {
                Error why = *err;
                return error_set(err, why.kind, why.cause, "%s; \"%s\" goes on running on %s", why.text,
                                 out->record.vm_name, out->receipt.source);
        }
        return r;
}

/* ---- a machine that is off ---------------------------------------------------------------------- */

static int move_cold(Outgoing *out, sd_json_variant **ret_receipt, Error *err) {
        auto_(live_unrefp) sd_json_variant *parameters = NULL;
        char path[DISK_UNC_MAX];

        phase(out, 1, "Prepare", 50);
        phase(out, 2, "Transfer", 50);
        phase(out, 3, "Switch", 50);
        if (definition_path(&out->vm.definition, path, sizeof path, err) < 0)
                return -1;
        if (sd_json_buildo(&parameters, SD_JSON_BUILD_PAIR_STRING("File", path)) < 0)
                return error_oom(err);
        if (channel_call(out->channel, "adopt", parameters, LIVE_CALL_US, NULL, err) < 0)
                return -1;
        phase(out, 4, "Confirm", 90);
        if (vmhost_undefine(out->live->host, out->record.vm_id, err) < 0)
                return error_wrap(err, "%s has \"%s\" now, but this host could not forget it", out->record.peer,
                                  out->record.vm_name);
        phase(out, 5, NULL, 100);
        out->receipt.migration_type = "Offline";
        out->receipt.downtime_method = "the virtual machine was off";
        out->receipt.duration_us = clock_us(CLOCK_MONOTONIC) - out->started_us;
        return receipt_json(&out->receipt, ret_receipt, err);
}

/* ---- the whole --------------------------------------------------------------------------------- */

static int identify(Outgoing *out, Error *err) {
        if (vmhost_find(out->live->host, out->move->vm, &out->vm, err) < 0 ||
            definition_files(&out->vm.definition, out->disks, &out->file_count, err) < 0)
                return -1;
        const VmDefinition *d = &out->vm.definition;
        MoveRecord *record = &out->record;
        record->outgoing = true;
        record->disk_count = d->disk_count;
        (void)snprintf(record->token, sizeof record->token, "%s", out->move->token);
        (void)snprintf(record->vm_name, sizeof record->vm_name, "%s", d->name);
        (void)snprintf(record->vm_id, sizeof record->vm_id, "%s", d->id);
        (void)snprintf(record->folder, sizeof record->folder, "%s", d->folder);
        for (unsigned i = 0; i < d->disk_count; i++)
                (void)snprintf(record->disks[i], sizeof record->disks[i], "%s", d->disks[i]);
        (void)snprintf(out->receipt.token, sizeof out->receipt.token, "%s", record->token);
        (void)snprintf(out->receipt.vm_name, sizeof out->receipt.vm_name, "%s", d->name);
        (void)snprintf(out->receipt.vm_id, sizeof out->receipt.vm_id, "%s", d->id);
        vmhost_name(out->live->host, out->receipt.source);
        return 0;
}

static bool same_files(const Outgoing *out) {
        auto_free DiskName *now = calloc(VM_FILES_MAX, sizeof *now);
        unsigned count = 0;
        Error ignored;

        if (!now || definition_files(&out->vm.definition, now, &count, &ignored) < 0 || count != out->file_count)
                return false;
        for (unsigned i = 0; i < count; i++)
                if (strcmp(now[i].id, out->disks[i].id) != 0)
                        return false;
        return true;
}

static int move_claimed(Outgoing *out, sd_json_variant **ret_receipt, Findings *findings, Error *err) {
        Error ignored;

        /* its state may have changed before the claim, and its disks, too */
        if (vmhost_find(out->live->host, out->record.vm_id, &out->vm, err) < 0)
                return -1;
        if (!same_files(out))
                return error_set(err, ERROR_CONFLICT, 0, "the drives of \"%s\" were changed a moment ago; try again",
                                 out->record.vm_name);
        phase(out, 0, "Compare", 1);
        int r = compare(out, true, findings, err);
        if (r == 0 && findings_block(findings))
                r = findings_error(findings, err);
        if (r == 0 && cancelled(out))
                r = cancel_error(out, err);
        if (r == 0)
                r = step(out, LIFE_ON_COMPATIBLE, err);
        if (r < 0) {
                (void)!step(out, LIFE_ON_ERROR, &ignored);
                return error_wrap(err,
                                  "Virtual machine migration operation for '%s' failed at migration source '%s'",
                                  out->record.vm_name, out->receipt.source);
        }
        for (unsigned i = 0; i < out->record.disk_count; i++)
                out->receipt.disks[i].epoch_before = out->request.next_epoch - 1;
        return out->vm.active ? carry_out(out, ret_receipt, err) : move_cold(out, ret_receipt, err);
}

static Outgoing *outgoing_new(Live *live, const LiveMove *move) {
        Outgoing *out = calloc(1, sizeof *out);
        if (!out)
                return NULL;
        out->live = live;
        out->move = move;
        out->started_us = clock_us(CLOCK_MONOTONIC);
        out->receipt.started_realtime_us = clock_us(CLOCK_REALTIME);
        out->receipt.migration_type = "Live";
        out->receipt.result = "Completed";
        return out;
}

int live_move(Live *live, const LiveMove *move, sd_json_variant **ret_receipt, Findings *ret_findings, Error *err) {
        auto_(live_outgoing_freep) Outgoing *out = outgoing_new(live, move);
        auto_free Findings *findings = calloc(1, sizeof *findings);

        if (!out || !findings)
                return error_oom(err);
        if (move_token_check(move->token, err) < 0 || identify(out, err) < 0)
                return -1;
        live_tail_wait(live, out->record.vm_id, LIVE_TAIL_US);
        if (vmhost_claim(live->host, VM_CLAIM_MOVE_OUT, out->record.vm_id, out->record.vm_name, out->disks,
                         out->file_count, err) < 0)
                return -1;
        int r = enter(out, err);
        if (r == 0)
                r = move_claimed(out, ret_receipt, findings, err);
        if (ret_findings)
                *ret_findings = *findings;
        if (out->state == LIFE_DONE && out->vm.active) {
                live_tail(take_ptr(out));
                return r;
        }
        bool doubt = out->state == LIFE_DOUBT;
        live_outgoing_leave(out);
        vmhost_unclaim(live->host, out->record.vm_id);
        if (doubt)
                live_settle_soon(live);
        return r;
}

int live_compare(Live *live, const char *vm, const char *destination, Findings *ret, Error *err) {
        LiveMove move = { .vm = vm, .destination = destination };
        auto_(live_outgoing_freep) Outgoing *out = outgoing_new(live, &move);
        char token[UUID_TEXT_SIZE];

        if (!out)
                return error_oom(err);
        if (text_uuid(token, err) < 0)
                return -1;
        move.token = token;
        if (identify(out, err) < 0)
                return -1;
        *ret = (Findings){ .count = 0 };
        return compare(out, false, ret, err);
}
