/* When are two lists of groups the same? */
#include "tests/unit/test.h"

#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/node/node-internal.h"

/* One letter a group. */
static size_t groups(const char *letters, DirectorySid to[static 8]) {
        size_t n = strlen(letters);
        for (size_t i = 0; i < n; i++)
                to[i] = (DirectorySid){ .bytes = { 1, (uint8_t)letters[i] }, .size = letters[i] == 'l' ? 28 : 12 };
        return n;
}

static void test_same(void **state) {
        static const struct { const char *why, *a, *b; bool same; } rows[] = {
                { "none",                      "",    "",    true },
                { "the same",                  "abc", "abc", true },
                { "another order",             "abl", "lba", true },
                { "one more",                  "ab",  "abc", false },
                { "one fewer",                 "abc", "ab",  false },
                { "one for another",           "abc", "abd", false },
                { "one for another, not last", "abc", "xbc", false },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                DirectorySid a[8], b[8];
                size_t a_count = groups(rows[i].a, a), b_count = groups(rows[i].b, b);
                if (tickets_same_groups(a, a_count, b, b_count) != rows[i].same)
                        fail_msg("%s", rows[i].why);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_same) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
