#include "appliance/node/run.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <time.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/log.h"
#include "appliance/base/memory.h"
#include "appliance/base/text.h"
#include "appliance/command/batch.h"
#include "appliance/command/object.h"
#include "appliance/node/errand.h"
#include "appliance/node/people.h"

typedef struct Secret {
        char key[RECORD_NAME_MAX];
        char *value;
} Secret;

struct Run {
        Node *node;
        Pool *pool;
        char *text, caller[VOUCH_NAME_MAX], sid[SID_TEXT_MAX], origin[VOUCH_ORIGIN_MAX];
        char host[MACHINE_NAME_MAX];    /* another host brings it; "" none */
        VouchClaim claim;
        uint32_t uid;                   /* of a person whom people_judge() knows; 0 none */
        Errands *errands;               /* the pool thread's, while it runs */
        Background *jobs;               /* of the session; NULL: there are none for what another host brings */
        bool own_session;
        BackgroundJob *job;             /* this is one: nobody listens, what it says is kept there; or NULL */
        const atomic_bool *stop;        /* cancelled, or the job's */
        char *variables, *input;        /* JSON, or NULL: a variant must not be seen by two threads */
        Role role;
        unsigned width;
        bool interactive;
        Secret secrets[RUN_SECRETS_MAX];
        size_t secret_count;
        RunEnded ended;
        void *userdata;

        sd_varlink *link;               /* loop only; NULL when the caller is gone */
        unsigned held;                  /* loop only: sent, not yet read by the caller */

        char session[RUN_SESSION_SIZE];
        uint64_t ends_us;
        atomic_bool cancelled, signed_out;
        pthread_mutex_t lock;           /* guards unsent, question and answer */
        pthread_cond_t wake;
        unsigned unsent;
        char question[RUN_QUESTION_SIZE]; /* that waits for its answer; "" none */
        bool answered;
        BatchAnswer answer;

        bool gave_up;                   /* of a job: the pool thread's, read by the loop */
        bool had_errors, refused;       /* the pool thread's, read by the loop when it has ended */
        char *needs;                    /* JSON array of secrets that are missing */
};

typedef struct Message {
        Run *run;
        sd_json_variant *record;        /* {"Stream": …, "Value": …}: nobody else has a part of it */
} Message;

static void message_free(Message *message) {
        if (message)
                (void)sd_json_variant_unref(message->record);
        free(message);
}
DEFINE_FREEP(Message, message_free);

static void run_free(Run *run) {
        for (size_t i = 0; i < run->secret_count; i++) {
                explicit_bzero(run->secrets[i].value, strlen(run->secrets[i].value));
                free(run->secrets[i].value);
        }
        (void)sd_varlink_unref(run->link);
        background_unref(run->jobs);
        (void)pthread_mutex_destroy(&run->lock);
        (void)pthread_cond_destroy(&run->wake);
        free(run->variables);
        free(run->input);
        free(run->needs);
        free(run->text);
        free(run);
}

static void release(Run *run, unsigned count) {
        (void)pthread_mutex_lock(&run->lock);
        run->unsent -= count;
        (void)pthread_cond_signal(&run->wake);
        (void)pthread_mutex_unlock(&run->lock);
}

void run_cancel(Run *run) {
        atomic_store(&run->cancelled, true);
        (void)pthread_mutex_lock(&run->lock);
        (void)pthread_cond_signal(&run->wake);
        (void)pthread_mutex_unlock(&run->lock);
        run->link = sd_varlink_unref(run->link);
}

void run_sign_out(Run *run, const char *session) {
        if (strcmp(run->session, session) == 0)
                atomic_store(&run->signed_out, true);
}

/* Whether the kernel or libsystemd still holds replies the caller has not taken. */
static bool is_clogged(Run *run) { return run->link && (sd_varlink_get_events(run->link) & EPOLLOUT) != 0; }

void run_breathe(Run *run) {
        if (run->held == 0 || is_clogged(run))
                return;
        release(run, run->held);
        run->held = 0;
}

/* ---- on the loop -------------------------------------------------------------------------------- */

/* What was just put on the link is written now, if the kernel takes it, and not after two more turns of the loop.  The
 * caller may turn out to be gone: then run->link is NULL afterwards. */
static void write_out(Run *run) {
        if (run->link)
                (void)sd_varlink_process(run->link);
}

static void deliver(void *userdata) {
        Message *message = userdata;
        Run *run = message->run;

        run->held++;
        if (run->link && sd_varlink_notify(run->link, message->record) < 0)
                run_cancel(run);        /* more than a caller who reads could have left */
        write_out(run);
        run_breathe(run);
        message_free(message);
}

static void reply_needs(Run *run) {
        auto_(sd_json_variant_unrefp) sd_json_variant *needs = NULL;
        if (sd_json_parse(run->needs, 0, &needs, NULL, NULL) >= 0)
                (void)sd_varlink_errorb(run->link, "io.holdfast.Node.SecretsNeeded",
                                        SD_JSON_BUILD_OBJECT(SD_JSON_BUILD_PAIR_VARIANT("Secrets", needs)));
        else
                (void)sd_varlink_error_errno(run->link, -ENOMEM);
}

static void ended(void *userdata) {
        Run *run = userdata;
        bool jobs = run->jobs && !run->own_session && background_any(run->jobs);

        if (run->link && run->needs)
                reply_needs(run);
        else if (run->link)
                (void)sd_varlink_replyb(run->link, SD_JSON_BUILD_OBJECT(
                        SD_JSON_BUILD_PAIR_BOOLEAN("Done", true),
                        SD_JSON_BUILD_PAIR_BOOLEAN("HadErrors", run->had_errors),
                        SD_JSON_BUILD_PAIR_BOOLEAN("Refused", run->refused),
                        SD_JSON_BUILD_PAIR_CONDITION(jobs, "Jobs", SD_JSON_BUILD_BOOLEAN(true))));
        write_out(run);
        if (run->job)
                background_end(take_ptr(run->job), run->gave_up);
        else
                run->ended(run->userdata, run);
        memory_used(run->node->memory);
        run_free(run);
}

/* ---- on a pool thread ---------------------------------------------------------------------------- */

static const char *find_secret(void *sink, const char *key) {
        Run *run = sink;
        for (size_t i = 0; i < run->secret_count; i++)
                if (strcmp(run->secrets[i].key, key) == 0)
                        return run->secrets[i].value;
        return NULL;
}

static int take_turn(Run *run, Error *err) {
        (void)pthread_mutex_lock(&run->lock);
        while (run->unsent >= RUN_UNSENT_MAX && !atomic_load(&run->cancelled))
                (void)pthread_cond_wait(&run->wake, &run->lock);
        bool gone = atomic_load(&run->cancelled);
        if (!gone)
                run->unsent++;
        (void)pthread_mutex_unlock(&run->lock);
        return gone ? error_set(err, ERROR_CANCELLED, 0, "the caller is gone") : 0;
}

/* A copy of its own for the loop: a variant's reference count is not atomic, and the handler may keep parts of it. */
static int send_record(void *sink, RecordStream stream, sd_json_variant *record, Error *err) {
        Run *run = sink;
        auto_(message_freep) Message *message = run->job ? NULL : calloc(1, sizeof *message);
        auto_(sd_json_variant_unrefp) sd_json_variant *value = NULL;

        if (run->job) {
                background_record(run->job, stream, record);
                return 0;
        }
        if (!message || object_copy(record, &value) < 0)
                return error_oom(err);
        message->run = run;
        if (sd_json_buildo(&message->record, SD_JSON_BUILD_PAIR_STRING("Stream", stream_name(stream)),
                           SD_JSON_BUILD_PAIR_CONDITION(sd_json_variant_is_object(value), "Value", SD_JSON_BUILD_VARIANT(value)),
                           SD_JSON_BUILD_PAIR_CONDITION(!sd_json_variant_is_object(value), "Value",
                                                        SD_JSON_BUILD_OBJECT(SD_JSON_BUILD_PAIR_VARIANT("$value", value)))) < 0)
                return error_oom(err);
        value = sd_json_variant_unref(value);   /* now: afterwards the loop has it */
        if (take_turn(run, err) < 0)
                return -1;
        if (pool_post(run->pool, deliver, message, err) < 0) {
                release(run, 1);
                return -1;
        }
        (void)take_ptr(message);
        return 0;
}

bool run_answer(Run *run, const char *id, BatchAnswer answer) {
        (void)pthread_mutex_lock(&run->lock);
        bool ours = *run->question && strcmp(run->question, id) == 0 && !run->answered;
        if (ours) {
                run->answered = true;
                run->answer = answer;
                (void)pthread_cond_signal(&run->wake);
        }
        (void)pthread_mutex_unlock(&run->lock);
        return ours;
}

static BatchAnswer wait_for_answer(Run *run) {
        struct timespec until;
        int r = 0;

        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += RUN_ANSWER_S;
        (void)pthread_mutex_lock(&run->lock);
        while (!run->answered && !atomic_load(&run->cancelled) && r != ETIMEDOUT)
                r = pthread_cond_clockwait(&run->wake, &run->lock, CLOCK_MONOTONIC, &until);
        BatchAnswer answer = run->answered ? run->answer : ANSWER_NOBODY;
        *run->question = '\0';
        (void)pthread_mutex_unlock(&run->lock);
        return answer;
}

/* Whoever knows the id was sent the question. */
static BatchAnswer ask(void *sink, const char *message) {
        auto_(sd_json_variant_unrefp) sd_json_variant *record = NULL;
        uint8_t random[(RUN_QUESTION_SIZE - 1) / 2];
        char id[RUN_QUESTION_SIZE];
        Run *run = sink;
        Error err = { 0 };

        if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
                return ANSWER_NOBODY;
        text_hex(random, sizeof random, id);
        if (sd_json_build(&record, SD_JSON_BUILD_OBJECT(SD_JSON_BUILD_PAIR_STRING("Id", id),
                                                        SD_JSON_BUILD_PAIR_STRING("Message", message))) < 0)
                return ANSWER_NOBODY;
        (void)pthread_mutex_lock(&run->lock);
        memcpy(run->question, id, sizeof id);
        run->answered = false;
        (void)pthread_mutex_unlock(&run->lock);
        if (send_record(run, STREAM_PROMPT, record, &err) < 0)
                return ANSWER_NOBODY;
        return wait_for_answer(run);
}

/* The audit line: who, what, with which result.  Arguments are not logged: they may name secrets. */
static void audit(void *sink, const Command *command, const ErrorRecord *failure, bool stopped) {
        const char *result = failure ? "failed" : stopped ? "stopped" : "done";
        Run *run = sink;

        run->gave_up = stopped;
        const LogField fields[] = { { "USER", run->caller },
                                    { "FROM", run->origin[0] ? run->origin : NULL },
                                    { "VIA", run->host[0] ? run->host : NULL },
                                    { "COMMAND", command->name },
                                    { "RESULT", result },
                                    { "ERROR_ID", failure ? failure->id : "" },
                                    { "ERROR_KIND", failure ? error_kind_name(failure->kind) : "" },
                                    { NULL, NULL } };
        log_write(failure ? LOG_NOTICE : LOG_INFO, LOG_ID_COMMAND, fields, "%s%s%s%s%s ran %s%s%s%s", run->caller,
                  run->host[0] ? " by way of " : "", run->host, run->origin[0] ? " from " : "", run->origin,
                  command->name, run->job ? " as a job" : "", failure ? ": " : stopped ? ": stopped" : "",
                  failure ? failure->message : "");
}

static void refuse(Run *run, const ErrorRecord *record) {
        auto_(sd_json_variant_unrefp) sd_json_variant *json = record_json(record);
        Error err = { 0 };
        run->had_errors = run->refused = true;
        run->gave_up = false;
        if (json)
                (void)!send_record(run, STREAM_ERROR, json, &err);
}

static int collect_needs(Run *run, const Batch *batch) {
        auto_(sd_json_variant_unrefp) sd_json_variant *list = NULL;
        SecretNeed need;
        for (size_t i = 0; batch_secret(batch, i, &need); i++)
                if (!find_secret(run, need.key) &&
                    sd_json_variant_append_arrayb(
                            &list, SD_JSON_BUILD_OBJECT(SD_JSON_BUILD_PAIR_STRING("Key", need.key),
                                                        SD_JSON_BUILD_PAIR_STRING("Command", need.command),
                                                        SD_JSON_BUILD_PAIR_STRING("Parameter", need.parameter),
                                                        SD_JSON_BUILD_PAIR_STRING("UserName", need.user))) < 0)
                        return -1;
        return list && sd_json_variant_format(list, 0, &run->needs) < 0 ? -1 : 0;
}

DEFINE_FREEP(Batch, batch_free);

/* Input: plain values came wrapped. */
static int parse_input(const char *text, sd_json_variant **ret) {
        auto_(sd_json_variant_unrefp) sd_json_variant *list = NULL, *all = NULL;
        int r = sd_json_parse(text, 0, &list, NULL, NULL);

        if (r >= 0)
                r = sd_json_variant_new_array(&all, NULL, 0);
        for (size_t i = 0; r >= 0 && i < sd_json_variant_elements(list); i++) {
                sd_json_variant *one = sd_json_variant_by_index(list, i);
                sd_json_variant *plain = sd_json_variant_is_object(one) ? sd_json_variant_by_key(one, "$value") : NULL;
                r = sd_json_variant_append_array(&all, plain ? plain : one);
        }
        if (r >= 0)
                *ret = take_ptr(all);
        return r;
}

/* Who asks, when another host says so, or the number of a user of this host.  A refusal is on record like a refused
 * sign-in. */
static int judge(Run *run) {
        const Command self = { .name = "Holdfast", .module = "Holdfast" };
        ErrorRecord record;
        Error err = { 0 };

        int r = run->uid ? people_judge(run->node, run->uid, run->caller, run->sid, &run->role, &err)
                         : vouch_judge(run->node, run->host, &run->claim, run->caller, &run->role, &err);
        if (r == 0)
                return 0;
        const char *sid = run->uid ? run->sid : run->claim.sid;
        const LogField fields[] = { { "USER_SID", sid[0] ? sid : NULL },
                                    { "FROM", run->origin[0] ? run->origin : NULL },
                                    { "VIA", run->uid ? NULL : run->host },
                                    { "RESULT", "refused" },
                                    { "ERROR_KIND", error_kind_name(err.kind) },
                                    { NULL, NULL } };
        log_write(LOG_NOTICE, LOG_ID_SIGNIN, fields, "a command by way of %s refused: %s", run->uid ? "SSH" : run->host,
                  err.text);
        (void)record_error(&record, &self, &err, NULL, NULL);
        refuse(run, &record);
        return -1;
}

static bool is_here(void *sink, const char *host) {
        const Run *run = sink;
        return errands_is_here(run->errands, host);
}

static void answer_elsewhere(void *sink, const BatchCalls *calls, size_t i, const char *id, BatchAnswer answer) {
        const Run *run = sink;
        errands_answer(run->errands, calls, i, id, answer);
}

static void go_elsewhere(void *sink, const BatchCalls *calls) {
        const Run *run = sink;
        errands_run(run->errands, calls);
}

/* What another host brought goes no further: a host vouches for its own callers only. */
static int prepare_errands(Run *run, Error *err) {
        VouchClaim claim = { .role = run->role };

        if (*run->host)
                return 0;
        (void)snprintf(claim.sid, sizeof claim.sid, "%s", run->sid);
        (void)snprintf(claim.origin, sizeof claim.origin, "%s", run->origin);
        return errands_new(run->node, &claim, run->stop, run->interactive, &run->errands, err);
}

/* It may have waited for a thread: for a caller who is gone nothing begins, nor with a role that is no longer his. */
static bool may_begin(Run *run) {
        const Command self = { .name = "Holdfast", .module = "Holdfast" };
        ErrorRecord record;
        Error err = { 0 };

        if (atomic_load(run->stop))
                return false;
        if (!atomic_load(&run->signed_out) && (run->ends_us == 0 || clock_us(CLOCK_BOOTTIME) < run->ends_us))
                return true;
        (void)error_set(&err, ERROR_DENIED, 0, "The sign-in ended before the command could begin; connect again.");
        (void)record_error(&record, &self, &err, NULL, NULL);
        refuse(run, &record);
        return false;
}

/* ---- jobs ---- */

static int make_job_run(const Run *parent, const BatchJob *what, Run **ret, Error *err) {
        Run *run = calloc(1, sizeof *run);

        if (!run)
                return error_oom(err);
        *run = (Run){ .node = parent->node, .pool = parent->node->job_pool, .role = parent->role,
                      .ends_us = parent->ends_us, .gave_up = true /* until it is known better */, .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER };
        (void)snprintf(run->caller, sizeof run->caller, "%s", parent->caller);
        (void)snprintf(run->sid, sizeof run->sid, "%s", parent->sid);
        (void)snprintf(run->origin, sizeof run->origin, "%s", parent->origin);
        run->text = strdup(what->text);
        if (!run->text || (what->variables && sd_json_variant_format(what->variables, 0, &run->variables) < 0)) {
                run_free(run);
                return error_oom(err);
        }
        *ret = run;
        return 0;
}

static void work(void *userdata);

/* With the caller's role as it is now; unlike a command that waits for its caller, it outlives his connection. */
static int start_job(void *sink, const BatchJob *what, sd_json_variant **ret, Error *err) {
        const Run *parent = sink;
        Error ignored = { 0 };
        Run *run = NULL;

        if (make_job_run(parent, what, &run, err) < 0)
                return -1;
        if (background_begin(parent->jobs, what, &run->job, err) < 0) {
                run_free(run);
                return -1;
        }
        run->stop = background_stop_flag(run->job);
        uint32_t id = background_id(run->job);
        if (background_object(parent->jobs, id, ret, err) == 0 && pool_run(run->pool, work, ended, run, err) == 0)
                return 0;
        *ret = sd_json_variant_unref(*ret);
        background_end(take_ptr(run->job), true);
        (void)!background_remove(parent->jobs, id, &ignored);
        run_free(run);
        return -1;
}

static int find_session(Run *run, Error *err) {
        if (run->job || *run->host || run->jobs)        /* a job begins no other */
                return 0;
        run->own_session = true;
        return background_new(&run->node->jobs_kept, &run->jobs, err);
}

/* A text that was a session of its own is over. */
static void leave_session(Run *run) {
        auto_(sd_json_variant_unrefp) sd_json_variant *said = NULL;
        size_t stopped = run->own_session ? background_close(run->jobs) : 0;
        Error err = { 0 };

        if (stopped == 0 || atomic_load(run->stop))
                return;
        auto_free char *text = text_format("%zu of the jobs had not ended and %s stopped: a job ends with its session, which "
                                           "was this text; put Wait-Job behind it.", stopped, stopped == 1 ? "was" : "were");
        if (text && sd_json_variant_new_string(&said, text) >= 0)
                (void)!send_record(run, STREAM_WARNING, said, &err);
}

static void execute(Run *run, Batch *batch, sd_json_variant *input) {
        static const BatchElsewhere elsewhere = { .is_here = is_here, .run = go_elsewhere,
                                                   .answer = answer_elsewhere };
        Error err = { 0 };

        if (prepare_errands(run, &err) < 0 || find_session(run, &err) < 0) {
                errands_free(take_ptr(run->errands));
                ErrorRecord record;
                (void)record_syntax(&record, "OutOfMemory", "There is not enough memory for the command.");
                refuse(run, &record);
                return;
        }
        const BatchRun how = { .userdata = run->node, .caller = run->caller, .width = run->width,
                               .input = input, .cancelled = run->stop, .secret = find_secret,
                               .elsewhere = run->errands ? &elsewhere : NULL,
                               .ask = run->interactive ? ask : NULL,
                               .start_job = run->jobs ? start_job : NULL, .jobs = run->jobs,
                               .record = send_record, .ended = audit, .sink = run };
        run->had_errors = batch_run(batch, &how);
        errands_free(take_ptr(run->errands));
        leave_session(run);
}

static void work(void *userdata) {
        Run *run = userdata;
        auto_(batch_freep) Batch *batch = NULL;
        auto_(sd_json_variant_unrefp) sd_json_variant *variables = NULL, *input = NULL;
        ErrorRecord record;

        if (!may_begin(run))
                return;
        if ((run->variables && sd_json_parse(run->variables, 0, &variables, NULL, NULL) < 0) ||
            (run->input && parse_input(run->input, &input) < 0)) {
                (void)record_syntax(&record, "OutOfMemory", "There is not enough memory for the command.");
                refuse(run, &record);
                return;
        }
        if ((*run->host || run->uid) && judge(run) < 0)
                return;
        const BatchText source = { .text = run->text, .variables = variables, .has_input = input,
                                   .role = run->role, .from_host = *run->host != '\0' };

        if (batch_new(&node_commands, &source, &batch, &record) < 0) {
                refuse(run, &record);
                return;
        }
        if (collect_needs(run, batch) < 0) {
                (void)record_syntax(&record, "OutOfMemory", "There is not enough memory for the command.");
                refuse(run, &record);
        } else if (!run->needs) {
                execute(run, batch, input);
        }
}

/* ---- starting ------------------------------------------------------------------------------------ */

static int copy_secrets(Run *run, sd_json_variant *secrets, Error *err) {
        for (size_t i = 0; secrets && i + 1 < sd_json_variant_elements(secrets); i += 2) {
                sd_json_variant *value = sd_json_variant_by_index(secrets, i + 1);
                Secret *secret = &run->secrets[run->secret_count];
                if (run->secret_count == RUN_SECRETS_MAX || !sd_json_variant_is_string(value))
                        return error_set(err, ERROR_INVALID, 0, "Secrets must be at most %d strings",
                                         RUN_SECRETS_MAX);
                (void)snprintf(secret->key, sizeof secret->key, "%.90s",
                               sd_json_variant_string(sd_json_variant_by_index(secrets, i)));
                if (!(secret->value = strdup(sd_json_variant_string(value))))
                        return error_oom(err);
                run->secret_count++;
        }
        return 0;
}

int run_start(const RunRequest *request, Run **ret, Error *err) {
        Run *run = calloc(1, sizeof *run);
        if (!run)
                return error_oom(err);
        *run = (Run){ .node = request->node,
                      .pool = request->claim    ? request->node->peer_pool
                              : request->origin ? request->node->remote_pool
                                                : request->node->pool,
                      .role = request->role,
                      .width = request->width,
                      .interactive = request->interactive,
                      .ended = request->ended,
                      .userdata = request->userdata,
                      .lock = PTHREAD_MUTEX_INITIALIZER,
                      .wake = PTHREAD_COND_INITIALIZER };
        run->stop = &run->cancelled;
        run->jobs = request->jobs ? background_ref(request->jobs) : NULL;
        (void)snprintf(run->caller, sizeof run->caller, "%s", request->caller);
        (void)snprintf(run->origin, sizeof run->origin, "%s", request->origin ? request->origin : "");
        (void)snprintf(run->session, sizeof run->session, "%s", request->session ? request->session : "");
        run->ends_us = request->ends_us;
        run->uid = request->uid;
        (void)snprintf(run->sid, sizeof run->sid, "%s", request->sid ? request->sid : "");
        if (request->claim) {
                run->claim = *request->claim;
                (void)snprintf(run->host, sizeof run->host, "%s", request->host);
                (void)snprintf(run->origin, sizeof run->origin, "%s", request->claim->origin);
        }
        if (!(run->text = strdup(request->text)) ||
            (request->variables && sd_json_variant_format(request->variables, 0, &run->variables) < 0) ||
            (request->input && sd_json_variant_format(request->input, 0, &run->input) < 0)) {
                run_free(run);
                return error_oom(err);
        }
        if (copy_secrets(run, request->secrets, err) < 0 ||
            pool_run(run->pool, work, ended, run, err) < 0) {
                run_free(run);
                return -1;
        }
        run->link = sd_varlink_ref(request->link);
        *ret = run;
        return 0;
}
