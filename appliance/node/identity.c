/* The machine account's tickets: loaded at start, renewed at half of their life, tried again soon when it fails. */
#include "appliance/node/node-internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/log.h"
#include "appliance/node/moves.h"
#include "auth/join.h"
#include "auth/rotate.h"

enum {
        RETRY_S = 30,
        RENEW_LEAST_S = 30,             /* whatever a KDC says */
        RENEW_MOST_S = 4 * 3600,
};

typedef struct Attempt {
        Node *node;
        uint64_t again_us;              /* realtime; 0: not joined, nothing to renew */
        void (*first)(void *userdata);
        void *userdata;
} Attempt;

/* Logs a failure once, and its end. */
static void report(Node *node, const Machine *machine, const Error *failure) {
        LogField fields[] = { { "PRINCIPAL", machine ? machine->principal : NULL },
                              { "ERROR_KIND", failure ? error_kind_name(failure->kind) : NULL }, { NULL, NULL } };
        char was[ERROR_TEXT_MAX];

        (void)pthread_mutex_lock(&node->lock);
        memcpy(was, node->complained, sizeof was);
        memcpy(node->complained, failure ? failure->text : "", failure ? strlen(failure->text) + 1 : 1);
        (void)pthread_mutex_unlock(&node->lock);
        LogField *from = machine ? fields : fields + 1;
        if (failure && strcmp(was, failure->text) != 0)
                log_write(LOG_WARNING, LOG_ID_IDENTITY, from, "%s; trying again every %d seconds", failure->text,
                          RETRY_S);
        else if (!failure && *was)
                log_write(LOG_NOTICE, LOG_ID_IDENTITY, from, "this host can prove its identity again");
}

static int open_directory(Node *node, const Machine *machine, bool changed, Error *err) {
        Directory *directory = NULL;

        (void)pthread_mutex_lock(&node->lock);
        bool have = node->directory_count > 0 && !changed, full = node->directory_count == DIRECTORIES_MAX;
        (void)pthread_mutex_unlock(&node->lock);
        if (have)
                return 0;
        if (full)
                return error_set(err, ERROR_LIMIT, 0, "this host changed its domain too often; restart holdfastd");
        if (directory_new(machine, &directory, err) < 0)
                return -1;
        (void)pthread_mutex_lock(&node->lock);
        node->directories[node->directory_count++] = directory;
        (void)pthread_mutex_unlock(&node->lock);
        return 0;
}

/* Only on the identity thread.  0 also when this host is not joined. */
static int refresh(Node *node, uint64_t *ret_again_us, Error *err) {
        Machine machine = { 0 };
        Error why = { 0 };

        *ret_again_us = 0;
        bool joined = machine_load(&machine, &why) == 0;
        if (joined && rotate_settle(&machine, &why) < 0)
                report(node, &machine, &why);
        (void)pthread_mutex_lock(&node->lock);
        bool changed = joined && (!node->joined || strcmp(node->machine.principal, machine.principal) != 0);
        node->joined = joined;
        node->machine = machine;
        node->why_not = why;
        node->serving = node->serving && joined && !changed;
        (void)pthread_mutex_unlock(&node->lock);
        if (changed) {
                vmhost_set_name(node->vms, machine.host);
                tickets_forget(node);
        }
        if (!joined)
                tickets_forget(node);
        if (!joined && why.kind == ERROR_NOT_FOUND)
                return 0;               /* no member of a domain: a normal state */

        *ret_again_us = clock_us(CLOCK_REALTIME) + RETRY_S * 1000000ULL;
        if (!joined) {
                *err = why;
                report(node, NULL, err);
                return -1;
        }
        uint64_t renew_us = 0;
        /* Serving comes first: a host without tickets still tells those who come why it cannot let them in. */
        if (open_directory(node, &machine, changed, err) < 0 || moves_serve(node, &machine, err) < 0 ||
            machine_refresh(&machine, &renew_us, err) < 0) {
                report(node, &machine, err);
                return -1;
        }
        report(node, &machine, NULL);
        uint64_t now = clock_us(CLOCK_REALTIME);
        uint64_t least = now + RENEW_LEAST_S * 1000000ULL, most = now + RENEW_MOST_S * 1000000ULL;
        *ret_again_us = renew_us < least ? least : renew_us > most ? most : renew_us;
        return 0;
}

/* ---- a new password, on the identity thread --------------------------------------------------------- */

static int rotate(Node *node, const char *server, Error *err) {
        Machine machine;

        if (node_machine(node, &machine, err) < 0)
                return -1;
        const LogField fields[] = { { "PRINCIPAL", machine.principal }, { NULL, NULL } };
        if (rotate_password(&machine, server, err) < 0) {
                log_write(LOG_WARNING, LOG_ID_IDENTITY, fields, "%s", err->text);
                return -1;
        }
        log_write(LOG_NOTICE, LOG_ID_IDENTITY, fields, "the password of %s is new; the key before it stays in %s",
                  machine.account, machine.keytab);
        return 0;
}

/* By itself, when the key is old enough; a failure is tried again the next day. */
static void rotate_if_due(Node *node) {
        uint64_t age_s = (uint64_t)node->config.password_days * 24 * 3600, now = clock_us(CLOCK_REALTIME) / 1000000;
        struct timespec boot;
        Error err = { 0 };

        (void)clock_gettime(CLOCK_BOOTTIME, &boot);
        uint64_t boot_us = (uint64_t)boot.tv_sec * 1000000;
        if (age_s == 0 || !node->joined || now < (uint64_t)node->machine.key_s + age_s ||
            boot_us < node->rotate_after_us)
                return;
        node->rotate_after_us = boot_us + 24 * 3600 * 1000000ULL;
        (void)!rotate(node, NULL, &err);        /* it has said why */
}

static void attempt_work(void *userdata) {
        Attempt *attempt = userdata;
        Error err = { 0 };
        if (refresh(attempt->node, &attempt->again_us, &err) == 0)      /* report() said it */
                rotate_if_due(attempt->node);
}

static int on_renewal(sd_event_source *source, uint64_t usec, void *userdata);

static void attempt_done(void *userdata) {
        auto_free Attempt *attempt = userdata;
        Node *node = attempt->node;

        if (attempt->again_us > 0) {
                /* The clock may have been set forward meanwhile: then it is due already. */
                uint64_t now = 0, real = clock_us(CLOCK_REALTIME), wait = attempt->again_us > real ? attempt->again_us - real : 0;
                (void)sd_event_source_set_enabled(node->renewal, SD_EVENT_ONESHOT);
                (void)sd_event_now(node->event, CLOCK_BOOTTIME, &now);
                (void)sd_event_source_set_time(node->renewal, now + wait);
                tickets_first(node);
        }
        if (attempt->first)
                attempt->first(attempt->userdata);
}

static int try_now(Node *node, void (*first)(void *userdata), void *userdata, Error *err) {
        Attempt *attempt = calloc(1, sizeof *attempt);
        if (!attempt)
                return error_oom(err);
        *attempt = (Attempt){ .node = node, .first = first, .userdata = userdata };
        if (pool_run(node->identity_pool, attempt_work, attempt_done, attempt, err) < 0) {
                free(attempt);
                return -1;
        }
        return 0;
}

static int on_renewal(sd_event_source *source, uint64_t usec, void *userdata) {
        Error err = { 0 };
        if (try_now(userdata, NULL, NULL, &err) < 0)
                log_write(LOG_WARNING, LOG_ID_IDENTITY, NULL, "cannot renew this host's tickets: %s", err.text);
        return 0;
}

int identity_start(Node *node, void (*first)(void *userdata), void *userdata, Error *err) {
        int r = sd_event_add_time(node->event, &node->renewal, CLOCK_BOOTTIME, 0, 1000000, on_renewal, node);
        if (r >= 0)
                r = sd_event_source_set_enabled(node->renewal, SD_EVENT_OFF);
        if (r < 0)
                return error_set(err, ERROR_INTERNAL, -r, "cannot make the timer for tickets");
        const char *left = join_recover();      /* before the keytab is read */
        if (left)
                log_write(LOG_WARNING, LOG_ID_IDENTITY, NULL, "%s", left);
        if (tickets_start(node, err) < 0)
                return -1;
        return try_now(node, first, userdata, err);
}

/* ---- for others ---------------------------------------------------------------------------------- */

typedef struct Call {
        void (*work)(void *userdata);
        void *userdata;
        pthread_mutex_t lock;
        pthread_cond_t wake;
        bool done;
} Call;

static void call_work(void *userdata) {
        Call *call = userdata;

        call->work(call->userdata);
        (void)pthread_mutex_lock(&call->lock);
        call->done = true;
        (void)pthread_cond_signal(&call->wake);
        (void)pthread_mutex_unlock(&call->lock);
}

int identity_call(Node *node, void (*work)(void *userdata), void *userdata, Error *err) {
        Call call = { .work = work, .userdata = userdata, .lock = PTHREAD_MUTEX_INITIALIZER,
                      .wake = PTHREAD_COND_INITIALIZER };

        if (pool_run(node->identity_pool, call_work, NULL, &call, err) < 0)
                return -1;
        (void)pthread_mutex_lock(&call.lock);
        while (!call.done)
                (void)pthread_cond_wait(&call.wake, &call.lock);
        (void)pthread_mutex_unlock(&call.lock);
        return 0;
}

typedef struct Change {
        Node *node;
        int result;
        Error err;
} Change;

static void change_work(void *userdata) {
        Change *change = userdata;
        uint64_t again_us = 0;
        change->result = refresh(change->node, &again_us, &change->err);
}

int node_identity_changed(Node *node, Error *err) {
        Change change = { .node = node };

        if (identity_call(node, change_work, &change, err) < 0)
                return -1;
        if (change.result < 0) {
                *err = change.err;
                return -1;
        }
        /* Once more through the timer's way, which also plans the next renewal. */
        return try_now(node, NULL, NULL, err);
}

/* ---- Reset-ComputerMachinePassword ---------------------------------------------------------------- */

typedef struct Rotate {
        Node *node;
        const char *server;
        int result;
        Error err;
} Rotate;

static void rotate_work(void *userdata) {
        Rotate *r = userdata;
        r->result = rotate(r->node, r->server, &r->err);
}

int node_rotate(Node *node, const char *server, Error *err) {
        Rotate r = { .node = node, .server = server };

        if (identity_call(node, rotate_work, &r, err) < 0)
                return -1;
        if (r.result < 0) {
                *err = r.err;
                return -1;
        }
        return try_now(node, NULL, NULL, err);  /* the age of the key is known anew */
}
