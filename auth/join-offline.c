#include "auth/join-offline.h"

#include <fcntl.h>
#include <krb5.h>
#include <profile.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "auth/join-checks.h"
#include "auth/join-files.h"
#include "auth/kerberos.h"
#include "auth/salt.h"
#include "auth/scratch.h"
#include "auth/spn.h"

#define ETC "/etc"

/* RC4 too: a controller gives tickets of that kind for an account that has not said yet what it can do. */
static const krb5_enctype types[] = { ENCTYPE_AES256_CTS_HMAC_SHA1_96, ENCTYPE_AES128_CTS_HMAC_SHA1_96,
                                      ENCTYPE_ARCFOUR_HMAC };

enum { SALT_MAX = 2 * MACHINE_NAME_MAX + 8, KEYS_MAX = 8 };

typedef struct Offline {
        const OfflineJoin *with;
        Machine machine;                /* who we shall be; its keytab is the one that is being made */
        JoinTarget target;
        Scratch scratch;
        krb5_context context;
        krb5_principal principal;
        krb5_keytab keytab;
        krb5_keyblock keys[ARRAY_SIZE(types)];
        unsigned key_count;
} Offline;

static void offline_done(Offline *o) {
        if (o->context) {
                for (unsigned i = 0; i < o->key_count; i++)
                        krb5_free_keyblock_contents(o->context, &o->keys[i]);
                if (o->keytab)
                        (void)krb5_kt_close(o->context, o->keytab);
                krb5_free_principal(o->context, o->principal);
                krb5_free_context(o->context);
        }
        scratch_done(&o->scratch);
}

static int fail(Offline *o, krb5_error_code code, Error *err) {
        const char *detail = o->context ? krb5_get_error_message(o->context, code) : NULL;
        (void)kerberos_error(err, code, &o->machine, NULL, detail);
        if (detail)
                krb5_free_error_message(o->context, detail);
        return -1;
}

/* ---- names ------------------------------------------------------------------------------------------------- */

static char upper(char c) { return (char)(c >= 'a' && c <= 'z' ? c - ('a' - 'A') : c); }
static char lower(char c) { return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c); }

static void copy(char *to, size_t size, const char *from, char (*map)(char c)) {
        size_t i = 0;
        for (; i + 1 < size && from[i]; i++)
                to[i] = map(from[i]);
        to[i] = '\0';
}

/* What a blob says becomes file names, principals and scripts: only names that are some get so far. */
static int take_names(Offline *o, Error *err) {
        const OfflineJoin *with = o->with;
        char computer[JOIN_NAME_MAX + 1], host[MACHINE_NAME_MAX];
        Machine *m = &o->machine;

        if (join_check_domain(with->domain, err) < 0 || join_check_name(with->computer, err) < 0)
                return error_wrap(err, "the blob");
        copy(computer, sizeof computer, with->computer, upper);
        copy(m->realm, sizeof m->realm, with->domain, upper);
        copy(m->domain, sizeof m->domain, with->domain, lower);
        (void)snprintf(host, sizeof host, "%s.%.230s", computer, m->domain);
        copy(m->host, sizeof m->host, host, lower);
        (void)snprintf(m->account, sizeof m->account, "%s$", computer);
        (void)stpcpy(stpcpy(stpcpy(m->principal, m->account), "@"), m->realm);      /* fits: both were checked */
        return 0;
}

/* The controller that made the account knows it for certain; another one will do. */
static int pick_target(Offline *o, Error *err) {
        const JoinRequest maker = { .domain = o->machine.domain, .server = o->with->server };
        const JoinRequest any = { .domain = o->machine.domain };

        if (o->with->server[0] && join_check_server(o->with->server) && join_check_target(&maker, &o->target, err) == 0)
                return 0;
        return join_check_target(&any, &o->target, err);
}

/* ---- keys -------------------------------------------------------------------------------------------------- */

static int open_context(Offline *o, Error *err) {
        char name[MACHINE_NAME_MAX + 16];
        profile_t profile;

        if (scratch_make(&o->scratch, o->machine.domain, o->target.server, err) < 0)
                return -1;
        krb5_error_code code = (krb5_error_code)profile_init_path(o->scratch.conf, &profile);
        if (!code) {
                code = krb5_init_context_profile(profile, 0, &o->context);
                profile_release(profile);
        }
        if (!code)
                code = krb5_parse_name(o->context, o->machine.principal, &o->principal);
        (void)snprintf(name, sizeof name, "FILE:%s", o->machine.keytab);
        if (!code)
                code = krb5_kt_resolve(o->context, name, &o->keytab);
        return code ? fail(o, code, err) : 0;
}

static int make_keys(Offline *o, Error *err) {
        char text[SALT_MAX] = "";
        const krb5_data password = { .data = (char *)(uintptr_t)o->with->password,
                                     .length = (unsigned)strlen(o->with->password) };

        salt_learn(o->context, o->principal, &o->machine, text, sizeof text);
        const krb5_data salt = { .data = text, .length = (unsigned)strlen(text) };
        for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
                krb5_error_code code = krb5_c_string_to_key(o->context, types[i], &password, &salt,
                                                            &o->keys[o->key_count]);
                if (code == KRB5_BAD_ENCTYPE || code == KRB5_PROG_ETYPE_NOSUPP)
                        continue;
                if (code)
                        return fail(o, code, err);
                o->key_count++;
        }
        return 0;
}

static krb5_error_code add(Offline *o, krb5_principal principal, krb5_kvno version) {
        krb5_error_code code = 0;

        for (unsigned i = 0; i < o->key_count && !code; i++) {
                krb5_keytab_entry entry = { .principal = principal, .vno = version, .key = o->keys[i] };
                code = krb5_kt_add_entry(o->context, o->keytab, &entry);
        }
        return code;
}

/* The account, and every name that it will have. */
static krb5_error_code add_all(Offline *o, krb5_kvno version) {
        krb5_error_code code = add(o, o->principal, version);

        for (unsigned i = 0; i < SPN_COUNT && !code; i++) {
                krb5_principal principal = NULL;
                char spn[DIRECTORY_SPN_MAX];
                spn_name(&o->machine, i, spn);
                char *slash = strchr(spn, '/');
                *slash = '\0';
                code = krb5_build_principal(o->context, &principal, (unsigned)strlen(o->machine.realm), o->machine.realm,
                                            spn, slash + 1, NULL);
                if (!code)
                        code = add(o, principal, version);
                krb5_free_principal(o->context, principal);
        }
        return code;
}

static int write_keytab(Offline *o, krb5_kvno version, Error *err) {
        (void)unlink(o->machine.keytab);
        auto_fd int fd = open(o->machine.keytab, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        /* an empty file is no keytab; libkrb5 makes it itself, with a mode that we must not trust */
        if (fd < 0 || write(fd, "\5\2", 2) != 2)
                return error_set(err, ERROR_INTERNAL, errno, "cannot write %s", o->machine.keytab);
        krb5_error_code code = add_all(o, version);
        return code ? fail(o, code, err) : 0;
}

/* ---- proving ------------------------------------------------------------------------------------------------- */

typedef struct Own {
        krb5_ccache cache;
        krb5_creds wanted, *got;
        krb5_ticket *ticket;
} Own;

/* A ticket for the account itself, as others get it, says how the domain counts its key; and the key opens it. */
static krb5_error_code own_ticket(Offline *o, Own *own) {
        char name[sizeof o->scratch.ccache + 16];

        (void)snprintf(name, sizeof name, "FILE:%s", o->scratch.ccache);
        krb5_error_code code = krb5_cc_resolve(o->context, name, &own->cache);
        if (!code)
                code = krb5_copy_principal(o->context, o->principal, &own->wanted.client);
        if (!code)
                code = krb5_copy_principal(o->context, o->principal, &own->wanted.server);
        if (!code)
                code = krb5_get_credentials(o->context, 0, own->cache, &own->wanted, &own->got);
        return code ? code : krb5_decode_ticket(&own->got->ticket, &own->ticket);
}

static void own_done(Offline *o, Own *own) {
        krb5_free_ticket(o->context, own->ticket);
        krb5_free_creds(o->context, own->got);
        krb5_free_cred_contents(o->context, &own->wanted);
        if (own->cache)
                (void)krb5_cc_close(o->context, own->cache);
}

static int check_own_ticket(Offline *o, Error *err) {
        Own own = { 0 };

        krb5_error_code code = own_ticket(o, &own);
        int r = code ? fail(o, code, err) : 0;
        if (r == 0)
                r = write_keytab(o, own.ticket->enc_part.kvno, err);
        if (r == 0 && (code = krb5_server_decrypt_ticket_keytab(o->context, o->keytab, own.ticket)) != 0)
                r = error_set(err, ERROR_DENIED, code,
                              "the domain gives tickets for %s that the blob's password does not open; make a new blob "
                              "with: djoin /provision /reuse", o->machine.account);
        own_done(o, &own);
        return r;
}

static int prove(Offline *o, Error *err) {
        Machine m;
        uint64_t ignored_us;

        if (write_keytab(o, 1, err) < 0 || machine_load_from(o->machine.keytab, o->scratch.ccache, &m, err) < 0)
                return -1;
        (void)snprintf(m.conf, sizeof m.conf, "%s", o->scratch.conf);
        if (machine_refresh(&m, &ignored_us, err) < 0) {
                if (!kerberos_is_old_key(err->cause))
                        return -1;
                return error_set(err, ERROR_DENIED, err->cause,
                                 "the domain %s does not take the blob's password for %s: it was used before, or the account "
                                 "was reset or deleted; an administrator makes a new one with: djoin /provision /domain %s "
                                 "/machine %s /reuse /savefile FILE", m.domain, m.account, m.domain, o->with->computer);
        }
        return check_own_ticket(o, err);
}

int join_offline(const OfflineJoin *with, Machine *ret, char ret_computer[static JOIN_NAME_MAX + 1], Error *err) {
        auto_(offline_done) Offline o = { .with = with };
        char conf[2048];

        if (take_names(&o, err) < 0 || join_check_not_member(err) < 0 || pick_target(&o, err) < 0 ||
            join_krb5_conf(o.machine.domain, conf, sizeof conf, err) < 0)
                return -1;
        auto_(join_files_done) JoinFiles files = { .begun = false };
        if (join_files_begin(&files, ETC, conf, err) < 0)
                return -1;
        (void)snprintf(o.machine.keytab, sizeof o.machine.keytab, "%s", files.keytab_new);
        if (open_context(&o, err) < 0 || make_keys(&o, err) < 0 || prove(&o, err) < 0 ||
            join_files_commit(&files, err) < 0)
                return -1;
        copy(ret_computer, JOIN_NAME_MAX + 1, with->computer, upper);
        return machine_load(ret, err);
}
