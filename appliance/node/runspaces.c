#include "appliance/node/runspaces.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"

enum { OWNER_SIZE = 256 };

struct Runspace {
        Runspace *next;
        char id[RUNSPACE_ID_MAX + 1], owner[OWNER_SIZE];
        unsigned holders;
        Runspaces *all;
        sd_event_source *lingers;       /* or NULL: somebody holds it */
        Background *jobs;
};

static Runspace *find(const Runspaces *runspaces, const char *id) {
        Runspace *r = runspaces->first;
        while (r && strcmp(r->id, id) != 0)
                r = r->next;
        return r;
}

static int make(Runspaces *runspaces, const char *id, const char *owner, Runspace **ret, Error *err) {
        auto_free Runspace *r = calloc(1, sizeof *r);

        if (!r)
                return error_oom(err);
        (void)snprintf(r->id, sizeof r->id, "%s", id);
        (void)snprintf(r->owner, sizeof r->owner, "%s", owner);
        if (background_new(runspaces->all, &r->jobs, err) < 0)
                return -1;
        r->all = runspaces;
        r->next = runspaces->first;
        *ret = runspaces->first = take_ptr(r);
        return 0;
}

int runspaces_hold(Runspaces *runspaces, const char *id, const char *owner, Runspace **ret, Error *err) {
        Runspace *r = find(runspaces, id);
        size_t size = strlen(id);

        if (!r && !owner)
                return error_set(err, ERROR_NOT_FOUND, 0, "there is no such runspace");
        if (r && !owner)
                owner = r->owner;
        if (size < RUNSPACE_ID_MIN || size > RUNSPACE_ID_MAX || strlen(owner) >= OWNER_SIZE)
                return error_set(err, ERROR_INVALID, 0, "a runspace wants an id of %d to %d characters", RUNSPACE_ID_MIN,
                                 RUNSPACE_ID_MAX);
        if (r && strcmp(r->owner, owner) != 0)
                return error_set(err, ERROR_DENIED, 0, "this runspace is another account's");
        if (!r && make(runspaces, id, owner, &r, err) < 0)
                return -1;
        r->holders++;
        r->lingers = sd_event_source_disable_unref(r->lingers);
        *ret = r;
        return 0;
}

static void end(Runspaces *runspaces, Runspace *r) {
        Runspace **at = &runspaces->first;

        while (*at != r)
                at = &(*at)->next;
        *at = r->next;
        (void)sd_event_source_disable_unref(r->lingers);
        (void)background_close(r->jobs);
        background_unref(r->jobs);
        free(r);
}

void runspaces_leave(Runspaces *runspaces, Runspace *r) {
        if (r && --r->holders == 0)
                end(runspaces, r);
}

static int on_time(sd_event_source *source, uint64_t now, void *userdata) {
        Runspace *r = userdata;
        end(r->all, r);
        return 0;
}

void runspaces_linger(Runspaces *runspaces, Runspace *r) {
        if (!r || --r->holders > 0)
                return;
        if (!background_any(r->jobs) ||
            sd_event_add_time_relative(runspaces->event, &r->lingers, CLOCK_MONOTONIC, RUNSPACE_LINGER_MS * UINT64_C(1000), 0,
                                       on_time, r) < 0)
                end(runspaces, r);
}

void runspaces_end(Runspaces *runspaces) {
        Runspace *next;
        for (Runspace *r = runspaces->first; r; r = next) {
                next = r->next;
                if (r->holders == 0)
                        end(runspaces, r);
        }
}

Background *runspace_jobs(const Runspace *runspace) { return runspace->jobs; }
