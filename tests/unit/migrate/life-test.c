#include "tests/unit/test.h"

#include <stdbool.h>

#include "appliance/base/cleanup.h"
#include "migrate/life.h"

/* Every pair that is allowed; all others must be refused and leave the state alone. */
static const struct {
        const char *why;
        LifeState now;
        LifeEvent on;
        LifeState next;
} rows[] = {
        { "both hosts agree", LIFE_COMPARE, LIFE_ON_COMPATIBLE, LIFE_PREPARE },
        { "a finding ends it before anything changed", LIFE_COMPARE, LIFE_ON_ERROR, LIFE_FAILED },
        { "so does a cancel", LIFE_COMPARE, LIFE_ON_CANCEL, LIFE_FAILED },
        { "armed", LIFE_PREPARE, LIFE_ON_PREPARED, LIFE_TRANSFER },
        { "what was armed must be disarmed", LIFE_PREPARE, LIFE_ON_ERROR, LIFE_UNDO },
        { "cancelled while arming", LIFE_PREPARE, LIFE_ON_CANCEL, LIFE_UNDO },
        { "the destination runs", LIFE_TRANSFER, LIFE_ON_ASKED, LIFE_SWITCH },
        { "the memory did not arrive", LIFE_TRANSFER, LIFE_ON_ERROR, LIFE_UNDO },
        { "cancelled under way", LIFE_TRANSFER, LIFE_ON_CANCEL, LIFE_UNDO },
        { "handed over", LIFE_SWITCH, LIFE_ON_OWNED, LIFE_CONFIRM },
        { "the hand-over failed", LIFE_SWITCH, LIFE_ON_ERROR, LIFE_UNDO },
        { "it runs here again", LIFE_UNDO, LIFE_ON_UNDONE, LIFE_FAILED },
        { "it runs there after all", LIFE_UNDO, LIFE_ON_OWNED, LIFE_CONFIRM },
        { "nobody answers", LIFE_UNDO, LIFE_ON_SILENCE, LIFE_DOUBT },
        { "the doubt ends there", LIFE_DOUBT, LIFE_ON_OWNED, LIFE_CONFIRM },
        { "the doubt ends here", LIFE_DOUBT, LIFE_ON_UNDONE, LIFE_FAILED },
        { "nothing is left", LIFE_CONFIRM, LIFE_ON_RELEASED, LIFE_DONE },
};

static void test_table(void **state) {
        (void)state;
        for (LifeState now = 0; now < LIFE_STATE_COUNT; now++)
                for (LifeEvent on = 0; on < LIFE_EVENT_COUNT; on++) {
                        LifeState got = now, wanted = now;
                        Error err = { 0 };
                        int wanted_result = -1;
                        const char *why = "not in the table";
                        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                                if (rows[i].now == now && rows[i].on == on) {
                                        wanted = rows[i].next;
                                        wanted_result = 0;
                                        why = rows[i].why;
                                }
                        int r = life_step(&got, on, &err);
                        if (r != wanted_result || got != wanted || (r < 0 && err.kind != ERROR_CONFLICT))
                                fail_msg("%s: %s + %d gave %d, %s", why, life_name(now), on, r, life_name(got));
                }
}

/* Rules of design §5 and §6 that no row may break. */
static void test_rules(void **state) {
        (void)state;
        Error err;
        for (LifeState now = 0; now < LIFE_STATE_COUNT; now++) {
                LifeState got = now;
                bool before_switch = now == LIFE_COMPARE || now == LIFE_PREPARE || now == LIFE_TRANSFER;
                assert_int_equal(life_step(&got, LIFE_ON_CANCEL, &err) == 0, before_switch);
                got = now;
                if (life_step(&got, LIFE_ON_SILENCE, &err) == 0)
                        assert_int_equal(now, LIFE_UNDO);       /* silence decides nothing */
                for (LifeEvent on = 0; on < LIFE_EVENT_COUNT; on++) {
                        got = now;
                        if (life_step(&got, on, &err) < 0)
                                continue;
                        assert_true(now != LIFE_DONE && now != LIFE_FAILED);    /* an end is an end */
                        if (got == LIFE_DONE)
                                assert_int_equal(now, LIFE_CONFIRM);
                }
        }
}

/* From every state that is no end, an end can be reached. */
static void test_ends(void **state) {
        (void)state;
        bool ends[LIFE_STATE_COUNT] = { [LIFE_DONE] = true, [LIFE_FAILED] = true };
        Error err;
        for (int round = 0; round < LIFE_STATE_COUNT; round++)
                for (LifeState now = 0; now < LIFE_STATE_COUNT; now++)
                        for (LifeEvent on = 0; on < LIFE_EVENT_COUNT; on++) {
                                LifeState got = now;
                                if (life_step(&got, on, &err) == 0 && ends[got])
                                        ends[now] = true;
                        }
        for (LifeState now = 0; now < LIFE_STATE_COUNT; now++)
                assert_true(ends[now]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_table),
                cmocka_unit_test(test_rules),
                cmocka_unit_test(test_ends),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
