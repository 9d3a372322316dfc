#include "tests/unit/test.h"

#include "appliance/base/bytes.h"

static void test_round_trip(void **state) {
        (void)state;
        uint8_t b[32];
        Writer w = writer_of(b, sizeof b);
        write_u8(&w, 0x12);
        write_align(&w, 4);
        write_u16(&w, 0x3456);
        write_u16(&w, 0);
        write_u32(&w, 0x789ABCDE);
        write_u64(&w, 0x0123456789ABCDEF);
        write_u16_at(&w, 6, 0xFFEE);
        assert_true(writer_ok(&w));
        Reader r = reader_of(b, w.at);
        assert_int_equal(read_u8(&r), 0x12);
        read_skip(&r, 3);
        assert_int_equal(read_u16(&r), 0x3456);
        assert_int_equal(read_u16(&r), 0xFFEE);
        assert_int_equal(read_u32(&r), 0x789ABCDE);
        assert_int_equal(read_u64(&r), 0x0123456789ABCDEF);
        assert_true(reader_done(&r));
}

static void test_never_outside(void **state) {
        (void)state;
        uint8_t b[4] = { 1, 2, 3, 4 };
        Reader r = reader_of(b, sizeof b);
        assert_int_equal(read_u64(&r), 0);
        assert_false(reader_ok(&r));
        assert_int_equal(read_u8(&r), 0);       /* stays failed */
        assert_int_equal(reader_left(&r), 0);

        static const struct { size_t offset, size; bool ok; } rows[] = {
                { 0, 4, true }, { 4, 0, true }, { 2, 2, true }, { 2, 3, false }, { 5, 0, false },
                { SIZE_MAX, 2, false }, { 2, SIZE_MAX, false },
        };
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                Reader s = reader_of(b, sizeof b);
                Span span = read_span_at(&s, rows[i].offset, rows[i].size);
                assert_int_equal(reader_ok(&s), rows[i].ok);
                assert_int_equal(span.size, rows[i].ok ? rows[i].size : 0);
        }

        Writer w = writer_of(b, sizeof b);
        write_u64(&w, 1);
        assert_false(writer_ok(&w));
        Writer v = writer_of(b, sizeof b);
        write_u16(&v, 7);
        write_u32_at(&v, 0, 1);                 /* not all of it was written yet */
        assert_false(writer_ok(&v));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_never_outside),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
