#include "tests/unit/test.h"

#include <string.h>

#include "migrate/vhd-internal.h"
#include "migrate/vhd-program.h"

static void test_formats(void **state) {
        (void)state;
        static const struct { const char *path; int format; } rows[] = {        /* -1: refused */
                { "\\\\fs1\\vms\\a.raw", VHD_RAW }, { "/a.RAW", VHD_RAW }, { "/a.img", VHD_RAW },
                { "/a.qcow2", VHD_QCOW2 },
                { "/a.vhd", VHD_VPC }, { "/a.VHDX", VHD_VHDX }, { "/a.vhds", -1 }, { "/a", -1 }, { ".raw", -1 },
                { "", -1 },
                { "/a.raw.txt", -1 }, { "/araw", -1 },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                VhdFormat format = VHD_RAW;
                Error err = { 0 };
                int r = vhd_format_of(rows[i].path, &format, &err);
                if (r != (rows[i].format < 0 ? -1 : 0) || (r == 0 && (int)format != rows[i].format))
                        fail_msg("%s: %d, %s", rows[i].path, r, err.text);
        }
        Error err = { 0 };
        assert_int_equal(vhd_check_on_share("\\\\fs1\\vms\\a.vhdx", &err), -1);
        assert_non_null(strstr(err.text, ".raw"));
        assert_non_null(strstr(err.text, "Convert-VHD"));
        assert_int_equal(vhd_check_on_share("\\\\fs1\\vms\\a.raw", &err), 0);
        assert_true(vhd_is_unc("//fs1/vms/a.raw"));
        assert_false(vhd_is_unc("/fs1/vms/a.raw"));
        assert_false(vhd_is_unc("\\fs1"));
        assert_false(vhd_is_unc(""));
}

/* Refused before anybody is asked for anything. */
static void test_create_refusals(void **state) {
        (void)state;
        static const struct { const char *path; uint64_t size; const char *says; } rows[] = {
                { "/var/tmp/a.raw", 1 << 30, "lies on this host only" },
                { "\\\\fs1\\vms\\a.vhdx", 1 << 30, "Convert-VHD" },
                { "\\\\fs1\\vms\\a", 1 << 30, "extension" },
                { "\\\\192.0.2.1\\vms\\a.raw", 1 << 30, "host name" },
                { "\\\\fs1\\vms\\a.raw", 0, "1 MB to 64 TB" },
                { "\\\\fs1\\vms\\a.raw", (1 << 20) + 1, "whole sectors" },
                { "\\\\fs1\\vms\\a.raw", UINT64_MAX, "1 MB to 64 TB" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                Error err = { 0 };
                if (vhd_create(rows[i].path, rows[i].size, &err) != -1 || !strstr(err.text, rows[i].says))
                        fail_msg("%s: %s", rows[i].path, err.text);
        }
}

/* A name that qemu-img would take for something else than a file of this host; nothing is claimed or made. */
static void test_convert_refusals(void **state) {
        (void)state;
        static const char *const targets[] = {
                "web01.raw", "nbd:192.0.2.1:10809:exportname=web01.raw", "./web01.raw", "fat:rw:web01.img",
                "json:web01.raw", "",
        };
        for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
                VhdConvert convert = { .from = "\\\\fs1\\vms\\a.raw", .to = targets[i] };
                Error err = { 0 };
                if (vhd_convert(NULL, &convert, &err) != -1 || err.kind != ERROR_INVALID ||
                    !strstr(err.text, "from its root"))
                        fail_msg("%s: %s", targets[i], err.text);
                assert_int_equal(access(targets[i], F_OK), -1);
        }
}

/* QEMU reads a differencing VHD as if it were whole; so its footer is looked at first. */
static void test_differencing(void **state) {
        (void)state;
        static const struct { const char *why; off_t at; uint8_t type; bool refused; } rows[] = {
                { "at the end", 4096, 4, true }, { "its copy at the beginning", 0, 4, true },
                { "dynamic", 0, 3, false }, { "fixed", 4096, 2, false },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                char path[] = "/tmp/holdfast-XXXXXX.vhd";
                uint8_t footer[512] = "conectix";
                VhdInfo info;
                Error err = { 0 };
                int fd = mkstemps(path, 4);
                assert_true(fd >= 0);
                footer[63] = rows[i].type;
                assert_int_equal(ftruncate(fd, 4096 + sizeof footer), 0);
                assert_int_equal(pwrite(fd, footer, sizeof footer, rows[i].at), sizeof footer);
                (void)close(fd);
                /* None of them is a disk that qemu-img can read, if there is one. */
                int r = vhd_info(NULL, path, &info, &err);
                if (r != -1 || (strstr(err.text, "only a part of a disk") != NULL) != rows[i].refused)
                        fail_msg("%s: %d, %s", rows[i].why, r, err.text);
                (void)unlink(path);
        }
}

static void on_progress(void *userdata, int percent) {
        char *seen = userdata;
        (void)snprintf(seen + strlen(seen), 64 - strlen(seen), "%d ", percent);
}

static bool at_once(void *userdata) { (void)userdata; return true; }

static void test_program(void **state) {
        (void)state;
        static const struct { const char *why, *script, *says, *progress; } rows[] = {
                { "progress as qemu-img writes it",
                  "printf '    (0.00/100%%)\\r    (12.34/100%%)\\r    (100.00/100%%)\\n'", NULL,
                  "0 12 100 " },
                { "other output is no progress", "echo '(x/100%)'; echo '(200.00/100%)'; echo hello", NULL, "" },
                { "the last line of stderr",
                  "echo first >&2; echo 'qemu-img: no such file' >&2; exit 1", "qemu-img: no such file",
                  "" },
                { "without a line end", "printf last >&2; exit 1", "last", "" },
                { "control characters", "printf 'a\\033[2Jb' >&2; exit 1", "a?[2Jb", "" },
                { "nothing said", "exit 1", "without a word", "" },
                { "a line without end", "head -c 100000 /dev/zero | tr '\\0' x", NULL, "" },
                { "no descriptor is inherited but three", "test ! -e /proc/self/fd/4", NULL, "" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                const char *const argv[] = { "/bin/sh", "-c", rows[i].script, NULL };
                char seen[64] = "";
                VhdProgram watch = { .progress = on_progress, .progress_userdata = seen };
                Error err = { 0 };
                int r = vhd_program_run(argv, &watch, &err);
                if (!rows[i].says ? r != 0 : r != -1 || !strstr(err.text, rows[i].says))
                        fail_msg("%s: %d, %s", rows[i].why, r, err.text);
                assert_string_equal(seen, rows[i].progress);
        }
        const char *const missing[] = { "/nonexistent/qemu-img", NULL };
        const char *const slow[] = { "/bin/sleep", "60", NULL };
        Error err = { 0 };
        assert_int_equal(vhd_program_run(missing, NULL, &err), -1);
        assert_int_equal(err.kind, ERROR_NOT_FOUND);
        assert_int_equal(vhd_program_run(slow, &(VhdProgram){ .cancelled = at_once }, &err), -1);
        assert_int_equal(err.kind, ERROR_CANCELLED);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_formats), cmocka_unit_test(test_create_refusals),
                cmocka_unit_test(test_convert_refusals), cmocka_unit_test(test_differencing),
                cmocka_unit_test(test_program),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
