#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "migrate/processor.h"

static const char domain[] =
        "<domain type='kvm'><name>a</name><cpu mode='custom' match='exact' check='full'>"
        "<model fallback='forbid'>Nehalem</model><vendor>Intel</vendor><topology sockets='1' cores='2'/>"
        "<feature policy='require' name='vmx'/><feature policy='disable' name='vme'/>"
        "<feature policy='optional' name='pku'/><feature policy='force' name='x2apic'/></cpu>"
        "<devices><video><model type='vga'/></video></devices></domain>";

static const char capabilities[] =
        "<domainCapabilities><cpu><mode name='host-passthrough' supported='yes'><enum name='x'/></mode>"
        "<mode name='host-model' supported='yes'><model fallback='forbid'>EPYC</model><vendor>AMD</vendor>"
        "<feature policy='require' name='avx2'/></mode>"
        "<mode name='custom' supported='yes'><model usable='yes'>qemu64</model></mode></cpu></domainCapabilities>";

static void describe(const char *xml, const char *element, const char *mode, const char *wanted) {
        auto_free Processor *p = calloc(1, sizeof *p);
        auto_free char *text = NULL;
        Error err = { 0 };

        assert_non_null(p);
        if (processor_read(xml, element, mode, p, &err) < 0 || processor_write(p, &text, &err) < 0)
                fail_msg("%s", err.text);
        assert_string_equal(text, wanted);
}

static void test_read(void **state) {
        describe(domain, "cpu", NULL,
                 "<cpu mode='custom' match='exact'><model fallback='forbid'>Nehalem</model><vendor>Intel</vendor>"
                 "<feature policy='require' name='vmx'/><feature policy='disable' name='vme'/>"
                 "<feature policy='require' name='x2apic'/></cpu>");
        describe(capabilities, "mode", "host-model",
                 "<cpu mode='custom' match='exact'><model fallback='forbid'>EPYC</model><vendor>AMD</vendor>"
                 "<feature policy='require' name='avx2'/></cpu>");
        describe("<domain><cpu><model>a b</model></cpu></domain>", "cpu", NULL,
                 "<cpu mode='custom' match='exact'><model fallback='forbid'></model></cpu>");
        auto_free Processor *p = calloc(1, sizeof *p);
        Error err = { 0 };
        assert_int_equal(processor_read("<domain><cpu>", "cpu", NULL, p, &err), -1);
        assert_int_equal(err.kind, ERROR_PROTOCOL);
}

static void test_between_hosts(void **state) {
        static const struct {
                const char *why, *json;
                bool good;
        } rows[] = {
                { "all of it", "{\"Vendor\":\"AMD\",\"Model\":\"EPYC-Rome\",\"Features\":[\"avx\",\"-vme\",\"sse4.1\"]}", true },
                { "nothing known", "{\"Vendor\":\"\",\"Model\":\"\",\"Features\":[]}", true },
                { "no model", "{\"Vendor\":\"AMD\",\"Features\":[]}", false },
                { "no list", "{\"Vendor\":\"AMD\",\"Model\":\"EPYC\",\"Features\":\"avx\"}", false },
                { "XML in a name", "{\"Vendor\":\"AMD\",\"Model\":\"EPYC</model>\",\"Features\":[]}", false },
                { "a quote in a feature", "{\"Vendor\":\"AMD\",\"Model\":\"EPYC\",\"Features\":[\"avx'/>\"]}", false },
                { "an empty feature", "{\"Vendor\":\"AMD\",\"Model\":\"EPYC\",\"Features\":[\"-\"]}", false },
                { "twice off", "{\"Vendor\":\"AMD\",\"Model\":\"EPYC\",\"Features\":[\"--avx\"]}", false },
                { "no text", "{\"Vendor\":\"AMD\",\"Model\":\"EPYC\",\"Features\":[1]}", false },
                { "a long name",
                  "{\"Vendor\":\"AMD\",\"Model\":\"EPYCEPYCEPYCEPYCEPYCEPYCEPYCEPYCEPYCEPYCEPYCEPYC\",\"Features\":[]}", false },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                auto_(sd_json_variant_unrefp) sd_json_variant *v = NULL, *again = NULL;
                auto_free Processor *p = calloc(1, sizeof *p);
                Error err = { 0 };

                assert_true(sd_json_parse(rows[i].json, 0, &v, NULL, NULL) >= 0);
                int r = processor_parse(v, p, &err);
                if ((r == 0) != rows[i].good || (r < 0 && err.kind != ERROR_PROTOCOL))
                        fail_msg("%s: %d %s", rows[i].why, r, err.text);
                if (r < 0)
                        continue;
                assert_int_equal(processor_json(p, &again, &err), 0);
                assert_true(sd_json_variant_equal(v, again));
        }
}

static void test_bound(void **state) {
        auto_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
        auto_free Processor *p = calloc(1, sizeof *p);
        auto_free char *json = malloc(8 * PROCESSOR_FEATURES_MAX);
        Error err = { 0 };
        char *at = json;

        at += sprintf(at, "{\"Vendor\":\"\",\"Model\":\"m\",\"Features\":[\"a\"");
        for (int i = 0; i < PROCESSOR_FEATURES_MAX; i++)
                at += sprintf(at, ",\"a\"");
        (void)sprintf(at, "]}");
        assert_true(sd_json_parse(json, 0, &v, NULL, NULL) >= 0);
        assert_int_equal(processor_parse(v, p, &err), -1);
        assert_int_equal(p->feature_count, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_read), cmocka_unit_test(test_between_hosts),
                                            cmocka_unit_test(test_bound) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
