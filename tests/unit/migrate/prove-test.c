/* What another host may ask and answer about a share, and what it may not. */
#include "tests/unit/test.h"

#include <string.h>

#include "migrate/prove.h"

static sd_json_variant *json(const char *text) {
        sd_json_variant *v = NULL;
        assert_true(sd_json_parse(text, 0, &v, NULL, NULL) >= 0);
        return v;
}

static const struct { const char *why, *reply; bool good; } replies[] = {
        { "two answers", "{\"Share\":2032127,\"Access\":[2032127,-1]}", true },
        { "not let in", "{\"Share\":0,\"Access\":[-1,-1]}", true },
        { "the server did not say", "{\"Share\":1,\"Access\":[-2,0]}", true },
        { "too few", "{\"Share\":1,\"Access\":[1]}", false },
        { "too many", "{\"Share\":1,\"Access\":[1,2,3]}", false },
        { "no list", "{\"Share\":1}", false },
        { "a list that is none", "{\"Share\":1,\"Access\":\"x\"}", false },
        { "a mask too large", "{\"Share\":1,\"Access\":[1,4294967296]}", false },
        { "a number that means nothing", "{\"Share\":1,\"Access\":[1,-3]}", false },
        { "text", "{\"Share\":1,\"Access\":[1,\"FA\"]}", false },
        { "a share's mask too large", "{\"Share\":4294967296,\"Access\":[1,2]}", false },
};

static void test_replies(void **unused) {
        (void)unused;
        for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++) {
                sd_json_variant *v = json(replies[i].reply);
                int64_t access[2] = { 0 };
                uint32_t share = 77;
                Error err = { 0 };
                int r = prove_reply_parse(v, 2, access, &share, &err);
                if ((r == 0) != replies[i].good || (r < 0 && (err.kind != ERROR_PROTOCOL || share != 77)))
                        fail_msg("%s: %d, '%s'", replies[i].why, r, err.text);
                sd_json_variant_unref(v);
        }
}

static const struct { const char *why, *request; ErrorKind kind; } requests[] = {
        { "no share", "{\"Paths\":[\"a\"]}", ERROR_INVALID },
        { "an address", "{\"Unc\":\"\\\\\\\\192.0.2.7\\\\vms\",\"Paths\":[\"a\"]}", ERROR_INVALID },
        { "a path that is a number", "{\"Unc\":\"\\\\\\\\fs1\\\\vms\",\"Paths\":[1]}", ERROR_PROTOCOL },
};

static void test_requests(void **unused) {
        (void)unused;
        sd_json_variant *ret = NULL;
        Error err = { 0 };

        for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
                sd_json_variant *v = json(requests[i].request);
                if (prove_serve(v, &ret, &err) != -1 || err.kind != requests[i].kind)
                        fail_msg("%s: '%s'", requests[i].why, err.text);
                sd_json_variant_unref(v);
        }
        char many[PROVE_PATHS_MAX * 4 + 64] = "{\"Unc\":\"x\",\"Paths\":[\"\"";
        for (size_t i = 0; i < PROVE_PATHS_MAX; i++)
                (void)strcat(many, ",\"\"");
        (void)strcat(many, "]}");
        sd_json_variant *v = json(many);
        assert_int_equal(prove_serve(v, &ret, &err), -1);
        assert_int_equal(err.kind, ERROR_LIMIT);
        sd_json_variant_unref(v);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_replies), cmocka_unit_test(test_requests) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
