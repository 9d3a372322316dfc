/* The pure rules of auth/: names, sentences, filters, times, DNS answers. */
#include "tests/unit/test.h"

#include <string.h>

#include "appliance/base/cleanup.h"
#include "auth/gss.h"
#include "auth/join-checks.h"
#include "auth/join.h"
#include "auth/kerberos.h"
#include "auth/ldap-link.h"
#include "auth/leave.h"
#include "auth/locate.h"
#include "auth/sentence.h"

static const struct { const char *why, *name, *says; } computer_names[] = {
        { "plain",                "HV1",              NULL },
        { "lower case",           "hv1",              NULL },
        { "longest",              "HV1-45678901234",  NULL },
        { "one more",             "HV1-456789012345", "16 characters and a domain allows 15" },
        { "adcli accepts this",   "HV-1-2-3-4-5-6-789", "allows 15" },
        { "empty",                "",                 "is empty" },
        { "dot",                  "hv1.lab",          "is not a computer name" },
        { "underscore",           "hv_1",             "is not a computer name" },
        { "digits alone",         "12345",            "is not a computer name" },
        { "leading hyphen: looks like an option", "-hv1", "is not a computer name" },
        { "trailing hyphen",      "hv1-",             "is not a computer name" },
        { "space",                "hv 1",             "is not a computer name" },
        { "not ASCII",            "hvä",              "is not a computer name" },
};

static const struct { const char *why, *name, *says; } domains[] = {
        { "plain",            "lab.test",         NULL },
        { "deep",             "a.b-c.Example",    NULL },
        { "NetBIOS name",     "LAB",              "write it in full" },
        { "empty",            "",                 "write it in full" },
        { "trailing dot",     "lab.test.",        "write it in full" },
        { "empty label",      "lab..test",        "write it in full" },
        { "option",           "-lab.test",        "write it in full" },
        { "new line",         "lab.test\nx = y",  "write it in full" },
};

static void expect(const char *why, int r, const Error *err, const char *says) {
        if (!says && r != 0)
                fail_msg("%s: %s", why, err->text);
        if (says && (r != -1 || !strstr(err->text, says)))
                fail_msg("%s: got %d, '%s'", why, r, err->text);
}

static void test_names(void **state) {
        for (size_t i = 0; i < ARRAY_SIZE(computer_names); i++) {
                Error err = { 0 };
                expect(computer_names[i].why, join_check_name(computer_names[i].name, &err), &err,
                       computer_names[i].says);
        }
        for (size_t i = 0; i < ARRAY_SIZE(domains); i++) {
                Error err = { 0 };
                expect(domains[i].why, join_check_domain(domains[i].name, &err), &err, domains[i].says);
        }
}

static void test_login(void **state) {
        static const struct { const char *why, *user, *login; } rows[] = {
                { "plain",            "joiner",              "joiner" },
                { "NetBIOS domain",   "LAB\\joiner",         "joiner" },
                { "its DNS name",     "Lab.Test\\joiner",    "joiner" },
                { "UPN",              "joiner@lab.test",     "joiner@LAB.TEST" },
                { "another domain's, which may be trusted", "joiner@other.test", "joiner@OTHER.TEST" },
                { "space is allowed", "Anna Smith",          "Anna Smith" },
                { "empty",            "",                    NULL },
                { "domain alone",     "LAB\\",               NULL },
                { "no name",          "@lab.test",           NULL },
                { "new line",         "a\nb",                NULL },
                { "principal parts",  "a/b",                 NULL },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                char login[64];
                Error err = { 0 };
                expect(rows[i].why, join_login(rows[i].user, "lab.test", login, sizeof login, &err), &err,
                       rows[i].login ? NULL : "is not the name of a user");
                if (rows[i].login)
                        assert_string_equal(login, rows[i].login);
        }

        static const char *const strangers[] = { "OTHER\\joiner", "LA\\joiner", "LABX\\joiner", "lab.tes\\joiner",
                                                 "\\joiner" };
        for (size_t i = 0; i < ARRAY_SIZE(strangers); i++) {
                char login[64];
                Error err = { 0 };
                expect(strangers[i], join_login(strangers[i], "lab.test", login, sizeof login, &err), &err,
                       "is not a user of lab.test");
        }
}

/* What a controller calls itself, before anybody has proven to be one. */
static void test_server_name(void **state) {
        static const struct { const char *name; bool good; } rows[] = {
                { "dc1.lab.test", true }, { "DC_1", true }, { "", false }, { "-x", false }, { ".x", false },
                { "dc1\nupdate delete lab.test", false }, { "dc 1", false }, { "dc1;x", false },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (join_check_server(rows[i].name) != rows[i].good)
                        fail_msg("'%s'", rows[i].name);
}

/* Lines as adcli 0.9.2 wrote them against Samba 4.22. */
static const struct {
        const char *why, *user, *ou;
        int status;
        const char *line;
        ErrorKind kind;
        const char *says;
} answers[] = {
        { "wrong password", "joiner", NULL, 3,
          "couldn't connect to lab.test domain: Couldn't authenticate as: joiner@LAB.TEST: Preauthentication "
          "failed",
          ERROR_DENIED, "the password of joiner is wrong" },
        { "unknown user", "nobody", NULL, 3, "Client 'nobody@LAB.TEST' not found in Kerberos database",
          ERROR_NOT_FOUND, "has no user nobody" },
        { "disabled user", "joiner", NULL, 3, "Client's credentials have been revoked", ERROR_DENIED,
          "the user joiner" },
        { "must change", "joiner", NULL, 3, "New password cannot be zero length", ERROR_DENIED,
          "must change the password" },
        { "used one-time password", NULL, NULL, 3,
          "Couldn't authenticate as: HV4$@LAB.TEST: Preauthentication failed", ERROR_DENIED,
          "the one-time password for HV4$ is wrong or was used before" },
        { "nothing pre-staged", NULL, NULL, 3, "Client 'HV4$@LAB.TEST' not found in Kerberos database",
          ERROR_NOT_FOUND, "New-ADComputer HV4" },
        { "disabled account", NULL, NULL, 3, "Client's credentials have been revoked", ERROR_DENIED,
          "Enable-ADAccount 'HV4$'" },
        { "no controller", "joiner", NULL, 5, "Couldn't find usable domain controller to connect to",
          ERROR_UNREACHABLE, "88, 389 and 464" },
        { "no such OU", "joiner", "OU=X,DC=lab,DC=test", 5, "The organizational unit does not exist: OU=X",
          ERROR_NOT_FOUND, "no organizational unit OU=X,DC=lab,DC=test" },
        { "no rights", "bob", "OU=Y", 6, "Insufficient permissions to modify computer account: CN=HV4",
          ERROR_DENIED, "the user bob may not add or change the computer account HV4$ in OU=Y" },
        { "clock", "joiner", NULL, 3, "Couldn't authenticate: Clock skew too great", ERROR_DENIED,
          "more than 5 minutes" },
        { "Server 2025", "joiner", NULL, 7, "Couldn't set password: Message stream modified", ERROR_CONFLICT,
          "2025" },
        { "never seen", "joiner", NULL, 9, "the moon is in the wrong place", ERROR_INTERNAL,
          "the moon is in the wrong place (adcli ended with 9)" },
        { "silent", "joiner", NULL, 139, "", ERROR_INTERNAL, "gave no reason" },
};

static void test_explain(void **state) {
        for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
                const JoinRequest request = { .domain = "lab.test", .user = answers[i].user, .ou = answers[i].ou,
                                              .secret = "SECRET-WORD" };
                Error err = { 0 };
                expect(answers[i].why, join_explain(&request, "HV4", answers[i].status, answers[i].line, &err),
                       &err, answers[i].says);
                if (err.kind != answers[i].kind || err.cause != answers[i].status || strchr(err.text, '{') ||
                    strstr(err.text, "SECRET"))
                        fail_msg("%s: %s %d '%s'", answers[i].why, error_kind_name(err.kind), err.cause, err.text);
        }
}

static void test_leave_explain(void **state) {
        static const struct { const char *why, *line, *says; ErrorKind kind; } rows[] = {
                { "gone already", "couldn't find: no computer account for HV4 exists", NULL, 0 },
                { "no rights", "Couldn't delete computer account: CN=HV4: Insufficient access", "Remove-ADComputer 'HV4$'",
                  ERROR_DENIED },
                { "never seen", "the moon", "the moon (adcli ended with 7)", ERROR_INTERNAL },
                { "silent", "", "gave no reason", ERROR_INTERNAL },
        };
        const Machine m = { .account = "HV4$", .domain = "lab.test" };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                Error err = { 0 };
                expect(rows[i].why, leave_explain(&m, "bob", 7, rows[i].line, &err), &err, rows[i].says);
                assert_int_equal(err.kind, rows[i].kind);
        }
}

static void test_kerberos(void **state) {
        static const struct { krb5_error_code code; ErrorKind kind; const char *says; } rows[] = {
                { KRB5KRB_AP_ERR_SKEW, ERROR_DENIED, "more than 5 minutes; set the time" },
                { KRB5KRB_AP_ERR_TKT_NYV, ERROR_DENIED, "more than 5 minutes" },
                { KRB5KDC_ERR_PREAUTH_FAILED, ERROR_DENIED, "no longer that of HV4$" },
                { KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN, ERROR_DENIED, "has no account HV4$" },
                { KRB5KDC_ERR_CLIENT_REVOKED, ERROR_DENIED, "Enable-ADAccount 'HV4$'" },
                { KRB5_KDC_UNREACH, ERROR_UNREACHABLE, "no domain controller of LAB.TEST answered" },
                { KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN, ERROR_NOT_FOUND, "knows no host hv9.lab.test" },
                { KRB5_KT_NOTFOUND, ERROR_NOT_FOUND, "Add-Computer -DomainName <domain>" },
                { 1234567, ERROR_DENIED, "odd thing (code 1234567)" },
        };
        const Machine m = {
                .realm = "LAB.TEST", .domain = "lab.test", .account = "HV4$", .keytab = "/etc/krb5.keytab"
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                Error err = { 0 };
                (void)kerberos_error(&err, rows[i].code, &m, "hv9.lab.test", "odd thing");
                if (err.kind != rows[i].kind || !strstr(err.text, rows[i].says) || strchr(err.text, '{'))
                        fail_msg("%d: %s '%s'", rows[i].code, error_kind_name(err.kind), err.text);
        }
}

static void test_krb5_conf(void **state) {
        char text[1024];
        Error err = { 0 };

        assert_int_equal(join_krb5_conf("Lab.Test", text, sizeof text, &err), 0);
        assert_non_null(strstr(text, "default_realm = LAB.TEST\n"));
        assert_non_null(strstr(text, "        .lab.test = LAB.TEST\n"));
        assert_non_null(strstr(text, "rdns = false"));
        assert_null(strstr(text, "[realms]"));
        assert_int_equal(join_krb5_conf_pinned("Lab.Test", "dc1.lab.test", "/run/x/tickets", text, sizeof text, &err), 0);
        assert_non_null(strstr(text, "dns_lookup_kdc = false\n"));
        assert_non_null(strstr(text, "default_ccache_name = FILE:/run/x/tickets\n"));
        assert_non_null(strstr(text, "LAB.TEST = {\n                kdc = dc1.lab.test\n"));
        assert_int_equal(join_krb5_conf_pinned("lab.test", "dc1.lab.test", "/x", text, 380, &err), -1);
        assert_int_equal(join_krb5_conf("lab.test", text, 40, &err), -1);
        assert_int_equal(err.kind, ERROR_LIMIT);
        assert_int_equal(join_krb5_conf("a\n[realms]\n.b", text, sizeof text, &err), -1);
}

static void test_clock(void **state) {
        static const struct { const char *why; int64_t theirs, ours; const char *says; } rows[] = {
                { "equal",        1000000, 1000000, NULL },
                { "five minutes", 1000000, 1000300, NULL },
                { "ahead",        1000000, 1000900, "15 minutes ahead of that of dc1" },
                { "behind",       1000000,  996400, "60 minutes behind that of dc1" },
                { "the command",  1000000,       0, "timedatectl set-time '1970-01-12 13:46:40 UTC'" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                Error err = { 0 };
                expect(rows[i].why, join_check_clock("dc1", rows[i].theirs, rows[i].ours, &err), &err,
                       rows[i].says);
        }
}

static void test_base(void **state) {
        assert_true(join_base_is("DC=lab,DC=test", "lab.test"));
        assert_true(join_base_is("dc=LAB,dc=test", "Lab.Test"));
        assert_false(join_base_is("DC=other,DC=test", "lab.test"));
        assert_false(join_base_is("DC=lab,DC=test,DC=x", "lab.test"));
        assert_false(join_base_is("", "lab.test"));
}

static void test_sentence(void **state) {
        const SentenceWord words[] = { { "a", "one" }, { "b", NULL }, { NULL, NULL } };
        static const struct { const char *why, *pattern, *text; } rows[] = {
                { "filled",       "{a} and {b}", "one and ?" },
                { "unknown stays", "{c} {a}",    "{c} one" },
                { "open brace",   "x {a",        "x {a" },
                { "cut",          "0123456789012345678 {a}", "0123456789012345678" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                char text[20];
                sentence_fill(text, sizeof text, rows[i].pattern, words);
                if (strcmp(text, rows[i].text) != 0)
                        fail_msg("%s: '%s'", rows[i].why, text);
        }
}

static void test_escape(void **state) {
        static const struct { const char *why, *text, *escaped; } rows[] = {
                { "plain",                   "HV1$",          "HV1$" },
                { "wildcard",                "*",             "\\2a" },
                { "closes the filter",       "x)(cn=*",       "x\\29\\28cn=\\2a" },
                { "backslash of a DN",       "CN=a\\,b",      "CN=a\\5c,b" },
                { "UTF-8",                   "ä",             "\\c3\\a4" },
                { "space",                   "a b",           "a\\20b" },
                { "control",                 "a\x01",         "a\\01" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                char to[64];
                Error err = { 0 };
                assert_int_equal(ldap_link_escape(rows[i].text, to, sizeof to, &err), 0);
                if (strcmp(to, rows[i].escaped) != 0)
                        fail_msg("%s: '%s'", rows[i].why, to);
        }
        char small[4];
        Error err = { 0 };
        assert_int_equal(ldap_link_escape("abc", small, sizeof small, &err), 0);
        assert_int_equal(ldap_link_escape("abcd", small, sizeof small, &err), -1);
        assert_int_equal(ldap_link_escape("a*", small, sizeof small, &err), -1);
        assert_int_equal(err.kind, ERROR_LIMIT);
}

static void test_time(void **state) {
        static const struct { const char *text; int64_t seconds; } rows[] = {
                { "19700101000000.0Z", 0 },  { "20261123080000.0Z", 1795420800 }, { "20261123080000Z", 1795420800 },
                { "20261123080000", -1 },    { "20261123080000+0100", -1 },       { "2026112308.0Z", -1 },
                { "", -1 },                  { "99999999999999.0Z", -1 },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                int64_t got = -1;
                bool good = ldap_link_time(rows[i].text, &got);
                if (good != (rows[i].seconds >= 0) || (good && got != rows[i].seconds))
                        fail_msg("'%s': %d %lld", rows[i].text, good, (long long)got);
        }
}

static void test_account(void **state) {
        static const struct { const char *why, *principal, *account; } rows[] = {
                { "a computer",       "HV1$@LAB.TEST",               "HV1$" },
                { "a user",           "anna@LAB.TEST",               NULL },
                { "another realm",    "HV1$@OTHER.TEST",             NULL },
                { "realm's case",     "HV1$@lab.test",               NULL },
                { "a service",        "host/hv1.lab.test@LAB.TEST",  NULL },
                { "a service with $", "x/HV1$@LAB.TEST",             NULL },
                { "escaped at sign",  "HV1$\\@LAB.TEST@OTHER.TEST",  NULL },
                { "escaped at sign, our realm", "HV1$\\@x$@LAB.TEST", NULL },
                { "two at signs",     "a$@b$@LAB.TEST",              NULL },
                { "no name",          "$@LAB.TEST",                  NULL },
                { "no realm",         "HV1$",                        NULL },
                { "nothing",          "",                            NULL },
        };
        const Machine m = { .realm = "LAB.TEST", .domain = "lab.test" };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                char account[MACHINE_NAME_MAX] = "untouched";
                Error err = { 0 };
                expect(rows[i].why, gss_peer_account(&m, rows[i].principal, account, &err), &err,
                       rows[i].account ? NULL : "is not a computer account of lab.test");
                assert_string_equal(account, rows[i].account ? rows[i].account : "untouched");
        }
}

/* ---- DNS answers, made by hand (RFC 1035 4.1, RFC 2782) --------------------------------------------- */

typedef struct Packet { uint8_t data[512]; size_t size; } Packet;

static void put(Packet *p, const void *data, size_t size) {
        memcpy(p->data + p->size, data, size);
        p->size += size;
}

static void put_16(Packet *p, unsigned v) { put(p, (uint8_t[]){ (uint8_t)(v >> 8), (uint8_t)v }, 2); }

static void put_name(Packet *p, const char *name) {
        while (*name) {
                size_t n = strcspn(name, ".");
                put(p, &(uint8_t){ (uint8_t)n }, 1);
                put(p, name, n);
                name += n + (name[n] == '.');
        }
        put(p, "", 1);
}

static Packet answer_of(unsigned records) {
        Packet p = { .size = 0 };
        put_16(&p, 1);
        put_16(&p, 0x8180);
        put_16(&p, 0);
        put_16(&p, records);
        put_16(&p, 0);
        put_16(&p, 0);
        return p;
}

static void put_srv(Packet *p, unsigned priority, unsigned weight, unsigned port, const char *target) {
        put_name(p, "_ldap._tcp.dc._msdcs.lab.test");
        put_16(p, 33);
        put_16(p, 1);
        put_16(p, 0);
        put_16(p, 600);
        size_t length_at = p->size;
        put_16(p, 0);
        put_16(p, priority);
        put_16(p, weight);
        put_16(p, port);
        put_name(p, target);
        p->data[length_at + 1] = (uint8_t)(p->size - length_at - 2);
}

static void test_dns(void **state) {
        Controllers got;
        Error err = { 0 };

        Packet p = answer_of(4);
        put_srv(&p, 10, 0, 389, "far.lab.test");
        put_srv(&p, 0, 10, 389, "light.lab.test");
        put_srv(&p, 0, 90, 389, "Heavy.LAB.test");
        put_srv(&p, 0, 90, 389, "bad name.test");       /* not a host name: skipped */
        assert_int_equal(locate_decode(p.data, p.size, &got, &err), 0);
        assert_int_equal(got.count, 3);
        assert_string_equal(got.list[0].host, "heavy.lab.test");
        assert_string_equal(got.list[1].host, "light.lab.test");
        assert_string_equal(got.list[2].host, "far.lab.test");
        assert_int_equal(got.list[2].port, 389);

        /* every cut of it is refused or shorter, never a crash */
        for (size_t n = 0; n < p.size; n++) {
                uint8_t *cut = malloc(n ? n : 1);
                memcpy(cut, p.data, n);
                (void)!locate_decode(cut, n, &got, &err);
                free(cut);
        }

        p = answer_of(1);
        put_srv(&p, 0, 0, 0, "");       /* RFC 2782: "." says there is no such service */
        assert_int_equal(locate_decode(p.data, p.size, &got, &err), -1);
        assert_int_equal(err.kind, ERROR_NOT_FOUND);

        p = answer_of(20);
        for (unsigned i = 0; i < 20 && p.size < 440; i++)
                put_srv(&p, i, 0, 389, "dc.lab.test");
        (void)!locate_decode(p.data, p.size, &got, &err);
        assert_true(got.count <= LOCATE_CONTROLLERS_MAX);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),     cmocka_unit_test(test_login),   cmocka_unit_test(test_explain),
                cmocka_unit_test(test_server_name), cmocka_unit_test(test_leave_explain),
                cmocka_unit_test(test_kerberos),  cmocka_unit_test(test_krb5_conf), cmocka_unit_test(test_clock),
                cmocka_unit_test(test_base),      cmocka_unit_test(test_sentence), cmocka_unit_test(test_escape),
                cmocka_unit_test(test_time),      cmocka_unit_test(test_account), cmocka_unit_test(test_dns),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
