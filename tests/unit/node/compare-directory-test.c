/* Remedies for the directory → what its administrators type; other remedies stay. */
#include "tests/unit/test.h"

#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/node/compare-directory.h"

static const struct { const char *why, *remedy, *samba[2]; } rows[] = {
        { "a name moves", "setspn -D \"host/hv1.lab.test\" OTHER$\nsetspn -S \"host/hv1.lab.test\" HV1$",
          { "samba-tool spn delete 'host/hv1.lab.test' 'OTHER$'", "samba-tool spn add 'host/hv1.lab.test' 'HV1$'" } },
        { "a name with spaces", "setspn -S \"Microsoft Virtual System Migration Service/HV1\" HV1$",
          { "samba-tool spn add 'Microsoft Virtual System Migration Service/HV1' 'HV1$'" } },
        { "a member", "Add-ADGroupMember 'Holdfast Hosts' 'HV1$'", { "samba-tool group addmembers 'Holdfast Hosts' 'HV1$'" } },
        { "the group", "New-ADGroup 'Holdfast Hosts' -GroupScope Global", { "samba-tool group add 'Holdfast Hosts'" } },
        { "an account", "Enable-ADAccount 'HV1$'", { "samba-tool user enable 'HV1$'" } },
        { "ours", "Test-ComputerSecureChannel -Repair", { NULL } },
        { "a shell's", "timedatectl set-ntp true", { NULL } },
        { "none", "", { NULL } },
};

static void test_rows(void **state) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                size_t wanted = rows[i].samba[0] ? (rows[i].samba[1] ? 2 : 1) : 0;
                auto_free Finding *f = calloc(1, sizeof *f);
                Mend mend = { 0 };
                Error err = { 0 };

                assert_non_null(f);
                (void)snprintf(f->remedy, sizeof f->remedy, "%s", rows[i].remedy);
                if (compare_directory_mend(f, &mend, &err) < 0)
                        fail_msg("%s: %s", rows[i].why, err.text);
                if (mend.samba_count != wanted || mend.windows_count != wanted ||
                    strcmp(f->remedy, wanted ? "" : rows[i].remedy) != 0)
                        fail_msg("%s: %zu commands, '%s' stays", rows[i].why, mend.samba_count, f->remedy);
                for (size_t n = 0; n < wanted; n++)
                        assert_string_equal(mend.samba[n], rows[i].samba[n]);
                mend_done(&mend);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
