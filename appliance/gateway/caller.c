#include "appliance/gateway/caller.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-varlink.h>

#include "appliance/base/clock.h"
#include "appliance/command/object.h"

enum { TEXT_MAX = 256 };

struct Caller {
        sd_event *event;
        sd_varlink *link;
        CallerStepped stepped;
        void *userdata;
        bool in;
        uint64_t ends_us;
        char user[TEXT_MAX], sid[TEXT_MAX], session[TEXT_MAX];
        Seal *seal;
};

static void sign_out(Caller *c) {
        c->in = false;
        seal_free(take_ptr(c->seal));
        explicit_bzero(c->session, sizeof c->session);
}

void caller_free(Caller *c) {
        if (!c)
                return;
        sign_out(c);
        (void)sd_varlink_close_unref(c->link);
        (void)sd_event_unref(c->event);
        free(c);
}

static int copy(char to[static TEXT_MAX], sd_json_variant *reply, const char *name) {
        const char *text = object_string(reply, name);
        if (!text || !*text || strlen(text) >= TEXT_MAX)
                return -1;
        memcpy(to, text, strlen(text) + 1);
        return 0;
}

static int take_caller(Caller *c, sd_json_variant *reply, Error *err) {
        sd_json_variant *context = sd_json_variant_by_key(reply, "Context");
        void *data = NULL;
        size_t size = 0;

        if (!context || sd_json_variant_unbase64(context, &data, &size) < 0 || copy(c->user, reply, "User") < 0 ||
            copy(c->sid, reply, "UserId") < 0 || copy(c->session, reply, "Session") < 0) {
                free(data);
                return error_set(err, ERROR_PROTOCOL, 0, "holdfastd's answer to a sign-in is not understood");
        }
        int r = seal_new(data, size, &c->seal, err);
        explicit_bzero(data, size);
        free(data);
        c->ends_us = clock_us(CLOCK_BOOTTIME) + object_unsigned(reply, "Lifetime", 0) * 1000000;
        c->in = r == 0;
        return r;
}

static void refused(Caller *c, const char *error_id, sd_json_variant *parameters) {
        const char *message = parameters ? object_string(parameters, "Message") : NULL;
        const char *kind = parameters ? object_string(parameters, "Kind") : NULL;
        Error why = { 0 };

        if (message)
                (void)error_set(&why, error_kind_from_name(kind ? kind : ""), 0, "%s", message);
        else
                (void)error_set(&why, ERROR_UNREACHABLE, 0, "holdfastd cannot judge the sign-in (%s)", error_id);
        c->stepped(c->userdata, CALLER_REFUSED, NULL, &why);
}

static int on_reply(sd_varlink *link, sd_json_variant *parameters, const char *error_id,
                    sd_varlink_reply_flags_t flags, void *userdata) {
        Caller *c = userdata;
        Error err = { 0 };

        if (!c->stepped)
                return 0;
        if (error_id) {
                refused(c, error_id, parameters);
                return 0;
        }
        const char *token = object_string(parameters, "Token");
        sd_json_variant *done = sd_json_variant_by_key(parameters, "Done");
        if (!done || !sd_json_variant_is_boolean(done) || !sd_json_variant_boolean(done))
                c->stepped(c->userdata, CALLER_CONTINUES, token, NULL);
        else if (take_caller(c, parameters, &err) < 0)
                c->stepped(c->userdata, CALLER_REFUSED, NULL, &err);
        else
                c->stepped(c->userdata, CALLER_DONE, token, NULL);
        return 0;
}

int caller_new(sd_event *event, const char *address, Caller **ret, Error *err) {
        Caller *c = calloc(1, sizeof *c);
        if (!c)
                return error_oom(err);
        c->event = sd_event_ref(event);
        int r = sd_varlink_connect_address(&c->link, address);
        if (r >= 0) {
                (void)sd_varlink_set_userdata(c->link, c);
                r = sd_varlink_bind_reply(c->link, on_reply);
        }
        if (r >= 0)
                r = sd_varlink_attach_event(c->link, event, 0);
        if (r < 0) {
                caller_free(c);
                return error_set(err, ERROR_UNREACHABLE, -r, "holdfastd does not answer: %s", strerror(-r));
        }
        *ret = c;
        return 0;
}

int caller_step(Caller *c, const char *token, const char *binding, const char *origin, CallerStepped stepped,
                void *userdata, Error *err) {
        sign_out(c);
        c->stepped = stepped;
        c->userdata = userdata;
        int r = sd_varlink_invokeb(c->link, "io.holdfast.Node.SignIn", SD_JSON_BUILD_OBJECT(
                SD_JSON_BUILD_PAIR_STRING("Token", token),
                SD_JSON_BUILD_PAIR_CONDITION(binding != NULL, "Binding", SD_JSON_BUILD_STRING(binding)),
                SD_JSON_BUILD_PAIR_STRING("Origin", origin)));
        return r < 0 ? error_set(err, ERROR_UNREACHABLE, -r, "holdfastd cannot be asked: %s", strerror(-r)) : 0;
}

bool caller_is_in(const Caller *c) {
        /* a holdfastd that was restarted knows none of our handles */
        return c && c->in && c->ends_us > clock_us(CLOCK_BOOTTIME) && sd_varlink_get_fd(c->link) >= 0;
}

const char *caller_user(const Caller *c) { return c->user; }
const char *caller_sid(const Caller *c) { return c->sid; }
const char *caller_session(const Caller *c) { return c->session; }
Seal *caller_seal(Caller *c) { return c->seal; }
