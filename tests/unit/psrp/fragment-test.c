/* Fragments and messages: bytes cut anywhere, every rule that a sender can break, and the way back. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/psrp/fragment.h"

enum { HEAD = PSRP_FRAGMENT_HEAD };

static void put(uint8_t *p, uint64_t v, size_t size) {
        for (size_t i = size; i-- > 0; v >>= 8)
                p[i] = (uint8_t)v;
}

static size_t fragment(uint8_t *to, uint64_t object, uint64_t number, uint8_t flags, const void *blob, size_t size) {
        put(to, object, 8);
        put(to + 8, number, 8);
        to[16] = flags;
        put(to + 17, size, 4);
        memcpy(to + HEAD, blob, size);
        return HEAD + size;
}

static void head(uint8_t to[static MESSAGE_HEAD]) {
        memset(to, 0, MESSAGE_HEAD);
        to[0] = 2;
        to[4] = 0x04;
        to[6] = 0x01;                   /* 00010004 */
        to[8] = 0xAB;
}

static void test_cut_anywhere(void **state) {
        uint8_t message[MESSAGE_HEAD + 6], wire[2 * HEAD + sizeof message];
        size_t size;

        head(message);
        memcpy(message + MESSAGE_HEAD, "\xEF\xBB\xBF<S>", 6);
        size = fragment(wire, 7, 0, 1, message, 30);
        size += fragment(wire + size, 7, 1, 2, message + 30, sizeof message - 30);
        for (size_t cut = 0; cut <= size; cut++) {
                auto_(fragment_reader_clear) FragmentReader reader = { 0 };
                Span first = { wire, cut }, second = { wire + cut, size - cut };
                Message m = { 0 };
                Error err = { 0 };
                int a = fragment_read(&reader, &first, &m, &err);
                int b = a == 1 ? a : fragment_read(&reader, &second, &m, &err);
                assert_int_equal(b, 1);
                assert_int_equal(m.type, 0x00010004);
                assert_int_equal(m.destination, 2);
                assert_int_equal(m.pool.bytes[0], 0xAB);
                assert_int_equal(m.size, 3);    /* without the byte order mark */
                assert_memory_equal(m.data, "<S>", 3);
        }
}

static void test_refused(void **state) {
        static const struct { const char *why; uint64_t object[2], number[2]; uint8_t flags[2]; const char *says; } rows[] = {
                { "does not start", { 1, 1 }, { 0, 1 }, { 0, 2 }, "out of order" },
                { "starts late", { 1, 1 }, { 1, 2 }, { 1, 2 }, "out of order" },
                { "a gap", { 1, 1 }, { 0, 2 }, { 1, 2 }, "out of order" },
                { "another message between", { 1, 2 }, { 0, 1 }, { 1, 2 }, "out of order" },
                { "starts twice", { 1, 2 }, { 0, 0 }, { 1, 1 }, "out of order" },
                { "unknown flags", { 1, 1 }, { 0, 1 }, { 5, 2 }, "unknown flags" },
        };
        uint8_t message[MESSAGE_HEAD], wire[4 * HEAD + MESSAGE_HEAD];
        head(message);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                auto_(fragment_reader_clear) FragmentReader reader = { 0 };
                size_t size = fragment(wire, rows[i].object[0], rows[i].number[0], rows[i].flags[0], message, 20);
                size += fragment(wire + size, rows[i].object[1], rows[i].number[1], rows[i].flags[1], message + 20, 20);
                Span bytes = { wire, size };
                Message m;
                Error err = { 0 };
                if (fragment_read(&reader, &bytes, &m, &err) != -1 || !strstr(err.text, rows[i].says))
                        fail_msg("%s: '%s'", rows[i].why, err.text);
                assert_int_equal(err.kind, ERROR_PROTOCOL);
        }
        /* a message that is shorter than its head */
        auto_(fragment_reader_clear) FragmentReader reader = { 0 };
        Span bytes = { wire, fragment(wire, 1, 0, 3, message, 39) };
        Message m;
        Error err = { 0 };
        assert_int_equal(fragment_read(&reader, &bytes, &m, &err), -1);
        assert_non_null(strstr(err.text, "shorter than its head"));
}

/* A head that promises much allocates nothing; one that promises too much is refused. */
static void test_bounded(void **state) {
        uint8_t wire[HEAD];
        auto_(fragment_reader_clear) FragmentReader reader = { 0 };
        Message m;
        Error err = { 0 };

        (void)fragment(wire, 1, 0, 1, "", 0);
        put(wire + 17, PSRP_MESSAGE_MAX, 4);
        Span bytes = { wire, HEAD };
        assert_int_equal(fragment_read(&reader, &bytes, &m, &err), 0);
        assert_null(reader.data);
        auto_(fragment_reader_clear) FragmentReader other = { 0 };
        put(wire + 17, PSRP_MESSAGE_MAX + 1, 4);
        bytes = (Span){ wire, HEAD };
        assert_int_equal(fragment_read(&other, &bytes, &m, &err), -1);
        assert_int_equal(err.kind, ERROR_LIMIT);
}

static void test_out_and_in(void **state) {
        auto_(outbox_clear) Outbox outbox = { 0 };
        auto_(fragment_reader_clear) FragmentReader reader = { 0 };
        const PsrpGuid pool = { { 1 } }, pipeline = { { 2 } };
        char text[1000];
        Error err = { 0 };
        uint8_t out[HEAD + 37];
        unsigned messages = 0;

        memset(text, 'x', sizeof text);
        assert_int_equal(outbox_put(&outbox, 1, 0x00041004, &pool, &pipeline, text, sizeof text, &err), 0);
        assert_int_equal(outbox_put(&outbox, 2, 0x00041006, &pool, &pipeline, "", 0, &err), 0);
        assert_int_equal(outbox.bytes, sizeof text + 2 * MESSAGE_HEAD);
        for (size_t size; (size = outbox_take(&outbox, out, sizeof out)) > 0;) {
                Span bytes = { out, size };
                Message m;
                assert_true(size <= sizeof out);
                if (fragment_read(&reader, &bytes, &m, &err) != 1)
                        continue;
                assert_int_equal(m.type, messages == 0 ? 0x00041004 : 0x00041006);
                assert_int_equal(m.size, messages == 0 ? sizeof text : 0);
                assert_memory_equal(m.pipeline.bytes, pipeline.bytes, 16);
                messages++;
        }
        assert_int_equal(messages, 2);
        assert_int_equal(outbox.bytes, 0);
}

static void test_guid(void **state) {
        static const char *const wrong[] = { "", "{", "00112233-4455-6677-8899-aabbccddeef", "00112233-4455-6677-8899-aabbccddeeff0",
                                             "{00112233-4455-6677-8899-aabbccddeeff", "0011223g-4455-6677-8899-aabbccddeeff",
                                             "00112233445566778899aabbccddeeff" };
        char text[PSRP_GUID_TEXT];
        PsrpGuid guid;
        Error err = { 0 };

        assert_int_equal(psrp_guid_parse("{00112233-4455-6677-8899-aAbBccddeeff}", &guid, &err), 0);
        assert_memory_equal(guid.bytes, "\x33\x22\x11\x00\x55\x44\x77\x66\x88\x99\xAA\xBB\xCC\xDD\xEE\xFF", 16);
        psrp_guid_text(&guid, text);
        assert_string_equal(text, "00112233-4455-6677-8899-AABBCCDDEEFF");
        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
                assert_int_equal(psrp_guid_parse(wrong[i], &guid, &err), -1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_cut_anywhere), cmocka_unit_test(test_refused), cmocka_unit_test(test_bounded),
                cmocka_unit_test(test_out_and_in), cmocka_unit_test(test_guid),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
