/* Compressed streams: the specification's own examples ([MS-XCA] 3.2), and damage. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/bytes.h"
#include "appliance/base/cleanup.h"
#include "appliance/wsman/xpress.h"

enum { TABLE = 256, ROOM = 1024 };

/* "abcdefghijklmnopqrstuvwxyz" as literals. */
static const uint8_t letters_lengths[] = { 0x50, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x45, 0x44, 0x04 };
static const uint8_t letters_codes[] = { 0xd8, 0x52, 0x3e, 0xd7, 0x94, 0x11, 0x5b, 0xe9, 0x19, 0x5f, 0xf9, 0xd6, 0x7c, 0xdf,
                                         0x8d, 0x04, 0x00, 0x00, 0x00, 0x00 };
/* "abc" a hundred times: three literals and a match of 297 bytes. */
static const uint8_t match_codes[] = { 0xa8, 0xdc, 0x00, 0x00, 0xff, 0x26, 0x01 };

static size_t chain(uint8_t *to, size_t original, const uint8_t *table, const uint8_t *codes, size_t codes_size) {
        Writer w = writer_of(to, ROOM);
        write_u16(&w, (uint16_t)(original - 1));
        write_u16(&w, (uint16_t)(TABLE + codes_size - 1));
        write_bytes(&w, table, TABLE);
        write_bytes(&w, codes, codes_size);
        assert_true(writer_ok(&w));
        return w.at;
}

static size_t letters(uint8_t *to) {
        uint8_t table[TABLE] = { 0 };
        memcpy(table + 48, letters_lengths, sizeof letters_lengths);
        table[128] = 0x04;
        return chain(to, 26, table, letters_codes, sizeof letters_codes);
}

static size_t repeated(uint8_t *to) {
        uint8_t table[TABLE] = { 0 };
        table[48] = 0x30;
        table[49] = 0x23;
        table[128] = 0x02;
        table[143] = 0x20;
        return chain(to, 300, table, match_codes, sizeof match_codes);
}

static void expect(const uint8_t *data, size_t size, const char *wanted) {
        auto_free uint8_t *got = NULL;
        size_t got_size = 0;
        Error err = { 0 };
        if (xpress_decode(data, size, 1 << 20, &got, &got_size, &err) < 0)
                fail_msg("%s", err.text);
        assert_int_equal(got_size, strlen(wanted));
        assert_memory_equal(got, wanted, got_size);
}

static void test_examples(void **state) {
        uint8_t data[2 * ROOM];
        char wanted[400] = "";

        expect(data, letters(data), "abcdefghijklmnopqrstuvwxyz");
        for (unsigned i = 0; i < 100; i++)
                memcpy(wanted + 3 * i, "abc", 4);
        expect(data, repeated(data), wanted);
        size_t first = letters(data), second = repeated(data + first);
        memmove(wanted + 26, wanted, 301);
        memcpy(wanted, "abcdefghijklmnopqrstuvwxyz", 26);
        expect(data, first + second, wanted);
}

static void test_stored(void **state) {
        uint8_t data[XPRESS_HEAD + 5];
        xpress_store_head(5, data);
        memcpy(data + XPRESS_HEAD, "hello", 5);
        assert_memory_equal(data, "\4\0\4\0hello", sizeof data);
        expect(data, sizeof data, "hello");
        expect(data, 0, "");
}

static void test_damaged(void **state) {
        uint8_t whole[ROOM];
        size_t size = repeated(whole);

        for (size_t cut = 1; cut < size; cut++) {
                auto_free uint8_t *exact = malloc(cut), *got = NULL;
                size_t got_size;
                Error err = { 0 };
                memcpy(exact, whole, cut);
                if (xpress_decode(exact, cut, 1 << 20, &got, &got_size, &err) == 0)
                        fail_msg("%zu of %zu bytes were enough", cut, size);
        }
        for (size_t at = 0; at < size; at++) {
                auto_free uint8_t *got = NULL;
                size_t got_size;
                Error err = { 0 };
                whole[at] ^= 0x11;
                (void)!xpress_decode(whole, size, 1 << 20, &got, &got_size, &err);
                whole[at] ^= 0x11;
        }
}

/* A few bytes must not become many megabytes. */
static void test_limit(void **state) {
        uint8_t data[2 * ROOM], *got = NULL;
        size_t first = repeated(data), second = repeated(data + first), got_size;
        Error err = { 0 };
        assert_int_equal(xpress_decode(data, first + second, 599, &got, &got_size, &err), -1);
        assert_int_equal(err.kind, ERROR_LIMIT);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_examples),
                cmocka_unit_test(test_stored),
                cmocka_unit_test(test_damaged),
                cmocka_unit_test(test_limit),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
