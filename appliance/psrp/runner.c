#include "appliance/psrp/runner.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/object.h"

typedef struct Call {
        struct Call *next;
        Runner *runner;
        PsrpPool *pool;
        uint64_t run;
        sd_varlink *link;
        bool paused;
} Call;

struct Runner {
        sd_event *event;
        char *address;
        sd_json_variant *extra;
        Call *calls;
        size_t count;
        RunnerHold hold;                /* of the session that all its pools are */
};

/* ---- the session ----------------------------------------------------------------------------------------- */

void runner_release(RunnerHold *hold) {
        if (hold->link)
                (void)sd_varlink_set_userdata(hold->link, NULL);
        hold->link = sd_varlink_close_unref(hold->link);
        hold->wanted = false;
}

static bool flag(sd_json_variant *reply, const char *name) {
        sd_json_variant *value = sd_json_variant_by_key(reply, name);
        return value && sd_json_variant_is_boolean(value) && sd_json_variant_boolean(value);
}

/* It was not taken, there is nothing to keep (and nothing has begun since that was asked), or holdfastd is gone and the jobs
 * with it. */
static int on_hold(sd_varlink *link, sd_json_variant *parameters, const char *error_id, sd_varlink_reply_flags_t flags,
                   void *userdata) {
        RunnerHold *hold = userdata;
        if (hold && (error_id || (!hold->wanted && !flag(parameters, "Jobs"))))
                runner_release(hold);
        return 0;
}

const char *runner_session(RunnerHold *hold) {
        uint8_t random[(RUNNER_HOLD_ID - 1) / 2];

        if (!*hold->id && getrandom(random, sizeof random, 0) == (ssize_t)sizeof random)
                text_hex(random, sizeof random, hold->id);
        return *hold->id ? hold->id : NULL;
}

/* The loop may not have seen yet that holdfastd ended and another one answers. */
static bool is_there(sd_varlink *link) {
        int fd = link ? sd_varlink_get_fd(link) : -1;
        struct pollfd p = { .fd = fd };
        return fd >= 0 && poll(&p, 1, 0) == 0;
}

void runner_hold(RunnerHold *hold, sd_event *event, const char *address, bool jobs) {
        if (!*hold->id)
                return;
        if (is_there(hold->link)) {
                hold->wanted |= jobs;
                return;
        }
        runner_release(hold);
        hold->wanted = jobs;
        int r = sd_varlink_connect_address(&hold->link, address);
        if (r >= 0) {
                (void)sd_varlink_set_userdata(hold->link, hold);
                r = sd_varlink_bind_reply(hold->link, on_hold);
        }
        if (r >= 0)
                r = sd_varlink_attach_event(hold->link, event, 0);
        if (r >= 0)
                r = sd_varlink_invokeb(hold->link, "io.holdfast.Node.Hold",
                                       SD_JSON_BUILD_OBJECT(SD_JSON_BUILD_PAIR_STRING("Runspace", hold->id)));
        if (r < 0)
                runner_release(hold);
}

/* ---- one call ------------------------------------------------------------------------------------------- */

static void call_free(Call *call) {
        Call **at = &call->runner->calls;
        while (*at != call)
                at = &(*at)->next;
        *at = call->next;
        call->runner->count--;
        /* Closing tells holdfastd to cancel; libsystemd keeps the link while it is inside a callback of it. */
        (void)sd_varlink_set_userdata(call->link, NULL);
        (void)sd_varlink_close_unref(call->link);
        free(call);
}

int runner_new(sd_event *event, const char *address, sd_json_variant *extra, Runner **ret, Error *err) {
        Runner *runner = calloc(1, sizeof *runner);
        if (!runner || !(runner->address = strdup(address))) {
                free(runner);
                return error_oom(err);
        }
        runner->event = sd_event_ref(event);
        runner->extra = sd_json_variant_ref(extra);
        *ret = runner;
        return 0;
}

void runner_free(Runner *runner) {
        if (!runner)
                return;
        while (runner->calls)
                call_free(runner->calls);
        runner_release(&runner->hold);
        (void)sd_event_unref(runner->event);
        (void)sd_json_variant_unref(runner->extra);
        free(runner->address);
        free(runner);
}

/* ---- answers ------------------------------------------------------------------------------------------ */

static void finish(Call *call, const PsrpEnd *end) {
        PsrpPool *pool = call->pool;
        uint64_t run = call->run;
        call_free(call); /* first: the pool may start another run from inside psrp_ended() */
        psrp_ended(pool, run, end);
}

static void keep_jobs(const Call *call, bool any) {
        runner_hold(&call->runner->hold, call->runner->event, call->runner->address, any);
}

static void fail(Call *call, const char *error_id, sd_json_variant *parameters) {
        const char *message = object_string(parameters, "Message");
        PsrpEnd end = { 0 };

        if (strcmp(error_id, "io.holdfast.Node.SecretsNeeded") == 0) {
                auto_(sd_json_variant_unrefp) sd_json_variant *needs =
                        sd_json_variant_ref(sd_json_variant_by_key(parameters, "Secrets"));
                PsrpPool *pool = call->pool;
                uint64_t run = call->run;
                call_free(call);
                psrp_secrets_needed(pool, run, needs);
                return;
        }
        keep_jobs(call, false);
        if (strcmp(error_id, SD_VARLINK_ERROR_DISCONNECTED) == 0)
                (void)error_set(
                        &end.failure, ERROR_UNREACHABLE, 0,
                        "holdfastd ended while the command ran; Get-VM and Get-VMMigration show what became of it");
        else if (strcmp(error_id, SD_VARLINK_ERROR_PERMISSION_DENIED) == 0)
                (void)error_set(&end.failure, ERROR_DENIED, 0,
                                "You do not have the required permission to complete this task.");
        else
                (void)error_set(&end.failure, ERROR_PROTOCOL, 0, "holdfastd answered: %s",
                                message ? message : error_id);
        finish(call, &end);
}

static int on_reply(sd_varlink *link, sd_json_variant *parameters, const char *error_id,
                    sd_varlink_reply_flags_t flags, void *userdata) {
        Call *call = userdata;
        if (!call)
                return 0; /* nobody wants it any more */
        if (error_id) {
                fail(call, error_id, parameters);
                return 0;
        }
        const char *name = object_string(parameters, "Stream");
        RecordStream stream = name ? stream_from_name(name) : STREAM_COUNT;
        sd_json_variant *value = sd_json_variant_by_key(parameters, "Value");
        if (stream < STREAM_COUNT && value) {
                sd_json_variant *plain =
                        sd_json_variant_is_object(value) ? sd_json_variant_by_key(value, "$value") : NULL;
                psrp_record(call->pool, call->run, stream, plain ? plain : value);
                return 0; /* the call may be gone now */
        }
        if (flags & SD_VARLINK_REPLY_CONTINUES)
                return 0;
        const PsrpEnd end = { .refused = flag(parameters, "Refused") };
        if (flag(parameters, "Jobs"))
                keep_jobs(call, true);
        finish(call, &end);
        return 0;
}

/* ---- the runner's side of PsrpRunner --------------------------------------------------------------------- */

static int ask(Call *call, const PsrpWork *work, Error *err) {
        auto_(sd_json_variant_unrefp) sd_json_variant *parameters = sd_json_variant_ref(call->runner->extra);
        int r = sd_varlink_connect_address(&call->link, call->runner->address);
        if (r == -ENOENT || r == -ECONNREFUSED)
                return error_set(err, ERROR_UNREACHABLE, -r,
                                 "holdfastd does not run on this host; start it with: systemctl start holdfastd");
        if (r == -EACCES || r == -EPERM)
                return error_set(err, ERROR_DENIED, -r,
                                 "You do not have the required permission to complete this task.");
        if (r >= 0) {
                (void)sd_varlink_set_userdata(call->link, call);
                r = sd_varlink_bind_reply(call->link, on_reply);
        }
        if (r >= 0)
                r = sd_varlink_set_relative_timeout(call->link, UINT64_MAX); /* a move takes as long as it takes */
        if (r >= 0)
                r = sd_varlink_attach_event(call->link, call->runner->event, 0);
        if (r >= 0)
                r = sd_json_variant_set_field_string(&parameters, "Pipeline", work->text);
        const char *session = runner_session(&call->runner->hold);
        if (r >= 0 && session)
                r = sd_json_variant_set_field_string(&parameters, "Runspace", session);
        if (r >= 0 && work->width)
                r = sd_json_variant_set_field_unsigned(&parameters, "Width", work->width);
        if (r >= 0 && work->interactive)
                r = sd_json_variant_set_field_boolean(&parameters, "Interactive", true);
        if (r >= 0 && work->variables)
                r = sd_json_variant_set_field(&parameters, "Variables", work->variables);
        if (r >= 0 && work->input)
                r = sd_json_variant_set_field(&parameters, "Input", work->input);
        if (r >= 0 && work->secrets)
                r = sd_json_variant_set_field(&parameters, "Secrets", work->secrets);
        if (r >= 0)
                r = sd_varlink_observe(call->link, "io.holdfast.Node.Run", parameters);
        return r < 0 ? error_set(err, ERROR_UNREACHABLE, -r, "holdfastd cannot be asked: %s", strerror(-r)) : 0;
}

static int start(void *userdata, PsrpPool *pool, uint64_t run, const PsrpWork *work, Error *err) {
        Runner *runner = userdata;
        Call *call;

        if (runner->count >= RUNNER_RUNS_MAX)
                return error_set(err, ERROR_LIMIT, 0,
                                 "%d commands of this session run already; wait for one to end", RUNNER_RUNS_MAX);
        if (!(call = calloc(1, sizeof *call)))
                return error_oom(err);
        *call = (Call){ .next = runner->calls, .runner = runner, .pool = pool, .run = run };
        runner->calls = call;
        runner->count++;
        if (ask(call, work, err) < 0) {
                call_free(call);
                return -1;
        }
        return 0;
}

static Call *find(Runner *runner, const PsrpPool *pool, uint64_t run) {
        Call *call = runner->calls;
        while (call && (call->pool != pool || call->run != run))
                call = call->next;
        return call;
}

static void cancel(void *userdata, PsrpPool *pool, uint64_t run) {
        Call *call = find(userdata, pool, run);
        if (!call)
                return;
        keep_jobs(call, false);
        call_free(call);
}

/* A link that is not attached reads nothing, and holdfastd waits. */
static void pause_run(void *userdata, PsrpPool *pool, uint64_t run, bool paused) {
        Call *call = find(userdata, pool, run);
        if (!call || call->paused == paused)
                return;
        call->paused = paused;
        if (paused)
                sd_varlink_detach_event(call->link);
        else if (sd_varlink_attach_event(call->link, call->runner->event, 0) < 0)
                fail(call, SD_VARLINK_ERROR_DISCONNECTED, NULL);
}

void runner_answer(const char *address, const char *id, BatchAnswer choice) {
        sd_varlink *link = NULL;

        if (sd_varlink_connect_address(&link, address) < 0)
                return;
        if (sd_varlink_sendb(link, "io.holdfast.Node.Answer",
                             SD_JSON_BUILD_OBJECT(SD_JSON_BUILD_PAIR_STRING("Id", id),
                                                  SD_JSON_BUILD_PAIR_INTEGER("Choice", choice))) >= 0)
                (void)sd_varlink_flush(link);
        (void)sd_varlink_close_unref(link);
}

static void answer(void *userdata, PsrpPool *pool, uint64_t run, const char *id, BatchAnswer choice) {
        runner_answer(((const Runner *)userdata)->address, id, choice);
}

PsrpRunner runner_hooks(Runner *runner) {
        return (PsrpRunner){ .run = start, .cancel = cancel, .pause = pause_run, .answer = answer, .userdata = runner };
}
