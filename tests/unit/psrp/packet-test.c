/* PowerShell's packets: each kind, and what is none. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/cli/packet.h"

#define ID "00112233-4455-6677-8899-aabbccddeeff"
#define ZERO "00000000-0000-0000-0000-000000000000"

static const struct { const char *line; PacketKind kind; bool is_pool; PsrpStream stream; const char *data; } good[] = {
        { "<Data Stream='Default' PSGuid='" ZERO "'>aGVsbG8=</Data>", PACKET_DATA, true, PSRP_STDIN, "hello" },
        { "<Data Stream=\"PromptResponse\" PSGuid=\"" ID "\">aGVsbG8=</Data>", PACKET_DATA, false, PSRP_PROMPT_RESPONSE, "hello" },
        { "<Command PSGuid='" ID "' />", PACKET_COMMAND, false, 0, NULL },
        { "<Signal PSGuid='" ID "'/>", PACKET_SIGNAL, false, 0, NULL },
        { "<Close PSGuid='" ZERO "' />", PACKET_CLOSE, true, 0, NULL },
};

static void test_good(void **state) {
        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                auto_(packet_clear) Packet p = { 0 };
                Error err = { 0 };
                if (packet_read(good[i].line, strlen(good[i].line), &p, &err) < 0)
                        fail_msg("%s: %s", good[i].line, err.text);
                assert_int_equal(p.kind, good[i].kind);
                assert_int_equal(p.is_pool, good[i].is_pool);
                assert_int_equal(p.stream, good[i].stream);
                assert_int_equal(p.size, good[i].data ? strlen(good[i].data) : 0);
                if (good[i].data)
                        assert_memory_equal(p.data, good[i].data, p.size);
        }
}

static const struct { const char *line, *says; } bad[] = {
        { "hello", "well-formed" },
        { "<Data", "well-formed" },
        { "<Foo PSGuid='" ID "' />", "<Foo> is none" },
        { "<DataAck PSGuid='" ID "' />", "<DataAck> is none" },
        { "<Command />", "attribute is missing" },
        { "<Command PSGuid='x' />", "is not a GUID" },
        { "<Command PSGuid='" ID "' Stream='Default' />", "unknown attribute" },
        { "<Command PSGuid='" ID "'>AAAA</Command>", "text where none" },
        { "<Data PSGuid='" ID "'>AAAA</Data>", "attribute is missing" },
        { "<Data Stream='Other' PSGuid='" ID "'>AAAA</Data>", "unknown stream" },
        { "<Data Stream='Default' PSGuid='" ID "'></Data>", "no data" },
        { "<Data Stream='Default' PSGuid='" ID "'>****</Data>", "no base64" },
        { "<Data Stream='Default' PSGuid='" ID "'><Close PSGuid='" ID "' /></Data>", "inside another" },
        { "<!DOCTYPE a><Close PSGuid='" ID "' />", "more than one element" },
        { "<Close PSGuid='" ID "' /><Close PSGuid='" ID "' />", "well-formed" },
};

static void test_bad(void **state) {
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                auto_(packet_clear) Packet p = { 0 };
                Error err = { 0 };
                if (packet_read(bad[i].line, strlen(bad[i].line), &p, &err) != -1 || !strstr(err.text, bad[i].says))
                        fail_msg("%s: '%s'", bad[i].line, err.text);
        }
}

static void test_write(void **state) {
        auto_free char *text = NULL;
        size_t size = 0;
        PsrpGuid id;
        Error err = { 0 };

        assert_int_equal(psrp_guid_parse(ID, &id, &err), 0);
        FILE *to = open_memstream(&text, &size);
        packet_write_data(to, NULL, "hello", 5);
        packet_write_ack(to, PACKET_SIGNAL, &id);
        assert_int_equal(fclose(to), 0);
        assert_string_equal(text, "<Data Stream='Default' PSGuid='" ZERO "'>aGVsbG8=</Data>\n<SignalAck PSGuid='" ID "' />\n");
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_good), cmocka_unit_test(test_bad),
                                            cmocka_unit_test(test_write) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
