/* WinRS command lines, as the clients of the world write them. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/wsman/commandline.h"

static const struct {
        const char *why, *line;
        const char *text;               /* wanted, when says is NULL */
        bool powershell;
        const char *says;               /* a piece of the error */
} rows[] = {
        { "plain", "Get-VM", "Get-VM", false, NULL },
        { "a pipeline with quotes at its ends", "\"a\" | Select-Object \"b\"", "\"a\" | Select-Object \"b\"", false, NULL },
        { "our own command", "holdfast Get-VM web01", "Get-VM web01", false, NULL },
        { "pywinrm", "powershell -encodedcommand RwBlAHQALQBWAE0A", "Get-VM", true, NULL },
        { "Ansible",
          "PowerShell -NoProfile -NonInteractive -ExecutionPolicy Unrestricted -EncodedCommand RwBlAHQALQBWAE0A", "Get-VM",
          true, NULL },
        { "Go", "powershell.exe -EncodedCommand RwBlAHQALQBWAE0A", "Get-VM", true, NULL },
        { "Node",
          "powershell.exe -NoProfile -NonInteractive -NoLogo -ExecutionPolicy Bypass -InputFormat Text -Command \"& { "
          "Get-VM }\"",
          "& { Get-VM }", true, NULL },
        { "a whole path", "\"C:\\Windows\\System32\\powershell.exe\" -c Get-VM", "Get-VM", true, NULL },
        { "pwsh, short options", "pwsh -nop -noni -ep bypass -e RwBlAHQALQBWAE0A", "Get-VM", true, NULL },
        { "no option at all", "powershell Get-VM web01", "Get-VM web01", true, NULL },
        { "a quotation mark inside", "powershell -Command \"Get-VM \\\"a b\\\"\"", "Get-VM \"a b\"", true, NULL },
        { "empty", "  ", NULL, false, "no command" },
        { "a file", "powershell -File x.ps1", NULL, false, "'-File' is not supported" },
        { "interactive", "powershell -NoLogo", NULL, false, "interactive" },
        { "no base64", "powershell -enc ????", NULL, false, "base64" },
        { "cut base64", "powershell -enc RwBlAHQ", NULL, false, "cut off" },
        { "half a character", "powershell -enc RwBlAHQA2A==", NULL, false, "-EncodedCommand" },
};

static void test_rows(void **state) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                CommandLine got = { 0 };
                Error err = { 0 };
                int r = commandline_parse(rows[i].line, &got, &err);
                if (rows[i].says) {
                        if (r != -1 || !strstr(err.text, rows[i].says))
                                fail_msg("%s: got %d, '%s' '%s'", rows[i].why, r, err.text, got.text ? got.text : "");
                        assert_null(got.text);
                        continue;
                }
                if (r != 0)
                        fail_msg("%s: %s", rows[i].why, err.text);
                if (strcmp(got.text, rows[i].text) != 0 || got.powershell != rows[i].powershell)
                        fail_msg("%s: got '%s'", rows[i].why, got.text);
                free(got.text);
        }
}

static void test_too_long(void **state) {
        auto_free char *line = malloc(COMMANDLINE_TEXT_MAX + 2);
        CommandLine got = { 0 };
        Error err = { 0 };
        memset(line, 'x', COMMANDLINE_TEXT_MAX + 1);
        line[COMMANDLINE_TEXT_MAX + 1] = '\0';
        assert_int_equal(commandline_parse(line, &got, &err), -1);
        assert_int_equal(err.kind, ERROR_LIMIT);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_too_long) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
