/* KERB_VALIDATION_INFO: a real one, and what may be wrong with one. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "auth/pac.h"

/* What Samba 4.22's KDC says of anna, a member of Domain Users and Holdfast Admins: "urn:mspac:logon-info" as
 * libkrb5 1.21 gives it. */
static const char anna[] =
        "01100800ccccccccc80100000000000000000200ae889d7aa37edd01ffffffffffffff7fffffffffffffff7ff21efcb7"
        "9f7edd01f21efcb79f7edd01ffffffffffffff7f08000800040002000000000008000200000000000c00020000000000"
        "10000200000000001400020000000000180002000d0000005004000001020000020000001c0002002000000000000000"
        "000000000000000000000000060008002000020006000800240002002800020000000000000000001002000000000000"
        "000000000000000000000000000000000000000000000000020000002c00020000000000000000000000000004000000"
        "000000000400000061006e006e0061000000000000000000000000000000000000000000000000000000000000000000"
        "000000000000000000000000000000000000000000000000000000000200000001020000070000005204000007000000"
        "04000000000000000300000044004300310000000400000000000000030000004c004100420000000400000001040000"
        "0000000515000000aae257c8f5c9f62685015b3802000000300002000700000034000200070000000100000001010000"
        "000000120100000005000000010500000000000515000000000000000000000000000000f1010000";

enum { SIZE = (sizeof anna - 1) / 2 };

static void sample(uint8_t to[SIZE]) {
        for (size_t i = 0; i < SIZE; i++) {
                char digits[3] = { anna[2 * i], anna[2 * i + 1], '\0' };
                to[i] = (uint8_t)strtoul(digits, NULL, 16);
        }
}

static bool is_in(const PacLogon *logon, const char *end) {
        char text[SID_TEXT_MAX];
        for (size_t i = 0; i < logon->group_count; i++) {
                sid_text(&logon->groups[i], text);
                if (strlen(text) > strlen(end) && strcmp(text + strlen(text) - strlen(end), end) == 0)
                        return true;
        }
        return false;
}

static void test_real(void **state) {
        uint8_t data[SIZE];
        auto_free PacLogon *logon = NULL;
        Error err = { 0 };
        char text[SID_TEXT_MAX];

        sample(data);
        if (pac_logon_decode(data, sizeof data, &logon, &err) < 0)
                fail_msg("%s", err.text);
        assert_string_equal(logon->user, "anna");
        assert_string_equal(logon->domain, "LAB");
        sid_text(&logon->sid, text);
        assert_int_equal(strncmp(text, "S-1-5-21-", 9), 0);
        assert_true(is_in(logon, "-513"));              /* Domain Users */
        assert_true(is_in(logon, "S-1-18-1") || is_in(logon, "-18-1"));        /* authority asserted, an extra SID */
        assert_true(logon->group_count >= 3);
}

/* Every cut, and every byte turned over: refused or decoded, nothing else (the sanitizers watch). */
static void test_damaged(void **state) {
        uint8_t data[SIZE];
        Error err = { 0 };

        for (size_t size = 0; size < SIZE; size++) {
                auto_free PacLogon *logon = NULL;
                auto_free uint8_t *exact = malloc(size + 1);
                sample(data);
                memcpy(exact, data, size);
                if (pac_logon_decode(exact, size, &logon, &err) == 0 && size < SIZE - 12)
                        fail_msg("%zu of %d bytes were enough", size, SIZE);
        }
        for (size_t at = 0; at < SIZE; at++) {
                auto_free PacLogon *logon = NULL;
                sample(data);
                data[at] ^= 0xFF;
                (void)!pac_logon_decode(data, sizeof data, &logon, &err);
        }
}

enum { GROUP_COUNT_AT = 20 + 48 + 48 + 4 + 8 };  /* headers, times, names, counters, ids */

static void test_too_many(void **state) {
        uint8_t data[SIZE];
        auto_free PacLogon *logon = NULL;
        Error err = { 0 };

        sample(data);
        memset(data + GROUP_COUNT_AT, 0xFF, 3);
        assert_int_equal(pac_logon_decode(data, sizeof data, &logon, &err), -1);
        assert_int_equal(err.kind, ERROR_LIMIT);
        assert_null(logon);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_real),
                cmocka_unit_test(test_damaged),
                cmocka_unit_test(test_too_many),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
