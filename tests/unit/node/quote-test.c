#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/cli/quote.h"
#include "appliance/command/syntax.h"

static const struct { const char *why, *argv[8], *text; } rows[] = {
        { "one argument is text", { "Get-VM | Stop-VM" }, "Get-VM | Stop-VM" },
        { "parameters stay", { "Get-VM", "-Name", "web01" }, "Get-VM -Name 'web01'" },
        { "attached", { "X", "-Name:a b" }, "X -Name:'a b'" },
        { "attached constant", { "X", "-Confirm:$false" }, "X -Confirm:$false" },
        { "constants", { "X", "$true", "$Null" }, "X $true $Null" },
        { "a list", { "X", "a,b-1,c*" }, "X a,b-1,c*" },
        { "no list", { "X", "a, b", ",a", "a,,b" }, "X 'a, b' ',a' 'a,,b'" },
        { "no list of a parameter", { "X", "-a,b" }, "X '-a,b'" },
        { "nothing becomes a command", { "X", "a; Remove-VM *", "|", "$(x)" }, "X 'a; Remove-VM *' '|' '$(x)'" },
        { "quotes", { "X", "it's" }, "X 'it''s'" },
        { "numbers", { "X", "4GB", "-5" }, "X '4GB' '-5'" },
        { "empty", { "X", "" }, "X ''" },
};

static void test_quote(void **state) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                char *argv[8];
                int argc = 0;
                auto_free char *text = NULL;
                Error err = { 0 };
                for (; argc < 8 && rows[i].argv[argc]; argc++)
                        argv[argc] = strdup(rows[i].argv[argc]);
                if (quote_arguments(argc, argv, &text, &err) < 0)
                        fail_msg("%s: %s", rows[i].why, err.text);
                for (int a = 0; a < argc; a++)
                        free(argv[a]);
                assert_string_equal(text, rows[i].text);
        }
}

/* Whatever a shell variable holds, it arrives as that one value and as nothing else. */
static void test_round_trip(void **state) {
        static const char *const values[] = {
                "'; Stop-VM * #",
                "`'",
                "\xE2\x80\x98x\xE2\x80\x99",
                "''",
                "\xE2\x80\x9C\"",
                "a`\nb",
                "@{A=1}",
                "@(x)",
                "> y",
                "#x",
                "<#",
                "$vm",
                "-",
                "--",
                "a'\xE2\x80\x9B''b",
        };
        for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
                auto_free char *command = strdup("X"), *value = strdup(values[i]), *text = NULL;
                char *argv[] = { command, value };
                auto_(script_clear) Script script = { 0 };
                ErrorRecord record = { 0 };
                Error err = { 0 };
                assert_int_equal(quote_arguments(2, argv, &text, &err), 0);
                if (syntax_parse(text, NULL, &script, &record) < 0)
                        fail_msg("%s → %s: %s", values[i], text, record.message);
                assert_int_equal(script.count, 1);
                assert_int_equal(script.pipelines[0].count, 1);
                assert_int_equal(script.pipelines[0].stages[0].count, 1);
                assert_string_equal(script.pipelines[0].stages[0].arguments[0].value.text, values[i]);
        }
}

static void test_no_command(void **state) {
        auto_free char *bad = strdup("a;b"), *value = strdup("x"), *text = NULL;
        char *argv[] = { bad, value };
        Error err = { 0 };
        assert_int_equal(quote_arguments(2, argv, &text, &err), -1);
        assert_int_equal(err.kind, ERROR_INVALID);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_quote),
                cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_no_command),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
