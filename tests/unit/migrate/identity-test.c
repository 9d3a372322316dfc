/* What Compare-VM says of how a host stands in its domain: one fact at a time. */
#include "tests/unit/test.h"

#include <krb5.h>
#include <stdlib.h>
#include <errno.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "auth/spn.h"
#include "migrate/channel.h"
#include "migrate/compare-internal.h"

static const Machine hv1 = { .realm = "LAB.TEST", .domain = "lab.test", .host = "hv1.lab.test", .account = "HV1$",
                             .keytab = "/etc/krb5.keytab" };

static const Standing good = {
        .controller = "dc1.lab.test", .dns_answered = true, .own = "10.77.0.21", .dns_right = true,
        .in_dns = { { "10.77.0.21" }, 1 }, .asked = true, .enabled = true, .in_fabric = true, .fabric_there = true,
        .key_version = 2, .key_version_there = 2,
};

/* A row changes one thing of what is good. */
static void fast(Standing *s) { s->ahead_s = 601; }
static void slow(Standing *s) { s->ahead_s = -601; }
static void nearly(Standing *s) { s->ahead_s = 300; }
static void other_address(Standing *s) { s->dns_right = false; (void)strcpy(s->in_dns.list[0], "10.77.0.250"); }
static void no_address(Standing *s) { s->dns_right = false; s->in_dns.count = 0; }
static void dns_silent(Standing *s) { s->dns_right = s->dns_answered = false; s->in_dns.count = 0; }
static void no_name(Standing *s) { s->spns_missing = 3; (void)strcpy(s->spn, "host/HV1"); }
static void name_with_a_shell(Standing *s) { no_name(s); (void)strcpy(s->spn_holder, "O$(reboot)"); }
static void name_elsewhere(Standing *s) { no_name(s); (void)strcpy(s->spn_holder, "OTHER$"); }
static void old_key(Standing *s) { s->key_version_there = 3; }
static void newer_key(Standing *s) { s->key_version = 3; }
static void key_not_told(Standing *s) { s->key_version_there = 0; }
static void outside(Standing *s) { s->in_fabric = false; }
static void no_group(Standing *s) { s->in_fabric = s->fabric_there = false; }
static void disabled(Standing *s) { s->enabled = s->in_fabric = false; }
static void silent(Standing *s) { s->asked = false; (void)error_set(&s->why_not, ERROR_TIMEOUT, 0, "no answer"); }
static void refused(Standing *s) {
        s->asked = false;
        (void)error_set(&s->why_not, ERROR_DENIED, KRB5KDC_ERR_PREAUTH_FAILED, "not the key");
}
static void fast_and_silent(Standing *s) { fast(s); silent(s); }
static void all_right(Standing *s) { }

static const struct {
        const char *why;
        void (*change)(Standing *s);
        unsigned id;                    /* 0: no finding */
        bool advice;
        const char *says, *remedy;
} rows[] = {
        { "all is right", all_right, 0, false, NULL, NULL },
        { "clock ahead", fast, FINDING_CLOCK, false, "10 minutes ahead of", "timedatectl set-ntp true" },
        { "clock behind", slow, FINDING_CLOCK, false, "10 minutes behind", "timedatectl set-ntp true" },
        { "five minutes are allowed", nearly, 0, false, NULL, NULL },
        { "another address", other_address, FINDING_NAME, false, "is at 10.77.0.250", "Test-ComputerSecureChannel -Repair" },
        { "no address", no_address, FINDING_NAME, false, "no address for hv1", "Test-ComputerSecureChannel -Repair" },
        { "a silent DNS says nothing", dns_silent, 0, false, NULL, NULL },
        { "a name is missing", no_name, FINDING_SPN, false, "lacks the service principal name host/HV1",
          "Test-ComputerSecureChannel -Repair" },
        { "another has it", name_elsewhere, FINDING_SPN, false, "belongs to the account OTHER$",
          "setspn -D \"host/HV1\" OTHER$\nsetspn -S \"host/HV1\" HV1$" },
        { "whose name would do more in a shell", name_with_a_shell, FINDING_SPN, false, "belongs to the account O$(", "" },
        { "an old key", old_key, FINDING_KEY, false, "no longer the one",
          "Test-ComputerSecureChannel -Repair -Credential Administrator" },
        { "a controller that lags behind", newer_key, 0, false, NULL, NULL },
        { "a domain that does not tell", key_not_told, 0, false, NULL, NULL },
        { "outside the group", outside, FINDING_FABRIC, false, "HV1$ is not in the group",
          "Add-ADGroupMember 'Holdfast Hosts' 'HV1$'" },
        { "no such group", no_group, FINDING_FABRIC, false, "has no group", "New-ADGroup 'Holdfast Hosts' -GroupScope Global" },
        { "disabled, and nothing of the group", disabled, FINDING_ACCOUNT, false, "is disabled", "Enable-ADAccount 'HV1$'" },
        { "a domain that is silent keeps nobody", silent, FINDING_DOMAIN, true, "no answer", "" },
        { "the KDC knows the key no more", refused, FINDING_KEY, false, "no longer the one",
          "Test-ComputerSecureChannel -Repair -Credential Administrator" },
        { "a wrong clock explains the rest", fast_and_silent, FINDING_CLOCK, false, "10 minutes", "timedatectl set-ntp true" },
};

static void expect(const char *why, const Findings *findings, unsigned id, bool advice, const char *says,
                   const char *remedy) {
        const Finding *f = &findings->list[0];

        if (findings->count != (id ? 1 : 0))
                fail_msg("%s: %zu findings, the first '%s'", why, findings->count, f->message);
        if (!id)
                return;
        if (f->id != id || f->advice != advice || !strstr(f->message, says) || strcmp(f->remedy, remedy) != 0 ||
            !f->evidence[0])
                fail_msg("%s: %u '%s' because of '%s', mended by '%s'", why, f->id, f->message, f->evidence, f->remedy);
}

static void test_own(void **state) {
        auto_free Findings *findings = calloc(1, sizeof *findings);

        assert_non_null(findings);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                Standing s = good;
                rows[i].change(&s);
                *findings = (Findings){ .host = "hv1.lab.test" };
                compare_identity(&hv1, &s, findings);
                expect(rows[i].why, findings, rows[i].id, rows[i].advice, rows[i].says, rows[i].remedy);
        }
}

/* ---- another host ----------------------------------------------------------------------------------------- */

static const struct {
        const char *why;
        bool outside, disabled, nameless;
        size_t addresses;
        ErrorKind kind;                 /* of the failure to reach it */
        int cause;
        unsigned id;
        const char *says;
} peers[] = {
        { "nothing explains it", false, false, false, 1, ERROR_PROTOCOL, 0, 0, NULL },
        { "outside", true, false, false, 1, ERROR_DENIED, 0, FINDING_FABRIC, "HV1$ is not in the group" },
        { "disabled", true, true, false, 1, ERROR_DENIED, 0, FINDING_ACCOUNT, "is disabled" },
        { "no names", false, false, true, 1, ERROR_NOT_FOUND, 0, FINDING_SPN, "lacks the service principal name" },
        { "its clock", false, false, false, 1, ERROR_DENIED, KRB5KRB_AP_ERR_SKEW, FINDING_CLOCK, "the clock of hv1" },
        { "its clock, when tickets are of the future", false, false, false, 1, ERROR_DENIED, KRB5KRB_AP_ERR_TKT_NYV,
          FINDING_CLOCK, "the clock of hv1" },
        { "its key", false, false, false, 1, ERROR_DENIED, KRB5KRB_AP_ERR_BADKEYVER, FINDING_KEY, "the key of HV1$" },
        { "no address", false, false, false, 0, ERROR_NOT_FOUND, 0, FINDING_NAME, "no address for hv1" },
        { "no answer there", false, false, false, 1, ERROR_UNREACHABLE, 0, FINDING_NAME, "does not answer at 10.77.0.21" },
        { "its holdfastd is not running", false, false, false, 1, ERROR_UNREACHABLE, ECONNREFUSED, FINDING_SERVICE,
          "answers at 10.77.0.21, but Holdfast does not run there" },
        { "another one there", false, false, false, 1, ERROR_DENIED, CHANNEL_CAUSE_OTHER_HOST, FINDING_NAME,
          "where another host answers" },
};

static void test_peer(void **state) {
        auto_free Findings *findings = calloc(1, sizeof *findings);
        auto_free DirectoryAccount *account = calloc(1, sizeof *account);

        assert_non_null(findings);
        assert_non_null(account);
        for (size_t i = 0; i < ARRAY_SIZE(peers); i++) {
                LocateAddresses in_dns = { { "10.77.0.21" }, peers[i].addresses };
                Error why = { 0 };
                (void)error_set(&why, peers[i].kind, peers[i].cause, "it could not be reached");
                *account = (DirectoryAccount){ .account = "HV1$", .host = "hv1.lab.test", .enabled = !peers[i].disabled };
                for (unsigned n = 0; n < SPN_COUNT && !peers[i].nameless; n++)
                        spn_name(&hv1, n, account->spns[account->spn_count++]);
                const ComparePeer peer = { .account = account, .in_fabric = !peers[i].outside, .fabric_there = true,
                                           .in_dns = &in_dns, .why = &why };
                *findings = (Findings){ .host = "hv1.lab.test" };
                compare_identity_peer(&peer, findings);
                expect(peers[i].why, findings, peers[i].id, false, peers[i].says,
                       findings->list[0].remedy);
        }
}

/* What follows from a host that nobody trusts is left out, for that host alone. */
static void test_first(void **state) {
        auto_free Findings *findings = calloc(1, sizeof *findings);

        assert_non_null(findings);
        (void)strcpy(findings->host, "hv1.lab.test");
        (void)finding_add(findings, FINDING_SHARE_ACCESS, ERROR_DENIED, "a file");
        (void)finding_add(findings, FINDING_MEMORY, ERROR_LIMIT, "memory");
        compare_identity_first(findings, "hv1.lab.test");
        assert_int_equal(findings->count, 2);
        (void)finding_add(findings, FINDING_CLOCK, ERROR_DENIED, "the clock");
        (void)strcpy(findings->host, "hv2.lab.test");
        (void)finding_add(findings, FINDING_DISK, ERROR_DENIED, "another host's");
        compare_identity_first(findings, "HV1.lab.test");
        assert_int_equal(findings->count, 3);
        assert_int_equal(findings->list[0].id, FINDING_MEMORY);
        assert_int_equal(findings->list[1].id, FINDING_CLOCK);
        assert_int_equal(findings->list[2].id, FINDING_DISK);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_own), cmocka_unit_test(test_peer), cmocka_unit_test(test_first) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
