#include "tests/unit/test.h"

#include "smb/disk/request.h"

static void test_parts(void **unused) {
        (void)unused;
        static const struct {
                const char *why;
                uint64_t size;
                uint32_t most;
                unsigned parts;
                uint32_t last;
        } rows[] = {
                { "small", 512, 1 << 20, 1, 512 },
                { "exactly one", 1 << 20, 1 << 20, 1, 1 << 20 },
                { "one byte more", (1 << 20) + 1, 1 << 20, 2, 1 },
                { "nothing", 0, 1 << 20, 0, 0 },
                { "QEMU's largest", 32 << 20, 8 << 20, 4, 8 << 20 },
                { "zeroes, 64 KiB at a time", 64 << 20, 65536, 1024, 65536 },
                { "beyond 32 bits", 5ULL << 30, 1 << 20, 5120, 1 << 20 },
        };
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                uint64_t sent = 0;
                uint32_t part, last = 0;
                unsigned n = 0;
                while ((part = request_next_part(rows[i].size, sent, rows[i].most)) > 0) {
                        assert_true(part <= rows[i].most);
                        sent += part;
                        last = part;
                        n++;
                }
                if (sent != rows[i].size || n != rows[i].parts || last != rows[i].last)
                        fail_msg("%s: %u parts, last %u", rows[i].why, n, last);
        }
}

static void test_list(void **unused) {
        (void)unused;
        static Request r[3];
        RequestList list;
        list_init(&list);
        assert_null(list_pop(&list));
        for (int round = 0; round < 2; round++) {
                for (int i = 0; i < 3; i++)
                        list_push(&list, &r[i]);
                for (int i = 0; i < 3; i++)
                        assert_ptr_equal(list_pop(&list), &r[i]);
                assert_null(list_pop(&list));
        }
}

static void expect(RequestList *list, Request *r, const char *wanted) {
        for (; *wanted; wanted++)
                assert_ptr_equal(list_pop(list), &r[*wanted - '0']);
        assert_null(list_pop(list));
}

/* A client that is gone takes its own requests with it, nobody else's, and order stays. */
static void test_withdraw(void **unused) {
        (void)unused;
        static const struct { const char *why, *clients, *taken, *left; } rows[] = {
                { "nobody's", "", "", "" },
                { "all", "aaa", "012", "" },
                { "none", "bbb", "", "012" },
                { "the first", "abb", "0", "12" },
                { "the last", "bba", "2", "01" },
                { "every other", "abab", "02", "13" },
        };
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                Request r[4] = { 0 };
                RequestList list, taken;
                list_init(&list);
                list_init(&taken);
                for (size_t k = 0; rows[i].clients[k]; k++) {
                        r[k].client = rows[i].clients[k] == 'a' ? &r[0] : &r[1];
                        list_push(&list, &r[k]);
                }
                list_withdraw(&list, &r[0], &taken);
                expect(&taken, r, rows[i].taken);
                expect(&list, r, rows[i].left);
                list_push(&list, &r[3]);        /* still a list */
                expect(&list, r, "3");
        }
}

static unsigned answers;
static void on_answered(Request *r) { answers += (unsigned)r->error; }

static void test_answer(void **unused) {
        (void)unused;
        Request r = { .answered = on_answered };
        request_answer(&r, 7);
        assert_int_equal(answers, 7);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_parts), cmocka_unit_test(test_list), cmocka_unit_test(test_withdraw),
                cmocka_unit_test(test_answer),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
