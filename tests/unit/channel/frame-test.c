#include "tests/unit/test.h"

#include <string.h>

#include "appliance/base/cleanup.h"
#include "migrate/channel-frame.h"
#include "migrate/channel-message.h"
#include "migrate/channel.h"

/* Every rule of the frame decoder once.  `size` is what has arrived, `payload` what the header says. */
static const struct {
        const char *why;
        uint32_t payload;
        uint8_t type;
        uint32_t stream;
        size_t size;
        bool hello;
        int wanted;
        const char *says;
} rows[] = {
        { "a whole call", 2, FRAME_CALL, 1, 11, false, 1, NULL },
        { "half a header", 2, FRAME_CALL, 1, 8, false, 0, NULL },
        { "a header without its payload", 2, FRAME_CALL, 1, 10, false, 0, NULL },
        { "more than one frame", 2, FRAME_CALL, 1, 64, false, 1, NULL },
        { "type 0", 2, 0, 1, 11, false, -1, "unknown type" },
        { "a type from the future", 2, FRAME_TYPE_COUNT, 1, 11, false, -1, "unknown type" },
        { "type 255", 2, 255, 1, 11, false, -1, "unknown type" },
        { "a call before the hello is over", 2, FRAME_CALL, 1, 11, true, -1, "before the hello" },
        { "a token after it", 2, FRAME_TOKEN, 0, 11, false, -1, "after the hello" },
        { "a token of the largest size", FRAME_HELLO_MAX, FRAME_TOKEN, 0, 9, true, 0, NULL },
        { "a token too long, judged by its header", FRAME_HELLO_MAX + 1, FRAME_TOKEN, 0, 9, true, -1, "bytes" },
        { "data of the largest size", FRAME_PAYLOAD_MAX, FRAME_DATA, 1, 9, false, 0, NULL },
        { "data too long", FRAME_PAYLOAD_MAX + 1, FRAME_DATA, 1, 9, false, -1, "bytes" },
        { "data of 4 GiB", 0xFFFFFFFF, FRAME_DATA, 1, 9, false, -1, "bytes" },
        { "no data", 0, FRAME_DATA, 1, 9, false, -1, "bytes" },
        { "a stream number missing", 2, FRAME_CALL, 0, 11, false, -1, "stream" },
        { "a stream number too many", 0, FRAME_PING, 7, 9, false, -1, "stream" },
        { "a ping", 0, FRAME_PING, 0, 9, false, 1, NULL },
        { "a ping with a payload", 1, FRAME_PING, 0, 10, false, -1, "bytes" },
        { "a short window", 3, FRAME_WINDOW, 2, 12, false, -1, "bytes" },
        { "a service's name too long", 256, FRAME_OPEN, 2, 9, false, -1, "bytes" },
        { "a welcome", 0, FRAME_WELCOME, 0, 9, true, 1, NULL },
};

static void test_decode(void **state) {
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                uint8_t data[64] = { 0 };
                Writer w = writer_of(data, sizeof data);
                write_u32(&w, rows[i].payload);
                write_u8(&w, rows[i].type);
                write_u32(&w, rows[i].stream);
                auto_free uint8_t *exact = malloc(rows[i].size);        /* so that a sanitizer sees every step outside */
                memcpy(exact, data, rows[i].size);

                Frame frame = { .stream = 4711 };
                size_t used = 4711;
                Error err = { 0 };
                int r = frame_decode(exact, rows[i].size, rows[i].hello, &frame, &used, &err);
                if (r != rows[i].wanted || (rows[i].says && !strstr(err.text, rows[i].says)))
                        fail_msg("%s: %d, '%s'", rows[i].why, r, err.text);
                if (r < 0)
                        assert_int_equal(err.kind, ERROR_PROTOCOL);
                if (r < 1) {
                        assert_int_equal(frame.stream, 4711);
                        assert_int_equal(used, 4711);
                        continue;
                }
                assert_int_equal(frame.type, rows[i].type);
                assert_int_equal(frame.stream, rows[i].stream);
                assert_int_equal(frame.payload.size, rows[i].payload);
                assert_int_equal(used, FRAME_HEADER_SIZE + rows[i].payload);
        }
}

static void test_header_round_trip(void **state) {
        (void)state;
        uint8_t header[FRAME_HEADER_SIZE + 4] = { 0 };
        Frame frame;
        size_t used;
        Error err = { 0 };

        frame_header(FRAME_WINDOW, 0x80000001, 4, header);
        assert_int_equal(frame_decode(header, sizeof header, false, &frame, &used, &err), 1);
        assert_int_equal(frame.type, FRAME_WINDOW);
        assert_int_equal(frame.stream, 0x80000001);
        assert_int_equal(used, sizeof header);
}

static void test_window(void **state) {
        (void)state;
        Error err = { 0 };
        Window w = window_new();

        window_sent(&w, WINDOW_SIZE);
        assert_int_equal(w.may_send, 0);
        assert_int_equal(window_granted(&w, WINDOW_SIZE, &err), 0);
        assert_int_equal(window_granted(&w, 1, &err), -1);      /* more than there is */
        assert_int_equal(err.kind, ERROR_PROTOCOL);

        assert_int_equal(window_received(&w, WINDOW_SIZE - 1, &err), 0);
        assert_int_equal(window_received(&w, 1, &err), 0);
        assert_int_equal(window_received(&w, 1, &err), -1);     /* the peer overdraws */
        assert_int_equal(window_taken(&w, WINDOW_GRANT_MIN - 1), 0);
        assert_int_equal(window_taken(&w, 1), WINDOW_GRANT_MIN);
        assert_int_equal(w.may_receive, WINDOW_GRANT_MIN);
        assert_int_equal(window_received(&w, WINDOW_GRANT_MIN, &err), 0);
        assert_int_equal(window_received(&w, 1, &err), -1);
}

static Span span(const char *text) {
        return (Span){ (const uint8_t *)text, strlen(text) };
}

static void test_messages(void **state) {
        (void)state;
        static const struct {
                const char *why, *json, *method;
        } calls[] = {
                { "plain", "{\"method\":\"compare\",\"parameters\":{\"a\":1}}", "compare" },
                { "without parameters", "{\"method\":\"x\"}", "x" },
                { "no method", "{\"parameters\":{}}", NULL },
                { "method is a number", "{\"method\":5}", NULL },
                { "parameters is a list", "{\"method\":\"x\",\"parameters\":[]}", NULL },
                { "an unknown field", "{\"method\":\"x\",\"more\":1}", NULL },
                { "not JSON", "{\"method\"", NULL },
                { "not an object", "5", NULL },
        };
        for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
                auto_free char *method = NULL;
                sd_json_variant *parameters = NULL;
                Error err = { 0 };
                int r = message_call_parse(span(calls[i].json), &method, &parameters, &err);
                if (r != (calls[i].method ? 0 : -1) || (r < 0 && err.kind != ERROR_PROTOCOL))
                        fail_msg("%s: %d, '%s'", calls[i].why, r, err.text);
                if (r == 0) {
                        assert_string_equal(method, calls[i].method);
                        assert_true(sd_json_variant_is_object(parameters));
                }
                sd_json_variant_unref(parameters);
        }

        Error err = { 0 }, got = { 0 };
        (void)error_set(&err, ERROR_CONFLICT, 5, "disk \"a\" is held\nby hv3");
        auto_free char *text = message_error(&err);
        message_error_parse(span(text), &got);
        assert_int_equal(got.kind, ERROR_CONFLICT);
        assert_string_equal(got.text, err.text);
        message_error_parse(span("[]"), &got);
        assert_int_equal(got.kind, ERROR_PROTOCOL);
        message_error_parse(span("{\"Kind\":\"None\",\"Text\":\"x\"}"), &got);
        assert_int_equal(got.kind, ERROR_PROTOCOL);     /* an error is never none */
}

static void test_refusals(void **state) {
        Error err = { 0 }, got = { 0 };

        (void)state;
        (void)error_set(&err, ERROR_DENIED, -1765328347, "the clock of this host differs");
        auto_free char *text = message_refusal(&err, "hv2.lab.test"), *nameless = message_refusal(&err, NULL);
        const struct {
                const char *why, *json, *wanted, *says;
                int cause;
        } refusals[] = {
                { "with its cause", text, "HV2.lab.test", "the clock of this host differs", -1765328347 },
                { "we asked nobody", text, NULL, "the clock of this host differs", -1765328347 },
                { "an older version says no name", nameless, "hv2.lab.test", "the clock of this host differs", -1765328347 },
                { "another one", text, "hv3.lab.test", "hv2.lab.test answers there and not hv3.lab.test",
                  CHANNEL_CAUSE_OTHER_HOST },
                { "a cause that is none", "{\"Kind\":\"Denied\",\"Text\":\"x\",\"Cause\":99999999999}", NULL, "x", 0 },
                { "a name that is none", "{\"Kind\":\"Denied\",\"Text\":\"x\",\"Host\":5}", "hv3.lab.test", "x", 0 },
                { "not JSON", "{", NULL, "in words we do not understand", 0 },
        };
        for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
                message_refusal_parse(span(refusals[i].json), refusals[i].wanted, &got);
                if (got.cause != refusals[i].cause || !strstr(got.text, refusals[i].says))
                        fail_msg("%s: %d, '%s'", refusals[i].why, got.cause, got.text);
        }
        message_error_parse(span(text), &got);
        assert_int_equal(got.cause, 0); /* in a call it means nothing */
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_decode),
                cmocka_unit_test(test_header_round_trip),
                cmocka_unit_test(test_window),
                cmocka_unit_test(test_messages),
                cmocka_unit_test(test_refusals),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
