/* What one share answered → exactly the right findings. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "migrate/compare-access.h"

enum { ALL = 0x1F01FF, READ = 0x1200A9, PRIVATE = -1, GONE = -2, SILENT = -3, READ_ONLY = 0x1, FILES = 4 };

static const struct {
        const char *why;
        uint32_t share;
        long folder, definition, ledger, disk;          /* MaximalAccess, or one of the above */
        uint32_t attributes;                            /* of the disk */
        struct { unsigned id; const char *object; } found[3];
} rows[] = {
        { "all is well", ALL, ALL, ALL, ALL, ALL, 0, { { 0 } } },
        { "just enough", 0x1301BF, 0x1301BF, 0x1301BF, 0x1301BF, 0x13019F, 0, { { 0 } } },
        { "it never ran", ALL, ALL, ALL, GONE, ALL, 0, { { 0 } } },
        { "the server does not say", ALL, SILENT, SILENT, SILENT, SILENT, 0, { { 0 } } },
        { "a disk may only be read", ALL, ALL, ALL, ALL, READ, 0, { { FINDING_SHARE_ACCESS, "\\\\fs1\\vms\\a\\a.raw" } } },
        { "a disk may not be looked at", ALL, ALL, ALL, ALL, PRIVATE, 0,
          { { FINDING_SHARE_ACCESS, "\\\\fs1\\vms\\a\\a.raw" } } },
        { "the folder", ALL, READ, ALL, ALL, ALL, 0, { { FINDING_SHARE_ACCESS, "\\\\fs1\\vms\\a" } } },
        { "the definition and the ledger", ALL, ALL, READ, READ, ALL, 0,
          { { FINDING_SHARE_ACCESS, "\\\\fs1\\vms\\a\\a.vm" }, { FINDING_SHARE_ACCESS, "\\\\fs1\\vms\\a\\owner.json" } } },
        { "the share alone is to blame", READ, READ, READ, READ, READ, 0, { { FINDING_SHARE_ACCESS, "\\\\fs1\\vms" } } },
        { "and a file is, too, where it shows", READ, READ, READ, READ, PRIVATE, 0,
          { { FINDING_SHARE_ACCESS, "\\\\fs1\\vms" }, { FINDING_SHARE_ACCESS, "\\\\fs1\\vms\\a\\a.raw" } } },
        { "Samba on a share that nothing is written to", READ, 0xA9, 0xA9, 0xA9, 0xA9, 0,
          { { FINDING_SHARE_ACCESS, "\\\\fs1\\vms" } } },
        { "a disk is gone", ALL, ALL, ALL, ALL, GONE, 0, { { FINDING_DISK, "\\\\fs1\\vms\\a\\a.raw" } } },
        { "a read-only disk, which the server counts", ALL, ALL, ALL, ALL, READ, READ_ONLY,
          { { FINDING_READ_ONLY, "\\\\fs1\\vms\\a\\a.raw" } } },
        { "or does not count", ALL, ALL, ALL, ALL, ALL, READ_ONLY, { { FINDING_READ_ONLY, "\\\\fs1\\vms\\a\\a.raw" } } },
        { "read-only as Samba shows it", ALL, ALL, ALL, ALL, 0xA9, READ_ONLY, { { FINDING_READ_ONLY, "\\\\fs1\\vms\\a\\a.raw" } } },
        { "read-only, and may not even be read", ALL, ALL, ALL, ALL, 0x80, READ_ONLY,
          { { FINDING_READ_ONLY, "\\\\fs1\\vms\\a\\a.raw" }, { FINDING_SHARE_ACCESS, "\\\\fs1\\vms\\a\\a.raw" } } },
};

static void make(VmDefinition *d, Wanted wanted[static ACCESS_WANTED_MAX]) {
        size_t count = 0;
        Error err;

        (void)snprintf(d->name, sizeof d->name, "a");
        (void)snprintf(d->folder, sizeof d->folder, "\\\\fs1\\vms\\a");
        d->disk_count = 1;
        (void)snprintf(d->disks[0], sizeof d->disks[0], "\\\\fs1\\vms\\a\\a.raw");
        assert_int_equal(access_wanted(d, wanted, &count, &err), 0);
        assert_int_equal(count, FILES);
}

static void test_rows(void **state) {
        auto_free VmDefinition *d = calloc(1, sizeof *d);
        auto_free Wanted *wanted = calloc(ACCESS_WANTED_MAX, sizeof *wanted);

        make(d, wanted);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                const long told[FILES] = { rows[i].folder, rows[i].definition, rows[i].ledger, rows[i].disk };
                auto_free Findings *findings = calloc(1, sizeof *findings);
                PermissionsItem items[FILES] = { 0 };
                Permissions all = { .items = items, .count = FILES, .share_access = rows[i].share };

                for (size_t k = 0; k < FILES; k++) {
                        items[k].refused = told[k] == PRIVATE ? ERROR_DENIED : told[k] == GONE ? ERROR_NOT_FOUND : ERROR_NONE;
                        items[k].proven = told[k] >= 0;
                        items[k].maximal_access = told[k] >= 0 ? (uint32_t)told[k] : 0;
                }
                items[3].attributes = rows[i].attributes;
                (void)strcpy(findings->host, "hv2.lab.test");
                access_judge_share("a", wanted, &all, findings);
                size_t expected = 0;
                while (expected < ARRAY_SIZE(rows[i].found) && rows[i].found[expected].id)
                        expected++;
                if (findings->count != expected)
                        fail_msg("%s: %zu findings, the last: %s", rows[i].why, findings->count,
                                 findings->count ? findings->list[findings->count - 1].message : "");
                for (size_t k = 0; k < expected; k++)
                        if (findings->list[k].id != rows[i].found[k].id ||
                            strcmp(findings->list[k].object, rows[i].found[k].object) != 0)
                                fail_msg("%s: %u %s", rows[i].why, findings->list[k].id, findings->list[k].message);
        }
}

/* A medium is only read: its list may say so, and so may its attribute. */
static void test_medium(void **state) {
        static const struct { ErrorKind refused; uint32_t access; size_t count; unsigned id; } media[] = {
                { ERROR_NONE, ALL, 0, 0 },
                { ERROR_NONE, READ, 0, 0 },
                { ERROR_NONE, 0x20080, 1, FINDING_SHARE_ACCESS },
                { ERROR_DENIED, 0, 1, FINDING_SHARE_ACCESS },
                { ERROR_NOT_FOUND, 0, 1, FINDING_DISK },
        };
        Wanted wanted = { .layer = MATRIX_FILE, .use = WANTED_MEDIUM };
        Error err;

        assert_int_equal(unc_parse("\\\\fs1\\iso\\debian.iso", &wanted.unc, &err), 0);
        for (size_t i = 0; i < ARRAY_SIZE(media); i++) {
                auto_free Findings *findings = calloc(1, sizeof *findings);
                PermissionsItem item = { .refused = media[i].refused, .proven = true, .maximal_access = media[i].access,
                                         .attributes = READ_ONLY };
                Permissions all = { .items = &item, .count = 1, .share_access = READ };
                access_judge_share("a", &wanted, &all, findings);
                assert_int_equal(findings->count, media[i].count);
                if (media[i].count)
                        assert_int_equal(findings->list[0].id, media[i].id);
        }
}

static void test_refusals(void **state) {
        static const struct { Error why; unsigned id; } refusals[] = {
                { { ERROR_DENIED, (int)0xC0000022, "no" }, FINDING_SHARE_ACCESS },
                { { ERROR_DENIED, (int)0xC000006D, "who?" }, FINDING_DISK },
                { { ERROR_UNREACHABLE, 111, "nobody" }, FINDING_DISK },
                { { ERROR_NOT_FOUND, (int)0xC00000CC, "no such share" }, FINDING_DISK },
                { { ERROR_UNSUPPORTED, 0x0210, "SMB 2.1" }, FINDING_DIALECT },
                { { ERROR_UNSUPPORTED, (int)0xC00000BB, "SMB 2.1 or older" }, FINDING_DIALECT },
                { { ERROR_UNSUPPORTED, 0, "no encryption" }, FINDING_SEALED },
        };
        Unc unc;
        Error err;

        assert_int_equal(unc_parse("\\\\fs1\\vms\\a\\a.raw", &unc, &err), 0);
        for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
                auto_free Findings *findings = calloc(1, sizeof *findings);
                access_judge_refusal("a", &unc, &refusals[i].why, findings);
                assert_int_equal(findings->count, 1);
                assert_int_equal(findings->list[0].id, refusals[i].id);
                assert_string_equal(findings->list[0].object, "\\\\fs1\\vms");
                assert_true(findings_block(findings));
        }
}

static void test_space(void **state) {
        static const struct { uint64_t free_bytes, grow; size_t count; bool blocks; } spaces[] = {
                { 1ULL << 40, 1ULL << 30, 0, false },
                { 1ULL << 30, 1ULL << 30, 0, false },
                { (1ULL << 30) - 1, 1ULL << 30, 1, false },
                { 1ULL << 20, 0, 1, true },
                { 0, 1ULL << 30, 1, true },
                { UINT64_MAX, UINT64_MAX, 0, false },
        };
        Unc unc;
        Error err;

        assert_int_equal(unc_parse("\\\\fs1\\vms\\a", &unc, &err), 0);
        for (size_t i = 0; i < ARRAY_SIZE(spaces); i++) {
                auto_free Findings *findings = calloc(1, sizeof *findings);
                Space space = { .free_bytes = spaces[i].free_bytes, .total_bytes = UINT64_MAX };
                access_judge_space("a", &unc, &space, spaces[i].grow, findings);
                assert_int_equal(findings->count, spaces[i].count);
                assert_int_equal(findings_block(findings), spaces[i].blocks);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_medium), cmocka_unit_test(test_refusals),
                                            cmocka_unit_test(test_space) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
