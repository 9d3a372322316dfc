#include "tests/unit/test.h"

#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/command/object.h"
#include "appliance/command/types.h"

static void test_timespan(void **state) {
        static const struct { uint64_t us; const char *text; } spans[] = {
                { 0, "00:00:00" },
                { 59147564000, "16:25:47.5640000" },
                { 215519028000, "2.11:51:59.0280000" },
                { 1, "00:00:00.0000010" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(spans); i++) {
                char text[TIMESPAN_TEXT_SIZE];
                uint64_t back = 1;
                Error err = { 0 };
                timespan_text(spans[i].us, text);
                assert_string_equal(text, spans[i].text);
                assert_int_equal(timespan_parse(text, &back, &err), 0);
                assert_int_equal(back, spans[i].us);
        }
        static const char *const wrong[] = {
                "", ":", "1:60", "24:00:00", "1:2:3:4", "x", "1.", "-1:00", "1:00:00x"
        };
        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
                uint64_t us;
                Error err = { 0 };
                if (timespan_parse(wrong[i], &us, &err) == 0)
                        fail_msg("'%s' was taken", wrong[i]);
        }
}

static void test_datetime(void **state) {
        char text[DATETIME_TEXT_SIZE];
        datetime_text(1700000000123456, text);
        assert_string_equal(text, "2023-11-14T22:13:20.1234560Z");
        datetime_text(0, text);
        assert_string_equal(text, "");
}

static void test_display(void **state) {
        static const struct { const char *json, *text;
        } shown[] = {
                { "null", "" },
                { "true", "True" },
                { "12", "12" },
                { "-3", "-3" },
                { "1.5", "1.5" },
                { "\"a\"", "a" },
                { "[]", "{}" },
                { "[\"a\",1]", "{a, 1}" },
                { "{\"$type\":\"X.VirtualMachine\",\"Name\":\"web01\"}", "web01" },
                { "{\"$type\":\"HardDiskDrive\",\"Path\":\"\\\\\\\\fs1\\\\a\",\"Name\":\"n\"}", "\\\\fs1\\a" },
                { "{\"$type\":\"VMCompatibilityReport\"}", "Microsoft.HyperV.PowerShell.VMCompatibilityReport" },
                { "{\"a\":1}", "System.Collections.Hashtable" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(shown); i++) {
                auto_(sd_json_variant_unrefp) sd_json_variant *value = NULL;
                char text[200], tiny[4];
                assert_true(sd_json_parse(shown[i].json, 0, &value, NULL, NULL) >= 0);
                object_display(value, text, sizeof text);
                assert_string_equal(text, shown[i].text);
                object_display(value, tiny, sizeof tiny);
                assert_true(strlen(tiny) < sizeof tiny);
        }
}

/* Every column and list entry names a property of its type, so that no view has an empty column by a typo. */
static void test_types(void **state) {
        for (size_t i = 0; types[i]; i++) {
                char name[96];
                const char *list = types[i]->list;
                assert_ptr_equal(type_find(types[i]->name), types[i]);
                for (const Column *c = types[i]->table; c && c->property; c++)
                        if (!type_property(types[i], c->property))
                                fail_msg("%s has no %s", types[i]->name, c->property);
                while (list && *list) {
                        size_t size = strcspn(list, ",");
                        (void)snprintf(name, sizeof name, "%.*s", (int)size, list);
                        if (!type_property(types[i], name))
                                fail_msg("%s has no %s", types[i]->name, name);
                        list += size + (list[size] == ',');
                }
                if (types[i]->text && !type_property(types[i], types[i]->text))
                        fail_msg("%s has no %s", types[i]->name, types[i]->text);
        }
        assert_non_null(type_find("virtualmachine"));
        assert_non_null(type_find("Selected.Microsoft.HyperV.PowerShell.VirtualMachine"));
        assert_null(type_find("Nothing"));
        assert_null(type_find(""));
}

/* The same text, also of what is nested deeper than anybody writes; nothing of it is the original's. */
static void test_copy(void **state) {
        (void)state;
        char deep[2 * 100 + 2];
        memset(deep, '[', 100);
        memset(deep + 100, ']', 100);
        deep[200] = '\0';
        const char *const texts[] = { "null", "true", "false", "0", "12", "-3", "18446744073709551615", "1.5", "\"\"",
                                      "\"a\\u00e4\\n\"", "[]", "{}", "[1,[2,{\"a\":[]}],null]",
                                      "{\"$type\":\"X\",\"Name\":\"web01\",\"Drives\":[{\"Path\":\"p\",\"N\":1}],\"On\":true}",
                                      deep };
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                sd_json_variant *value = NULL, *copied = NULL;
                auto_free char *a = NULL, *b = NULL;
                assert_true(sd_json_parse(texts[i], 0, &value, NULL, NULL) >= 0);
                assert_true(sd_json_variant_format(value, 0, &a) >= 0);
                assert_int_equal(object_copy(value, &copied), 0);
                (void)sd_json_variant_unref(value);     /* the copy lives on: the sanitizer watches */
                assert_true(sd_json_variant_format(copied, 0, &b) >= 0);
                assert_string_equal(a, b);
                (void)sd_json_variant_unref(copied);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_timespan),
                cmocka_unit_test(test_datetime),
                cmocka_unit_test(test_display),
                cmocka_unit_test(test_copy),
                cmocka_unit_test(test_types),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
