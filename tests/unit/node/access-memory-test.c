/* What is remembered of a proof: kept whole, found again, and nothing at all when the file is not ours. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appliance/node/access-memory.h"

static char folder[] = "/tmp/access-memory-XXXXXX";

static AccessMemory *open_one(const char *account, const char *unc) {
        AccessMemory *m = NULL;
        Error err = { 0 };
        assert_int_equal(access_memory_open(folder, account, unc, &m, &err), 0);
        return m;
}

static void note(AccessMemory *m, const char *path, unsigned layer, uint32_t granted, const char *digest) {
        AccessNote n = { .layer = layer, .granted = granted };
        Error err = { 0 };
        (void)strcpy(n.digest, digest);
        assert_int_equal(access_memory_note(m, path, &n, &err), 0);
}

static void test_kept(void **unused) {
        (void)unused;
        AccessNote n;
        Error err = { 0 };
        AccessMemory *m = open_one("HV1$", "\\\\fs1\\vms");

        assert_true(access_memory_when(m) == 0);
        assert_false(access_memory_find(m, "\\\\fs1\\vms", 0, &n));
        note(m, "\\\\fs1\\vms\\a b.raw", 2, 0x1301BF, "0123456789abcdef");
        note(m, "\\\\fs1\\vms", 0, 0, "-");
        note(m, "\\\\fs1\\vms", 1, 7, "00");
        note(m, "\\\\fs1\\vms\\evil\nname", 2, 7, "00");
        assert_int_equal(access_memory_keep(m, 1234567, &err), 0);
        access_memory_free(m);

        m = open_one("hv1$", "\\\\FS1\\VMs");       /* names of accounts and shares have no case */
        assert_true(access_memory_when(m) == 1234567);
        assert_true(access_memory_find(m, "\\\\fs1\\vms\\a b.raw", 2, &n));
        assert_int_equal(n.granted, 0x1301BF);
        assert_string_equal(n.digest, "0123456789abcdef");
        assert_true(access_memory_find(m, "\\\\fs1\\vms", 1, &n) && n.granted == 7);
        assert_true(access_memory_find(m, "\\\\fs1\\vms", 0, &n) && n.granted == 0);
        assert_false(access_memory_find(m, "\\\\fs1\\vms\\evil", 2, &n));
        access_memory_free(m);
        m = open_one("HV2$", "\\\\fs1\\vms");
        assert_true(access_memory_when(m) == 0);
        access_memory_free(m);
}

static const struct { const char *why, *text; } damages[] = {
        { "empty", "" },
        { "another file", "SQLite format 3" },
        { "a later version", "holdfast-access 2 5\n" },
        { "cut in its first line", "holdfast-access 1 5" },
        { "a line that is none", "holdfast-access 1 5\nxyz\n" },
        { "a digest too long", "holdfast-access 1 5\n0 7 00000000000000000000000000 \\\\fs1\\vms\n" },
        { "no path", "holdfast-access 1 5\n0 7 00\n" },
        { "a last line that was cut", "holdfast-access 1 5\n0 7 00 \\\\fs1\\vm" },
};

static void test_damaged(void **unused) {
        (void)unused;
        char name[ACCESS_DIGEST_SIZE], path[256];

        access_digest("hv9$\n\\\\fs1\\vms", strlen("hv9$\n\\\\fs1\\vms"), name);
        (void)snprintf(path, sizeof path, "%s/%s", folder, name);
        for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
                AccessNote n;
                FILE *f = fopen(path, "we");
                assert_non_null(f);
                (void)fputs(damages[i].text, f);
                (void)fclose(f);
                AccessMemory *m = open_one("HV9$", "\\\\fs1\\vms");
                if (access_memory_find(m, "\\\\fs1\\vms", 0, &n))
                        fail_msg("%s: something was remembered", damages[i].why);
                access_memory_free(m);
        }
        (void)unlink(path);
}

static void test_cannot(void **unused) {
        (void)unused;
        AccessMemory *m = NULL;
        Error err = { 0 };

        assert_int_equal(access_memory_open("/proc/none", "HV1$", "x", &m, &err), 0);
        assert_int_equal(access_memory_keep(m, 1, &err), -1);
        assert_int_equal(err.kind, ERROR_INTERNAL);
        access_memory_free(m);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_kept), cmocka_unit_test(test_damaged),
                                            cmocka_unit_test(test_cannot) };
        char command[300];

        if (!mkdtemp(folder))
                return 1;
        int failed = cmocka_run_group_tests(tests, NULL, NULL);
        (void)snprintf(command, sizeof command, "rm -r %s", folder);
        return system(command) == 0 ? failed : 1;
}
