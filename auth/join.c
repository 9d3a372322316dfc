#include "auth/join.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "auth/dns-record.h"
#include "auth/join-checks.h"
#include "auth/join-files.h"
#include "auth/program.h"
#include "auth/scratch.h"

#define ETC "/etc"
#define KEYTAB_NEW MACHINE_KEYTAB_PATH ".joining"

enum {
        ADCLI_US = 75 * 1000000,
        PROOF_TRIES = 5,                /* two seconds apart: the KDC may lag behind the directory */
        SECRET_MAX = 1024,
};

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

        if (r->user && join_login(r->user, r->domain, user, sizeof user, err) < 0)
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
        (void)snprintf(m.conf, sizeof m.conf, "%s", scratch->conf);
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
        char conf[sizeof scratch->conf + 32];
        Error why;

        (void)snprintf(conf, sizeof conf, "KRB5_CONFIG=%s", scratch->conf);     /* it names the tickets, too */
        if (strchr(join->target.address, '%'))
                return;         /* of this link alone */
        /* an administrator's record is not ours to replace, and need not be */
        if (locate_has_address(join->host, join->target.address) ||
            dns_record_set(join->target.server, join->host, join->target.address, conf, &why) == 0)
                return;
        Error say;
        (void)error_set(
                &say, ERROR_UNREACHABLE, 0,
                "the address %s of %s could not be registered in DNS (%.200s); an "
                "administrator adds it with: Add-DnsServerResourceRecord%s -ZoneName %s -Name %s -IPv%cAddress %s",
                join->target.address, join->host, why.text, type,
                join->request->domain, join->computer, strchr(join->target.address, ':') ? '6' : '4',
                join->target.address);
        memcpy(note, say.text, sizeof say.text);
}

/* From here on an account may exist in the directory. */
static int after_adcli(const Join *join, JoinFiles *files, JoinResult *result, Error *err) {
        auto_(scratch_done) Scratch scratch = { .folder = "" };

        if (scratch_make(&scratch, join->request->domain, join->target.server, err) < 0 ||
            prove(join, &scratch, &result->machine, err) < 0 || join_files_commit(files, err) < 0)
                return error_wrap(err, "the account %s$ now exists in %s, but this host keeps nothing of it",
                                  join->computer, join->request->domain);
        (void)snprintf(result->machine.keytab, sizeof result->machine.keytab, MACHINE_KEYTAB_PATH);
        (void)snprintf(result->machine.ccache, sizeof result->machine.ccache, MACHINE_CCACHE_PATH);
        result->machine.conf[0] = '\0';
        register_address(join, &scratch, result->note);
        return 0;
}

int join_domain(const JoinRequest *request, JoinResult *ret, Error *err) {
        Join join = { .request = request };
        JoinResult result = { .note = "" };
        char conf[2048], user[256];

        /* before anything is asked: a name that is not of this domain */
        if (names(&join, err) < 0 ||
            (request->user && join_login(request->user, request->domain, user, sizeof user, err) < 0) ||
            (!request->again && join_check_not_member(err) < 0) || join_check_target(request, &join.target, err) < 0 ||
            join_krb5_conf(request->domain, conf, sizeof conf, err) < 0)
                return -1;

        auto_(join_files_done) JoinFiles files = { .begun = false };
        if (join_files_begin(&files, ETC, conf, err) < 0 || run_adcli(&join, err) < 0 ||
            after_adcli(&join, &files, &result, err) < 0)
                return -1;
        *ret = result;
        return 0;
}

const char *join_recover(void) {
        scratch_clean_up();
        switch (join_files_recover(ETC)) {
        case JOIN_LEFT_UNDONE:
                return "a join was cut off and is undone on this host; its account may exist in the domain: repeat "
                       "Add-Computer";
        case JOIN_LEFT_ENDED:
                return "a join was cut off after its key was proven; it stands";
        case JOIN_LEFT_NOTHING:
                break;
        }
        return NULL;
}
