/* Tickets that are older than this host's groups: a file server sees the groups of the ticket, not those of the directory. */
#include "appliance/node/node-internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/log.h"
#include "appliance/node/upkeep.h"

enum {
        LOOK_S = 20,                    /* one question to the directory */
        UPKEEP_LOOKS = 3,               /* once in so many looks */
        REFUSED_AGAIN_S = 1,            /* refusals lead to a fresh ticket no more often */
};

static int by_bytes(const void *a, const void *b) {
        const DirectorySid *x = a, *y = b;
        return x->size != y->size ? (x->size < y->size ? -1 : 1) : memcmp(x->bytes, y->bytes, x->size);
}

bool tickets_same_groups(DirectorySid *a, size_t a_count, DirectorySid *b, size_t b_count) {
        if (a_count != b_count)
                return false;
        qsort(a, a_count, sizeof *a, by_bytes);
        qsort(b, b_count, sizeof *b, by_bytes);
        for (size_t i = 0; i < a_count; i++)
                if (by_bytes(&a[i], &b[i]) != 0)
                        return false;
        return true;
}

void tickets_forget(Node *node) {
        free(take_ptr(node->groups));
        node->group_count = 0;
        upkeep_forget(node);
}

/* ---- looking, on the identity thread ------------------------------------------------------------------- */

static bool renew(Node *node, const Machine *machine) {
        uint64_t ignored_us;
        Error err = { 0 };

        if (machine_refresh(machine, &ignored_us, &err) < 0)    /* its own timer tries again and complains */
                return false;
        node->renewed_us = clock_us(CLOCK_BOOTTIME);
        return true;
}

static void look(void *userdata) {
        Node *node = userdata;
        Directory *directory = NULL;
        Machine machine;
        DirectorySid *groups = NULL;
        size_t count = 0;
        Error err = { 0 };

        if (node_machine(node, &machine, &err) < 0 || node_directory(node, &directory, &err) < 0 ||
            directory_groups(directory, machine.account, true, &groups, &count, &err) < 0)
                return;
        bool first = !node->groups;
        bool moved = first || !tickets_same_groups(node->groups, node->group_count, groups, count);
        free(node->groups);
        node->groups = groups;
        node->group_count = count;
        /* at first: the tickets are a little older than this look.  Afterwards: the KDC may lag behind the directory. */
        bool renewed = (moved || node->groups_moved) && renew(node, &machine);
        node->groups_moved = moved;
        if (!moved || first)
                return;
        directory_forget(directory);
        const LogField fields[] = { { "PRINCIPAL", machine.principal }, { NULL, NULL } };
        log_write(LOG_NOTICE, LOG_ID_IDENTITY, fields, "the groups of this host in the domain have changed%s",
                  renewed ? "; it has fresh tickets" : "");
}

static void look_again(void *userdata) {
        Node *node = userdata;
        look(node);
        if (node->looks++ % UPKEEP_LOOKS == 0)
                upkeep_look(node);
}

static void look_first(void *userdata) {
        Node *node = userdata;
        if (node->groups)
                return;
        look(node);
        upkeep_look(node);
}

void tickets_first(Node *node) {
        Error ignored = { 0 };
        (void)!pool_run(node->identity_pool, look_first, NULL, node, &ignored);
}

static int on_look(sd_event_source *source, uint64_t usec, void *userdata) {
        Node *node = userdata;
        Error ignored = { 0 };

        (void)!pool_run(node->identity_pool, look_again, NULL, node, &ignored); /* busy: the next one will do */
        return tickets_start(node, &ignored);
}

int tickets_start(Node *node, Error *err) {
        int r = 0;

        if (!node->looking)
                r = sd_event_add_time_relative(node->event, &node->looking, CLOCK_BOOTTIME, LOOK_S * 1000000ULL, 1000000,
                                               on_look, node);
        else
                r = sd_event_source_set_time_relative(node->looking, LOOK_S * 1000000ULL);
        if (r >= 0)
                r = sd_event_source_set_enabled(node->looking, SD_EVENT_ONESHOT);
        return r < 0 ? error_set(err, ERROR_INTERNAL, -r, "cannot make the timer for groups") : 0;
}

/* ---- refused ------------------------------------------------------------------------------------------- */

typedef struct Refusal {
        Node *node;
        bool renewed;
} Refusal;

static void refused(void *userdata) {
        Refusal *refusal = userdata;
        Node *node = refusal->node;
        Machine machine;
        Error err = { 0 };

        if (clock_us(CLOCK_BOOTTIME) - node->renewed_us < REFUSED_AGAIN_S * 1000000ULL || node_machine(node, &machine, &err) < 0)
                return;
        refusal->renewed = renew(node, &machine);
        node->groups_moved = true;      /* this ticket's groups are not those of the last look: the next one renews again */
}

bool node_denied(Node *node, Error *err) {
        Refusal refusal = { .node = node };
        Error ignored = { 0 };

        if (err->kind != ERROR_DENIED || identity_call(node, refused, &refusal, &ignored) < 0 || !refusal.renewed)
                return false;
        *err = (Error){ 0 };
        return true;
}
