/* run.h — one Run call: a batch on a pool thread, its records on the caller's connection
 *
 * A pool thread produces, the loop sends.  A caller who reads slowly blocks the pool thread after
 * RUN_UNSENT_MAX records; a caller who goes away cancels.
 */
#pragma once

#include <stdbool.h>
#include <systemd/sd-varlink.h>

#include "appliance/command/batch.h"
#include "appliance/node/background.h"
#include "appliance/node/node-internal.h"
#include "appliance/node/vouch.h"

enum {
        RUN_UNSENT_MAX = 64,
        RUN_SECRETS_MAX = 16,
        RUN_SESSION_SIZE = 80,
        RUN_QUESTION_SIZE = 33,         /* hexadecimal, with the NUL */
        RUN_ANSWER_S = 600,             /* a question that nobody answers holds a thread no longer */
};

typedef struct Run Run;

/* On the loop's thread, once, when the run has ended and the last reply is sent. */
typedef void (*RunEnded)(void *userdata, Run *run);

typedef struct RunRequest {
        Node *node;
        sd_varlink *link;               /* a reference is taken */
        const char *text;
        sd_json_variant *variables;     /* object, or NULL: of the text */
        sd_json_variant *input;         /* array, or NULL: piped into the first command */
        sd_json_variant *secrets;       /* object of strings, or NULL; copied to memory that is erased */
        const char *caller;
        const char *session;            /* the handle he signed in under, or NULL */
        uint64_t ends_us;               /* of the sign-in, CLOCK_BOOTTIME; 0: never */
        const char *sid;                /* of an account of the domain, or NULL */
        const char *origin;             /* the address of a remote caller, or NULL */
        const VouchClaim *claim;        /* another host brings it: caller, sid and role are still to be judged; or NULL */
        const char *host;               /* that host: HV1 */
        uint32_t uid;                   /* a person of the domain, as people.h knows him: caller, sid and role are still to be
                                         * judged; 0: not */
        Role role;
        unsigned width;
        bool interactive;               /* the caller can be asked: STREAM_PROMPT, and then run_answer() */
        Background *jobs;               /* of the caller's runspace, a reference is taken; NULL: the text is a session of
                                         * its own, and its jobs end with it */
        RunEnded ended;
        void *userdata;
} RunRequest;

int run_start(const RunRequest *request, Run **ret, Error *err) FAILS;
/* The caller is gone, or holdfastd stops: no more replies, and the handlers learn it. */
void run_cancel(Run *run);
/* That sign-in is over: a run of it that still waits for a thread will not begin. */
void run_sign_out(Run *run, const char *session);
/* The caller's answer to the question of that id; false when this run does not ask it (any more). */
bool run_answer(Run *run, const char *id, BatchAnswer answer);
/* Lets the pool thread go on when the caller has read what was sent. */
void run_breathe(Run *run);
