#include "auth/visitor.h"

#include <krb5.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"

enum { LIFE_S = 600 }; /* of the ticket: one piece of work */

typedef struct Signing {
        krb5_context context;
        krb5_principal principal;
        krb5_get_init_creds_opt *options;
        krb5_creds creds;
        krb5_ccache cache;
} Signing;

static void signing_done(Signing *s) {
        if (!s->context)
                return;
        if (s->cache)
                (void)krb5_cc_destroy(s->context, s->cache);
        krb5_free_cred_contents(s->context, &s->creds);
        if (s->options)
                krb5_get_init_creds_opt_free(s->context, s->options);
        krb5_free_principal(s->context, s->principal);
        krb5_free_context(s->context);
}

/* "LAB\anna" and "anna" → anna@REALM; another realm is refused, because nothing here could judge it. */
static int full_name(const Machine *machine, const char *user, char to[static MACHINE_NAME_MAX], Error *err) {
        const char *name = strrchr(user, '\\');
        name = name ? name + 1 : user;
        const char *at = strchr(name, '@');
        size_t length = at ? (size_t)(at - name) : strlen(name);

        if (length == 0 || length > 100 || strpbrk(name, "/ \t\n"))
                return error_set(err, ERROR_INVALID, 0, "'%.64s' is not the name of a user", user);
        if (at && strcasecmp(at + 1, machine->realm) != 0)
                return error_set(err, ERROR_INVALID, 0, "'%.64s' is not of the domain %s; use an account of it",
                                 user, machine->domain);
        (void)snprintf(to, MACHINE_NAME_MAX, "%.*s@%.140s", (int)length, name, machine->realm);
        return 0;
}

static const struct {
        krb5_error_code code;
        ErrorKind kind;
        const char *sentence;
} meanings[] = {
        { KRB5KDC_ERR_PREAUTH_FAILED, ERROR_DENIED, "the password is wrong" },
        { KRB5KRB_AP_ERR_BAD_INTEGRITY, ERROR_DENIED, "the password is wrong" },
        { KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN, ERROR_DENIED, "the domain has no such user" },
        { KRB5KDC_ERR_CLIENT_REVOKED, ERROR_DENIED, "the account is disabled or locked" },
        { KRB5KDC_ERR_KEY_EXP, ERROR_DENIED, "the password has expired; set a new one first" },
        { KRB5KRB_AP_ERR_SKEW, ERROR_DENIED,
          "the clock of this host differs from the domain's by more than 5 minutes" },
        { KRB5_KDC_UNREACH, ERROR_UNREACHABLE, "no domain controller answered" },
        { KRB5_REALM_UNKNOWN, ERROR_UNREACHABLE, "no domain controller answered" },
};

static int fail(Signing *s, krb5_error_code code, const char *who, Error *err) {
        for (size_t i = 0; i < ARRAY_SIZE(meanings); i++)
                if (meanings[i].code == code)
                        return error_set(err, meanings[i].kind, code, "cannot sign in as %s: %s", who,
                                         meanings[i].sentence);
        const char *detail = s->context ? krb5_get_error_message(s->context, code) : NULL;
        (void)error_set(err, ERROR_DENIED, code, "cannot sign in as %s: %s", who,
                        detail ? detail : "Kerberos failed");
        if (detail)
                krb5_free_error_message(s->context, detail);
        return -1;
}

static krb5_error_code no_prompt(krb5_context context, void *data, const char *name, const char *banner, int count,
                                 krb5_prompt prompts[]) {
        return KRB5_LIBOS_CANTREADPWD; /* a daemon asks nobody */
}

int visitor_sign_in(const Machine *machine, const char *user, const char *password, Visitor *ret, Error *err) {
        auto_(signing_done) Signing s = { 0 };
        char uuid[UUID_TEXT_SIZE];
        Visitor visitor = { 0 };

        if (full_name(machine, user, visitor.principal, err) < 0 || text_uuid(uuid, err) < 0)
                return -1;
        (void)snprintf(visitor.ccache, sizeof visitor.ccache, "MEMORY:%s", uuid);
        krb5_error_code code = krb5_init_context(&s.context);
        if (!code)
                code = krb5_parse_name(s.context, visitor.principal, &s.principal);
        if (!code)
                code = krb5_get_init_creds_opt_alloc(s.context, &s.options);
        if (!code) {
                krb5_get_init_creds_opt_set_tkt_life(s.options, LIFE_S);
                krb5_get_init_creds_opt_set_forwardable(s.options, 0);
                code = krb5_get_init_creds_password(s.context, &s.creds, s.principal, password, no_prompt, NULL, 0,
                                                    NULL, s.options);
        }
        if (!code)
                code = krb5_cc_resolve(s.context, visitor.ccache, &s.cache);
        if (!code)
                code = krb5_cc_initialize(s.context, s.cache, s.principal);
        if (!code)
                code = krb5_cc_store_cred(s.context, s.cache, &s.creds);
        if (code)
                return fail(&s, code, visitor.principal, err);
        (void)krb5_cc_close(s.context, take_ptr(s.cache));
        *ret = visitor;
        return 0;
}

void visitor_done(Visitor *visitor) {
        krb5_context context = NULL;
        krb5_ccache cache = NULL;

        if (!visitor->ccache[0])
                return;
        if (krb5_init_context(&context) == 0 && krb5_cc_resolve(context, visitor->ccache, &cache) == 0)
                (void)krb5_cc_destroy(context, cache);
        if (context)
                krb5_free_context(context);
        *visitor = (Visitor){ 0 };
}
