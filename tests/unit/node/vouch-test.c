/* What another host says of its caller: understood whole or not at all. */
#include "tests/unit/test.h"

#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/node/errand.h"

static const struct { const char *why, *json, *sid, *origin; int role; /* -1: refused */ } rows[] = {
        { "an account", "{\"Sid\":\"S-1-5-21-1-2-3-1104\",\"Role\":\"operator\",\"Origin\":\"10.77.0.13\"}", "S-1-5-21-1-2-3-1104", "10.77.0.13", ROLE_OPERATOR },
        { "root", "{\"Role\":\"administrator\",\"Origin\":\"\"}", "", "", ROLE_ADMINISTRATOR },
        { "a reader over IPv6", "{\"Role\":\"reader\",\"Origin\":\"2001:db8::1\"}", "", "2001:db8::1", ROLE_READER },
        { "nothing", "{}", NULL, NULL, -1 },
        { "no object", "[]", NULL, NULL, -1 },
        { "no role", "{\"Sid\":\"S-1-5-18\",\"Origin\":\"\"}", NULL, NULL, -1 },
        { "a role that there is not", "{\"Role\":\"king\",\"Origin\":\"\"}", NULL, NULL, -1 },
        { "a role by number", "{\"Role\":2,\"Origin\":\"\"}", NULL, NULL, -1 },
        { "no origin", "{\"Role\":\"reader\"}", NULL, NULL, -1 },
        { "an origin that forges a line", "{\"Role\":\"reader\",\"Origin\":\"a\\nb\"}", NULL, NULL, -1 },
        { "too long an origin", "{\"Role\":\"reader\",\"Origin\":\"01234567890123456789012345678901234567890123456789012345678901234567890123456789\"}", NULL, NULL, -1 },
        { "a name instead of a SID", "{\"Sid\":\"LAB\\\\anna\",\"Role\":\"reader\",\"Origin\":\"\"}", NULL, NULL, -1 },
        { "an empty SID is not root", "{\"Sid\":\"\",\"Role\":\"reader\",\"Origin\":\"\"}", NULL, NULL, -1 },
        { "a SID that is a number", "{\"Sid\":5,\"Role\":\"reader\",\"Origin\":\"\"}", NULL, NULL, -1 },
        { "more than we know", "{\"Role\":\"reader\",\"Origin\":\"\",\"Groups\":[]}", NULL, NULL, -1 },
};

static void test_rows(void **state) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                auto_(sd_json_variant_unrefp) sd_json_variant *json = NULL, *again = NULL;
                VouchClaim claim = { .origin = "untouched" }, twice = { 0 };
                Error err = { 0 };

                assert_true(sd_json_parse(rows[i].json, 0, &json, NULL, NULL) >= 0);
                int r = vouch_parse(json, &claim, &err);
                if (rows[i].role < 0) {
                        if (r != -1 || err.kind != ERROR_PROTOCOL || strcmp(claim.origin, "untouched") != 0)
                                fail_msg("%s: %d '%s'", rows[i].why, r, err.text);
                        continue;
                }
                if (r != 0 || strcmp(claim.sid, rows[i].sid) != 0 || strcmp(claim.origin, rows[i].origin) != 0 ||
                    (int)claim.role != rows[i].role)
                        fail_msg("%s: %d '%s' %s %s", rows[i].why, r, err.text, claim.sid, claim.origin);
                assert_int_equal(vouch_json(&claim, &again, &err), 0);
                assert_int_equal(vouch_parse(again, &twice, &err), 0);
                assert_memory_equal(&claim, &twice, sizeof claim);
        }
}

static void test_replies(void **state) {
        static const struct { const char *why, *json; int result; RecordStream stream; } replies[] = {
                { "an object", "{\"Stream\":\"output\",\"Value\":{\"$type\":\"X\"}}", 1, STREAM_OUTPUT },
                { "a word", "{\"Stream\":\"warning\",\"Value\":{\"$value\":\"w\"}}", 1, STREAM_WARNING },
                { "a stream of a later version", "{\"Stream\":\"smell\",\"Value\":{}}", 0, STREAM_COUNT },
                { "no value", "{\"Stream\":\"output\"}", -1, STREAM_COUNT },
                { "a bare value", "{\"Stream\":\"output\",\"Value\":5}", -1, STREAM_COUNT },
                { "no stream", "{\"Value\":{}}", -1, STREAM_COUNT },
                { "no object", "7", -1, STREAM_COUNT },
        };
        for (size_t i = 0; i < ARRAY_SIZE(replies); i++) {
                auto_(sd_json_variant_unrefp) sd_json_variant *json = NULL;
                sd_json_variant *value = NULL;
                RecordStream stream = STREAM_COUNT;
                assert_true(sd_json_parse(replies[i].json, 0, &json, NULL, NULL) >= 0);
                int r = errand_record(json, &stream, &value);
                if (r != replies[i].result || stream != replies[i].stream || (r > 0) != (value != NULL))
                        fail_msg("%s: %d, stream %d", replies[i].why, r, stream);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_replies) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
