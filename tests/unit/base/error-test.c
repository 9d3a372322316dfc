#include "tests/unit/test.h"

#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/error.h"
#include "appliance/base/text.h"

static void test_set_and_wrap(void **state) {
        (void)state;
        Error err = { 0 };
        assert_int_equal(error_set(&err, ERROR_CONFLICT, 5, "disk %s is held", "a.raw"), -1);
        assert_int_equal(error_wrap(&err, "cannot start %s", "web01"), -1);
        assert_int_equal(err.kind, ERROR_CONFLICT);
        assert_int_equal(err.cause, 5);
        assert_string_equal(err.text, "cannot start web01: disk a.raw is held");
}

/* A text that does not fit is cut, never inside a character. */
static void test_cut(void **state) {
        (void)state;
        for (size_t pad = ERROR_TEXT_MAX - 8; pad < ERROR_TEXT_MAX + 2; pad++) {
                Error err = { 0 };
                char text[2 * ERROR_TEXT_MAX];
                memset(text, 'x', pad);
                strcpy(text + pad, "ä€😀");
                (void)error_set(&err, ERROR_INVALID, 0, "%s", text);
                size_t n = strlen(err.text);
                assert_true(n < ERROR_TEXT_MAX);
                assert_memory_equal(err.text, text, n);
                /* what follows the cut in the original starts a character */
                assert_int_not_equal((unsigned char)text[n] & 0xC0, 0x80);
        }
}

/* A precision cuts bytes, and libvirt or a server may say anything: JSON would refuse the whole text. */
static void test_always_utf8(void **state) {
        (void)state;
        static const struct { const char *why, *text; int precision; const char *wanted; } rows[] = {
                { "cut in the middle", "ääää", 5, "'ää' is held" },
                { "cut between two", "ääää", 4, "'ää' is held" },
                { "cut in a long one", "x😀", 4, "'x' is held" },
                { "latin-1", "caf\xE9", 9, "'caf' is held" },
                { "a stray continuation", "a\x80z", 9, "'az' is held" },
                { "a lead byte before a letter", "a\xC3z", 9, "'az' is held" },
                { "a surrogate", "a\xED\xA0\x80z", 9, "'az' is held" },
                { "nothing", "", 9, "'' is held" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                Error err = { 0 };
                (void)error_set(&err, ERROR_CONFLICT, 0, "'%.*s' is held", rows[i].precision, rows[i].text);
                if (strcmp(err.text, rows[i].wanted) != 0)
                        fail_msg("%s: %s", rows[i].why, err.text);
        }
        Error err = { 0 };
        char clause[ERROR_TEXT_MAX];
        (void)memset(clause, 'x', sizeof clause);
        (void)strcpy(clause + ERROR_TEXT_MAX / 2 - 1, "ä and more");
        (void)error_set(&err, ERROR_CONFLICT, 0, "inner");
        (void)error_wrap(&err, "%s", clause);
        assert_true(text_is_utf8(err.text, strlen(err.text)));
        assert_non_null(strstr(err.text, "x: inner"));
}

static void test_kind_names(void **state) {
        (void)state;
        for (ErrorKind k = ERROR_NONE; k < ERROR_KIND_COUNT; k++)
                assert_int_equal(error_kind_from_name(error_kind_name(k)), k);
        assert_int_equal(error_kind_from_name("FromTheFuture"), ERROR_INTERNAL);
        assert_int_equal(error_kind_from_name(NULL), ERROR_INTERNAL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_set_and_wrap),
                cmocka_unit_test(test_cut),
                cmocka_unit_test(test_always_utf8),
                cmocka_unit_test(test_kind_names),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
