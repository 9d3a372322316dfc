/* Every (state, event) pair once: those of the table do what the table says, all others are refused and change
 * nothing; then the rules of the design, each with a story that tries to break it. */
#include "tests/unit/test.h"

#include <string.h>

#include "smb/disk/ownership.h"

#define TOKEN "3d6c2c7e-6a0e-4a57-9d52-0b9f3e5a7c11"
#define OTHER "00000000-0000-4000-8000-000000000000"

/* Written down again on purpose, and not taken from the table under test. */
static const struct { OwnState now; OwnEvent on; OwnState next; OwnAction action; } legal[] = {
        { OWN_NONE, OWN_ON_READER_UP, OWN_READER, OWN_DO_NOTHING },
        { OWN_READER, OWN_ON_READER_UP, OWN_READER, OWN_DO_NOTHING },
        { OWN_READER, OWN_ON_ACQUIRE, OWN_TAKING, OWN_OPEN_WRITER },
        { OWN_TAKING, OWN_ON_READER_UP, OWN_TAKING, OWN_DO_NOTHING },
        { OWN_TAKING, OWN_ON_TAKEN, OWN_OWNER, OWN_UNPARK },
        { OWN_TAKING, OWN_ON_REFUSED, OWN_READER, OWN_DO_NOTHING },
        { OWN_OWNER, OWN_ON_ARM, OWN_ARMED, OWN_DO_NOTHING },
        { OWN_OWNER, OWN_ON_BREAK, OWN_OWNER, OWN_KEEP },
        { OWN_OWNER, OWN_ON_GONE, OWN_LOST, OWN_FAIL_IO },
        { OWN_ARMED, OWN_ON_ARM, OWN_ARMED, OWN_DO_NOTHING },
        { OWN_ARMED, OWN_ON_DISARM, OWN_OWNER, OWN_DO_NOTHING },
        { OWN_ARMED, OWN_ON_RELEASE, OWN_RELEASED, OWN_DO_NOTHING },
        { OWN_ARMED, OWN_ON_GIVE, OWN_GIVING, OWN_CLOSE_WRITER },
        { OWN_ARMED, OWN_ON_BREAK, OWN_ARMED, OWN_KEEP },
        { OWN_ARMED, OWN_ON_GONE, OWN_LOST, OWN_FAIL_IO },
        { OWN_RELEASED, OWN_ON_DISARM, OWN_OWNER, OWN_DO_NOTHING },
        { OWN_RELEASED, OWN_ON_RELEASE, OWN_RELEASED, OWN_DO_NOTHING },
        { OWN_RELEASED, OWN_ON_GIVE, OWN_GIVING, OWN_CLOSE_WRITER },
        { OWN_RELEASED, OWN_ON_BREAK, OWN_GIVING, OWN_CLOSE_WRITER },
        { OWN_RELEASED, OWN_ON_GONE, OWN_LOST, OWN_FAIL_IO },
        { OWN_GIVING, OWN_ON_GIVE, OWN_GIVING, OWN_DO_NOTHING },
        { OWN_GIVING, OWN_ON_BREAK, OWN_GIVING, OWN_DO_NOTHING },
        { OWN_GIVING, OWN_ON_CLOSED, OWN_GIVEN, OWN_FAIL_IO },
        { OWN_GIVING, OWN_ON_CLOSE_FAILED, OWN_ARMED, OWN_DO_NOTHING },
        { OWN_GIVING, OWN_ON_GONE, OWN_LOST, OWN_FAIL_IO },
        { OWN_GIVEN, OWN_ON_GIVE, OWN_GIVEN, OWN_DO_NOTHING },
        { OWN_GIVEN, OWN_ON_TAKE_BACK, OWN_RETAKING, OWN_OPEN_WRITER },
        { OWN_RETAKING, OWN_ON_TAKEN, OWN_OWNER, OWN_UNPARK },
        { OWN_RETAKING, OWN_ON_REFUSED, OWN_GIVEN, OWN_DO_NOTHING },
        { OWN_LOST, OWN_ON_TAKE_BACK, OWN_RETAKING, OWN_OPEN_WRITER },
};

static Ownership at(OwnState state) {
        return (Ownership){ .state = state, .epoch = 10, .floor = 10, .held = 10, .token = TOKEN };
}

static void test_every_pair(void **unused) {
        (void)unused;
        for (OwnState s = 0; s < OWN_STATE_COUNT; s++) {
                for (OwnEvent e = 0; e < OWN_EVENT_COUNT; e++) {
                        Ownership own = at(s), before = own;
                        OwnAction action = OWN_ACTION_COUNT;
                        Error err = { 0 };
                        size_t i = 0;
                        while (i < sizeof legal / sizeof legal[0] && (legal[i].now != s || legal[i].on != e))
                                i++;
                        int r = ownership_on(&own, e, &(OwnArgs){ .token = TOKEN, .epoch = 11 }, &action, &err);
                        if (i < sizeof legal / sizeof legal[0]) {
                                if (r != 0 || own.state != legal[i].next || action != legal[i].action)
                                        fail_msg("%s, event %d: got %d, %s, action %d: %s", ownership_state_name(s),
                                                 e, r, ownership_state_name(own.state), action, err.text);
                                continue;
                        }
                        if (r != -1 || err.kind != ERROR_CONFLICT || memcmp(&own, &before, sizeof own) != 0)
                                fail_msg("%s, event %d was not refused", ownership_state_name(s), e);
                        assert_int_equal(action, OWN_ACTION_COUNT);
                }
        }
}

/* Tokens and epochs that do not fit change nothing, wherever they are asked for. */
static void test_arguments(void **unused) {
        (void)unused;
        static const struct {
                const char *why;
                OwnState s;
                OwnEvent e;
                OwnArgs args;
                bool dirty;
                ErrorKind kind;
        } rows[] = {
                { "epoch as before", OWN_READER, OWN_ON_ACQUIRE, { NULL, 10 }, false, ERROR_INVALID },
                { "epoch 0", OWN_READER, OWN_ON_ACQUIRE, { NULL, 0 }, false, ERROR_INVALID },
                { "give to an old epoch", OWN_ARMED, OWN_ON_GIVE, { TOKEN, 10 }, false, ERROR_INVALID },
                { "give without a token", OWN_ARMED, OWN_ON_GIVE, { NULL, 11 }, false, ERROR_INVALID },
                { "give with another's token", OWN_ARMED, OWN_ON_GIVE, { OTHER, 11 }, false, ERROR_CONFLICT },
                { "give, released, another's token",
                  OWN_RELEASED,
                  OWN_ON_GIVE,
                  { OTHER, 11 },
                  false,
                  ERROR_CONFLICT },
                { "arm without a token", OWN_OWNER, OWN_ON_ARM, { NULL, 0 }, false, ERROR_INVALID },
                { "arm with an empty token", OWN_OWNER, OWN_ON_ARM, { "", 0 }, false, ERROR_INVALID },
                { "arm with a token without end",
                  OWN_OWNER,
                  OWN_ON_ARM,
                  { "0123456789012345678901234567890123456789012345678901234567890123456789", 0 },
                  false,
                  ERROR_INVALID },
                { "arm again for another", OWN_ARMED, OWN_ON_ARM, { OTHER, 0 }, false, ERROR_CONFLICT },
                { "disarm another's", OWN_ARMED, OWN_ON_DISARM, { OTHER, 0 }, false, ERROR_CONFLICT },
                { "release another's", OWN_ARMED, OWN_ON_RELEASE, { OTHER, 0 }, false, ERROR_CONFLICT },
                { "take back for another", OWN_GIVEN, OWN_ON_TAKE_BACK, { OTHER, 11 }, false, ERROR_CONFLICT },
                { "take back into an old epoch", OWN_GIVEN, OWN_ON_TAKE_BACK, { TOKEN, 10 }, false, ERROR_INVALID },
                { "take back what lost writes", OWN_LOST, OWN_ON_TAKE_BACK, { TOKEN, 11 }, true, ERROR_CONFLICT },
                { "given, asked by another", OWN_GIVEN, OWN_ON_GIVE, { OTHER, 11 }, false, ERROR_CONFLICT },
        };
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                Ownership own = at(rows[i].s);
                own.dirty = rows[i].dirty;
                Ownership before = own;
                OwnAction action = OWN_ACTION_COUNT;
                Error err = { 0 };
                if (ownership_on(&own, rows[i].e, &rows[i].args, &action, &err) != -1 || err.kind != rows[i].kind ||
                    memcmp(&own, &before, sizeof own) != 0 || action != OWN_ACTION_COUNT)
                        fail_msg("%s: %s", rows[i].why, err.text);
        }
}

static OwnAction go(Ownership *own, OwnEvent e, const char *token, uint64_t epoch) {
        OwnAction action = OWN_ACTION_COUNT;
        Error err = { 0 };
        if (ownership_on(own, e, &(OwnArgs){ .token = token, .epoch = epoch }, &action, &err) < 0)
                fail_msg("%s, event %d: %s", ownership_state_name(own->state), e, err.text);
        return action;
}

static void refuse(Ownership *own, OwnEvent e, const char *token, uint64_t epoch) {
        OwnAction action;
        Error err = { 0 };
        assert_int_equal(ownership_on(own, e, &(OwnArgs){ .token = token, .epoch = epoch }, &action, &err), -1);
}

static void test_a_move(void **unused) {
        (void)unused;
        Ownership source = { 0 }, destination = { 0 };
        (void)go(&source, OWN_ON_READER_UP, NULL, 0);
        assert_int_equal(go(&source, OWN_ON_ACQUIRE, NULL, 5), OWN_OPEN_WRITER);
        assert_int_equal(ownership_gate_write(&source), OWN_PARK);     /* rule D: asking is not having */
        assert_int_equal(go(&source, OWN_ON_TAKEN, NULL, 0), OWN_UNPARK);
        assert_int_equal(source.epoch, 5);
        (void)go(&destination, OWN_ON_READER_UP, NULL, 0);
        assert_int_equal(ownership_gate_write(&destination), OWN_PARK);
        assert_int_equal(ownership_gate_read(&destination), OWN_PASS);

        refuse(&source, OWN_ON_GIVE, TOKEN, 6);         /* rule C: not armed */
        (void)go(&source, OWN_ON_ARM, TOKEN, 0);
        assert_int_equal(go(&source, OWN_ON_BREAK, NULL, 0), OWN_KEEP); /* armed, but QEMU may still write */
        assert_int_equal(ownership_gate_write(&source), OWN_PASS);
        (void)go(&source, OWN_ON_RELEASE, TOKEN, 0);
        assert_int_equal(go(&source, OWN_ON_GIVE, TOKEN, 6), OWN_CLOSE_WRITER);
        assert_int_equal(ownership_gate_write(&source), OWN_REFUSE);   /* an error, not parked */
        (void)go(&source, OWN_ON_CLOSED, NULL, 0);

        assert_int_equal(go(&destination, OWN_ON_ACQUIRE, NULL, 6), OWN_OPEN_WRITER);
        assert_int_equal(go(&destination, OWN_ON_TAKEN, NULL, 0), OWN_UNPARK);
        assert_int_equal(ownership_gate_write(&destination), OWN_PASS);

        refuse(&source, OWN_ON_ACQUIRE, NULL, 7);       /* rule B: there is no other way back … */
        refuse(&source, OWN_ON_TAKEN, NULL, 0);
        refuse(&source, OWN_ON_DISARM, TOKEN, 0);
        refuse(&source, OWN_ON_TAKE_BACK, TOKEN, 6);    /* … and not into the other's term */
        assert_int_equal(go(&source, OWN_ON_TAKE_BACK, TOKEN, 7), OWN_OPEN_WRITER);
        assert_int_equal(ownership_gate_write(&source), OWN_REFUSE);
        (void)go(&source, OWN_ON_REFUSED, NULL, 0);     /* rule A: the server has the last word */
        assert_int_equal(source.state, OWN_GIVEN);
        assert_int_equal(source.epoch, 5);              /* no term came of it */
        refuse(&source, OWN_ON_TAKE_BACK, TOKEN, 6);
        assert_int_equal(go(&source, OWN_ON_TAKE_BACK, TOKEN, 7), OWN_OPEN_WRITER);
        (void)go(&source, OWN_ON_TAKEN, NULL, 0);
        assert_int_equal(source.state, OWN_OWNER);
        assert_string_equal(source.token, "");
}

static void test_break_gives(void **unused) {
        (void)unused;
        Ownership own = at(OWN_RELEASED);
        assert_int_equal(go(&own, OWN_ON_BREAK, NULL, 0), OWN_CLOSE_WRITER);
        assert_int_equal(go(&own, OWN_ON_GIVE, TOKEN, 12), OWN_DO_NOTHING);    /* the call comes second */
        (void)go(&own, OWN_ON_CLOSED, NULL, 0);
        assert_int_equal(go(&own, OWN_ON_GIVE, TOKEN, 12), OWN_DO_NOTHING);
        assert_int_equal(own.state, OWN_GIVEN);
        refuse(&own, OWN_ON_TAKE_BACK, TOKEN, 11);      /* the break counted as epoch 11 */
}

static void test_lost(void **unused) {
        (void)unused;
        Ownership own = at(OWN_OWNER);
        own.token[0] = '\0';
        assert_int_equal(go(&own, OWN_ON_GONE, NULL, 0), OWN_FAIL_IO);
        for (OwnEvent e = 0; e < OWN_EVENT_COUNT; e++)
                refuse(&own, e, TOKEN, 99);             /* rule E: and no migration, so nobody to vouch */
        assert_int_equal(ownership_gate_read(&own), OWN_REFUSE);
        assert_int_equal(ownership_gate_write(&own), OWN_REFUSE);
}

/* From anywhere, whatever happens: writes pass only in states that hold the exclusive handle, and no event but
 * TAKEN leads into those from outside. */
static void test_only_taken_opens_the_gate(void **unused) {
        (void)unused;
        for (OwnState s = 0; s < OWN_STATE_COUNT; s++)
                for (OwnEvent e = 0; e < OWN_EVENT_COUNT; e++) {
                        Ownership own = at(s);
                        OwnAction action;
                        Error err = { 0 };
                        bool before = ownership_gate_write(&own) == OWN_PASS;
                        if (ownership_on(&own, e, &(OwnArgs){ .token = TOKEN, .epoch = 11 }, &action, &err) < 0)
                                continue;
                        bool after = ownership_gate_write(&own) == OWN_PASS;
                        bool kept = s == OWN_GIVING && e == OWN_ON_CLOSE_FAILED;        /* the handle never went */
                        if (!before && after && e != OWN_ON_TAKEN && !kept)
                                fail_msg("%s, event %d opens the gate", ownership_state_name(s), e);
                        if (action == OWN_UNPARK && e != OWN_ON_TAKEN)
                                fail_msg("%s, event %d un-parks", ownership_state_name(s), e);
                }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_pair), cmocka_unit_test(test_arguments), cmocka_unit_test(test_a_move),
                cmocka_unit_test(test_break_gives), cmocka_unit_test(test_lost),
                cmocka_unit_test(test_only_taken_opens_the_gate),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
