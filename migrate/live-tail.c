#include <string.h>

#include "appliance/base/clock.h"
#include "migrate/live-internal.h"

void live_outgoing_leave(Outgoing *out) {
        Live *live = out->live;

        (void)pthread_mutex_lock(&live->lock);
        while (out->giving)
                (void)pthread_cond_wait(&live->changed, &live->lock);
        for (size_t i = 0; i < LIVE_OUTGOING_MAX; i++)
                if (live->outgoing[i] == out)
                        live->outgoing[i] = NULL;
        (void)pthread_cond_broadcast(&live->changed);
        (void)pthread_mutex_unlock(&live->lock);
}

void live_outgoing_free(Outgoing *out) {
        if (!out)
                return;
        channel_free(out->channel);
        files_link_end(out->files);
        if (out->domain)
                (void)virDomainFree(out->domain);
        free(out);
}

/* The destination owns everything: whatever libvirt says now, the machine is not here any more. */
static void clear(Outgoing *out) {
        Error why = { 0 };

        if (live_transfer_join(out, &why) < 0 && live_remove_domain(out->live, out->record.vm_id, &why) < 0)
                live_say(out->live, true, &out->record,
                         "\"%s\" runs on %s, but its paused remains are still here: %s", out->record.vm_name,
                         out->record.peer, why.text);
        for (unsigned i = 0; i < out->file_count; i++)
                if (disk_stop(&out->disks[i], &why) < 0)
                        live_say(out->live, true, &out->record, "the disk process of %s was not stopped: %s",
                                 out->disks[i].unc, why.text);
        move_record_remove(out->record.token);
        vmhost_unclaim(out->live->host, out->record.vm_id);
}

static void *tail_run(void *userdata) {
        Outgoing *out = userdata;

        clear(out);
        Channel *channel = out->channel;
        (void)pthread_mutex_lock(&out->live->lock);
        out->channel = NULL;
        (void)pthread_mutex_unlock(&out->live->lock);
        channel_free(channel);
        live_outgoing_leave(out);       /* the Live may be gone from here on */
        live_outgoing_free(out);
        return NULL;
}

void live_tail(Outgoing *out) {
        pthread_t thread;

        (void)pthread_mutex_lock(&out->live->lock);
        out->tail = true;
        out->move = NULL;               /* the caller's; gone when it returns */
        (void)pthread_mutex_unlock(&out->live->lock);
        if (pthread_create(&thread, NULL, tail_run, out) == 0)
                (void)pthread_detach(thread);
        else
                (void)tail_run(out);
}

void live_tail_wait(Live *live, const char *vm_id, uint64_t at_most_us) {
        uint64_t until_us = clock_us(CLOCK_MONOTONIC) + at_most_us;
        bool found;

        (void)pthread_mutex_lock(&live->lock);
        do {
                found = false;
                for (size_t i = 0; i < LIVE_OUTGOING_MAX; i++)
                        found |= live->outgoing[i] && live->outgoing[i]->tail &&
                                 (!vm_id || strcmp(live->outgoing[i]->record.vm_id, vm_id) == 0);
        } while (found && live_wait(live, until_us));
        (void)pthread_mutex_unlock(&live->lock);
}
