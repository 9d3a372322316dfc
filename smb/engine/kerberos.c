#include "smb/engine/kerberos.h"

#include <gnutls/crypto.h>
#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <string.h>

#include "appliance/base/cleanup.h"

typedef struct Conversation {
        gss_ctx_id_t context;
        gss_cred_id_t credential;
        gss_name_t target;
} Conversation;

/* GSSAPI's prototypes take no const: each use has its own bytes, as long as its block lasts. */
#define SPNEGO ((gss_OID_desc){ 6, (uint8_t[]){ 0x2B, 6, 1, 5, 5, 2 } })
#define KRB5 ((gss_OID_desc){ 9, (uint8_t[]){ 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x12, 1, 2, 2 } })

static void conversation_free(void *state) {
        Conversation *c = state;
        OM_uint32 minor;
        if (!c)
                return;
        (void)gss_delete_sec_context(&minor, &c->context, GSS_C_NO_BUFFER);
        (void)gss_release_cred(&minor, &c->credential);
        (void)gss_release_name(&minor, &c->target);
        free(c);
}

static void status_text(OM_uint32 code, int type, char *to, size_t size) {
        gss_OID_desc mech = KRB5;
        gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
        OM_uint32 minor, more = 0;
        if (gss_display_status(&minor, code, type, type == GSS_C_MECH_CODE ? &mech : GSS_C_NO_OID, &more, &text) ==
            GSS_S_COMPLETE)
                (void)snprintf(to, size, "%.*s", (int)text.length, (const char *)text.value);
        (void)gss_release_buffer(&minor, &text);
}

typedef struct MinorRow {
        OM_uint32 code;
        ErrorKind kind;
        const char *advice;
} MinorRow;

/* The one translation of Kerberos failures here. */
static const MinorRow minors[] = {
        { (OM_uint32)KRB5KRB_AP_ERR_SKEW, ERROR_DENIED,
          "the clocks differ by more than 5 minutes; synchronise them" },
        { (OM_uint32)KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN, ERROR_NOT_FOUND,
          "the directory has no account with the name cifs/ of this server; use the name the server was joined "
          "with" },
        { (OM_uint32)KRB5KRB_AP_ERR_TKT_EXPIRED, ERROR_DENIED,
          "the ticket has expired; see why it was not renewed" },
        { (OM_uint32)KRB5_KDC_UNREACH, ERROR_UNREACHABLE,
          "no domain controller answers; check DNS and the network" },
        { (OM_uint32)KRB5_REALM_CANT_RESOLVE, ERROR_UNREACHABLE, "no domain controller is known; check DNS" },
        { (OM_uint32)KRB5_FCC_NOFILE, ERROR_DENIED, "this host has no ticket; join it to the domain first" },
        { (OM_uint32)KRB5_CC_NOTFOUND, ERROR_DENIED, "this host has no ticket; join it to the domain first" },
};

static int failed(const char *what, OM_uint32 major, OM_uint32 minor, Error *err) {
        char text[200] = "";
        status_text(minor ? minor : major, minor ? GSS_C_MECH_CODE : GSS_C_GSS_CODE, text, sizeof text);
        for (size_t i = 0; i < ARRAY_SIZE(minors); i++)
                if (minors[i].code == minor)
                        return error_set(err, minors[i].kind, (int)minor, "%s: %s (%s)", what, minors[i].advice,
                                         text);
        return error_set(err, GSS_ROUTINE_ERROR(major) == GSS_S_NO_CRED ? ERROR_DENIED : ERROR_INTERNAL, (int)minor,
                         "%s: Kerberos says: %s; check this host's membership in the domain", what, text);
}

static OM_uint32 acquire_for(gss_OID mech, const char *ccache, gss_cred_id_t *credential, OM_uint32 *minor) {
        gss_OID_set_desc wanted = { 1, mech };
        gss_key_value_element_desc element = { "ccache", ccache };
        gss_key_value_set_desc store = { 1, &element };
        return gss_acquire_cred_from(minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, &wanted, GSS_C_INITIATE,
                                     ccache ? &store : GSS_C_NO_CRED_STORE, credential, NULL, NULL);
}

/* SPNEGO renumbers the codes of the mechanism inside it, so what went wrong is asked again without it. */
static int failed_inside(AuthStep *step, const char *what, OM_uint32 major, OM_uint32 minor, Error *err) {
        const Conversation *c = step->state;
        gss_OID_desc krb5 = KRB5;
        gss_cred_id_t credential = GSS_C_NO_CREDENTIAL;
        gss_ctx_id_t context = GSS_C_NO_CONTEXT;
        gss_buffer_desc out = GSS_C_EMPTY_BUFFER;
        OM_uint32 code, ignored, again = acquire_for(&krb5, step->ccache, &credential, &code);
        if (!GSS_ERROR(again))
                again = gss_init_sec_context(&code, credential, &context, c->target, &krb5, GSS_C_MUTUAL_FLAG, 0,
                                             GSS_C_NO_CHANNEL_BINDINGS, GSS_C_NO_BUFFER, NULL, &out, NULL, NULL);
        (void)gss_release_buffer(&ignored, &out);
        (void)gss_delete_sec_context(&ignored, &context, GSS_C_NO_BUFFER);
        (void)gss_release_cred(&ignored, &credential);
        return GSS_ERROR(again) ? failed(what, again, code, err) : failed(what, major, minor, err);
}

static int acquire(AuthStep *step, Error *err) {
        Conversation *c = step->state;
        gss_OID_desc spnego = SPNEGO, krb5 = KRB5;
        gss_OID_set_desc inside = { 1, &krb5 };
        OM_uint32 minor, major = acquire_for(&spnego, step->ccache, &c->credential, &minor);
        if (GSS_ERROR(major))
                return failed_inside(step, "cannot use this host's ticket", major, minor, err);
        major = gss_set_neg_mechs(&minor, c->credential, &inside);
        return GSS_ERROR(major) ? failed("cannot restrict sign-in to Kerberos", major, minor, err) : 0;
}

static int begin(AuthStep *step, Error *err) {
        char name[300];
        Conversation *c = calloc(1, sizeof *c);
        if (!c)
                return error_oom(err);
        step->state = c;
        step->state_free = conversation_free;
        /* A principal with an empty realm: the KDC finds the realm.  A host-based name would let DNS, which
         * nobody signs, replace the name that the administrator gave. */
        int n = snprintf(name, sizeof name, "cifs/%s@", step->host);
        gss_buffer_desc text = { (size_t)n, name };
        OM_uint32 minor, major = gss_import_name(&minor, &text, GSS_KRB5_NT_PRINCIPAL_NAME, &c->target);
        if (GSS_ERROR(major))
                return failed("cannot make the server's principal", major, minor, err);
        return acquire(step, err);
}

static int take_key(AuthStep *step, Conversation *c, Error *err) {
        gss_buffer_set_t set = GSS_C_NO_BUFFER_SET;
        OM_uint32 minor,
                major = gss_inquire_sec_context_by_oid(&minor, c->context, GSS_C_INQ_SSPI_SESSION_KEY, &set);
        if (GSS_ERROR(major))
                return failed("cannot get the session key", major, minor, err);
        bool usable = set && set->count > 0 && set->elements[0].length > 0 &&
                      set->elements[0].length <= sizeof step->session_key;
        if (usable) {
                step->session_key_size = set->elements[0].length;
                memcpy(step->session_key, set->elements[0].value, step->session_key_size);
        }
        if (set && set->count > 0)
                gnutls_memset(set->elements[0].value, 0, set->elements[0].length);
        (void)gss_release_buffer_set(&minor, &set);
        return usable ? 0 : error_set(err, ERROR_INTERNAL, 0, "Kerberos gave a session key of an unknown kind");
}

static int keep_token(AuthStep *step, gss_buffer_t token, Error *err) {
        OM_uint32 minor;
        free(take_ptr(step->out));
        step->out_size = 0;
        bool fits = token->length <= AUTH_TOKEN_MAX;
        if (token->length > 0 && fits && (step->out = malloc(token->length))) {
                memcpy(step->out, token->value, token->length);
                step->out_size = token->length;
        }
        bool kept = token->length == step->out_size;
        (void)gss_release_buffer(&minor, token);
        if (!fits)
                return error_set(err, ERROR_LIMIT, 0,
                                 "this host's ticket is too large; its account is in too many groups");
        return kept ? 0 : error_oom(err);
}

int kerberos_take(AuthStep *step, Error *err) {
        if (!step->state && begin(step, err) < 0)
                return -1;
        Conversation *c = step->state;
        gss_OID_desc spnego = SPNEGO;
        union {
                const uint8_t *in;
                void *value;
        } token = { .in = step->in.data };
        gss_buffer_desc in = { step->in.size, token.value }, out = GSS_C_EMPTY_BUFFER;
        OM_uint32 minor, flags = 0;
        OM_uint32 major = gss_init_sec_context(&minor, c->credential, &c->context, c->target, &spnego,
                                               GSS_C_MUTUAL_FLAG | GSS_C_INTEG_FLAG, 0, GSS_C_NO_CHANNEL_BINDINGS,
                                               &in, NULL, &out, &flags, NULL);
        if (GSS_ERROR(major)) {
                OM_uint32 ignored;
                (void)gss_release_buffer(&ignored, &out);
                return step->in.size == 0 ? failed_inside(step, "cannot sign in", major, minor, err)
                                          : failed("cannot sign in", major, minor, err);
        }
        if (keep_token(step, &out, err) < 0)
                return -1;
        step->complete = major == GSS_S_COMPLETE;
        if (!step->complete)
                return 0;
        if (!(flags & GSS_C_MUTUAL_FLAG))
                return error_set(err, ERROR_DENIED, 0, "the file server did not prove its identity");
        return take_key(step, c, err);
}

void auth_step_reset(AuthStep *step) {
        if (step->state_free)
                step->state_free(step->state);
        free(step->out);
        gnutls_memset(step->session_key, 0, sizeof step->session_key);
        *step = (AuthStep){ .host = step->host, .ccache = step->ccache };
}
