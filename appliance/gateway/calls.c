#include "appliance/gateway/calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-varlink.h>

#include "appliance/base/cleanup.h"
#include "appliance/command/object.h"
#include "appliance/psrp/runner.h"

struct Calls {
        sd_event *event;
        char *address;
        unsigned count;
        sd_varlink *idle[CALLS_IDLE_MAX];       /* whose call has ended: for the next one */
        unsigned idle_count;
};

typedef struct Call {
        Calls *calls;
        sd_varlink *link;
        WsmanEvents events;
        RunnerHold *hold;               /* of its session, which outlives it; or NULL */
} Call;

/* What comes on its link from now on is nobody's. */
static sd_varlink *call_leave(Call *call) {
        sd_varlink *link = call->link;
        call->calls->count--;
        if (link)
                (void)sd_varlink_set_userdata(link, NULL);
        free(call);
        return link;
}

static void keep_jobs(const Call *call, bool any) {
        if (call->hold)
                runner_hold(call->hold, call->calls->event, call->calls->address, any);
}

static void call_cancel(Call *call) {
        (void)sd_varlink_close_unref(call_leave(call));
}

/* Its last reply was read. */
static void keep_idle(Calls *calls, sd_varlink *link) {
        if (calls->idle_count < CALLS_IDLE_MAX)
                calls->idle[calls->idle_count++] = link;
        else
                (void)sd_varlink_close_unref(link);
}

/* NULL: none.  A holdfastd that ended has closed those to it, and none of them is handed out. */
static sd_varlink *take_idle(Calls *calls) {
        while (calls->idle_count > 0) {
                sd_varlink *link = calls->idle[--calls->idle_count];
                if (sd_varlink_get_fd(link) >= 0 && sd_varlink_is_idle(link) > 0)
                        return link;
                (void)sd_varlink_close_unref(link);
        }
        return NULL;
}

static bool flag(sd_json_variant *reply, const char *name) {
        sd_json_variant *value = sd_json_variant_by_key(reply, name);
        return value && sd_json_variant_is_boolean(value) && sd_json_variant_boolean(value);
}

static void end_with(Call *call, const WsmanEnd *end) {
        WsmanEvents events = call->events;
        Calls *calls = call->calls;
        sd_varlink *link = call_leave(call);
        events.ended(events.userdata, end);
        keep_idle(calls, link);
}

static void failed(Call *call, const char *error_id, sd_json_variant *parameters) {
        const char *message = parameters ? object_string(parameters, "Message") : NULL;
        WsmanEnd end = { .had_errors = true };

        if (strcmp(error_id, "io.holdfast.Node.SecretsNeeded") == 0) {
                WsmanEvents events = call->events;
                Calls *calls = call->calls;
                auto_(sd_json_variant_unrefp) sd_json_variant *needs =
                        sd_json_variant_ref(sd_json_variant_by_key(parameters, "Secrets"));
                sd_varlink *link = call_leave(call);
                events.needs(events.userdata, needs);
                keep_idle(calls, link);
                return;
        }
        keep_jobs(call, false);
        if (strcmp(error_id, "io.holdfast.Node.SessionUnknown") == 0)
                (void)error_set(&end.failure, ERROR_DENIED, 0, "The sign-in has ended; connect again.");
        else if (strcmp(error_id, SD_VARLINK_ERROR_DISCONNECTED) == 0)
                (void)error_set(&end.failure, ERROR_UNREACHABLE, 0,
                                "holdfastd ended while the command ran; what became of it is shown by "
                                "Get-VMMigration and by journalctl -u holdfastd");
        else
                (void)error_set(&end.failure, ERROR_PROTOCOL, 0, "holdfastd answered: %s",
                                message ? message : error_id);
        end_with(call, &end);
}

static int on_reply(sd_varlink *link, sd_json_variant *parameters, const char *error_id,
                    sd_varlink_reply_flags_t flags, void *userdata) {
        Call *call = userdata;
        if (!call)
                return 0;
        if (error_id) {
                failed(call, error_id, parameters);
                return 0;
        }
        if (flags & SD_VARLINK_REPLY_CONTINUES) {
                const char *name = object_string(parameters, "Stream");
                RecordStream stream = name ? stream_from_name(name) : STREAM_COUNT;
                sd_json_variant *value = sd_json_variant_by_key(parameters, "Value");
                sd_json_variant *plain =
                        value && sd_json_variant_is_object(value) ? sd_json_variant_by_key(value, "$value") : NULL;
                if (value && stream < STREAM_COUNT)
                        call->events.record(call->events.userdata, stream, plain ? plain : value);
                return 0;
        }
        const WsmanEnd end = { .had_errors = flag(parameters, "HadErrors"),
                               .refused = flag(parameters, "Refused") };
        if (flag(parameters, "Jobs"))
                keep_jobs(call, true);
        end_with(call, &end);
        return 0;
}

/* The session's id for Run, or NULL. */
static const char *session_of(Call *call, const WsmanWork *work) {
        if (work->runspace && !*work->runspace)
                *work->runspace = calloc(1, sizeof(RunnerHold));
        call->hold = work->runspace ? *work->runspace : NULL;
        return call->hold ? runner_session(call->hold) : NULL;
}

static void release(void *userdata, void *runspace) {
        runner_release(runspace);
        free(runspace);
}

static int open_link(Call *call) {
        call->link = take_idle(call->calls);
        if (call->link)
                return 0;
        int r = sd_varlink_connect_address(&call->link, call->calls->address);
        if (r >= 0)
                r = sd_varlink_bind_reply(call->link, on_reply);
        if (r >= 0)
                r = sd_varlink_set_relative_timeout(call->link, UINT64_MAX); /* a move takes as long as it takes */
        return r >= 0 ? sd_varlink_attach_event(call->link, call->calls->event, 0) : r;
}

static int start(Call *call, const WsmanWork *work, Error *err) {
        const char *runspace = session_of(call, work);
        int r = open_link(call);
        if (r >= 0) {
                (void)sd_varlink_set_userdata(call->link, call);
                r = sd_varlink_observeb(
                        call->link, "io.holdfast.Node.Run",
                        SD_JSON_BUILD_OBJECT(SD_JSON_BUILD_PAIR_STRING("Pipeline", work->text),
                                             SD_JSON_BUILD_PAIR_UNSIGNED("Width", work->width),
                                             SD_JSON_BUILD_PAIR_STRING("Session", work->session),
                                             SD_JSON_BUILD_PAIR_BOOLEAN("Interactive", work->interactive),
                                             SD_JSON_BUILD_PAIR_CONDITION(runspace != NULL, "Runspace",
                                                                          SD_JSON_BUILD_STRING(runspace)),
                                             SD_JSON_BUILD_PAIR_CONDITION(work->variables != NULL, "Variables",
                                                                          SD_JSON_BUILD_VARIANT(work->variables)),
                                             SD_JSON_BUILD_PAIR_CONDITION(work->input != NULL, "Input",
                                                                          SD_JSON_BUILD_VARIANT(work->input)),
                                             SD_JSON_BUILD_PAIR_CONDITION(work->secrets != NULL, "Secrets",
                                                                          SD_JSON_BUILD_VARIANT(work->secrets))));
        }
        if (r >= 0)
                (void)sd_varlink_process(call->link); /* written now, not after two more turns of the loop */
        return r < 0 ? error_set(err, ERROR_UNREACHABLE, -r, "holdfastd cannot be asked: %s", strerror(-r)) : 0;
}

static int run(void *userdata, const WsmanWork *work, const WsmanEvents *events, void **ret_call, Error *err) {
        Calls *calls = userdata;
        if (calls->count >= CALLS_MAX)
                return error_set(err, ERROR_LIMIT, 0,
                                 "%d commands run on this host at once; try again when some have "
                                 "ended",
                                 CALLS_MAX);
        Call *call = calloc(1, sizeof *call);
        if (!call)
                return error_oom(err);
        *call = (Call){ .calls = calls, .events = *events };
        calls->count++;
        if (start(call, work, err) < 0) {
                call_cancel(call);
                return -1;
        }
        *ret_call = call;
        return 0;
}

static void cancel(void *userdata, void *call) {
        keep_jobs(call, false);         /* it may have begun some */
        call_cancel(call);
}

/* What is not read stays in the socket, and then holdfastd's thread waits. */
static void pause_call(void *userdata, void *what, bool paused) {
        Call *call = what;
        if (paused)
                sd_varlink_detach_event(call->link);
        else
                (void)sd_varlink_attach_event(call->link, call->calls->event, 0);
}

static void answer(void *userdata, void *call, const char *id, BatchAnswer choice) {
        runner_answer(((const Calls *)userdata)->address, id, choice);
}

int calls_new(sd_event *event, const char *address, Calls **ret, Error *err) {
        Calls *calls = calloc(1, sizeof *calls);
        if (!calls || !(calls->address = strdup(address))) {
                free(calls);
                return error_oom(err);
        }
        calls->event = sd_event_ref(event);
        *ret = calls;
        return 0;
}

void calls_free(Calls *calls) {
        if (!calls)
                return;
        while (calls->idle_count > 0)
                (void)sd_varlink_close_unref(calls->idle[--calls->idle_count]);
        (void)sd_event_unref(calls->event);
        free(calls->address);
        free(calls);
}

WsmanNode calls_node(Calls *calls) {
        return (WsmanNode){ .run = run, .cancel = cancel, .pause = pause_call, .answer = answer, .release = release,
                            .userdata = calls };
}
