#include "tests/unit/test.h"

#include <string.h>

#include "appliance/base/error.h"

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
                cmocka_unit_test(test_kind_names),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
