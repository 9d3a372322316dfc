#include "auth/machine.h"

#include <errno.h>
#include <grp.h>
#include <krb5.h>
#include <profile.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "auth/kerberos.h"

enum {
        KEYTAB_ENTRIES_MAX = 4096,      /* adcli writes about 12 × encryption types × key versions */
        TICKET_SPARE_S = 120,           /* a ticket that ends sooner counts as gone */
        RENEW_LEAST_S = 60,             /* never ask the KDC more often than this */
        GROUP_BUFFER_SIZE = 16 * 1024,
};

/* ---- guards over libkrb5's objects ---------------------------------------------------------------- */

typedef struct Kerberos {
        krb5_context context;
        krb5_keytab keytab;
        krb5_principal principal;
        krb5_ccache cache;              /* a temporary one: destroyed, not closed */
        krb5_get_init_creds_opt *options;
        krb5_creds creds;
} Kerberos;

static void kerberos_done(Kerberos *k) {
        if (!k->context)
                return;
        krb5_free_cred_contents(k->context, &k->creds);
        if (k->options)
                krb5_get_init_creds_opt_free(k->context, k->options);
        if (k->cache)
                (void)krb5_cc_destroy(k->context, k->cache);
        if (k->principal)
                krb5_free_principal(k->context, k->principal);
        if (k->keytab)
                (void)krb5_kt_close(k->context, k->keytab);
        krb5_free_context(k->context);
}

static int fail(Error *err, const Kerberos *k, krb5_error_code code, const Machine *machine) {
        if (!k->context)
                return kerberos_error(err, code, machine, NULL, NULL);
        const char *detail = krb5_get_error_message(k->context, code);
        int r = kerberos_error(err, code, machine, NULL, detail);
        krb5_free_error_message(k->context, detail);
        return r;
}

static krb5_error_code new_context(const Machine *machine, krb5_context *ret) {
        profile_t profile;

        if (!machine->conf[0])
                return krb5_init_context(ret);
        krb5_error_code code = (krb5_error_code)profile_init_path(machine->conf, &profile);
        if (code)
                return code;
        code = krb5_init_context_profile(profile, 0, ret);
        profile_release(profile);
        return code;
}

/* A context, and the keytab of @machine opened.  The realm comes from the keytab, so krb5.conf need not
 * name a default. */
static int open_keytab(const Machine *machine, Kerberos *k, Error *err) {
        char name[MACHINE_NAME_MAX + sizeof "FILE:"];
        krb5_error_code code = new_context(machine, &k->context);

        (void)snprintf(name, sizeof name, "FILE:%s", machine->keytab);
        if (!code && machine->realm[0])
                code = krb5_set_default_realm(k->context, machine->realm);
        if (!code)
                code = krb5_kt_resolve(k->context, name, &k->keytab);
        return code ? fail(err, k, code, machine) : 0;
}

/* ---- names ------------------------------------------------------------------------------------------- */

static void copy_lower(char *to, const char *from, size_t size) {
        size_t i = 0;
        for (; i + 1 < size && from[i]; i++)
                to[i] = (char)(from[i] >= 'A' && from[i] <= 'Z' ? from[i] + ('a' - 'A') : from[i]);
        to[i] = '\0';
}

/* A component as text; false when it does not fit or holds bytes no name of ours has. */
static bool component(const krb5_data *data, char *to, size_t size) {
        if (data->length == 0 || data->length >= size)
                return false;
        for (unsigned i = 0; i < data->length; i++)
                if ((unsigned char)data->data[i] <= ' ' || (unsigned char)data->data[i] > '~')
                        return false;
        memcpy(to, data->data, data->length);
        to[data->length] = '\0';
        return true;
}

typedef struct Found {
        char realm[MACHINE_NAME_MAX], account[MACHINE_NAME_MAX], host[MACHINE_NAME_MAX];
        krb5_timestamp account_time, host_time;         /* the newest entry wins: a re-join under a new name */
        krb5_kvno account_version;
} Found;

static void look_at(const krb5_keytab_entry *entry, Found *found) {
        krb5_const_principal p = entry->principal;
        char realm[MACHINE_NAME_MAX], first[MACHINE_NAME_MAX], second[MACHINE_NAME_MAX];

        if (p->length < 1 || p->length > 2 || !component(&p->realm, realm, sizeof realm) ||
            !component(&p->data[0], first, sizeof first))
                return;
        if (p->length == 1 && first[strlen(first) - 1] == '$' && entry->timestamp >= found->account_time) {
                memcpy(found->realm, realm, sizeof realm);
                memcpy(found->account, first, sizeof first);
                found->account_version = entry->timestamp > found->account_time || entry->vno > found->account_version
                        ? entry->vno : found->account_version;
                found->account_time = entry->timestamp;
        }
        if (p->length == 2 && strcmp(first, "host") == 0 && component(&p->data[1], second, sizeof second) &&
            strchr(second, '.') && entry->timestamp >= found->host_time) {
                copy_lower(found->host, second, sizeof found->host);
                found->host_time = entry->timestamp;
        }
}

static krb5_error_code look_at_all(const Kerberos *k, Found *found) {
        krb5_kt_cursor cursor;
        krb5_keytab_entry entry;
        krb5_error_code code = krb5_kt_start_seq_get(k->context, k->keytab, &cursor);
        if (code)
                return code;
        for (unsigned n = 0; n < KEYTAB_ENTRIES_MAX; n++) {
                code = krb5_kt_next_entry(k->context, k->keytab, &entry, &cursor);
                if (code)
                        break;
                look_at(&entry, found);
                (void)krb5_free_keytab_entry_contents(k->context, &entry);
        }
        (void)krb5_kt_end_seq_get(k->context, k->keytab, &cursor);
        return code == KRB5_KT_END ? 0 : code;
}

int machine_load_from(const char *keytab, const char *ccache, Machine *ret, Error *err) {
        Machine m = { 0 };
        Found found = { 0 };
        auto_(kerberos_done) Kerberos k = { 0 };

        if (strlen(keytab) >= sizeof m.keytab || strlen(ccache) >= sizeof m.ccache)
                return error_set(err, ERROR_INVALID, 0,
                                 "the path of the keytab or of the ticket cache is too long");
        (void)snprintf(m.keytab, sizeof m.keytab, "%s", keytab);
        (void)snprintf(m.ccache, sizeof m.ccache, "%s", ccache);
        if (open_keytab(&m, &k, err) < 0)
                return -1;
        krb5_error_code code = look_at_all(&k, &found);
        if (code)
                return fail(err, &k, code, &m);
        if (!found.account[0] || !found.host[0])
                return fail(err, &k, KRB5_KT_NOTFOUND, &m);
        if (strlen(found.account) + 1 + strlen(found.realm) >= sizeof m.principal)
                return error_set(err, ERROR_INVALID, 0, "the computer account in %s has too long a name", keytab);

        memcpy(m.realm, found.realm, sizeof m.realm);
        memcpy(m.account, found.account, sizeof m.account);
        memcpy(m.host, found.host, sizeof m.host);
        copy_lower(m.domain, m.realm, sizeof m.domain);
        m.key_s = (int64_t)(uint32_t)found.account_time;
        m.key_version = found.account_version;
        (void)stpcpy(stpcpy(stpcpy(m.principal, m.account), "@"), m.realm);      /* fits: checked above */
        *ret = m;
        return 0;
}

int machine_load(Machine *ret, Error *err) {
        return machine_load_from(MACHINE_KEYTAB_PATH, MACHINE_CCACHE_PATH, ret, err);
}

/* ---- tickets ----------------------------------------------------------------------------------------- */

/* libkrb5 quietly works with the KDC's time (kdc_timesync), so a wrong clock passes the KDC and fails
 * at every host that meets our tickets, or whose tickets we judge.  Say it here, once. */
static int check_clock(const Machine *machine, const krb5_creds *creds, Error *err) {
        int64_t ours = (int64_t)time(NULL), theirs = (uint32_t)creds->times.authtime;
        int64_t off = ours > theirs ? ours - theirs : theirs - ours;
        if (off > KERBEROS_CLOCK_SKEW_S)
                return kerberos_error(err, KRB5KRB_AP_ERR_SKEW, machine, NULL, NULL);
        return 0;
}

static int get_tgt(const Machine *machine, Kerberos *k, Error *err) {
        if (open_keytab(machine, k, err) < 0)
                return -1;
        krb5_error_code code = krb5_parse_name(k->context, machine->principal, &k->principal);
        if (!code)
                code = krb5_get_init_creds_opt_alloc(k->context, &k->options);
        if (code)
                return fail(err, k, code, machine);
        /* the ticket is for us alone */
        krb5_get_init_creds_opt_set_forwardable(k->options, 0);
        krb5_get_init_creds_opt_set_proxiable(k->options, 0);
        code = krb5_get_init_creds_keytab(k->context, &k->creds, k->principal, k->keytab, 0, NULL, k->options);
        if (code)
                return fail(err, k, code, machine);
        return check_clock(machine, &k->creds, err);
}

int machine_check(const Machine *machine, Error *err) {
        auto_(kerberos_done) Kerberos k = { 0 };
        return get_tgt(machine, &k, err);
}

/* The disk processes read the cache through their group; without that group (tests) only we do. */
static int hand_to_group(const char *path, mode_t mode, Error *err) {
        char buffer[GROUP_BUFFER_SIZE];
        struct group group, *found = NULL;

        if (geteuid() != 0 || getgrnam_r(MACHINE_CCACHE_GROUP, &group, buffer, sizeof buffer, &found) != 0 ||
            !found)
                return 0;
        if (chown(path, 0, found->gr_gid) < 0 || chmod(path, mode) < 0)
                return error_set(err, ERROR_INTERNAL, errno,
                                 "cannot let the group " MACHINE_CCACHE_GROUP " read %s", path);
        return 0;
}

static int prepare_folder(const char *path, Error *err) {
        char folder[MACHINE_NAME_MAX];

        (void)snprintf(folder, sizeof folder, "%s", path);
        char *slash = strrchr(folder, '/');
        if (!slash || slash == folder)
                return 0;
        *slash = '\0';
        if (mkdir(folder, 0750) < 0)
                return errno == EEXIST ? 0
                                       : error_set(err, ERROR_INTERNAL, errno, "cannot make the folder %s", folder);
        return hand_to_group(folder, 0750, err);
}

typedef struct TempFile { const char *path; } TempFile;

static void temp_file_done(TempFile *t) {
        if (t->path)
                (void)unlink(t->path);
}

/* Readers see the old cache or the new one, never half of one. */
static int store(const Machine *machine, Kerberos *k, Error *err) {
        char path[MACHINE_NAME_MAX + 64], name[sizeof path + sizeof "FILE:"], unique[UUID_TEXT_SIZE];

        if (text_uuid(unique, err) < 0 || prepare_folder(machine->ccache, err) < 0)
                return -1;
        (void)snprintf(path, sizeof path, "%s.%s", machine->ccache, unique);
        (void)snprintf(name, sizeof name, "FILE:%s", path);
        auto_(temp_file_done) TempFile temp = { path };
        krb5_error_code code = krb5_cc_resolve(k->context, name, &k->cache);
        if (!code)
                code = krb5_cc_initialize(k->context, k->cache, k->principal);
        if (!code)
                code = krb5_cc_store_cred(k->context, k->cache, &k->creds);
        if (code) {
                (void)fail(err, k, code, machine);
                return error_wrap(err, "cannot write %s", path);
        }
        if (hand_to_group(path, 0640, err) < 0)
                return -1;
        if (rename(path, machine->ccache) < 0)
                return error_set(err, ERROR_INTERNAL, errno, "cannot replace %s", machine->ccache);
        temp.path = NULL;
        (void)krb5_cc_close(k->context, take_ptr(k->cache));
        return 0;
}

int machine_refresh(const Machine *machine, uint64_t *ret_renew_us, Error *err) {
        auto_(kerberos_done) Kerberos k = { 0 };

        if (get_tgt(machine, &k, err) < 0 || store(machine, &k, err) < 0)
                return -1;
        /* timestamps are unsigned 32 bits beyond 2038 */
        int64_t life_s = (int64_t)(uint32_t)k.creds.times.endtime - (int64_t)(uint32_t)k.creds.times.authtime;
        if (life_s < 2 * RENEW_LEAST_S)
                life_s = 2 * RENEW_LEAST_S;
        *ret_renew_us = ((uint64_t)time(NULL) + (uint64_t)life_s / 2) * 1000000;
        return 0;
}

/* ---- is the cache good? ------------------------------------------------------------------------------ */

static bool cache_is_good(const Machine *machine, krb5_context context, krb5_ccache cache) {
        krb5_cc_cursor cursor;
        krb5_creds creds;
        krb5_principal owner = NULL;
        char *name = NULL;
        bool ours = false, good = false;

        if (krb5_cc_get_principal(context, cache, &owner) == 0 && krb5_unparse_name(context, owner, &name) == 0)
                ours = strcmp(name, machine->principal) == 0;
        krb5_free_unparsed_name(context, name);
        krb5_free_principal(context, owner);
        if (!ours || krb5_cc_start_seq_get(context, cache, &cursor) != 0)
                return false;
        while (!good && krb5_cc_next_cred(context, cache, &cursor, &creds) == 0) {
                good = creds.server->length == 2 && creds.server->data[0].length == 6 &&
                       memcmp(creds.server->data[0].data, "krbtgt", 6) == 0 &&
                       (int64_t)(uint32_t)creds.times.endtime > (int64_t)time(NULL) + TICKET_SPARE_S;
                krb5_free_cred_contents(context, &creds);
        }
        (void)krb5_cc_end_seq_get(context, cache, &cursor);
        return good;
}

int machine_ensure(const Machine *machine, Error *err) {
        krb5_context context = NULL;
        krb5_ccache cache = NULL;
        char name[MACHINE_NAME_MAX + sizeof "FILE:"];
        bool good = false;
        uint64_t renew_us;

        (void)snprintf(name, sizeof name, "FILE:%s", machine->ccache);
        if (new_context(machine, &context) == 0 && krb5_cc_resolve(context, name, &cache) == 0) {
                good = cache_is_good(machine, context, cache);
                (void)krb5_cc_close(context, cache);
        }
        if (context)
                krb5_free_context(context);
        return good ? 0 : machine_refresh(machine, &renew_us, err);
}

/* ---- is that a domain controller? -------------------------------------------------------------------- */

typedef struct Ticket {
        krb5_context context;
        krb5_ccache cache;
        krb5_creds wanted, *got;
} Ticket;

static void ticket_done(Ticket *t) {
        if (!t->context)
                return;
        if (t->got)
                krb5_free_creds(t->context, t->got);
        krb5_free_cred_contents(t->context, &t->wanted);
        if (t->cache)
                (void)krb5_cc_close(t->context, t->cache);
        krb5_free_context(t->context);
}

int machine_check_controller(const Machine *machine, const char *host, Error *err) {
        auto_(ticket_done) Ticket t = { 0 };
        char name[MACHINE_NAME_MAX + sizeof "FILE:"], target[2 * MACHINE_NAME_MAX + 8];

        (void)snprintf(name, sizeof name, "FILE:%s", machine->ccache);
        (void)snprintf(target, sizeof target, "ldap/%.255s@%s", host, machine->realm);
        krb5_error_code code = new_context(machine, &t.context);
        if (!code)
                code = krb5_cc_resolve(t.context, name, &t.cache);
        if (!code)
                code = krb5_parse_name(t.context, machine->principal, &t.wanted.client);
        if (!code)
                code = krb5_parse_name(t.context, target, &t.wanted.server);
        if (!code)
                code = krb5_get_credentials(t.context, 0, t.cache, &t.wanted, &t.got);
        if (code)
                return kerberos_error(err, code, machine, host, error_message(code));
        if (!(t.got->ticket_flags & TKT_FLG_OK_AS_DELEGATE))
                return error_set(err, ERROR_DENIED, 0,
                                 "%s is named by DNS as a domain controller of %s, but the domain does not say that "
                                 "it is a writable one; check the SRV records of the domain",
                                 host, machine->domain);
        return 0;
}
