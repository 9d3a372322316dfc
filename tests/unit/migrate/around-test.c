#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "migrate/compare-internal.h"

static void test_controller(void **state) {
        static const struct {
                const char *vm, *controllers[2];
                bool found;
        } rows[] = {
                { "dc1", { "dc1.lab.test", NULL }, true },
                { "DC1", { "dc1.lab.test", NULL }, true },
                { "dc1.lab.test", { "dc1.lab.test", NULL }, true },
                { "dc1", { "dc1.lab.test", "dc2.lab.test" }, false },
                { "dc1", { "dc2.lab.test", "dc1.lab.test" }, false },
                { "dc", { "dc1.lab.test", NULL }, false },
                { "web01", { "dc1.lab.test", NULL }, false },
                { "web01", { NULL, NULL }, false },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                auto_free VmDefinition *d = calloc(1, sizeof *d);
                auto_free Controllers *controllers = calloc(1, sizeof *controllers);
                auto_free Findings *findings = calloc(1, sizeof *findings);

                d->disk_count = 1;
                (void)snprintf(d->name, sizeof d->name, "%s", rows[i].vm);
                (void)snprintf(d->disks[0], sizeof d->disks[0], "\\\\fs1\\vms\\a.raw");
                for (size_t k = 0; k < 2 && rows[i].controllers[k]; k++)
                        (void)snprintf(controllers->list[controllers->count++].host, LOCATE_HOST_MAX, "%s",
                                       rows[i].controllers[k]);
                compare_controller(d, "lab.test", controllers, findings);
                if (findings->count != rows[i].found)
                        fail_msg("%s: %zu findings", rows[i].vm, findings->count);
                assert_false(findings_block(findings));
                if (rows[i].found)
                        assert_non_null(strstr(findings->list[0].evidence, "\\\\fs1\\vms\\a.raw"));
        }
}

static void test_space(void **state) {
        auto_free Findings *findings = calloc(1, sizeof *findings);

        compare_space("/tmp", 0, findings);
        compare_space("/nonexistent", UINT64_MAX, findings);
        assert_int_equal(findings->count, 0);
        compare_space("/tmp", UINT64_MAX, findings);
        assert_int_equal(findings->count, 1);
        assert_true(findings_block(findings));
        assert_int_equal(findings->list[0].id, FINDING_SPACE);
}

/* Advice travels between hosts as advice, and a move's error speaks only of what blocks. */
static void test_advice(void **state) {
        auto_(sd_json_variant_unrefp) sd_json_variant *list = NULL;
        auto_free Findings *a = calloc(1, sizeof *a), *b = calloc(1, sizeof *b);
        Error err = { 0 };

        finding_advise(finding_add(a, FINDING_SEALED, ERROR_UNSUPPORTED, "by the way"));
        assert_false(findings_block(a));
        (void)finding_add(a, FINDING_CLOCK, ERROR_CONFLICT, "it is late");
        assert_int_equal(findings_json(a, &list, &err), 0);
        assert_int_equal(findings_append_json(b, list, &err), 0);
        assert_int_equal(b->count, 2);
        assert_true(b->list[0].advice && !b->list[1].advice && findings_block(b));
        assert_int_equal(findings_error(b, &err), -1);
        assert_string_equal(err.text, "it is late");
        assert_int_equal(err.kind, ERROR_CONFLICT);
        (void)finding_add(b, FINDING_MEMORY, ERROR_LIMIT, "it is small");
        (void)findings_error(b, &err);
        assert_string_equal(err.text, "it is late (and 1 more: see Compare-VM)");
}

/* A bound may fall into the middle of a character; what is left of it must not reach JSON. */
static void test_cut(void **state) {
        auto_(sd_json_variant_unrefp) sd_json_variant *list = NULL;
        auto_free Findings *findings = calloc(1, sizeof *findings);
        Error err = { 0 };

        Finding *f = finding_add(findings, FINDING_DISK, ERROR_INVALID, "%.3s|%s|%c", "aö€", "€", 0xC3);
        finding_because(f, NULL, "%.2s%s", "€", "x");
        assert_string_equal(f->message, "aö|€|");
        assert_string_equal(f->evidence, "x");
        assert_int_equal(findings_json(findings, &list, &err), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_controller), cmocka_unit_test(test_space),
                                            cmocka_unit_test(test_advice), cmocka_unit_test(test_cut) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
