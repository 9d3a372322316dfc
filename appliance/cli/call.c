#include "appliance/cli/call.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <systemd/sd-event.h>
#include <systemd/sd-varlink.h>

#include "appliance/base/cleanup.h"
#include "appliance/cli/confirm.h"
#include "appliance/cli/password.h"
#include "appliance/command/object.h"

typedef struct Call {
        const CallRequest *request;
        sd_event *event;
        sd_varlink *link;
        sd_json_variant *secrets;       /* object; sensitive */
        sd_json_variant *needs;         /* holdfastd asks for these */
        CallResult result;
        Confirm *confirm;               /* once a command has asked */
        bool ended;
        Error failure;                  /* kind ERROR_NONE: none */
} Call;

static void call_clear(Call *call) {
        call->link = sd_varlink_close_unref(call->link);
        confirm_free(take_ptr(call->confirm));
        call->event = sd_event_unref(call->event);
        call->needs = sd_json_variant_unref(call->needs);
        call->secrets = sd_json_variant_unref(call->secrets);
}

static bool flag(sd_json_variant *reply, const char *name) {
        sd_json_variant *value = sd_json_variant_by_key(reply, name);
        return value && sd_json_variant_is_boolean(value) && sd_json_variant_boolean(value);
}

static int finish(Call *call) {
        call->ended = true;
        return sd_event_exit(call->event, 0);
}

static void on_error(Call *call, const char *error_id, sd_json_variant *parameters) {
        const char *message = object_string(parameters, "Message");
        if (strcmp(error_id, "io.holdfast.Node.SecretsNeeded") == 0)
                call->needs = sd_json_variant_ref(sd_json_variant_by_key(parameters, "Secrets"));
        else if (strcmp(error_id, SD_VARLINK_ERROR_DISCONNECTED) == 0)
                (void)error_set(&call->failure, ERROR_UNREACHABLE, 0,
                                "holdfastd ended while the command ran; what became of it "
                                "is shown by Get-VMMigration and by journalctl -u holdfastd");
        else if (strcmp(error_id, SD_VARLINK_ERROR_PERMISSION_DENIED) == 0)
                (void)error_set(&call->failure, ERROR_DENIED, 0,
                                "You do not have the required permission to complete this task. "
                                "Run holdfast as root.");
        else
                (void)error_set(&call->failure, ERROR_PROTOCOL, 0, "holdfastd answered: %s",
                                message ? message : error_id);
}

/* Over a connection of its own: the other one is at work. */
static void answer(void *userdata, const char *id, BatchAnswer choice) {
        Call *call = userdata;
        sd_varlink *link = NULL;

        if (sd_varlink_connect_address(&link, call->request->address) < 0)
                return;                 /* holdfastd is gone: the call's own connection says so */
        if (sd_varlink_sendb(link, "io.holdfast.Node.Answer",
                             SD_JSON_BUILD_OBJECT(SD_JSON_BUILD_PAIR_STRING("Id", id),
                                                  SD_JSON_BUILD_PAIR_INTEGER("Choice", choice))) >= 0)
                (void)sd_varlink_flush(link);
        (void)sd_varlink_close_unref(link);
}

static int take_prompt(Call *call, sd_json_variant *question) {
        const char *id = object_string(question, "Id"), *message = object_string(question, "Message");

        if (!id || !message)
                return 0;
        if (show_flush(call->request->show, &call->failure) < 0)
                return -1;
        return confirm_ask(&call->confirm, call->event, id, message, answer, call, &call->failure);
}

static int on_reply(sd_varlink *link, sd_json_variant *parameters, const char *error_id,
                    sd_varlink_reply_flags_t flags, void *userdata) {
        Call *call = userdata;
        const char *name = parameters ? object_string(parameters, "Stream") : NULL;
        RecordStream stream = name ? stream_from_name(name) : STREAM_COUNT;

        if (error_id) {
                on_error(call, error_id, parameters);
                return finish(call);
        }
        if (stream < STREAM_COUNT) {
                sd_json_variant *value = sd_json_variant_by_key(parameters, "Value");
                sd_json_variant *plain =
                        value && sd_json_variant_is_object(value) ? sd_json_variant_by_key(value, "$value") : NULL;
                if (value && stream == STREAM_PROMPT && take_prompt(call, value) < 0)
                        return finish(call);
                if (value && show_record(call->request->show, stream, plain ? plain : value, &call->failure) < 0)
                        return finish(call);
        }
        if (flags & SD_VARLINK_REPLY_CONTINUES)
                return 0;
        call->result.had_errors = flag(parameters, "HadErrors");
        call->result.refused = flag(parameters, "Refused");
        return finish(call);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        Call *call = userdata;
        call->result.interrupted = true;
        return finish(call);
}

static int connect_node(Call *call, Error *err) {
        int r = sd_varlink_connect_address(&call->link, call->request->address);
        if (r == -ENOENT || r == -ECONNREFUSED)
                return error_set(err, ERROR_UNREACHABLE, -r,
                                 "holdfastd does not run on this host; start it with: systemctl start "
                                 "holdfastd");
        if (r == -EACCES || r == -EPERM)
                return error_set(err, ERROR_DENIED, -r,
                                 "You do not have the required permission to complete this task. Run "
                                 "holdfast as root.");
        if (r < 0)
                return error_set(err, ERROR_UNREACHABLE, -r, "holdfastd cannot be reached at %s: %s",
                                 call->request->address, strerror(-r));
        return 0;
}

static int start(Call *call, Error *err) {
        (void)sd_varlink_set_userdata(call->link, call);
        int r = sd_varlink_bind_reply(call->link, on_reply);
        if (r >= 0)
                r = sd_varlink_set_relative_timeout(call->link, UINT64_MAX); /* a move takes as long as it takes */
        if (r >= 0)
                r = sd_varlink_attach_event(call->link, call->event, 0);
        if (r >= 0)
                r = sd_varlink_observeb(call->link, "io.holdfast.Node.Run", SD_JSON_BUILD_OBJECT(
                            SD_JSON_BUILD_PAIR_STRING("Pipeline", call->request->text),
                            SD_JSON_BUILD_PAIR_UNSIGNED("Width", show_width()),
                            SD_JSON_BUILD_PAIR_BOOLEAN("Interactive", confirm_possible()),
                            SD_JSON_BUILD_PAIR_CONDITION(call->request->origin != NULL, "Origin",
                                                         SD_JSON_BUILD_STRING(call->request->origin)),
                            SD_JSON_BUILD_PAIR_CONDITION(call->secrets != NULL, "Secrets",
                                                         SD_JSON_BUILD_VARIANT(call->secrets))));
        return r < 0 ? error_set(err, ERROR_INTERNAL, -r, "holdfastd cannot be asked: %s", strerror(-r)) : 0;
}

/* One round: Run, until its last reply. */
static int converse(Call *call, Error *err) {
        static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

        call->needs = sd_json_variant_unref(call->needs);
        call->link = sd_varlink_close_unref(call->link);
        confirm_free(take_ptr(call->confirm));
        call->event = sd_event_unref(call->event);
        int r = sd_event_new(&call->event);
        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(signals); i++)
                r = sd_event_add_signal(call->event, NULL, signals[i] | SD_EVENT_SIGNAL_PROCMASK, on_signal, call);
        if (r < 0)
                return error_set(err, ERROR_INTERNAL, -r, "cannot wait for holdfastd: %s", strerror(-r));
        if (connect_node(call, err) < 0 || start(call, err) < 0)
                return -1;
        r = sd_event_loop(call->event);
        if (call->failure.kind != ERROR_NONE) {
                *err = call->failure;
                return -1;
        }
        return r < 0 ? error_set(err, ERROR_INTERNAL, -r, "cannot wait for holdfastd: %s", strerror(-r)) : 0;
}

static int ask_secrets(Call *call, Error *err) {
        for (size_t i = 0; i < sd_json_variant_elements(call->needs); i++) {
                sd_json_variant *need = sd_json_variant_by_index(call->needs, i);
                const char *key = object_string(need, "Key"), *user = object_string(need, "UserName");
                auto_(password_erase) Password password = { 0 };

                if (password_read(user ? user : "the account", call->request->password_stdin, &password, err) < 0)
                        return -1;
                auto_(sd_json_variant_unrefp) sd_json_variant *secret = NULL;
                int r = sd_json_variant_new_string(&secret, password.text);
                if (r >= 0) {
                        sd_json_variant_sensitive(secret);
                        r = key ? sd_json_variant_set_field(&call->secrets, key, secret) : -EBADMSG;
                }
                if (r < 0)
                        return error_set(err, ERROR_INTERNAL, -r, "the password cannot be sent: %s", strerror(-r));
                sd_json_variant_sensitive(call->secrets);
        }
        return 0;
}

int call_run(const CallRequest *request, CallResult *ret, Error *err) {
        auto_(call_clear) Call call = { .request = request };

        if (converse(&call, err) < 0)
                return -1;
        if (call.needs && (ask_secrets(&call, err) < 0 || converse(&call, err) < 0))
                return -1;
        if (call.needs)
                return error_set(err, ERROR_PROTOCOL, 0, "holdfastd asks for the same password again");
        *ret = call.result;
        return 0;
}
