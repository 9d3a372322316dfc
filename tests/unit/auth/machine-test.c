/* Who we are by a keytab; keytabs are written by libkrb5 itself, into a temporary folder. */
#include "tests/unit/test.h"

#include <krb5.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "auth/machine.h"
#include "auth/program.h"

static const struct {
        const char *why;
        const char *principals[6];              /* in the order of joining: libkrb5 stamps the time itself */
        const char *account, *host, *realm;     /* NULL: ERROR_NOT_FOUND */
} keytabs[] = {
        { "as adcli writes it", { "HV1$@LAB.TEST", "host/HV1@LAB.TEST", "host/hv1.lab.test@LAB.TEST",
                                  "RestrictedKrbHost/hv1.lab.test@LAB.TEST" }, "HV1$", "hv1.lab.test", "LAB.TEST" },
        { "as Samba writes it", { "host/HV1.lab.test@LAB.TEST", "HV1$@LAB.TEST" }, "HV1$", "hv1.lab.test",
          "LAB.TEST" },
        { "joined again under a new name", { "OLD$@LAB.TEST", "host/old.lab.test@LAB.TEST",
                                             "NEW$@LAB.TEST", "host/new.lab.test@LAB.TEST" },
          "NEW$", "new.lab.test", "LAB.TEST" },
        { "joined another domain", { "A$@TWO.TEST", "host/a.two.test@TWO.TEST", "A$@ONE.TEST",
                                     "host/a.one.test@ONE.TEST" }, "A$", "a.one.test", "ONE.TEST" },
        { "no machine account", { "host/hv1.lab.test@LAB.TEST", "anna@LAB.TEST" }, NULL, NULL, NULL },
        { "no full host name", { "HV1$@LAB.TEST", "host/HV1@LAB.TEST" }, NULL, NULL, NULL },
};

static void write_keytab(const char *path, const char *const *principal) {
        krb5_context context;
        krb5_keytab keytab;
        char name[300];

        (void)snprintf(name, sizeof name, "WRFILE:%s", path);
        assert_int_equal(krb5_init_context(&context), 0);
        assert_int_equal(krb5_kt_resolve(context, name, &keytab), 0);
        for (; *principal; principal++) {
                krb5_keytab_entry entry = { .vno = 2 };
                uint8_t key[32] = { 1 };
                entry.key = (krb5_keyblock){ .enctype = ENCTYPE_AES256_CTS_HMAC_SHA1_96, .length = sizeof key,
                                             .contents = key };
                assert_int_equal(krb5_parse_name(context, *principal, &entry.principal), 0);
                assert_int_equal(krb5_kt_add_entry(context, keytab, &entry), 0);
                krb5_free_principal(context, entry.principal);
        }
        (void)krb5_kt_close(context, keytab);
        krb5_free_context(context);
}

static void test_load(void **state) {
        char folder[] = "/tmp/holdfast-machine-XXXXXX", path[64];

        assert_non_null(mkdtemp(folder));
        (void)snprintf(path, sizeof path, "%s/keytab", folder);
        for (size_t i = 0; i < ARRAY_SIZE(keytabs); i++) {
                Machine m = { .realm = "untouched" };
                Error err = { 0 };

                write_keytab(path, keytabs[i].principals);
                int r = machine_load_from(path, "/nonexistent/tickets", &m, &err);
                (void)unlink(path);
                if (!keytabs[i].account) {
                        if (r != -1 || err.kind != ERROR_NOT_FOUND || !strstr(err.text, "Add-Computer"))
                                fail_msg("%s: %d '%s'", keytabs[i].why, r, err.text);
                        assert_string_equal(m.realm, "untouched");
                        continue;
                }
                if (r != 0)
                        fail_msg("%s: %s", keytabs[i].why, err.text);
                assert_string_equal(m.account, keytabs[i].account);
                assert_string_equal(m.host, keytabs[i].host);
                assert_string_equal(m.realm, keytabs[i].realm);
                assert_string_equal(m.keytab, path);
        }
        (void)rmdir(folder);
}

static void test_no_keytab(void **state) {
        Machine m;
        Error err = { 0 };

        assert_int_equal(machine_load_from("/nonexistent/keytab", "/nonexistent/tickets", &m, &err), -1);
        assert_int_equal(err.kind, ERROR_NOT_FOUND);
        assert_string_equal(
                err.text, "this host has not joined a domain (no usable key in /nonexistent/keytab); join it with: "
                          "Add-Computer -DomainName <domain> -Credential <user>");
}

/* A file that is no keytab is an answer, too.  (Files damaged in the middle make libkrb5 leak; the keytab is
 * root's own, so that is between it and them.) */
static void test_damaged(void **state) {
        static const struct { const char *why, *content; size_t size; } rows[] = {
                { "empty", "", 0 }, { "text", "[libdefaults]\n", 14 }, { "version of tomorrow", "\x05\x09", 2 },
                { "version alone", "\x05\x02", 2 },
        };
        char folder[] = "/tmp/holdfast-machine-XXXXXX", path[64];

        assert_non_null(mkdtemp(folder));
        (void)snprintf(path, sizeof path, "%s/keytab", folder);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                Machine m;
                Error err = { 0 };
                auto_file FILE *to = fopen(path, "w");
                (void)fwrite(rows[i].content, 1, rows[i].size, to);
                (void)fflush(to);
                if (machine_load_from(path, "/nonexistent/tickets", &m, &err) != -1 || err.kind != ERROR_NOT_FOUND)
                        fail_msg("%s: %s '%s'", rows[i].why, error_kind_name(err.kind), err.text);
        }
        (void)unlink(path);
        (void)rmdir(folder);
}

static void test_program(void **state) {
        static const struct { const char *why, *script, *input; int status; const char *last; } rows[] = {
                { "its last line",    "echo one; echo ' ! two' >&2; exit 3",      NULL,     3, "two" },
                { "prefix of adcli",  "echo 'adcli: no such domain' >&2; exit 5", NULL,     5, "no such domain" },
                { "gets its input",   "read -r a; echo \"got $a\"",               "secret", 0, "got secret" },
                { "ignores its input", "exec <&-; exit 0",                        "secret", 0, "" },
                { "killed",           "kill -9 $$",                               NULL,   137, "" },
                { "control characters", "printf 'a\\033[2Jb'",                    NULL,     0, "a?[2Jb" },
                { "much output",      "yes x | head -c 100000; echo; echo end",   NULL,     0, "end" },
                { "short environment", "echo \"$LC_ALL $HOME $EXTRA\"",           NULL,     0, "C  yes" },
        };
        ProgramResult result;
        Error err = { 0 };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                const char *const argv[] = { "/bin/sh", "-c", rows[i].script, NULL };
                if (program_run(argv, rows[i].input, "EXTRA=yes", 10000000, &result, &err) < 0)
                        fail_msg("%s: %s", rows[i].why, err.text);
                const char *last = program_last_line(&result);
                if (result.status != rows[i].status || strcmp(last, rows[i].last) != 0)
                        fail_msg("%s: %d '%s'", rows[i].why, result.status, last);
        }
        /* hangs, with its output closed */
        const char *const quiet[] = { "/bin/sh", "-c", "exec sleep 60 <&- >&- 2>&-", NULL };
        const char *const slow[] = { "/bin/sleep", "60", NULL }, *const none[] = { "/nonexistent/adcli", NULL };
        assert_int_equal(program_run(slow, NULL, NULL, 100000, &result, &err), -1);
        assert_int_equal(err.kind, ERROR_TIMEOUT);
        assert_int_equal(program_run(quiet, NULL, NULL, 100000, &result, &err), -1);
        assert_int_equal(err.kind, ERROR_TIMEOUT);
        assert_int_equal(program_run(none, NULL, NULL, 100000, &result, &err), -1);
        assert_int_equal(err.kind, ERROR_NOT_FOUND);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_load),
                cmocka_unit_test(test_no_keytab),
                cmocka_unit_test(test_damaged),
                cmocka_unit_test(test_program),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
