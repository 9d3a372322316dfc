#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/command/view.h"

#define VM(name, state, mb, uptime) \
        "{\"$type\":\"VirtualMachine\",\"Name\":\"" name "\",\"State\":\"" state "\",\"CPUUsage\":0,\"MemoryAssigned\":" #mb \
        ",\"Uptime\":\"" uptime "\",\"Status\":\"Operating normally\",\"Version\":\"9.0\"}"

static char *render(const char *json, unsigned width, ViewShape shape, const char *properties) {
        auto_(sd_json_variant_unrefp) sd_json_variant *list = NULL;
        char *text = NULL;
        size_t size = 0;
        FILE *to = open_memstream(&text, &size);
        View *view = NULL;
        Error err = { 0 };

        if (sd_json_parse(json, 0, &list, NULL, NULL) < 0)
                fail_msg("bad test: %s", json);
        assert_int_equal(view_new(to, width, shape, properties, &view, &err), 0);
        for (size_t i = 0; i < sd_json_variant_elements(list); i++)
                assert_int_equal(view_add(view, sd_json_variant_by_index(list, i), &err), 0);
        assert_int_equal(view_flush(view, &err), 0);
        view_free(view);
        (void)fclose(to);
        return text;
}

static const struct {
        const char *why, *json;
        unsigned width;
        ViewShape shape;
        const char *properties, *text;
} rows[] = {
        { "nothing", "[]", 0, VIEW_DEFAULT, NULL, "" },
        { "Get-VM's table, word by word", "[" VM("VM1", "Off", 0, "00:00:00") "," VM("web01", "Running", 1048576, "16:25:47.5640000") "]", 0,
          VIEW_DEFAULT, NULL,
          "\n"
          "Name  State   CPUUsage(%) MemoryAssigned(M) Uptime           Status             Version\n"
          "----  -----   ----------- ----------------- ------           ------             -------\n"
          "VM1   Off     0           0                 00:00:00         Operating normally 9.0\n"
          "web01 Running 0           1                 16:25:47.5640000 Operating normally 9.0\n"
          "\n" },
        { "times as short as their columns want",
          "[{\"$type\":\"Microsoft.HyperV.PowerShell.VMMigrationJob\",\"VMName\":\"web01\",\"DestinationHost\":\"hv2.lab.test\","
          "\"State\":\"Failed\",\"Phase\":\"Compare\",\"PercentComplete\":1,\"Duration\":\"00:00:01.1647500\",\"DowntimeMs\":null,"
          "\"Started\":\"2026-11-27T19:12:39.9841030Z\",\"SourceHost\":\"hv1.lab.test\",\"Reason\":\"no memory\"}]", 0, VIEW_DEFAULT, NULL,
          "\n"
          "VMName DestinationHost State  Phase   Percent Duration     DowntimeMs Started             SourceHost   Reason\n"
          "------ --------------- -----  -----   ------- --------     ---------- -------             ----------   ------\n"
          "web01  hv2.lab.test    Failed Compare 1       00:00:01.164            2026-11-27 19:12:39 hv1.lab.test no memory\n"
          "\n" },
        { "cut to the terminal", "[" VM("a-long-name", "Running", 1048576, "00:00:00") "]", 30, VIEW_DEFAULT, NULL,
          "\n"
          "Name        State\n"
          "----        -----\n"
          "a-long-name Running\n"
          "\n" },
        { "the last that fits is cut", "[{\"A\":\"x\",\"B\":\"0123456789\"}]", 8, VIEW_TABLE, "A,B", "\nA B\n- -\nx 012...\n\n" },
        { "chosen properties, numbers right", "[{\"Name\":\"a\",\"Size\":5},{\"Name\":\"bc\",\"Size\":12345}]", 0, VIEW_TABLE, "Name,Size",
          "\nName  Size\n----  ----\na        5\nbc   12345\n\n" },
        { "small without a type is a table", "[{\"A\":\"x\",\"B\":true}]", 0, VIEW_DEFAULT, NULL, "\nA B\n- -\nx True\n\n" },
        { "large without a type is a list", "[{\"A\":1,\"B\":2,\"C\":3,\"D\":4,\"Long\":null}]", 0, VIEW_DEFAULT, NULL,
          "\nA    : 1\nB    : 2\nC    : 3\nD    : 4\nLong : \n\n" },
        { "list of two", "[{\"A\":1},{\"A\":2}]", 0, VIEW_LIST, NULL, "\nA : 1\n\nA : 2\n\n" },
        { "list by pattern", "[{\"$type\":\"T\",\"Aa\":1,\"Ab\":2,\"B\":3}]", 0, VIEW_LIST, "a*", "\nAa : 1\nAb : 2\n\n" },
        { "a missing property is empty", "[{\"A\":1}]", 0, VIEW_TABLE, "A,Zz", "\nA Zz\n- --\n1 \n\n" },
        { "wrapped under its start", "[{\"A\":\"0123456789abcdefghij\"}]", 16, VIEW_LIST, NULL,
          "\nA : 0123456789ab\n    cdefghij\n\n" },
        { "a new type, a new table", "[{\"$type\":\"X\",\"A\":1},{\"$type\":\"Y\",\"B\":2}]", 0, VIEW_DEFAULT, NULL,
          "\nA\n-\n1\n\n\nB\n-\n2\n\n" },
        { "strings are lines", "[\"a\",\"b\\nc\",5,true]", 0, VIEW_DEFAULT, NULL, "a\nb\nc\n5\nTrue\n" },
        { "no control characters", "[{\"A\":\"x\\u001b[2Jy\\u0085\\nz\"}]", 0, VIEW_DEFAULT, NULL, "\nA\n-\nx\\x1b[2Jy\\x85 z\n\n" },
        { "wide characters count once", "[{\"A\":\"\xC3\xA9\xC3\xA9\",\"B\":\"x\"},{\"A\":\"abc\",\"B\":\"y\"}]", 0, VIEW_TABLE, "A,B",
          "\nA   B\n-   -\n\xC3\xA9\xC3\xA9  x\nabc y\n\n" },
        { "a list in a cell", "[{\"A\":[\"x\",\"y\"],\"B\":[]}]", 0, VIEW_DEFAULT, NULL, "\nA      B\n-      -\n{x, y} {}\n\n" },
};

static void test_views(void **state) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                auto_free char *text = render(rows[i].json, rows[i].width, rows[i].shape, rows[i].properties);
                if (strcmp(text, rows[i].text) != 0)
                        fail_msg("%s: got\n%s", rows[i].why, text);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_views) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
