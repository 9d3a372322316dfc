/* SOAP in: what is understood, what is refused and with which fault; and durations. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/wsman/envelope.h"

#define HEAD "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope' " \
             "xmlns:a='http://schemas.xmlsoap.org/ws/2004/08/addressing' " \
             "xmlns:w='http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd' " \
             "xmlns:rsp='http://schemas.microsoft.com/wbem/wsman/1/windows/shell'><s:Header>"
#define GET "<a:Action>http://schemas.xmlsoap.org/ws/2004/09/transfer/Get</a:Action>"
#define BODY "</s:Header><s:Body/></s:Envelope>"

static const struct {
        const char *why, *xml;
        WsmanFaultKind fault;
} rows[] = {
        { "the least", HEAD GET BODY, FAULT_NONE },
        { "To is not judged", HEAD GET "<a:To>http://windows-host:5985/wsman</a:To>" BODY, FAULT_NONE },
        { "identify has no header",
          "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope'><s:Body><i:Identify "
          "xmlns:i='http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd'/></s:Body></s:Envelope>",
          FAULT_NONE },
        { "SOAP 1.1", "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body/></s:Envelope>",
          FAULT_SCHEMA },
        { "another action", HEAD "<a:Action>urn:x</a:Action>" BODY, FAULT_ACTION },
        { "no action", HEAD BODY, FAULT_ACTION },
        { "xpress", HEAD GET "<rsp:CompressionType s:mustUnderstand='true'>xpress</rsp:CompressionType>" BODY, FAULT_NONE },
        { "another compression", HEAD GET "<rsp:CompressionType>zip</rsp:CompressionType>" BODY, FAULT_UNSUPPORTED },
        { "a timeout", HEAD GET "<w:OperationTimeout>PT20.5S</w:OperationTimeout>" BODY, FAULT_NONE },
        { "no timeout", HEAD GET "<w:OperationTimeout>20</w:OperationTimeout>" BODY, FAULT_SCHEMA },
        { "no size", HEAD GET "<w:MaxEnvelopeSize>-1</w:MaxEnvelopeSize>" BODY, FAULT_SCHEMA },
        { "an unknown selector", HEAD GET "<w:SelectorSet><w:Selector Name='X'>1</w:Selector></w:SelectorSet>" BODY,
          FAULT_SELECTORS },
        { "an unknown header", HEAD GET "<x/>" BODY, FAULT_NONE },
        { "an unknown header that must be understood", HEAD GET "<x s:mustUnderstand='1'/>" BODY, FAULT_MUST_UNDERSTAND },
};

static void test_rows(void **state) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                auto_(xml_freep) XmlTree *tree = NULL;
                Envelope envelope;
                WsmanFault fault = { 0 };
                Error err = { 0 };

                if (xml_parse(rows[i].xml, strlen(rows[i].xml), &tree, &err) < 0)
                        fail_msg("%s: %s", rows[i].why, err.text);
                int r = envelope_read(tree, &envelope, &fault);
                if ((r == 0) != (rows[i].fault == FAULT_NONE) || fault.kind != rows[i].fault)
                        fail_msg("%s: %d, fault %d '%s'", rows[i].why, r, (int)fault.kind, fault.text);
        }
}

static void test_durations(void **state) {
        static const struct { const char *text; unsigned ms; } good[] = {
                { "PT20S", 20000 }, { "PT60.000S", 60000 }, { "PT20.5S", 20500 }, { "PT1M", 60000 },
                { "P0DT0H0M20S", 20000 }, { "P1D", 86400000 }, { "PT999999999S", 100000000 },
        };
        static const char *const bad[] = { "", "20", "P", "PT", "PT20", "PT-1S", "P1Y", "P1M", "1S", "PT1.5H", "PTS", "PT1S1" };
        unsigned ms;

        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                assert_true(duration_ms(good[i].text, 100000000, &ms));
                assert_int_equal(ms, good[i].ms);
        }
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                if (duration_ms(bad[i], 1000, &ms))
                        fail_msg("'%s' became %u", bad[i], ms);
}

static void test_forbidden_xml(void **state) {
        static const struct { const char *why, *xml; ErrorKind kind; } list[] = {
                { "a document type", "<!DOCTYPE a><a/>", ERROR_PROTOCOL },
                { "an unknown entity", "<a>&b;</a>", ERROR_PROTOCOL },
                { "an instruction", "<a><?php x?></a>", ERROR_PROTOCOL },
                { "cut", "<a><b></a>", ERROR_PROTOCOL },
                { "two roots", "<a/><b/>", ERROR_PROTOCOL },
                { "an unbound prefix is no namespace of ours", "<s:a xmlns:s='urn:x'/>", ERROR_NONE },
                { "too deep", "<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a>", ERROR_LIMIT },
        };
        for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
                auto_(xml_freep) XmlTree *tree = NULL;
                Error err = { 0 };
                int r = xml_parse(list[i].xml, strlen(list[i].xml), &tree, &err);
                if ((r == 0) != (list[i].kind == ERROR_NONE) || err.kind != list[i].kind)
                        fail_msg("%s: %d '%s'", list[i].why, r, err.text);
        }
}

static void test_writing(void **state) {
        auto_(xml_writer_done) XmlWriter w = { 0 };
        uint8_t *data = NULL;
        size_t size = 0;
        Error err = { 0 };

        xml_write_text(&w, "<a b=\"c\">&\x01\r\n\xc3\xa9");
        assert_string_equal(w.text, "&lt;a b=&quot;c&quot;&gt;&amp;\xef\xbf\xbd&#13;\n\xc3\xa9");
        xml_writer_done(&w);
        for (size_t n = 0; n < 5; n++) {
                xml_write_base64(&w, "\0\xff\x10z", n);
                if (n > 0) {
                        assert_int_equal(xml_read_base64(w.text, &data, &size, &err), 0);
                        assert_int_equal(size, n);
                        assert_memory_equal(data, "\0\xff\x10z", n);
                        free(data);
                }
                xml_writer_done(&w);
        }
        static const char *const bad[] = { "A", "AAA", "A===", "AA=A", "A\x01==", "====" };
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                if (xml_read_base64(bad[i], &data, &size, &err) == 0)
                        fail_msg("'%s' is base64", bad[i]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rows),
                cmocka_unit_test(test_durations),
                cmocka_unit_test(test_forbidden_xml),
                cmocka_unit_test(test_writing),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
