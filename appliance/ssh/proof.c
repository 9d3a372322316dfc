/* proof: in sshd, a ticket lets in its owner, by the account its PAC names and not by its own name
 *
 * Two plug-ins of libkrb5 in one file.  When sshd has accepted a ticket, the first verifies the PAC with this host's key
 * and keeps whose account it says the ticket is; when sshd asks whether the ticket's name may be the local user, the
 * second says yes only if that user's number is that account's (auth/person.h).  Everybody else is refused, local users
 * and root among them.  README.md says what that defends from.
 */
#include <errno.h>
#include <krb5/krb5.h>
#include <krb5/localauth_plugin.h>
#include <krb5/plugin.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "auth/pac.h"
#include "auth/person.h"

#define EXPORTED __attribute__((visibility("default")))

/* Not in libkrb5's installed headers, but its interface since 1.8: include/krb5/authdata_plugin.h, version 0. */
enum { AD_USAGE_TGS_REQ = 0x02, AD_INFORMATIONAL = 0x10 };
struct _krb5_authdata_context;
typedef struct AuthdataPlugin {
        const char *name;
        krb5_authdatatype *types;
        krb5_error_code (*init)(krb5_context, void **);
        void (*fini)(krb5_context, void *);
        void (*flags)(krb5_context, void *, krb5_authdatatype, krb5_flags *);
        krb5_error_code (*request_init)(krb5_context, struct _krb5_authdata_context *, void *, void **);
        void (*request_fini)(krb5_context, struct _krb5_authdata_context *, void *, void *);
        void (*unused[5])(void);        /* get_attribute_types … export_authdata */
        krb5_error_code (*import)(krb5_context, struct _krb5_authdata_context *, void *, void *, krb5_authdata **,
                                  krb5_boolean, krb5_const_principal);
        void (*unused_too[2])(void);    /* export_internal, free_internal */
        krb5_error_code (*verify)(krb5_context, struct _krb5_authdata_context *, void *, void *, const krb5_auth_context *,
                                  const krb5_keyblock *, const krb5_ap_req *);
        void (*unused_last[3])(void);   /* size … internalize */
        krb5_error_code (*copy)(krb5_context, struct _krb5_authdata_context *, void *, void *, void *, void *);
} AuthdataPlugin;

extern EXPORTED const AuthdataPlugin authdata_client_0;
EXPORTED krb5_error_code localauth_holdfast_initvt(krb5_context context, int major, int minor, krb5_plugin_vtable vtable);

/* The last ticket that this thread accepted.  The two plug-ins have no other way to each other. */
static _Thread_local struct Proof {
        char *name;                     /* anna@LAB.TEST as libkrb5 writes it; NULL: none */
        uint32_t uid;
} proof;

static void forget(void) {
        free(take_ptr(proof.name));
        proof.uid = 0;
}

/* ---- a ticket was accepted ----------------------------------------------------------------------------------- */

static krb5_error_code begin(krb5_context context, void **ret) {
        *ret = NULL;
        return 0;
}

static void end(krb5_context context, void *plugin) {}

static void flags(krb5_context context, void *plugin, krb5_authdatatype type, krb5_flags *ret) {
        *ret = AD_USAGE_TGS_REQ | AD_INFORMATIONAL;     /* from the ticket alone; and no ticket fails here */
}

static krb5_error_code begin_request(krb5_context context, struct _krb5_authdata_context *data, void *plugin, void **ret) {
        *ret = NULL;
        return 0;
}

static void end_request(krb5_context context, struct _krb5_authdata_context *data, void *plugin, void *request) {}

static krb5_error_code import(krb5_context context, struct _krb5_authdata_context *data, void *plugin, void *request,
                              krb5_authdata **authdata, krb5_boolean issued, krb5_const_principal issuer) {
        return 0;                       /* verify() has the ticket itself */
}

/* Of a PAC whose signatures hold: the number of the account. */
static krb5_error_code read_pac(krb5_context context, krb5_pac pac, uint32_t *ret) {
        auto_free PacLogon *logon = NULL;
        krb5_data info;
        Error ignored;

        krb5_error_code code = krb5_pac_get_buffer(context, pac, KRB5_PAC_LOGON_INFO, &info);
        if (code != 0)
                return code;
        bool read = pac_logon_decode(info.data, info.length, &logon, &ignored) == 0 && person_uid(&logon->sid, ret);
        krb5_free_data_contents(context, &info);
        return read ? 0 : EINVAL;
}

static krb5_error_code verify(krb5_context context, struct _krb5_authdata_context *data, void *plugin, void *request,
                              const krb5_auth_context *auth, const krb5_keyblock *key, const krb5_ap_req *ap) {
        const krb5_enc_tkt_part *ticket = ap->ticket->enc_part2;
        krb5_authdata **found = NULL;
        krb5_pac pac = NULL;
        uint32_t uid = 0;

        forget();
        krb5_error_code code =
                krb5_find_authdata(context, ticket->authorization_data, NULL, KRB5_AUTHDATA_WIN2K_PAC, &found);
        if (code == 0 && (!found || !found[0] || found[1]))
                code = EINVAL;          /* none, or more than one */
        if (code == 0)
                code = krb5_pac_parse(context, found[0]->contents, found[0]->length, &pac);
        if (code == 0)
                code = krb5_pac_verify(context, pac, ticket->times.authtime, ticket->client, key, NULL);
        if (code == 0)
                code = read_pac(context, pac, &uid);
        if (code == 0)
                code = krb5_unparse_name(context, ticket->client, &proof.name);
        if (code == 0)
                proof.uid = uid;
        krb5_pac_free(context, pac);
        krb5_free_authdata(context, found);
        return code;
}

/* Called with every copy of a context: without it libkrb5 ends the process. */
static krb5_error_code copy(krb5_context context, struct _krb5_authdata_context *data, void *plugin, void *request,
                            void *to_plugin, void *to_request) {
        return 0;
}

static const krb5_authdatatype types[] = { KRB5_AUTHDATA_WIN2K_PAC, 0 };

const AuthdataPlugin authdata_client_0 = {
        .name = "holdfast",
        .types = (krb5_authdatatype *)(uintptr_t)types,         /* nobody writes there */
        .init = begin,
        .fini = end,
        .flags = flags,
        .request_init = begin_request,
        .request_fini = end_request,
        .import = import,
        .verify = verify,
        .copy = copy,
};

/* ---- whose is the local user? ----------------------------------------------------------------------------------- */

static bool is_ours(krb5_context context, krb5_const_principal name) {
        char *realm = NULL;

        if (krb5_get_default_realm(context, &realm) != 0)
                return false;
        bool ours = name->realm.length == strlen(realm) && memcmp(name->realm.data, realm, name->realm.length) == 0;
        krb5_free_default_realm(context, realm);
        return ours;
}

static krb5_error_code may_be(krb5_context context, krb5_localauth_moddata data, krb5_const_principal name,
                              const char *user) {
        char *text = NULL, buffer[4096];
        struct passwd entry, *found = NULL;

        if (!proof.name || krb5_unparse_name(context, name, &text) != 0)
                return EPERM;
        bool may = strcmp(text, proof.name) == 0 && is_ours(context, name) &&
                   getpwnam_r(user, &entry, buffer, sizeof buffer, &found) == 0 && found && proof.uid != 0 &&
                   found->pw_uid == proof.uid;
        krb5_free_unparsed_name(context, text);
        forget();
        return may ? 0 : EPERM;
}

krb5_error_code localauth_holdfast_initvt(krb5_context context, int major, int minor, krb5_plugin_vtable vtable) {
        if (major != 1)
                return KRB5_PLUGIN_VER_NOTSUPP;
        ((krb5_localauth_vtable)vtable)->name = "holdfast";
        ((krb5_localauth_vtable)vtable)->userok = may_be;
        return 0;
}
