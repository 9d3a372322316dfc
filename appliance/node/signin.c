#include "appliance/node/signin.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/random.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/log.h"
#include "appliance/base/text.h"
#include "auth/accept.h"

enum { REFUSALS_MAX = 100, REFUSALS_US = 10 * 1000000 }; /* lines in the journal, and in which time */

struct SignIn {
        Node *node;
        sd_varlink *link;       /* while an answer is owed; NULL: the gateway is gone */
        Acceptance *acceptance; /* until it is finished */
        bool working, abandoned, done;

        void *token, *binding; /* inputs of the step at work */
        size_t token_size, binding_size;
        char origin[SIGNIN_ORIGIN_MAX];

        int result; /* outputs of the step at work */
        Error err;
        uint8_t *reply, *context;
        size_t reply_size, context_size;

        char handle[SIGNIN_HANDLE_SIZE], caller[SIGNIN_CALLER_MAX], sid[SID_TEXT_MAX];
        Role role;
        unsigned lifetime_s;
        uint64_t ends_us; /* CLOCK_BOOTTIME */
};

static void drop_step(SignIn *s) {
        if (s->context)
                explicit_bzero(s->context, s->context_size);
        free(take_ptr(s->context));
        free(take_ptr(s->reply));
        free(take_ptr(s->token));
        free(take_ptr(s->binding));
}

static void signin_free(SignIn *s) {
        if (!s)
                return;
        drop_step(s);
        acceptance_free(s->acceptance);
        (void)sd_varlink_unref(s->link);
        explicit_bzero(s->handle, sizeof s->handle);
        free(s);
}

DEFINE_FREEP(SignIn, signin_free);

/* ---- on a pool thread ---------------------------------------------------------------------------- */

static bool is_plain(const char *text) {
        for (; *text; text++)
                if (iscntrl((unsigned char)*text))
                        return false;
        return true;
}

static int take_caller(SignIn *s, Error *err) {
        const PacLogon *logon = acceptance_logon(s->acceptance);
        Directory *directory = NULL;
        Error ignored = { 0 };
        uint8_t random[(SIGNIN_HANDLE_SIZE - 1) / 2];

        if (!is_plain(logon->domain) || !is_plain(logon->user))
                return error_set(err, ERROR_DENIED, 0, "the account has a name that cannot be shown");
        if (snprintf(s->caller, sizeof s->caller, "%s\\%s", logon->domain, logon->user) >= (int)sizeof s->caller)
                return error_set(err, ERROR_DENIED, 0, "the account has too long a name");
        sid_text(&logon->sid, s->sid);
        (void)!node_directory(s->node, &directory, &ignored); /* roles_judge() says what follows from that */
        if (roles_judge(s->node->roles, directory, logon, &s->role, err) < 0)
                return -1;
        unsigned left = acceptance_lifetime_s(s->acceptance);
        s->lifetime_s = left < SIGNIN_LIFETIME_MOST_S ? left : SIGNIN_LIFETIME_MOST_S;
        if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
                return error_set(err, ERROR_INTERNAL, errno, "the system has no random numbers");
        text_hex(random, sizeof random, s->handle);
        explicit_bzero(random, sizeof random);
        return acceptance_export(s->acceptance, &s->context, &s->context_size, err);
}

static int step(SignIn *s, Error *err) {
        Machine machine;
        bool done = false;

        if (!s->acceptance) {
                if (node_machine(s->node, &machine, err) < 0 ||
                    acceptance_new(&machine, s->binding, s->binding_size, node_config(s->node)->strict_binding,
                                   &s->acceptance, err) < 0)
                        return -1;
        }
        if (acceptance_step(s->acceptance, s->token, s->token_size, &s->reply, &s->reply_size, &done, err) < 0)
                return -1;
        if (!done)
                return 0;
        if (take_caller(s, err) < 0)
                return -1;
        s->done = true;
        return 0;
}

static void work(void *userdata) {
        SignIn *s = userdata;
        s->result = step(s, &s->err);
}

/* ---- on the loop ---------------------------------------------------------------------------------- */

/* Strangers can be refused faster than a journal wants to hear of it, and must not drown what others did. */
bool signin_is_flood(Node *node) {
        uint64_t now = clock_us(CLOCK_BOOTTIME);
        if (now - node->refusals_since_us >= REFUSALS_US) {
                if (node->refusals > REFUSALS_MAX)
                        log_write(LOG_NOTICE, LOG_ID_SIGNIN, NULL, "%u more sign-ins were refused",
                                  node->refusals - REFUSALS_MAX);
                node->refusals_since_us = now;
                node->refusals = 0;
        }
        return ++node->refusals > REFUSALS_MAX;
}

static void audit(const SignIn *s) {
        bool refused = s->result < 0;
        if (refused && signin_is_flood(s->node))
                return;
        const LogField fields[] = { { "USER", s->caller[0] ? s->caller : NULL },
                                    { "USER_SID", s->sid[0] ? s->sid : NULL },
                                    { "FROM", s->origin },
                                    { "ROLE", refused ? NULL : role_name(s->role) },
                                    { "RESULT", refused ? "refused" : "done" },
                                    { "ERROR_KIND", refused ? error_kind_name(s->err.kind) : NULL },
                                    { NULL, NULL } };
        if (refused)
                log_write(LOG_NOTICE, LOG_ID_SIGNIN, fields, "sign-in from %s refused: %s", s->origin, s->err.text);
        else
                log_write(LOG_INFO, LOG_ID_SIGNIN, fields, "%s signed in from %s as %s", s->caller, s->origin,
                          role_name(s->role));
}

static int answer(SignIn *s) {
        auto_(sd_json_variant_unrefp) sd_json_variant *reply = NULL;

        if (s->result < 0)
                return sd_varlink_errorb(
                        s->link, "io.holdfast.Node.SignInRefused",
                        SD_JSON_BUILD_OBJECT(SD_JSON_BUILD_PAIR_STRING("Kind", error_kind_name(s->err.kind)),
                                             SD_JSON_BUILD_PAIR_STRING("Message", s->err.text)));
        int r = sd_json_build(
                &reply,
                SD_JSON_BUILD_OBJECT(
                        SD_JSON_BUILD_PAIR_BOOLEAN("Done", s->done),
                        SD_JSON_BUILD_PAIR_CONDITION(s->reply_size > 0, "Token",
                                                     SD_JSON_BUILD_BASE64(s->reply, s->reply_size)),
                        SD_JSON_BUILD_PAIR_CONDITION(s->done, "Context",
                                                     SD_JSON_BUILD_BASE64(s->context, s->context_size)),
                        SD_JSON_BUILD_PAIR_CONDITION(s->done, "Session", SD_JSON_BUILD_STRING(s->handle)),
                        SD_JSON_BUILD_PAIR_CONDITION(s->done, "User", SD_JSON_BUILD_STRING(s->caller)),
                        SD_JSON_BUILD_PAIR_CONDITION(s->done, "UserId", SD_JSON_BUILD_STRING(s->sid)),
                        SD_JSON_BUILD_PAIR_CONDITION(s->done, "Role", SD_JSON_BUILD_STRING(role_name(s->role))),
                        SD_JSON_BUILD_PAIR_CONDITION(s->done, "Lifetime", SD_JSON_BUILD_UNSIGNED(s->lifetime_s))));
        if (r < 0)
                return r;
        sd_json_variant_sensitive(reply);
        return sd_varlink_reply(s->link, reply);
}

static void worked(void *userdata) {
        SignIn *s = userdata;

        s->working = false;
        if (s->abandoned) {
                signin_free(s);
                return;
        }
        if (s->result < 0 || s->done)
                audit(s);
        s->ends_us = clock_us(CLOCK_BOOTTIME) + (uint64_t)s->lifetime_s * 1000000;
        if (s->result < 0 || s->done) {
                acceptance_free(take_ptr(s->acceptance));
                if (s->result < 0)
                        s->done = false;
        }
        (void)answer(s);
        drop_step(s);
        s->link = sd_varlink_unref(s->link);
}

/* Too much is going on already. */
static int refuse(SignIn *s, const Error *err) {
        s->working = false;
        s->result = -1;
        s->err = *err;
        int r = answer(s);
        drop_step(s);
        s->link = sd_varlink_unref(s->link);
        return r;
}

static int take_inputs(SignIn *s, const SignInRequest *request) {
        drop_step(s);
        s->token_size = s->binding_size = 0;
        (void)snprintf(s->origin, sizeof s->origin, "%s", request->origin);
        int r = sd_json_variant_unbase64(request->token, &s->token, &s->token_size);
        if (r >= 0 && request->binding)
                r = sd_json_variant_unbase64(request->binding, &s->binding, &s->binding_size);
        return r < 0 ? sd_varlink_error_invalid_parameter_name(request->link, "Token") : 0;
}

int signin_step(SignIn **at, const SignInRequest *request) {
        SignIn *s = *at;
        Error err = { 0 };

        if (s && s->working)
                return -EBUSY;
        if (!s || !s->acceptance) { /* a new conversation; the handle of the last one is gone */
                signin_free(s);
                s = *at = calloc(1, sizeof *s);
                if (!s)
                        return -ENOMEM;
                s->node = request->node;
        }
        int r = take_inputs(s, request);
        if (r != 0)
                return r;
        s->link = sd_varlink_ref(request->link);
        s->working = true;
        if (pool_run(s->node->sign_ins, work, worked, s, &err) < 0)
                return refuse(s, &err);
        return 0;
}

void signin_release(SignIn *s) {
        if (s && s->working)
                s->abandoned = true; /* worked() frees it */
        else
                signin_free(s);
}

const char *signin_handle(const SignIn *s) { return s && s->done ? s->handle : NULL; }

bool signin_caller(const SignIn *s, const char *handle, SignInCaller *ret) {
        if (!s || !s->done || s->ends_us <= clock_us(CLOCK_BOOTTIME) || strcmp(s->handle, handle) != 0)
                return false;
        *ret = (SignInCaller){ .name = s->caller, .handle = s->handle, .ends_us = s->ends_us, .sid = s->sid, .origin = s->origin, .role = s->role };
        return true;
}
