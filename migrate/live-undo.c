#include <libvirt/virterror.h>

#include "migrate/libvirt-error.h"
#include "migrate/live-internal.h"

/* What the destination says: its machine is gone and never wrote (*ret_owned false), or it owns the disks. */
static int ask(Outgoing *out, bool *ret_owned, Error *err) {
        auto_(live_unrefp) sd_json_variant *parameters = NULL, *reply = NULL;

        if (live_token_json(&out->record, &parameters, err) < 0)
                return -1;
        if (channel_call(out->channel, "abandon", parameters, LIVE_ABANDON_US, &reply, err) < 0) {
                /* the channel itself may be what failed: once more over a new one */
                Channel *fresh = NULL;
                if (live_connect(out->live, out->record.peer, &fresh, err) < 0)
                        return -1;
                int r = channel_call(fresh, "abandon", parameters, LIVE_ABANDON_US, &reply, err);
                channel_free(fresh);
                if (r < 0)
                        return -1;
        }
        *ret_owned = live_boolean(reply, "Owned");
        return 0;
}

void live_abandon(Outgoing *out) {
        Error ignored;
        bool owned;
        (void)!ask(out, &owned, &ignored);
}

/* libvirt lets the guest run again after a failed migration; a failure in between leaves it paused. */
static int run_here(Outgoing *out, Error *err) {
        auto_(live_domain_freep) virDomainPtr domain = NULL;
        int state = 0, reason = 0;

        if (vmhost_domain(out->live->host, out->record.vm_id, &domain, err) < 0)
                return -1;
        if (virDomainGetState(domain, &state, &reason, 0) < 0)
                return libvirt_error(err, "the state of \"%s\" is unknown", out->record.vm_name);
        if (state == VIR_DOMAIN_RUNNING)
                return 0;
        if (state != VIR_DOMAIN_PAUSED)
                return error_set(err, ERROR_CONFLICT, 0, "\"%s\" is off on this host", out->record.vm_name);
        if (virDomainResume(domain) < 0)
                return libvirt_error(err, "\"%s\" is paused here and cannot be resumed", out->record.vm_name);
        return 0;
}

static void step(Outgoing *out, LifeEvent event) {
        Error ignored;
        (void)pthread_mutex_lock(&out->live->lock);
        (void)!life_step(&out->state, event, &ignored);
        (void)pthread_mutex_unlock(&out->live->lock);
}

/* Nothing was given: the write handles never left us, so nobody else can have written. */
static void undo_armed(Outgoing *out, Error *err) {
        Error why = { 0 };

        for (unsigned i = 0; i < out->armed; i++)
                if (disk_disarm(&out->disks[i], out->record.token, &why) < 0)
                        live_say(out->live, true, &out->record, "%s: %s", out->disks[i].unc, why.text);
        if (out->armed && run_here(out, &why) < 0)
                (void)error_wrap(err, "%s", why.text);
        if (!out->lost)
                live_abandon(out);
        step(out, LIFE_ON_UNDONE);
}

static int take_back(Outgoing *out, Error *err) {
        for (unsigned i = 0; i < out->record.disk_count; i++) {
                DiskStatus status = { 0 };
                if (disk_status(&out->disks[i], &status, err) < 0)
                        return -1;
                if (status.state == DISK_GIVEN) {
                        if (disk_take_back(&out->disks[i], out->record.token, out->record.next_epoch + 1, err) < 0)
                                return -1;
                } else if (disk_disarm(&out->disks[i], out->record.token, err) < 0)
                        return -1;
        }
        return run_here(out, err);
}

/* At least one disk left us.  Only the destination's statement brings it back (design §5, rule B). */
static void undo_given(Outgoing *out, Error *err) {
        auto_(live_domain_freep) virDomainPtr domain = NULL;
        Error why = { 0 };
        bool owned = false;

        if (vmhost_domain(out->live->host, out->record.vm_id, &domain, &why) == 0)
                (void)virDomainSuspend(domain); /* libvirt may have let it run; its writes would only fail */
        if (ask(out, &owned, &why) < 0) {
                step(out, LIFE_ON_SILENCE);
                (void)error_set(
                        err, ERROR_UNREACHABLE, 0,
                        "\"%s\" is paused on this host: its disks were handed to %s, which does not answer (%s); "
                        "it goes on by itself as soon as %s answers",
                        out->record.vm_name, out->record.peer, why.text, out->record.peer);
        } else if (owned) {
                step(out, LIFE_ON_OWNED);
        } else if (take_back(out, &why) < 0) {
                step(out, LIFE_ON_UNDONE);
                (void)error_set(err, why.kind, why.cause,
                                "\"%s\" is paused on this host, its disks were not taken back: "
                                "%s",
                                out->record.vm_name, why.text);
        } else
                step(out, LIFE_ON_UNDONE);
}

void live_undo(Outgoing *out, Error *err) {
        Live *live = out->live;
        LifeEvent event = err->kind == ERROR_CANCELLED ? LIFE_ON_CANCEL : LIFE_ON_ERROR;
        Error ignored;

        (void)pthread_mutex_lock(&live->lock);
        while (out->giving)
                (void)pthread_cond_wait(&live->changed, &live->lock);
        if (life_step(&out->state, event, &ignored) < 0)
                (void)!life_step(&out->state, LIFE_ON_ERROR, &ignored);
        bool given = out->given > 0;
        bool nothing = out->state == LIFE_FAILED;
        (void)pthread_mutex_unlock(&live->lock);
        if (nothing)
                return;
        if (given)
                undo_given(out, err);
        else
                undo_armed(out, err);
}
