#include "tests/unit/test.h"

#include <stdbool.h>
#include <string.h>

#include "smb/share/unc.h"

static const struct {
        const char *why, *text;
        const char *host, *share, *path;        /* expected when says is NULL */
        const char *says;                       /* a piece of the expected error */
} rows[] = {
        { "plain", "\\\\fs1.lab.test\\vms\\web01\\web01.vm", "fs1.lab.test", "vms", "web01\\web01.vm", NULL },
        { "forward slashes", "//fs1.lab.test/vms/a/b", "fs1.lab.test", "vms", "a\\b", NULL },
        { "mixed", "\\\\fs1/vms\\a/b", "fs1", "vms", "a\\b", NULL },
        { "host folds case", "\\\\FS1.Lab.Test\\Vms\\A", "fs1.lab.test", "Vms", "A", NULL },
        { "the share itself", "\\\\fs1\\vms", "fs1", "vms", "", NULL },
        { "one separator at the end", "\\\\fs1\\vms\\a\\", "fs1", "vms", "a", NULL },
        { "blanks inside", "\\\\fs1\\vms\\Virtual Hard Disks\\x y.raw", "fs1", "vms", "Virtual Hard Disks\\x y.raw",
          NULL },
        { "not ASCII", "\\\\fs1\\vms\\Grün\\€😀", "fs1", "vms", "Grün\\€😀", NULL },
        { "hidden share", "\\\\fs1\\vms$", "fs1", "vms$", "", NULL },
        { "empty", "", NULL, NULL, NULL, "not a share path" },
        { "a local path", "/srv/vms/a", NULL, NULL, NULL, "not a share path" },
        { "a drive", "C:\\vms", NULL, NULL, NULL, "not a share path" },
        { "no host", "\\\\", NULL, NULL, NULL, "names no file server" },
        { "no share", "\\\\fs1", NULL, NULL, NULL, "share must have" },
        { "no share but a separator", "\\\\fs1\\", NULL, NULL, NULL, "share must have" },
        { "IPv4", "\\\\192.0.2.7\\vms", NULL, NULL, NULL, "use a host name" },
        { "IPv6", "\\\\fe80::1\\vms", NULL, NULL, NULL, "use a host name" },
        { "host with a blank", "\\\\fs 1\\vms", NULL, NULL, NULL, "not the name of a file server" },
        { "host that is dots", "\\\\..\\vms", NULL, NULL, NULL, "not the name of a file server" },
        { "host with a trailing dot", "\\\\fs1.\\vms", NULL, NULL, NULL, "not the name of a file server" },
        { "parent", "\\\\fs1\\vms\\a\\..\\b", NULL, NULL, NULL, "ends with a dot" },
        { "self", "\\\\fs1\\vms\\.\\b", NULL, NULL, NULL, "ends with a dot" },
        { "trailing blank", "\\\\fs1\\vms\\a \\b", NULL, NULL, NULL, "ends with a dot or a blank" },
        { "empty part", "\\\\fs1\\vms\\a\\\\b", NULL, NULL, NULL, "empty part" },
        { "stream", "\\\\fs1\\vms\\a:b", NULL, NULL, NULL, "no file name may have" },
        { "wildcard", "\\\\fs1\\vms\\*", NULL, NULL, NULL, "no file name may have" },
        { "control", "\\\\fs1\\vms\\a\nb", NULL, NULL, NULL, "no file name may have" },
        { "not UTF-8", "\\\\fs1\\vms\\\xff", NULL, NULL, NULL, "not UTF-8" },
};

static void test_parse(void **state) {
        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                Unc got = { .host = "untouched" };
                Error err = { 0 };
                int r = unc_parse(rows[i].text, &got, &err);
                if (rows[i].says) {
                        if (r != -1 || err.kind != ERROR_INVALID || !strstr(err.text, rows[i].says))
                                fail_msg("%s: got %d, '%s'", rows[i].why, r, err.text);
                        assert_string_equal(got.host, "untouched");
                        continue;
                }
                if (r != 0)
                        fail_msg("%s: %s", rows[i].why, err.text);
                assert_string_equal(got.host, rows[i].host);
                assert_string_equal(got.share, rows[i].share);
                assert_string_equal(got.path, rows[i].path);
        }
}

static void test_too_long(void **state) {
        (void)state;
        char text[8192] = "\\\\fs1\\vms\\";
        Unc got;
        Error err = { 0 };
        (void)memset(text + strlen(text), 'a', UNC_PART_MAX + 1);
        assert_int_equal(unc_parse(text, &got, &err), -1);
        assert_non_null(strstr(err.text, "longer than 255 characters"));

        (void)strcpy(text, "\\\\fs1\\vms");
        for (size_t at = strlen(text), i = 0; i < 200; i++, at += 7)
                (void)strcpy(text + at, "\\abcdef");
        assert_int_equal(unc_parse(text, &got, &err), -1);
        assert_non_null(strstr(err.text, "longer than 1024 bytes"));

        (void)memset(text, 'a', sizeof text - 1);
        (void)memcpy(text, "\\\\", 2);
        (void)strcpy(text + 2 + UNC_HOST_MAX + 1, "\\vms");
        assert_int_equal(unc_parse(text, &got, &err), -1);
        assert_non_null(strstr(err.text, "longer than 253"));
}

static void test_parts(void **state) {
        (void)state;
        Unc unc;
        Error err = { 0 };
        char text[UNC_TEXT_MAX + 1];
        assert_int_equal(unc_parse("//FS1/vms/a/b/", &unc, &err), 0);
        unc_text(&unc, text);
        assert_string_equal(text, "\\\\fs1\\vms\\a\\b");
        assert_string_equal(unc_name(&unc), "b");
        assert_true(unc_to_parent(&unc));
        assert_string_equal(unc.path, "a");
        assert_string_equal(unc_name(&unc), "a");
        assert_true(unc_to_parent(&unc));
        assert_string_equal(unc.path, "");
        assert_string_equal(unc_name(&unc), "vms");
        unc_text(&unc, text);
        assert_string_equal(text, "\\\\fs1\\vms");
        assert_false(unc_to_parent(&unc));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_parse),
                cmocka_unit_test(test_too_long),
                cmocka_unit_test(test_parts),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
