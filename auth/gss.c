#include "auth/gss.h"

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <string.h>

#include "auth/kerberos.h"

/* RFC 9266 4: the prefix of RFC 5056, then the exporter's bytes. */
#define BINDING_PREFIX "tls-exporter:"
enum { BINDING_PREFIX_SIZE = sizeof BINDING_PREFIX - 1, LIFETIME_LEAST_S = 120 };

struct GssPeer {
        Machine machine;
        char host[MACHINE_NAME_MAX];            /* initiator: whom we want */
        char principal[2 * MACHINE_NAME_MAX];   /* the other end, once proven */
        char target[2 * MACHINE_NAME_MAX];      /* initiator: host/HOST@REALM */
        uint8_t binding[BINDING_PREFIX_SIZE + GSS_BINDING_SIZE];
        gss_cred_id_t cred;
        gss_ctx_id_t context;
        gss_name_t name;                        /* initiator: target imported */
        bool initiator, done, failed;
};

static int fail(Error *err, const GssPeer *p, OM_uint32 major, OM_uint32 minor) {
        OM_uint32 ignored, more = 0;
        gss_buffer_desc text = GSS_C_EMPTY_BUFFER;

        if (GSS_ERROR(major) == GSS_S_BAD_BINDINGS)
                return error_set(
                        err, ERROR_DENIED, 0,
                        "%s is not at the other end of this TLS connection: something between the two hosts "
                        "opens the connection; connect the hosts directly",
                        p->initiator ? p->host : "the caller");
        if (GSS_ERROR(major) == GSS_S_DEFECTIVE_TOKEN || GSS_ERROR(major) == GSS_S_BAD_MECH)
                return error_set(err, ERROR_PROTOCOL, (int)minor,
                                 "the other end sent what is not a Kerberos token");
        if (gss_display_status(&ignored, minor ? minor : major, minor ? GSS_C_MECH_CODE : GSS_C_GSS_CODE,
                               gss_mech_krb5, &more, &text) != GSS_S_COMPLETE)
                text = (gss_buffer_desc)GSS_C_EMPTY_BUFFER;
        char detail[ERROR_TEXT_MAX / 2];
        (void)snprintf(detail, sizeof detail, "%.*s", (int)text.length, text.length ? (char *)text.value : "");
        (void)gss_release_buffer(&ignored, &text);
        return kerberos_error(err, (krb5_error_code)minor, &p->machine, p->initiator ? p->host : p->machine.host,
                              detail);
}

void gss_peer_free(GssPeer *p) {
        OM_uint32 minor;

        if (!p)
                return;
        (void)gss_delete_sec_context(&minor, &p->context, GSS_C_NO_BUFFER);
        (void)gss_release_cred(&minor, &p->cred);
        (void)gss_release_name(&minor, &p->name);
        free(p);
}

static int peer_new(const Machine *machine, const uint8_t binding[static GSS_BINDING_SIZE], bool initiator,
                    GssPeer **ret, Error *err) {
        GssPeer *p = calloc(1, sizeof *p);
        if (!p)
                return error_oom(err);
        p->machine = *machine;
        p->initiator = initiator;
        memcpy(p->binding, BINDING_PREFIX, BINDING_PREFIX_SIZE);
        memcpy(p->binding + BINDING_PREFIX_SIZE, binding, GSS_BINDING_SIZE);
        *ret = p;
        return 0;
}

/* A credential from exactly one file, whatever the environment of the process says. */
static int acquire(GssPeer *p, Error *err) {
        char path[MACHINE_NAME_MAX + sizeof "FILE:"];
        OM_uint32 major, minor, life = GSS_C_INDEFINITE;

        (void)snprintf(path, sizeof path, "FILE:%s", p->initiator ? p->machine.ccache : p->machine.keytab);
        gss_key_value_element_desc element = { p->initiator ? "ccache" : "keytab", path };
        const gss_key_value_set_desc store = { 1, &element };
        gss_OID_set_desc krb5_only = { 1, gss_mech_krb5 };

        major = gss_acquire_cred_from(&minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, &krb5_only,
                                      p->initiator ? GSS_C_INITIATE : GSS_C_ACCEPT, &store, &p->cred, NULL, &life);
        if (GSS_ERROR(major))
                return fail(err, p, major, minor);
        if (p->initiator && life < LIFETIME_LEAST_S)
                return kerberos_error(err, KRB5_CC_NOTFOUND, &p->machine, NULL, NULL);
        return 0;
}

/* Host names come from the administrator or the directory and become part of a principal. */
static bool host_is_plain(const char *host) {
        size_t n = strlen(host);
        return n > 0 && n < MACHINE_NAME_MAX && host[0] != '-' &&
               strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") == n;
}

int gss_peer_initiate(const Machine *machine, const char *host,
                      const uint8_t binding[static GSS_BINDING_SIZE], GssPeer **ret, Error *err) {
        auto_(gss_peer_freep) GssPeer *p = NULL;
        OM_uint32 minor;

        if (!host_is_plain(host))
                return error_set(err, ERROR_INVALID, 0, "'%.64s' is not a host name", host);
        if (peer_new(machine, binding, true, &p, err) < 0 || machine_ensure(machine, err) < 0)
                return -1;
        (void)snprintf(p->host, sizeof p->host, "%s", host);
        /* a full principal, not host@name: libkrb5 must not ask DNS who that is */
        int n = snprintf(p->target, sizeof p->target, "host/%s@%s", host, machine->realm);
        gss_buffer_desc target = { (size_t)n, p->target };
        OM_uint32 major = gss_import_name(&minor, &target, GSS_KRB5_NT_PRINCIPAL_NAME, &p->name);
        if (GSS_ERROR(major))
                return fail(err, p, major, minor);
        if (acquire(p, err) < 0)
                return -1;
        *ret = take_ptr(p);
        return 0;
}

int gss_peer_accept(const Machine *machine, const uint8_t binding[static GSS_BINDING_SIZE],
                    GssPeer **ret, Error *err) {
        auto_(gss_peer_freep) GssPeer *p = NULL;

        if (peer_new(machine, binding, false, &p, err) < 0 || acquire(p, err) < 0)
                return -1;
        *ret = take_ptr(p);
        return 0;
}

static int display(GssPeer *p, gss_name_t name, Error *err) {
        OM_uint32 minor;
        gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
        OM_uint32 major = gss_display_name(&minor, name, &text, NULL);

        if (GSS_ERROR(major))
                return fail(err, p, major, minor);
        bool plain = text.length > 0 && text.length < sizeof p->principal && !memchr(text.value, '\0', text.length);
        if (plain) {
                memcpy(p->principal, text.value, text.length);
                p->principal[text.length] = '\0';
        }
        (void)gss_release_buffer(&minor, &text);
        return plain ? 0 : error_set(err, ERROR_DENIED, 0, "the other end's Kerberos name is not a plain name");
}

/* The context stands; is it the one we demanded? */
static int conclude(GssPeer *p, gss_name_t source, OM_uint32 flags, Error *err) {
        OM_uint32 wanted = GSS_C_MUTUAL_FLAG | GSS_C_INTEG_FLAG | GSS_C_REPLAY_FLAG;

        if ((flags & wanted) != wanted)
                return error_set(err, ERROR_DENIED, 0, "the other end did not agree to mutual authentication with "
                                 "integrity and replay detection");
        if (!p->initiator && !(flags & GSS_C_CHANNEL_BOUND_FLAG))
                return error_set(err, ERROR_DENIED, 0,
                                 "the caller did not bind its Kerberos token to this TLS connection");
        if (p->initiator) {
                memcpy(p->principal, p->target, sizeof p->principal);   /* mutual: it has that service's key */
        } else if (display(p, source, err) < 0) {
                return -1;
        }
        p->done = true;
        return 0;
}

static OM_uint32 step(GssPeer *p, gss_buffer_t in, gss_buffer_t out, gss_name_t *source, OM_uint32 *flags,
                      OM_uint32 *minor) {
        struct gss_channel_bindings_struct bound = {
                .initiator_addrtype = GSS_C_AF_UNSPEC,
                .acceptor_addrtype = GSS_C_AF_UNSPEC,
                .application_data = { sizeof p->binding, p->binding },
        };
        if (p->initiator)
                return gss_init_sec_context(minor, p->cred, &p->context, p->name, gss_mech_krb5,
                                            GSS_C_MUTUAL_FLAG | GSS_C_INTEG_FLAG | GSS_C_REPLAY_FLAG, 0, &bound, in,
                                            NULL, out, flags, NULL);
        return gss_accept_sec_context(minor, &p->context, p->cred, in, &bound, source, NULL, out, flags, NULL,
                                      NULL);
}

/* Bytes of @from that the caller may free(), wiped of libgssapi's own allocator. */
static int hand_out(gss_buffer_t from, uint8_t **ret, size_t *ret_size, Error *err) {
        OM_uint32 minor;
        uint8_t *copy = NULL;
        size_t size = from->length;

        if (size > GSS_TOKEN_MAX) {
                (void)gss_release_buffer(&minor, from);
                return error_set(err, ERROR_LIMIT, 0,
                                 "our Kerberos token is longer than %d bytes: the account of this "
                                 "host is in too many groups",
                                 GSS_TOKEN_MAX);
        }
        if (size > 0) {
                copy = malloc(size);
                if (copy)
                        memcpy(copy, from->value, size);
        }
        (void)gss_release_buffer(&minor, from);
        if (size > 0 && !copy)
                return error_oom(err);
        *ret = copy;
        *ret_size = size;
        return 0;
}

static int step_checked(GssPeer *p, const void *token, size_t size, gss_buffer_t out, Error *err) {
        OM_uint32 minor, ignored, flags = 0;
        gss_name_t source = GSS_C_NO_NAME;
        /* gss_buffer_desc has no const; neither call writes to its input */
        gss_buffer_desc in = { size, size ? (void *)(uintptr_t)token : NULL };

        OM_uint32 major = step(p, &in, out, &source, &flags, &minor);
        int r = 0;
        if (GSS_ERROR(major))
                r = fail(err, p, major, minor);
        else if (!(major & GSS_S_CONTINUE_NEEDED))
                r = conclude(p, source, flags, err);
        (void)gss_release_name(&ignored, &source);
        return r;
}

int gss_peer_step(GssPeer *p, const void *token, size_t size,
                  uint8_t **ret_token, size_t *ret_size, bool *ret_done, Error *err) {
        gss_buffer_desc out = GSS_C_EMPTY_BUFFER;
        OM_uint32 minor;
        bool first = p->context == GSS_C_NO_CONTEXT;

        if (p->done || p->failed)
                return error_set(err, ERROR_PROTOCOL, 0, "a Kerberos token came after the end of the conversation");
        p->failed = true;               /* until this step has succeeded */
        if (size > GSS_TOKEN_MAX)
                return error_set(err, ERROR_LIMIT, 0,
                                 "the other end's Kerberos token has %zu bytes; at most %d are accepted",
                                 size, GSS_TOKEN_MAX);
        if ((size == 0) != (p->initiator && first))
                return error_set(err, ERROR_PROTOCOL, 0, "a Kerberos token is missing, or came too early");
        if (step_checked(p, token, size, &out, err) < 0) {
                (void)gss_release_buffer(&minor, &out);
                return -1;
        }
        if (hand_out(&out, ret_token, ret_size, err) < 0)
                return -1;
        p->failed = false;
        *ret_done = p->done;
        return 0;
}

const char *gss_peer_principal(const GssPeer *p) {
        return p->done && !p->failed ? p->principal : NULL;
}

int gss_peer_sign(GssPeer *p, const void *data, size_t size, uint8_t **ret_mic, size_t *ret_size, Error *err) {
        OM_uint32 minor;
        gss_buffer_desc in = { size, (void *)(uintptr_t)data }, out = GSS_C_EMPTY_BUFFER;

        if (!gss_peer_principal(p))
                return error_set(err, ERROR_PROTOCOL, 0, "the Kerberos conversation is not finished");
        OM_uint32 major = gss_get_mic(&minor, p->context, GSS_C_QOP_DEFAULT, &in, &out);
        if (GSS_ERROR(major))
                return fail(err, p, major, minor);
        return hand_out(&out, ret_mic, ret_size, err);
}

int gss_peer_verify(GssPeer *p, const void *data, size_t size, const void *mic, size_t mic_size, Error *err) {
        OM_uint32 minor;
        gss_buffer_desc in = { size, (void *)(uintptr_t)data }, token = { mic_size, (void *)(uintptr_t)mic };

        if (!gss_peer_principal(p))
                return error_set(err, ERROR_PROTOCOL, 0, "the Kerberos conversation is not finished");
        /* supplementary bits (duplicate, old) are failures here */
        if (mic_size > GSS_TOKEN_MAX || gss_verify_mic(&minor, p->context, &in, &token, NULL) != GSS_S_COMPLETE)
                return error_set(err, ERROR_DENIED, 0, "a signature of %s is wrong: the message was changed or "
                                 "repeated on the way", p->principal);
        return 0;
}

int gss_peer_account(const Machine *machine, const char *principal, char ret[static MACHINE_NAME_MAX], Error *err) {
        const char *at = strrchr(principal, '@');
        size_t n = at ? (size_t)(at - principal) : 0;

        if (n < 2 || n >= MACHINE_NAME_MAX || strpbrk(principal, "/\\") || strchr(principal, '@') != at ||
            at[-1] != '$' || strcmp(at + 1, machine->realm) != 0)
                return error_set(err, ERROR_DENIED, 0,
                                 "'%.128s' is not a computer account of %s; only hosts of the "
                                 "same domain may connect",
                                 principal, machine->domain);
        memcpy(ret, principal, n);
        ret[n] = '\0';
        return 0;
}
