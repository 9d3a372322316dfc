#include "auth/accept.h"

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <stdio.h>
#include <string.h>

#include "appliance/base/text.h"
#include "auth/kerberos.h"

#define PAC_LOGON_INFO "urn:mspac:logon-info"
#define NTLM_SIGNATURE "NTLMSSP" /* [MS-NLMP] 2.2.1, with its NUL */

struct Acceptance {
        Machine machine;
        uint8_t binding[ACCEPT_BINDING_MAX];
        size_t binding_size;
        bool strict, done, failed;
        unsigned rounds, lifetime_s;
        gss_cred_id_t cred;
        gss_ctx_id_t context;
        PacLogon *logon;
};

/* SPNEGO (RFC 4178), 1.3.6.1.5.5.2 */
static const gss_OID_desc spnego = { 6, (void *)(uintptr_t)"\x2b\x06\x01\x05\x05\x02" };

static bool is_wrong_key(krb5_error_code code) {
        return code == KRB5KRB_AP_WRONG_PRINC || code == KRB5KRB_AP_ERR_NOT_US ||
               code == KRB5KRB_AP_ERR_BADKEYVER || code == KRB5KRB_AP_ERR_NOKEY ||
               code == KRB5KRB_AP_ERR_BAD_INTEGRITY || code == KRB5_KT_NOTFOUND || code == KRB5_KT_KVNONOTFOUND ||
               code == KRB5_BAD_ENCTYPE;
}

static int fail(Error *err, const Acceptance *a, OM_uint32 major, OM_uint32 minor) {
        OM_uint32 ignored, more = 0;
        gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
        char detail[ERROR_TEXT_MAX / 2];

        if (GSS_ERROR(major) == GSS_S_BAD_BINDINGS)
                return error_set(err, ERROR_DENIED, 0,
                                 "the sign-in was made for another TLS connection: something on the way opens the "
                                 "connection; connect to this host directly");
        if (GSS_ERROR(major) == GSS_S_DEFECTIVE_TOKEN)
                return error_set(err, ERROR_PROTOCOL, (int)minor, "the client sent what is not a Kerberos token");
        if (GSS_ERROR(major) == GSS_S_BAD_MECH)
                return error_set(
                        err, ERROR_DENIED, (int)minor,
                        "the client offers no Kerberos; NTLM is not accepted: sign in with a domain account, "
                        "and name this host %s, not by its address",
                        a->machine.host);
        if (is_wrong_key((krb5_error_code)minor))
                return error_set(
                        err, ERROR_DENIED, (int)minor,
                        "the ticket is for another host, or was made with a key this host no longer has; name "
                        "the host %s, drop old tickets (klist purge, kdestroy) and sign in again",
                        a->machine.host);
        if (gss_display_status(&ignored, minor ? minor : major, minor ? GSS_C_MECH_CODE : GSS_C_GSS_CODE,
                               gss_mech_krb5, &more, &text) != GSS_S_COMPLETE)
                text = (gss_buffer_desc)GSS_C_EMPTY_BUFFER;
        (void)snprintf(detail, sizeof detail, "%.*s", (int)text.length, text.length ? (char *)text.value : "");
        (void)gss_release_buffer(&ignored, &text);
        return kerberos_error(err, (krb5_error_code)minor, &a->machine, NULL, detail);
}

void acceptance_free(Acceptance *a) {
        OM_uint32 minor;

        if (!a)
                return;
        (void)gss_delete_sec_context(&minor, &a->context, GSS_C_NO_BUFFER);
        (void)gss_release_cred(&minor, &a->cred);
        free(a->logon);
        free(a);
}

/* Our keytab alone, whatever the environment says; under SPNEGO nothing but Kerberos may be chosen. */
static int acquire(Acceptance *a, Error *err) {
        char path[MACHINE_NAME_MAX + sizeof "FILE:"];
        OM_uint32 major, minor;
        gss_OID_desc mechanisms[] = { *gss_mech_krb5, spnego };
        gss_OID_set_desc both = { 2, mechanisms }, krb5_only = { 1, gss_mech_krb5 };

        (void)snprintf(path, sizeof path, "FILE:%s", a->machine.keytab);
        gss_key_value_element_desc element = { "keytab", path };
        const gss_key_value_set_desc store = { 1, &element };
        major = gss_acquire_cred_from(&minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, &both, GSS_C_ACCEPT, &store,
                                      &a->cred, NULL, NULL);
        if (!GSS_ERROR(major))
                major = gss_set_neg_mechs(&minor, a->cred, &krb5_only);
        return GSS_ERROR(major) ? fail(err, a, major, minor) : 0;
}

int acceptance_new(const Machine *machine, const void *binding, size_t binding_size, bool strict, Acceptance **ret,
                   Error *err) {
        auto_(acceptance_freep) Acceptance *a = calloc(1, sizeof *a);
        if (!a)
                return error_oom(err);
        if (binding_size > sizeof a->binding)
                return error_set(err, ERROR_INVALID, 0, "a channel binding has at most %d bytes",
                                 ACCEPT_BINDING_MAX);
        a->machine = *machine;
        if (binding_size > 0)
                memcpy(a->binding, binding, binding_size);
        a->binding_size = binding_size;
        a->strict = strict;
        if (acquire(a, err) < 0)
                return -1;
        *ret = take_ptr(a);
        return 0;
}

/* ---- the finished context ------------------------------------------------------------------------------ */

static int read_logon(Acceptance *a, gss_name_t source, Error *err) {
        OM_uint32 minor, ignored;
        int verified = 0, complete = 0, more = -1;
        gss_buffer_desc name = { sizeof PAC_LOGON_INFO - 1, (void *)(uintptr_t)PAC_LOGON_INFO };
        gss_buffer_desc value = GSS_C_EMPTY_BUFFER, shown = GSS_C_EMPTY_BUFFER;

        OM_uint32 major =
                gss_get_name_attribute(&minor, source, &name, &verified, &complete, &value, &shown, &more);
        int r = 0;
        if (GSS_ERROR(major) || !verified)
                r = error_set(
                        err, ERROR_DENIED, 0,
                        "the ticket does not say in which groups its owner is (no verified PAC); sign in with an "
                        "account of the domain %s",
                        a->machine.domain);
        else
                r = pac_logon_decode(value.value, value.length, &a->logon, err);
        (void)gss_release_buffer(&ignored, &value);
        (void)gss_release_buffer(&ignored, &shown);
        return r;
}

static int conclude(Acceptance *a, gss_name_t source, OM_uint32 flags, OM_uint32 lifetime, Error *err) {
        if (!(flags & GSS_C_INTEG_FLAG))
                return error_set(err, ERROR_DENIED, 0, "the client did not agree to integrity");
        if (flags & GSS_C_ANON_FLAG)
                return error_set(err, ERROR_DENIED, 0, "an anonymous sign-in is not accepted");
        if (a->strict && a->binding_size > 0 && !(flags & GSS_C_CHANNEL_BOUND_FLAG))
                return error_set(err, ERROR_DENIED, 0,
                                 "the client did not bind its sign-in to this TLS connection and the setting "
                                 "RemoteChannelBinding is Strict");
        if (read_logon(a, source, err) < 0)
                return -1;
        a->lifetime_s = lifetime;
        a->done = true;
        return 0;
}

static int step_checked(Acceptance *a, const void *token, size_t size, gss_buffer_t out, Error *err) {
        OM_uint32 minor, ignored, flags = 0, lifetime = 0;
        gss_name_t source = GSS_C_NO_NAME;
        gss_cred_id_t delegated = GSS_C_NO_CREDENTIAL;
        gss_buffer_desc in = { size, (void *)(uintptr_t)token };
        struct gss_channel_bindings_struct bound = {
                .initiator_addrtype = GSS_C_AF_UNSPEC,
                .acceptor_addrtype = GSS_C_AF_UNSPEC,
                .application_data = { a->binding_size, a->binding },
        };

        OM_uint32 major = gss_accept_sec_context(&minor, &a->context, a->cred, &in,
                                                 a->binding_size > 0 ? &bound : GSS_C_NO_CHANNEL_BINDINGS, &source,
                                                 NULL, out, &flags, &lifetime, &delegated);
        (void)gss_release_cred(&ignored, &delegated); /* a user's ticket is nothing we want to hold */
        int r = 0;
        if (GSS_ERROR(major))
                r = fail(err, a, major, minor);
        else if (!(major & GSS_S_CONTINUE_NEEDED))
                r = conclude(a, source, flags, lifetime, err);
        (void)gss_release_name(&ignored, &source);
        return r;
}

/* @from's bytes in memory the caller may free(). */
static int hand_out(gss_buffer_t from, uint8_t **ret, size_t *ret_size, Error *err) {
        OM_uint32 minor;
        uint8_t *copy = from->length > 0 ? malloc(from->length) : NULL;
        size_t size = from->length;

        if (copy)
                memcpy(copy, from->value, size);
        if (from->value)
                explicit_bzero(from->value, size);
        (void)gss_release_buffer(&minor, from);
        if (size > 0 && !copy)
                return error_oom(err);
        *ret = copy;
        *ret_size = size;
        return 0;
}

int acceptance_step(Acceptance *a, const void *token, size_t size, uint8_t **ret_token, size_t *ret_size,
                    bool *ret_done, Error *err) {
        gss_buffer_desc out = GSS_C_EMPTY_BUFFER;
        OM_uint32 minor;

        if (a->done || a->failed)
                return error_set(err, ERROR_PROTOCOL, 0, "a token came after the end of the sign-in");
        a->failed = true; /* until this step has succeeded */
        if (size == 0 || size > ACCEPT_TOKEN_MAX || ++a->rounds > ACCEPT_ROUNDS_MAX)
                return error_set(err, ERROR_PROTOCOL, 0, "the sign-in has an empty or too long token, or too many");
        if (size >= sizeof NTLM_SIGNATURE && memcmp(token, NTLM_SIGNATURE, sizeof NTLM_SIGNATURE) == 0)
                return fail(err, a, GSS_S_BAD_MECH, 0);
        if (step_checked(a, token, size, &out, err) < 0) {
                (void)gss_release_buffer(&minor, &out);
                return -1;
        }
        if (hand_out(&out, ret_token, ret_size, err) < 0)
                return -1;
        a->failed = false;
        *ret_done = a->done;
        return 0;
}

const PacLogon *acceptance_logon(const Acceptance *a) {
        return a->done && !a->failed ? a->logon : NULL;
}
unsigned acceptance_lifetime_s(const Acceptance *a) {
        return a->lifetime_s;
}

int acceptance_export(Acceptance *a, uint8_t **ret, size_t *ret_size, Error *err) {
        OM_uint32 minor;
        gss_buffer_desc out = GSS_C_EMPTY_BUFFER;

        if (!acceptance_logon(a))
                return error_set(err, ERROR_PROTOCOL, 0, "the sign-in is not finished");
        OM_uint32 major = gss_export_sec_context(&minor, &a->context, &out);
        if (GSS_ERROR(major))
                return fail(err, a, major, minor);
        a->failed = true; /* nothing more can be done with it */
        return hand_out(&out, ret, ret_size, err);
}
