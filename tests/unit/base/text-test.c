#include "tests/unit/test.h"

#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"

static void test_utf16(void **state) {
        (void)state;
        static const struct { const char *why, *text; size_t units; } good[] = {
                { "empty", "", 0 }, { "ASCII", "vms", 3 }, { "two bytes", "Grün", 4 },
                { "three", "€", 1 }, { "a surrogate pair", "😀", 2 },
        };
        for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
                uint8_t wide[64];
                char back[64];
                size_t size = 0;
                Error err = { 0 };
                assert_int_equal(text_to_utf16(good[i].text, wide, sizeof wide, &size, &err), 0);
                assert_int_equal(size, 2 * good[i].units);
                assert_int_equal(text_from_utf16(wide, size, back, sizeof back, &err), 0);
                assert_string_equal(back, good[i].text);
        }
        static const struct { const char *why; const char *bytes; size_t size; size_t room; ErrorKind kind; } bad[] = {
                { "half a character", "a", 1, 8, ERROR_INVALID },
                { "lone high surrogate", "\x00\xD8", 2, 8, ERROR_INVALID },
                { "lone low surrogate", "\x00\xDC", 2, 8, ERROR_INVALID },
                { "a zero character", "a\0\0\0", 4, 8, ERROR_INVALID },
                { "no room", "a\0b\0", 4, 2, ERROR_LIMIT },
        };
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
                char back[64];
                Error err = { 0 };
                if (text_from_utf16((const uint8_t *)bad[i].bytes, bad[i].size, back, bad[i].room, &err) != -1 ||
                    err.kind != bad[i].kind)
                        fail_msg("%s", bad[i].why);
        }
        static const char *not_utf8[] = { "\x80", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "a\xE2\x82" };
        for (size_t i = 0; i < sizeof not_utf8 / sizeof not_utf8[0]; i++) {
                uint8_t wide[16];
                size_t size;
                Error err = { 0 };
                assert_int_equal(text_to_utf16(not_utf8[i], wide, sizeof wide, &size, &err), -1);
                assert_false(text_is_utf8(not_utf8[i], strlen(not_utf8[i])));
        }
}

static void test_wildcard(void **state) {
        (void)state;
        static const struct { const char *text, *pattern; bool matches; } rows[] = {
                { "web01", "web01", true }, { "WEB01", "web*", true }, { "web01", "*01", true },
                { "web01", "w?b0[0-9]", true }, { "web0x", "w?b0[0-9]", false }, { "", "*", true },
                { "", "?", false }, { "a[b", "a[b", true }, { "aaab", "*a*b", true }, { "abc", "*a*d", false },
                { "", "", true }, { "a", "", false },
                { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "*a*a*a*a*a*a*a*a*a*b", false },
        };
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
                if (text_matches_wildcard(rows[i].text, rows[i].pattern) != rows[i].matches)
                        fail_msg("'%s' against '%s'", rows[i].text, rows[i].pattern);
}

static void test_rest(void **state) {
        (void)state;
        assert_true(text_equal_nocase("Move-VM", "move-vm"));
        assert_false(text_equal_nocase("Move-VM", "Move-V"));
        assert_true(text_starts_nocase("DestinationHost", "dest"));
        char hex[9], uuid[UUID_TEXT_SIZE];
        text_hex((const uint8_t *)"\x00\xff\x10\xab", 4, hex);
        assert_string_equal(hex, "00ff10ab");
        Error err = { 0 };
        assert_int_equal(text_uuid(uuid, &err), 0);
        assert_int_equal(strlen(uuid), 36);
        assert_int_equal(uuid[14], '4');
}

static void test_mend(void **state) {
        static const struct { const char *cut, *mended; } rows[] = {
                { "", "" }, { "abc", "abc" }, { "\xC3\xA4", "\xC3\xA4" }, { "a\xC3", "a?" }, { "a\xE2\x82\xAC", "a\xE2\x82\xAC" },
                { "a\xE2\x82", "a??" }, { "\xE2z\xC3", "?z?" }, { "\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80" }, { "b\xF0\x9F\x98", "b???" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                char text[16];
                (void)snprintf(text, sizeof text, "%s", rows[i].cut);
                text_mend(text);
                assert_string_equal(text, rows[i].mended);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_mend), cmocka_unit_test(test_utf16),
                cmocka_unit_test(test_wildcard),
                cmocka_unit_test(test_rest),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
