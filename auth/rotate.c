#include "auth/rotate.h"

#include <errno.h>
#include <fcntl.h>
#include <krb5.h>
#include <profile.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "auth/kerberos.h"
#include "auth/locate.h"
#include "auth/salt.h"
#include "auth/scratch.h"

enum {
        PASSWORD_SIZE = 120,            /* letters of 6 bits each */
        ENTRIES_MAX = 4096,
        ANSWER_US = 3 * 1000000,
        PROOF_TRIES = 5,                /* two seconds apart */
        SALT_MAX = 2 * MACHINE_NAME_MAX + 8,
};

typedef struct Rotation {
        const Machine *machine;
        Scratch scratch;
        krb5_context context;
        krb5_principal principal;
        krb5_keytab old, new;
        krb5_creds creds;
        krb5_kvno kvno;                 /* of the key in use */
        char path[MACHINE_NAME_MAX + 16];       /* of the new keytab */
        bool asked;                     /* the domain may have taken the new password */
        char password[PASSWORD_SIZE + 1], salt[SALT_MAX];
} Rotation;

static void rotation_done(Rotation *r) {
        explicit_bzero(r->password, sizeof r->password);
        if (r->context) {
                krb5_free_cred_contents(r->context, &r->creds);
                if (r->old)
                        (void)krb5_kt_close(r->context, r->old);
                if (r->new)
                        (void)krb5_kt_close(r->context, r->new);
                krb5_free_principal(r->context, r->principal);
                krb5_free_context(r->context);
        }
        scratch_done(&r->scratch);
}

static int fail(Rotation *r, krb5_error_code code, Error *err) {
        const char *detail = r->context ? krb5_get_error_message(r->context, code) : NULL;
        (void)kerberos_error(err, code, r->machine, NULL, detail);
        if (detail)
                krb5_free_error_message(r->context, detail);
        return -1;
}

/* ---- getting ready -------------------------------------------------------------------------------------- */

static int open_context(Rotation *r, const char *server, Error *err) {
        char name[MACHINE_NAME_MAX + 32];
        profile_t profile;

        if (scratch_make(&r->scratch, r->machine->domain, server, err) < 0)
                return -1;
        krb5_error_code code = (krb5_error_code)profile_init_path(r->scratch.conf, &profile);
        if (!code) {
                code = krb5_init_context_profile(profile, 0, &r->context);
                profile_release(profile);
        }
        if (!code)
                code = krb5_parse_name(r->context, r->machine->principal, &r->principal);
        (void)snprintf(name, sizeof name, "FILE:%s", r->machine->keytab);
        if (!code)
                code = krb5_kt_resolve(r->context, name, &r->old);
        (void)snprintf(name, sizeof name, "FILE:%s", r->path);
        if (!code)
                code = krb5_kt_resolve(r->context, name, &r->new);
        return code ? fail(r, code, err) : 0;
}

static int make_password(Rotation *r, Error *err) {
        static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        unsigned char random[PASSWORD_SIZE];

        if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
                return error_set(err, ERROR_INTERNAL, errno, "cannot make a password");
        for (size_t i = 0; i < PASSWORD_SIZE; i++)
                r->password[i] = letters[random[i] % 64];
        explicit_bzero(random, sizeof random);
        return 0;
}

/* ---- the new keytab --------------------------------------------------------------------------------------- */

typedef krb5_error_code Each(Rotation *r, krb5_keytab_entry *entry, krb5_kvno kvno);

static krb5_error_code each_entry(Rotation *r, Each *each, krb5_kvno kvno) {
        krb5_kt_cursor cursor;
        krb5_keytab_entry entry;
        krb5_error_code code = krb5_kt_start_seq_get(r->context, r->old, &cursor);

        for (unsigned n = 0; !code && n < ENTRIES_MAX; n++) {
                code = krb5_kt_next_entry(r->context, r->old, &entry, &cursor);
                if (code)
                        break;
                code = each(r, &entry, kvno);
                (void)krb5_free_keytab_entry_contents(r->context, &entry);
        }
        if (!code || code == KRB5_KT_END) {
                (void)krb5_kt_end_seq_get(r->context, r->old, &cursor);
                return 0;
        }
        return code;
}

static krb5_error_code see_kvno(Rotation *r, krb5_keytab_entry *entry, krb5_kvno kvno) {
        r->kvno = entry->vno > r->kvno ? entry->vno : r->kvno;
        return 0;
}

/* Older ones are gone with this: their tickets ended long ago. */
static krb5_error_code keep(Rotation *r, krb5_keytab_entry *entry, krb5_kvno kvno) {
        return entry->vno == r->kvno ? krb5_kt_add_entry(r->context, r->new, entry) : 0;
}

static krb5_error_code renew(Rotation *r, krb5_keytab_entry *entry, krb5_kvno kvno) {
        const krb5_data password = { .data = r->password, .length = PASSWORD_SIZE };
        const krb5_data salt = { .data = r->salt, .length = (unsigned)strlen(r->salt) };
        krb5_keytab_entry made = { .principal = entry->principal, .vno = kvno };

        if (entry->vno != r->kvno)
                return 0;
        krb5_error_code code = krb5_c_string_to_key(r->context, entry->key.enctype, &password, &salt, &made.key);
        if (code == KRB5_BAD_ENCTYPE)
                return 0;
        if (!code)
                code = krb5_kt_add_entry(r->context, r->new, &made);
        krb5_free_keyblock_contents(r->context, &made.key);
        return code;
}

static int sync_both(const char *path) {
        char folder[MACHINE_NAME_MAX + 16];

        (void)snprintf(folder, sizeof folder, "%s", path);
        char *slash = strrchr(folder, '/');
        if (slash)
                *slash = '\0';
        auto_fd int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        auto_fd int dir = open(slash && *folder ? folder : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 || dir < 0 || fsync(fd) < 0 || fsync(dir) < 0 ? -1 : 0;
}

/* The key in use, and the new one as version @kvno. */
static int write_keytab(Rotation *r, krb5_kvno kvno, Error *err) {
        krb5_error_code code = 0;

        (void)unlink(r->path);
        auto_fd int fd = open(r->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        /* an empty file is no keytab; libkrb5 makes it itself, with a mode that we must not trust */
        if (fd < 0 || write(fd, "\5\2", 2) != 2)
                return error_set(err, ERROR_INTERNAL, errno, "cannot write %s", r->path);
        code = each_entry(r, keep, kvno);
        if (!code)
                code = each_entry(r, renew, kvno);
        if (code)
                return fail(r, code, err);
        return sync_both(r->path) < 0 ? error_set(err, ERROR_INTERNAL, errno, "cannot write %s", r->path) : 0;
}

/* ---- changing, proving ------------------------------------------------------------------------------------ */

static int change(Rotation *r, Error *err) {
        krb5_get_init_creds_opt *options = NULL;
        krb5_data said = { 0 }, more = { 0 };
        char service[] = "kadmin/changepw", *message = NULL;
        int result = 0;

        krb5_error_code code = krb5_get_init_creds_opt_alloc(r->context, &options);
        if (!code) {
                krb5_get_init_creds_opt_set_forwardable(options, 0);
                krb5_get_init_creds_opt_set_tkt_life(options, 300);
                code = krb5_get_init_creds_keytab(r->context, &r->creds, r->principal, r->old, 0, service, options);
                krb5_get_init_creds_opt_free(r->context, options);
        }
        if (code)
                return fail(r, code, err);
        r->asked = true;
        code = krb5_change_password(r->context, &r->creds, r->password, &result, &said, &more);
        if (code) {
                (void)fail(r, code, err);
                err->kind = err->kind == ERROR_DENIED ? ERROR_UNREACHABLE : err->kind;  /* whether it took is not known */
        } else if (result != 0) {
                r->asked = false;       /* it said no */
                (void)krb5_chpw_message(r->context, &more, &message);
                (void)error_set(err, ERROR_DENIED, result, "the domain refused a new password for %s: %.*s%s%.200s",
                                r->machine->account, (int)said.length, said.data ? said.data : "", message ? ": " : "",
                                message ? message : "");
                krb5_free_string(r->context, message);
        }
        krb5_free_data_contents(r->context, &said);
        krb5_free_data_contents(r->context, &more);
        return code || result ? -1 : 0;
}

/* A ticket for this host itself, as others get it: which version of the key does the domain use? */
static krb5_error_code version_in_use(Rotation *r, krb5_kvno *ret, bool *ret_opens) {
        krb5_ccache cache = NULL;
        krb5_creds wanted = { 0 }, *got = NULL;
        krb5_ticket *ticket = NULL;
        char name[MACHINE_NAME_MAX + 16], target[2 * MACHINE_NAME_MAX + 8];

        (void)snprintf(name, sizeof name, "FILE:%s", r->scratch.ccache);
        (void)snprintf(target, sizeof target, "host/%s@%s", r->machine->host, r->machine->realm);
        krb5_error_code code = krb5_cc_resolve(r->context, name, &cache);
        if (!code)
                code = krb5_copy_principal(r->context, r->principal, &wanted.client);
        if (!code)
                code = krb5_parse_name(r->context, target, &wanted.server);
        if (!code)
                code = krb5_get_credentials(r->context, 0, cache, &wanted, &got);
        if (!code)
                code = krb5_decode_ticket(&got->ticket, &ticket);
        if (!code) {
                *ret = ticket->enc_part.kvno;
                *ret_opens = krb5_server_decrypt_ticket_keytab(r->context, r->new, ticket) == 0;
        }
        krb5_free_ticket(r->context, ticket);
        krb5_free_creds(r->context, got);
        krb5_free_cred_contents(r->context, &wanted);
        if (cache)
                (void)krb5_cc_close(r->context, cache);
        return code;
}

static int prove(Rotation *r, Error *err) {
        const struct timespec pause = { .tv_sec = 2 };
        Machine m = *r->machine;
        uint64_t ignored_us;
        krb5_kvno kvno = 0;
        bool opens = false;

        (void)snprintf(m.keytab, sizeof m.keytab, "%.255s", r->path);
        (void)snprintf(m.ccache, sizeof m.ccache, "%s", r->scratch.ccache);
        (void)snprintf(m.conf, sizeof m.conf, "%s", r->scratch.conf);
        for (unsigned n = 1; machine_refresh(&m, &ignored_us, err) < 0; n++) {
                if (n == PROOF_TRIES)
                        return -1;
                (void)nanosleep(&pause, NULL);
        }
        krb5_error_code code = version_in_use(r, &kvno, &opens);
        if (code)
                return fail(r, code, err);
        /* a domain may count otherwise; the key is the same */
        if (!opens && (kvno == r->kvno || write_keytab(r, kvno, err) < 0))
                return error_set(err, ERROR_INTERNAL, 0, "the domain gives tickets for %s that its new key does not open",
                                 r->machine->account);
        return 0;
}

/* ---- the whole ------------------------------------------------------------------------------------------- */

static int take(const Machine *machine, const char *path, Error *err) {
        if (rename(path, machine->keytab) < 0)
                return error_set(err, ERROR_INTERNAL, errno, "the new key of %s cannot replace %s; it is in %s",
                                 machine->account, machine->keytab, path);
        (void)sync_both(machine->keytab);
        return 0;
}

/* The domain says which of the two is the account's key. */
static int settle(const Machine *machine, const char *path, const char *conf, bool *ret_taken, Error *err) {
        Machine m = *machine;
        Error why = { 0 };

        (void)snprintf(m.keytab, sizeof m.keytab, "%.255s", path);
        (void)snprintf(m.conf, sizeof m.conf, "%s", conf);
        *ret_taken = false;
        if (machine_check(&m, &why) == 0) {
                *ret_taken = true;
                return take(machine, path, err);
        }
        if (why.kind != ERROR_DENIED && why.kind != ERROR_NOT_FOUND) {
                *err = why;
                return -1;
        }
        (void)snprintf(m.keytab, sizeof m.keytab, "%s", machine->keytab);
        if (machine_check(&m, err) < 0)
                return -1;
        (void)unlink(path);
        return 0;
}

int rotate_settle(const Machine *machine, Error *err) {
        char path[MACHINE_NAME_MAX + 16];
        bool taken;

        (void)snprintf(path, sizeof path, "%s" ROTATE_SUFFIX, machine->keytab);
        if (access(path, F_OK) < 0)
                return 0;
        if (settle(machine, path, "", &taken, err) < 0)
                return error_wrap(err, "a change of the password of %s was cut off", machine->account);
        return 0;
}

static int pick_server(const Machine *machine, const char *server, char to[static LOCATE_HOST_MAX], Error *err) {
        Controllers all;

        if (server) {
                if (strlen(server) >= LOCATE_HOST_MAX || locate_probe(server, 88, ANSWER_US, NULL, err) < 0)
                        return strlen(server) >= LOCATE_HOST_MAX
                                       ? error_set(err, ERROR_INVALID, 0, "'%.64s…' is not the name of a host", server)
                                       : -1;
                (void)snprintf(to, LOCATE_HOST_MAX, "%s", server);
                return 0;
        }
        if (locate_nearest(machine->domain, ANSWER_US, &all, err) < 0)
                return -1;
        (void)snprintf(to, LOCATE_HOST_MAX, "%s", all.list[0].host);
        return 0;
}

int rotate_password(const Machine *machine, const char *wanted, Error *err) {
        auto_(rotation_done) Rotation r = { .machine = machine };
        char server[LOCATE_HOST_MAX];

        (void)snprintf(r.path, sizeof r.path, "%s" ROTATE_SUFFIX, machine->keytab);
        if (rotate_settle(machine, err) < 0 || pick_server(machine, wanted, server, err) < 0 ||
            open_context(&r, server, err) < 0 || make_password(&r, err) < 0)
                return -1;
        salt_learn(r.context, r.principal, machine, r.salt, sizeof r.salt);
        krb5_error_code code = each_entry(&r, see_kvno, 0);
        if (code)
                return fail(&r, code, err);
        if (write_keytab(&r, r.kvno + 1, err) < 0) {
                (void)unlink(r.path);
                return -1;
        }
        if (change(&r, err) < 0 || prove(&r, err) < 0) {
                Error ignored;
                bool taken = false;
                if (!r.asked)
                        (void)unlink(r.path);
                else if (settle(machine, r.path, r.scratch.conf, &taken, &ignored) < 0)
                        return error_wrap(err, "whether %s has its new password is found out when a domain controller "
                                          "answers; both keys are kept", machine->account);
                return taken ? 0 : error_wrap(err, "the password of %s was not changed", machine->account);
        }
        return take(machine, r.path, err);
}
