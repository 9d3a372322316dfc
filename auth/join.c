#include "auth/join.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "appliance/base/cleanup.h"
#include "auth/join-checks.h"
#include "auth/program.h"

#define KRB5_CONF "/etc/krb5.conf"
#define KEYTAB_NEW MACHINE_KEYTAB_PATH ".joining"
#define NSUPDATE "/usr/bin/nsupdate"

enum {
        ADCLI_US = 75 * 1000000,
        NSUPDATE_US = 15 * 1000000,
        PROOF_TRIES = 5,                /* two seconds apart: the KDC may lag behind the directory */
        CONF_MAX = 64 * 1024,
        SECRET_MAX = 1024,
};

/* ---- /etc/krb5.conf, put back unless the join succeeds ----------------------------------------------- */

typedef struct Conf {
        char *before;           /* its old content; NULL: there was none */
        bool replaced;
} Conf;

static int write_file(const char *path, const char *text, mode_t mode, Error *err) {
        char temp[64];

        (void)snprintf(temp, sizeof temp, "%s.joining", path);
        (void)unlink(temp);
        auto_fd int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
        size_t size = strlen(text);
        if (fd < 0 || fchmod(fd, mode) < 0 || write(fd, text, size) != (ssize_t)size || fsync(fd) < 0 ||
            rename(temp, path) < 0) {
                int cause = errno;
                (void)unlink(temp);
                return error_set(err, ERROR_INTERNAL, cause, "cannot write %s", path);
        }
        return 0;
}

static void conf_restore(Conf *conf) {
        Error ignored;
        if (conf->replaced && conf->before)
                (void)!write_file(KRB5_CONF, conf->before, 0644, &ignored);
        else if (conf->replaced)
                (void)unlink(KRB5_CONF);
        free(conf->before);
}

static int conf_replace(Conf *conf, const char *domain, Error *err) {
        char text[2048];

        if (join_krb5_conf(domain, text, sizeof text, err) < 0)
                return -1;
        auto_fd int fd = open(KRB5_CONF, O_RDONLY | O_CLOEXEC);
        if (fd < 0 && errno != ENOENT)
                return error_set(err, ERROR_INTERNAL, errno, "cannot read " KRB5_CONF);
        if (fd >= 0) {
                conf->before = calloc(1, CONF_MAX + 2);
                if (!conf->before)
                        return error_oom(err);
                ssize_t n = read(fd, conf->before, CONF_MAX + 1);
                if (n < 0)
                        return error_set(err, ERROR_INTERNAL, errno, "cannot read " KRB5_CONF);
                if (n > CONF_MAX)       /* a part of it must never be put back as the whole */
                        return error_set(err, ERROR_LIMIT, 0,
                                         KRB5_CONF " has more than %d bytes and is not replaced; move it away, "
                                         "then repeat the command", CONF_MAX);
        }
        if (write_file(KRB5_CONF, text, 0644, err) < 0)
                return -1;
        conf->replaced = true;
        return 0;
}

/* ---- a folder for the tickets of the join itself ------------------------------------------------------- */

typedef struct Scratch {
        char folder[32], ccache[48];
} Scratch;

static void scratch_done(Scratch *s) {
        (void)unlink(s->ccache);
        (void)rmdir(s->folder);
}

static int scratch_make(Scratch *s, Error *err) {
        (void)snprintf(s->folder, sizeof s->folder, "/run/holdfast-join-XXXXXX");
        if (!mkdtemp(s->folder))
                return error_set(err, ERROR_INTERNAL, errno, "cannot make a folder in /run");
        (void)snprintf(s->ccache, sizeof s->ccache, "%s/tickets", s->folder);
        return 0;
}

static void keytab_new_done(const bool *mine) {
        if (*mine)
                (void)unlink(KEYTAB_NEW);
}

/* ---- the steps ------------------------------------------------------------------------------------------- */

typedef struct Join {
        const JoinRequest *request;
        JoinTarget target;
        char computer[JOIN_NAME_MAX + 1];
        char host[MACHINE_NAME_MAX];            /* computer.domain, lower case */
} Join;

static int names(Join *join, Error *err) {
        const JoinRequest *r = join->request;
        char own[MACHINE_NAME_MAX] = "";

        if (!r->computer_name && gethostname(own, sizeof own - 1) < 0)
                return error_set(err, ERROR_INTERNAL, errno, "cannot learn this host's name");
        own[strcspn(own, ".")] = '\0';
        const char *name = r->computer_name ? r->computer_name : own;
        if (join_check_name(name, err) < 0 || join_check_domain(r->domain, err) < 0)
                return -1;
        if (!r->secret || !*r->secret || strlen(r->secret) > SECRET_MAX)
                return error_set(err, ERROR_INVALID, 0, "the password is empty or too long");
        (void)snprintf(join->computer, sizeof join->computer, "%.*s", JOIN_NAME_MAX, name);
        (void)snprintf(join->host, sizeof join->host, "%s.%s", join->computer, r->domain);
        for (char *p = join->host; *p; p++)
                *p = (char)(*p >= 'A' && *p <= 'Z' ? *p + ('a' - 'A') : *p);
        for (char *p = join->computer; *p; p++)
                *p = (char)(*p >= 'a' && *p <= 'z' ? *p - ('a' - 'A') : *p);
        return 0;
}

static int run_adcli(const Join *join, Error *err) {
        const JoinRequest *r = join->request;
        char domain[320], server[320], computer[64], host[320], login[320] = "--login-type=computer", user[256];
        char ou[LOCATE_HOST_MAX + 1024];
        ProgramResult result;

        if (r->user && join_login(r->user, user, sizeof user, err) < 0)
                return -1;
        if (r->ou && strlen(r->ou) > 1024)
                return error_set(err, ERROR_INVALID, 0, "the organizational unit's name is too long");
        (void)snprintf(domain, sizeof domain, "--domain=%s", r->domain);
        (void)snprintf(server, sizeof server, "--domain-controller=%s", join->target.server);
        (void)snprintf(computer, sizeof computer, "--computer-name=%s", join->computer);
        (void)snprintf(host, sizeof host, "--host-fqdn=%s", join->host);
        if (r->user)
                (void)snprintf(login, sizeof login, "--login-user=%s", user);
        (void)snprintf(ou, sizeof ou, "--domain-ou=%s", r->ou ? r->ou : "");
        /* host and RestrictedKrbHost are added by adcli itself */
        const char *argv[] = {
                "/usr/sbin/adcli", "join", domain, server, computer, host, login, "--host-keytab=" KEYTAB_NEW,
                "--stdin-password", "--os-name=Holdfast", "--service-name=host", "--service-name=HTTP",
                "--service-name=WSMAN", "--service-name=cifs",
                "--service-name=Microsoft Virtual System Migration Service", r->ou ? ou : NULL, NULL,
        };
        (void)unlink(KEYTAB_NEW);
        if (program_run(argv, r->secret, NULL, ADCLI_US, &result, err) < 0)
                return error_wrap(err, "joining %s", r->domain);
        if (result.status != 0)
                return join_explain(r, join->computer, result.status, program_last_line(&result), err);
        return 0;
}

/* The new key must open the domain's door before anything of the old state is given up. */
static int prove(const Join *join, const Scratch *scratch, Machine *ret, Error *err) {
        const struct timespec pause = { .tv_sec = 2 };
        Machine m;
        uint64_t renew_us;

        if (chmod(KEYTAB_NEW, 0600) < 0)
                return error_set(err, ERROR_INTERNAL, errno, "cannot protect " KEYTAB_NEW);
        if (machine_load_from(KEYTAB_NEW, scratch->ccache, &m, err) < 0)
                return -1;
        for (unsigned n = 1; machine_refresh(&m, &renew_us, err) < 0; n++) {
                if (n == PROOF_TRIES)
                        return -1;
                (void)nanosleep(&pause, NULL);
        }
        *ret = m;
        return 0;
}

/* Not fatal: hosts also find each other through records an administrator makes. */
static void register_address(const Join *join, const Scratch *scratch, char note[static ERROR_TEXT_MAX]) {
        const char *type = strchr(join->target.address, ':') ? "AAAA" : "A";
        char script[1024], cache[sizeof scratch->ccache + 32];
        ProgramResult result = { .status = -1 };
        Error why;

        (void)snprintf(script, sizeof script,
                       "server %s\nupdate delete %s %s\nupdate add %s 3600 %s %s\nsend\n",
                       join->target.server, join->host, type, join->host, type, join->target.address);
        (void)snprintf(cache, sizeof cache, "KRB5CCNAME=FILE:%s", scratch->ccache);
        const char *const argv[] = { NSUPDATE, "-g", "-t", "5", NULL };
        /* an administrator's record is not ours to replace, and need not be */
        if (locate_has_address(join->host, join->target.address))
                return;
        int r = program_run(argv, script, cache, NSUPDATE_US, &result, &why);
        if (r == 0 && result.status == 0)
                return;
        Error say;
        (void)error_set(
                &say, ERROR_UNREACHABLE, 0,
                "the address %s of %s could not be registered in DNS (%.200s); an "
                "administrator adds it with: Add-DnsServerResourceRecord%s -ZoneName %s -Name %s -IPv%cAddress %s",
                join->target.address, join->host, r < 0 ? why.text : program_last_line(&result), type,
                join->request->domain, join->computer, strchr(join->target.address, ':') ? '6' : '4',
                join->target.address);
        memcpy(note, say.text, sizeof say.text);
}

/* The domain has our key from now on and nobody else has: it must outlive a loss of power the moment we say so.  -1
 * with errno. */
static int store_keytab(void) {
        auto_fd int fd = open(KEYTAB_NEW, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        auto_fd int folder = open("/etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0 || folder < 0 || fsync(fd) < 0 || rename(KEYTAB_NEW, MACHINE_KEYTAB_PATH) < 0)
                return -1;
        (void)fsync(folder);    /* krb5.conf's name, too; the join stands either way */
        return 0;
}

/* From here on an account may exist in the directory. */
static int after_adcli(const Join *join, JoinResult *result, Error *err) {
        auto_(scratch_done) Scratch scratch = { "", "" };

        if (scratch_make(&scratch, err) < 0 || prove(join, &scratch, &result->machine, err) < 0)
                return error_wrap(err, "the account %s$ now exists in %s, but this host keeps nothing of it",
                                  join->computer, join->request->domain);
        if (store_keytab() < 0)
                return error_set(err, ERROR_INTERNAL, errno,
                                 "the account %s$ now exists in %s, but its key cannot be "
                                 "stored as " MACHINE_KEYTAB_PATH,
                                 join->computer, join->request->domain);
        (void)snprintf(result->machine.keytab, sizeof result->machine.keytab, MACHINE_KEYTAB_PATH);
        (void)snprintf(result->machine.ccache, sizeof result->machine.ccache, MACHINE_CCACHE_PATH);
        register_address(join, &scratch, result->note);
        return 0;
}

int join_domain(const JoinRequest *request, JoinResult *ret, Error *err) {
        Join join = { .request = request };
        JoinResult result = { .note = "" };

        if (names(&join, err) < 0 || join_check_not_member(err) < 0 ||
            join_check_target(request, &join.target, err) < 0)
                return -1;

        auto_(conf_restore) Conf conf = { 0 };
        auto_(keytab_new_done) bool keytab_is_new = true;
        if (conf_replace(&conf, request->domain, err) < 0 || run_adcli(&join, err) < 0 ||
            after_adcli(&join, &result, err) < 0)
                return -1;
        keytab_is_new = false;
        conf.replaced = false;          /* the new one stays */
        *ret = result;
        return 0;
}
