/* auth-probe — auth/ by hand on a lab host, without holdfastd: one verb a run.
 *
 *      auth-probe machine [KEYTAB CCACHE]      who this host is, and a fresh ticket
 *      auth-probe computer ACCOUNT|HOST        what the directory says about a computer
 *      auth-probe require ACCOUNT              the fabric rule
 *      auth-probe again ACCOUNT                the same twice; a line of standard input in between
 *      auth-probe fabric                       the members
 *      auth-probe peer HOST                    a Kerberos conversation with ourselves as HOST
 *      auth-probe join DOMAIN NAME USER|- [OU] the password on standard input
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "auth/directory.h"
#include "auth/gss.h"
#include "auth/join.h"

static int say(int r, const Error *err) {
        if (r < 0)
                (void)fprintf(stderr, "%s (%d): %s\n", error_kind_name(err->kind), err->cause, err->text);
        return r < 0 ? 1 : 0;
}

static int machine(int argc, char **argv) {
        Machine m;
        Error err;
        uint64_t renew_us;
        if ((argc > 3 ? machine_load_from(argv[2], argv[3], &m, &err) : machine_load(&m, &err)) < 0)
                return say(-1, &err);
        printf("%s %s %s %s %s\n", m.realm, m.domain, m.host, m.account, m.principal);
        if (machine_refresh(&m, &renew_us, &err) < 0)
                return say(-1, &err);
        printf("renew at %llu\n", (unsigned long long)(renew_us / 1000000));
        return 0;
}

static void print(const DirectoryComputer *c) {
        printf("%s %s enabled=%d in_fabric=%d\n", c->account, c->host, c->enabled, c->in_fabric);
}

static int directory(int argc, char **argv) {
        Machine m;
        Error err;
        DirectoryComputer c = { 0 }, *all = NULL;
        size_t count = 0;
        auto_(directory_freep) Directory *d = NULL;

        if (machine_load(&m, &err) < 0 || directory_new(&m, &d, &err) < 0)
                return say(-1, &err);
        int r = 0;
        for (int i = 0; i < 2 && r == 0; i++) {
                if (i && strcmp(argv[1], "again") == 0) {
                        (void)getchar();
                        directory_forget(d);
                }
                if (strcmp(argv[1], "fabric") == 0)
                        r = i ? 0 : directory_fabric(d, &all, &count, &err);
                else if (strcmp(argv[1], "require") == 0 || strcmp(argv[1], "again") == 0)
                        r = directory_require_fabric(d, argv[2], &c, &err);
                else if (strchr(argv[2], '$'))
                        r = directory_computer(d, argv[2], &c, &err);
                else
                        r = directory_computer_by_host(d, argv[2], &c, &err);
                printf("questions %llu\n", (unsigned long long)directory_questions(d));
        }
        if (r == 0 && !all)
                print(&c);
        for (size_t i = 0; i < count; i++)
                print(&all[i]);
        free(all);
        return say(r, &err);
}

static int peer(int argc, char **argv) {
        const uint8_t binding[GSS_BINDING_SIZE] = { 1, 2, 3 };
        auto_(gss_peer_freep) GssPeer *a = NULL, *b = NULL;
        uint8_t *token = NULL, *back = NULL;
        size_t size = 0, back_size = 0;
        bool done = false;
        Machine m;
        Error err;

        int r = machine_load(&m, &err);
        if (r == 0)
                r = gss_peer_initiate(&m, argv[2], binding, &a, &err);
        if (r == 0)
                r = gss_peer_accept(&m, binding, &b, &err);
        if (r == 0)
                r = gss_peer_step(a, NULL, 0, &token, &size, &done, &err);
        if (r == 0)
                r = gss_peer_step(b, token, size, &back, &back_size, &done, &err);
        free(token);
        token = NULL;
        if (r == 0)
                r = gss_peer_step(a, back, back_size, &token, &size, &done, &err);
        if (r == 0)
                printf("%s and %s\n", gss_peer_principal(a), gss_peer_principal(b));
        free(token);
        free(back);
        return say(r, &err);
}

static int join(int argc, char **argv) {
        char secret[256] = "";
        JoinResult result;
        Error err;

        if (!fgets(secret, sizeof secret, stdin))
                return 2;
        secret[strcspn(secret, "\n")] = '\0';
        const JoinRequest request = {
                .domain = argv[2], .computer_name = argv[3], .user = strcmp(argv[4], "-") ? argv[4] : NULL,
                .secret = secret, .ou = argc > 5 ? argv[5] : NULL,
        };
        int r = join_domain(&request, &result, &err);
        if (r == 0)
                printf("%s %s\n%s\n", result.machine.principal, result.machine.host, result.note);
        return say(r, &err);
}

int main(int argc, char **argv) {
        static const struct { const char *verb; int least; int (*run)(int, char **); } verbs[] = {
                { "machine", 2, machine }, { "computer", 3, directory }, { "require", 3, directory },
                { "again", 3, directory }, { "fabric", 2, directory }, { "peer", 3, peer }, { "join", 5, join },
        };
        (void)signal(SIGPIPE, SIG_IGN);
        for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
                if (argc >= verbs[i].least && strcmp(argv[1], verbs[i].verb) == 0)
                        return verbs[i].run(argc, argv);
        (void)fprintf(stderr, "usage: auth-probe machine|computer|require|fabric|peer|join …\n");
        return 2;
}
