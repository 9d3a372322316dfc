#include "tests/unit/test.h"

#include "appliance/base/bytes.h"
#include "appliance/base/cleanup.h"
#include "smb/share/space.h"

enum { NO = 0 };

static void test_rows(void **state) {
        static const struct {
                const char *why;
                uint64_t total, caller, actual;
                uint32_t sectors, bytes;
                uint64_t free_bytes, total_bytes;
        } rows[] = {
                { "plain", 1000, 100, 100, 8, 512, 100 * 4096, 1000 * 4096 },
                { "a quota leaves less than there is", 1000, 3, 100, 1, 4096, 3 * 4096, 1000 * 4096 },
                { "full", 1000, 0, 0, 1, 4096, 0, 1000 * 4096 },
                { "no units", 1000, 100, 100, 0, 512, NO, NO },
                { "more than a number holds", UINT64_MAX, UINT64_MAX / 2, 1, 2, 4096, UINT64_MAX, UINT64_MAX },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                uint8_t data[32];
                Writer w = writer_of(data, sizeof data);
                Space space = { .total_bytes = 7 };
                Error err = { 0 };

                write_u64(&w, rows[i].total);
                write_u64(&w, rows[i].caller);
                write_u64(&w, rows[i].actual);
                write_u32(&w, rows[i].sectors);
                write_u32(&w, rows[i].bytes);
                int r = space_decode(data, sizeof data, &space, &err);
                if (r != (rows[i].total_bytes == NO ? -1 : 0))
                        fail_msg("%s: %s", rows[i].why, err.text);
                if (r == 0 && (space.free_bytes != rows[i].free_bytes || space.total_bytes != rows[i].total_bytes))
                        fail_msg("%s: %llu of %llu", rows[i].why, (unsigned long long)space.free_bytes,
                                 (unsigned long long)space.total_bytes);
        }
}

static void test_sizes(void **state) {
        uint8_t data[33] = { 0 };
        Space space = { .total_bytes = 7 };
        Error err;

        data[24] = data[28] = 1;
        for (size_t size = 0; size <= sizeof data; size++)
                assert_int_equal(space_decode(data, size, &space, &err), size == 32 ? 0 : -1);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_sizes) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
