/* Findings about a file server's settings → commands, for plain names only. */
#include "tests/unit/test.h"

#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/node/compare-server.h"

static const struct {
        const char *why;
        unsigned id;
        ErrorKind kind;
        const char *object;
        const char *samba;              /* part of it; NULL: nothing */
} rows[] = {
        { "stopped", FINDING_DISK, ERROR_UNREACHABLE, "\\\\fs1\\vms", "systemctl start smbd" },
        { "a share that is not there", FINDING_DISK, ERROR_NOT_FOUND, "\\\\fs1\\vms", "/^\\[vms\\]/,/^\\[/{/^[[:space:]]*available/d}" },
        { "a file that is not there", FINDING_DISK, ERROR_NOT_FOUND, "\\\\fs1\\vms\\a", NULL },
        { "old", FINDING_DIALECT, ERROR_UNSUPPORTED, "\\\\fs1\\vms", "server max protocol" },
        { "a read-only file", FINDING_READ_ONLY, ERROR_DENIED, "\\\\fs1\\vms\\a b\\c.raw",
          "smbclient -U Administrator '//fs1/vms' -c 'setmode \"a b\\c.raw\" -r'" },
        { "a quote in its name", FINDING_READ_ONLY, ERROR_DENIED, "\\\\fs1\\vms\\it's.raw", NULL },
        { "a shell's word", FINDING_READ_ONLY, ERROR_DENIED, "\\\\fs1\\vms\\$(reboot).raw", NULL },
        { "another command of smbclient", FINDING_READ_ONLY, ERROR_DENIED, "\\\\fs1\\vms\\a; rm x", NULL },
        { "a share that sed would read differently", FINDING_DURABLE, ERROR_UNSUPPORTED, "\\\\fs1\\vms[1]\\a", NULL },
        { "nothing of the server's", FINDING_MEMORY, ERROR_LIMIT, "\\\\fs1\\vms", NULL },
        { "about no share", FINDING_DURABLE, ERROR_UNSUPPORTED, "", NULL },
};

static void test_rows(void **state) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                Finding f = { .id = rows[i].id, .kind = rows[i].kind };
                Mend mend = { 0 };
                Error err = { 0 };

                (void)snprintf(f.object, sizeof f.object, "%s", rows[i].object);
                if (compare_server_mend(&f, &mend, &err) < 0)
                        fail_msg("%s: %s", rows[i].why, err.text);
                if (mend.samba_count != (rows[i].samba ? 1 : 0) ||
                    (rows[i].samba && !strstr(mend.samba[0], rows[i].samba)))
                        fail_msg("%s: %s", rows[i].why, mend.samba_count ? mend.samba[0] : "nothing");
                mend_done(&mend);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
