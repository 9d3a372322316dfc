#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "appliance/base/cleanup.h"
#include "migrate/ledger.h"

static void test_round_trip(void **state) {
        (void)state;
        static const Ledger rows[] = {
                { .host = "", .epoch = 0, .since_us = 0 },
                { .host = "hv1.lab.test", .epoch = 1764000000000000, .since_us = 1764000000123000 },
                { .host = "", .epoch = UINT64_MAX, .since_us = 1000 },
                { .host = "", .epoch = 7, .since_us = 1000, .saved = true },
                { .host = "", .epoch = 8, .since_us = 1000, .saved = true, .saved_disks = "1dc5f0-4000000,1dc5f1-8000000" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                auto_free char *text = NULL;
                Ledger back = { .host = "untouched" };
                Error err = { 0 };
                if (ledger_encode(&rows[i], &text, &err) < 0 || ledger_decode(text, strlen(text), &back, &err) < 0)
                        fail_msg("%zu: %s", i, err.text);
                assert_string_equal(back.host, rows[i].host);
                assert_true(back.epoch == rows[i].epoch);
                assert_true(back.since_us == rows[i].since_us);
                assert_true(back.saved == rows[i].saved);
                assert_string_equal(back.saved_disks, rows[i].saved_disks);
        }
}

static void test_hostile(void **state) {
        (void)state;
        static const struct { const char *why, *text; bool good; } rows[] = {
                { "the least", "{\"Host\":\"\",\"Epoch\":1}", true },
                { "fields of a newer version",
                  "{\"Host\":\"h\",\"Epoch\":1,\"Since\":\"yesterday\",\"X\":null}", true },
                { "saved, and yet somebody runs it", "{\"Host\":\"h\",\"Epoch\":1,\"Saved\":true}", true },
                { "disks that nobody saved", "{\"Host\":\"\",\"Epoch\":1,\"SavedDisks\":\"1-2\"}", true },
                { "disks that are a sentence", "{\"Host\":\"\",\"Epoch\":1,\"Saved\":true,\"SavedDisks\":\"x y\"}", false },
                { "empty", "", false },
                { "no object", "1", false },
                { "nested", "{\"Host\":\"h\",\"Epoch\":1,\"X\":[[[[]]]]}", false },
                { "host missing", "{\"Epoch\":1}", false },
                { "epoch missing", "{\"Host\":\"h\"}", false },
                { "epoch negative", "{\"Host\":\"h\",\"Epoch\":-1}", false },
                { "epoch a string", "{\"Host\":\"h\",\"Epoch\":\"1\"}", false },
                { "epoch too large", "{\"Host\":\"h\",\"Epoch\":99999999999999999999999}", false },
                { "control characters in the host", "{\"Host\":\"h\\u001b[2J\",\"Epoch\":1}", false },
                { "not UTF-8", "{\"Host\":\"\xff\",\"Epoch\":1}", false },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                Ledger ledger = { .host = "untouched" };
                Error err = { 0 };
                int r = ledger_decode(rows[i].text, strlen(rows[i].text), &ledger, &err);
                if (r != (rows[i].good ? 0 : -1) || (r < 0 && err.kind != ERROR_PROTOCOL))
                        fail_msg("%s: %d, %s", rows[i].why, r, err.text);
                assert_false(ledger.saved);
                if (r < 0)
                        assert_string_equal(ledger.host, "untouched");
        }
}

static void test_next_epoch(void **state) {
        (void)state;
        struct timespec now;
        (void)clock_gettime(CLOCK_REALTIME, &now);
        uint64_t us = (uint64_t)now.tv_sec * 1000000, epoch = 0;
        Error err = { 0 };

        assert_int_equal(ledger_next_epoch(&(Ledger){ .epoch = 0 }, &epoch, &err), 0);
        assert_true(epoch >= us);       /* a lost ledger does not reuse a term */
        assert_int_equal(ledger_next_epoch(&(Ledger){ .epoch = us * 2 }, &epoch, &err), 0);
        assert_true(epoch == us * 2 + 1);       /* nor does a clock set back */
        assert_int_equal(ledger_next_epoch(&(Ledger){ .epoch = UINT64_MAX }, &epoch, &err), -1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trip), cmocka_unit_test(test_hostile),
                cmocka_unit_test(test_next_epoch),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
