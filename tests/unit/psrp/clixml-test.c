/* CLIXML both ways, in tables: each primitive type and shape of [MS-PSRP] 2.2.5, and what hostile text does. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/psrp/clixml-read.h"
#include "appliance/psrp/clixml-write.h"

#define TN(names) "<TN RefId=\"0\">" names "</TN>"

static const struct { const char *why, *text, *json; } values[] = {
        { "string", "<S>abc</S>", "\"abc\"" },
        { "empty string", "<S></S>", "\"\"" },
        { "escapes", "<S>a_x000A_b_x005F_x0041_ _x0041</S>", "\"a\\nb_x0041_ _x0041\"" },
        { "a surrogate pair", "<S>_xD83D__xDE00_</S>", "\"\xF0\x9F\x98\x80\"" },
        { "half a pair, and zero", "<S>_xD83D_x_x0000_</S>", "\"\xEF\xBF\xBDx\xEF\xBF\xBD\"" },
        { "character", "<C>97</C>", "\"a\"" },
        { "boolean", "<B>true</B>", "true" },
        { "date", "<DT>2008-04-11T10:42:32.2731993-07:00</DT>", "\"2008-04-11T10:42:32.2731993-07:00\"" },
        { "duration", "<TS>PT9.0269026S</TS>", "\"00:00:09.0269026\"" },
        { "long duration", "<TS>-P1DT25H61M61S</TS>", "\"-2.02:02:01\"" },
        { "byte", "<By>254</By>", "254" },
        { "signed byte", "<SB>-127</SB>", "-127" },
        { "16 bit", "<U16>65535</U16>", "65535" },
        { "signed 16 bit", "<I16>-32767</I16>", "-32767" },
        { "32 bit", "<U32>4294967295</U32>", "4294967295" },
        { "signed 32 bit", "<I32>-2147483648</I32>", "-2147483648" },
        { "64 bit", "<U64>18446744073709551615</U64>", "18446744073709551615" },
        { "signed 64 bit", "<I64>-9223372036854775808</I64>", "-9223372036854775808" },
        { "single", "<Sg>12.5</Sg>", "1.250000000000000000000e+01" },
        { "double", "<Db>1E+3</Db>", "1.000000000000000000000e+03" },
        { "no number", "<Db>NaN</Db>", "null" },
        { "decimal", "<D>12.34</D>", "\"12.34\"" },
        { "bytes", "<BA>AQIDBA==</BA>", "\"AQIDBA==\"" },
        { "guid", "<G>792e5b37-4505-47ef-b7d2-8711bb7affa8</G>", "\"792e5b37-4505-47ef-b7d2-8711bb7affa8\"" },
        { "uri", "<URI>http://a/?x&amp;y</URI>", "\"http://a/?x&y\"" },
        { "null", "<Nil />", "null" },
        { "version", "<Version>6.2.1.3</Version>", "\"6.2.1.3\"" },
        { "XML document", "<XD>&lt;a/&gt;</XD>", "\"<a/>\"" },
        { "script block", "<SBK>get-command</SBK>", "\"get-command\"" },
        { "secure string", "<SS>bnVsbA==</SS>", "{\"$type\":\"System.Security.SecureString\",\"$encrypted\":\"bnVsbA==\"}" },
        { "nothing", " \r\n", "null" },
        { "array", "<Obj RefId=\"0\">" TN("<T>System.Object[]</T>") "<LST><I32>1</I32><S>a</S></LST></Obj>", "[1,\"a\"]" },
        { "stack, queue, enumerable", "<Obj><LST><Obj><STK><I32>1</I32></STK></Obj><Obj><QUE/></Obj><Obj><IE><Nil/></IE></Obj></LST></Obj>",
          "[[1],[],[null]]" },
        { "dictionary", "<Obj><DCT><En><S N=\"Key\">a</S><I32 N=\"Value\">1</I32></En>"
                        "<En><I32 N=\"Key\">2</I32><Nil N=\"Value\"/></En></DCT></Obj>", "{\"a\":1,\"2\":null}" },
        { "enumeration", "<Obj RefId=\"0\">" TN("<T>System.DayOfWeek</T><T>System.Enum</T>") "<ToString>Monday</ToString><I32>1</I32></Obj>",
          "\"Monday\"" },
        { "value with notes", "<Obj RefId=\"0\"><S>x</S><MS><S N=\"PSPath\">y</S></MS></Obj>", "\"x\"" },
        { "object", "<Obj RefId=\"0\">" TN("<T>Deserialized.A.B</T><T>Deserialized.System.Object</T>")
                    "<ToString>t</ToString><Props><S N=\"Name\">web</S></Props><MS><I32 N=\"N_x0041_\">1</I32><S N=\"Name\">no</S></MS></Obj>",
          "{\"Name\":\"web\",\"NA\":1,\"$type\":\"A.B\"}" },
        { "what is ours is dropped", "<Obj><MS><S N=\"$type\">VirtualMachine</S><S N=\"$encrypted\">x</S></MS></Obj>", "{}" },
        { "references", "<Obj><LST><Obj RefId=\"1\">" TN("<T>A</T>") "<MS><I32 N=\"x\">1</I32></MS></Obj><Ref RefId=\"1\"/>"
                        "<Obj RefId=\"2\"><TNRef RefId=\"0\"/><MS/></Obj></LST></Obj>",
          "[{\"x\":1,\"$type\":\"A\"},{\"x\":1,\"$type\":\"A\"},{\"$type\":\"A\"}]" },
        { "an object inside itself", "<Obj RefId=\"1\"><MS><Ref N=\"me\" RefId=\"1\"/></MS></Obj>", "{\"me\":null}" },
        { "several", "<Objs Version=\"1.1.0.1\" xmlns=\"http://schemas.microsoft.com/powershell/2004/04\"><S S=\"Error\">a</S><S>b</S></Objs>",
          "[\"a\",\"b\"]" },
};

static void test_read(void **state) {
        for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
                auto_(sd_json_variant_unrefp) sd_json_variant *got = NULL;
                auto_free char *json = NULL;
                Error err = { 0 };
                if (clixml_read(values[i].text, strlen(values[i].text), &got, &err) < 0)
                        fail_msg("%s: %s", values[i].why, err.text);
                assert_true(sd_json_variant_format(got, 0, &json) >= 0);
                if (strcmp(json, values[i].json) != 0)
                        fail_msg("%s: got %s", values[i].why, json);
        }
}

static const struct { const char *why, *text, *says; } refused[] = {
        { "no XML", "hello", "well-formed" },
        { "unfinished", "<Obj><MS>", "well-formed" },
        { "two values", "<Obj><S>a</S><S>b</S></Obj>", "more than one value" },
        { "unknown element", "<Foo/>", "<Foo> does not belong" },
        { "a value in a dictionary", "<Obj><DCT><S>a</S></DCT></Obj>", "<S> does not belong" },
        { "no key", "<Obj><DCT><En><S N=\"Value\">a</S></En></DCT></Obj>", "lacks its key" },
        { "an object as key", "<Obj><DCT><En><Obj N=\"Key\"/><S N=\"Value\">a</S></En></DCT></Obj>", "no text or number" },
        { "a property without a name", "<Obj><MS><S>a</S></MS></Obj>", "no name" },
        { "text", "<Obj>hello</Obj>", "text stands" },
        { "a number that is none", "<I32>1x</I32>", "'1x' is not" },
        { "a number out of range", "<By>256</By>", "'256' is not" },
        { "a time span that is none", "<TS>9 s</TS>", "time span" },
        { "Ref to nothing", "<Ref RefId=\"5\"/>", "Ref names" },
        { "TNRef to nothing", "<Obj><TNRef RefId=\"5\"/></Obj>", "TNRef names" },
        { "RefId", "<Obj RefId=\"-1\"/>", "RefId" },
        { "not UTF-8", "<S>\xFF</S>", "UTF-8" },
        { "a document type", "<!DOCTYPE S [<!ENTITY a \"x\">]><S>&a;</S>", "document type" },
        { "an entity of nobody", "<S>&a;</S>", "" },
        { "many attributes", "<S a=\"\" b=\"\" c=\"\" d=\"\" e=\"\" f=\"\" g=\"\" h=\"\" i=\"\">x</S>", "attributes" },
};

static void test_refused(void **state) {
        for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
                sd_json_variant *got = NULL;
                Error err = { 0 };
                if (clixml_read(refused[i].text, strlen(refused[i].text), &got, &err) != -1 || !strstr(err.text, refused[i].says))
                        fail_msg("%s: '%s'", refused[i].why, err.text);
                assert_null(got);
        }
}

static char *repeat(const char *before, const char *what, unsigned times, const char *after) {
        char *text = NULL;
        size_t size = 0;
        FILE *to = open_memstream(&text, &size);
        (void)fputs(before, to);
        for (unsigned i = 0; i < times; i++)
                (void)fputs(what, to);
        (void)fputs(after, to);
        (void)fclose(to);
        return text;
}

static void must_be_limited(const char *text) {
        sd_json_variant *got = NULL;
        Error err = { 0 };
        assert_int_equal(clixml_read(text, strlen(text), &got, &err), -1);
        assert_int_equal(err.kind, ERROR_LIMIT);
}

static void test_limits(void **state) {
        auto_free char *deep = repeat("", "<Obj><LST>", 40, "");
        auto_free char *many = repeat("<Obj><LST>", "<Nil/>", CLIXML_VALUES_MAX + 1, "</LST></Obj>");
        auto_free char *laughs = NULL;
        size_t size = 0;
        FILE *to = open_memstream(&laughs, &size);

        /* each list holds the one before it twice: 2^60 values in 60 lines */
        (void)fputs("<Obj><LST><Obj RefId=\"0\"><MS/></Obj>", to);
        for (unsigned i = 1; i < 60; i++)
                (void)fprintf(to, "<Obj RefId=\"%u\"><LST><Ref RefId=\"%u\"/><Ref RefId=\"%u\"/></LST></Obj>", i, i - 1, i - 1);
        (void)fputs("</LST></Obj>", to);
        (void)fclose(to);
        must_be_limited(deep);
        must_be_limited(many);
        must_be_limited(laughs);
}

/* ---- writing ----------------------------------------------------------------------------------------- */

static const struct { const char *why, *json, *type, *xml; } written[] = {
        { "string", "\"a<&>\\\"\"", NULL, "<S>a&lt;&amp;&gt;&quot;</S>" },
        { "control characters", "\"a\\n\\u0085_x000A_ _x\"", NULL, "<S>a_x000A__x0085__x005F_x000A_ _x</S>" },
        { "boolean", "false", NULL, "<B>false</B>" },
        { "null", "null", "String", "<Nil />" },
        { "small number", "5", NULL, "<I32>5</I32>" },
        { "large number", "5000000000", NULL, "<I64>5000000000</I64>" },
        { "largest number", "18446744073709551615", NULL, "<U64>18446744073709551615</U64>" },
        { "number of a type", "5", "UInt32", "<U32>5</U32>" },
        { "negative", "-5", "Int64", "<I64>-5</I64>" },
        { "whole double", "5", "Double", "<Db>5</Db>" },
        { "guid", "\"792e5b37-4505-47ef-b7d2-8711bb7affa8\"", "Guid", "<G>792e5b37-4505-47ef-b7d2-8711bb7affa8</G>" },
        { "date", "\"2026-04-25T10:11:12.1234560Z\"", "DateTime", "<DT>2026-04-25T10:11:12.1234560Z</DT>" },
        { "no date yet", "\"\"", "DateTime", "<Nil />" },
        { "time span", "\"1.02:03:04.5000000\"", "TimeSpan", "<TS>P1DT2H3M4.500000S</TS>" },
        { "enumeration", "\"Running\"", "VMState",
          "<Obj RefId=\"0\"><TN RefId=\"0\"><T>Microsoft.HyperV.PowerShell.VMState</T><T>System.Enum</T><T>System.ValueType</T>"
          "<T>System.Object</T></TN><ToString>Running</ToString><I32>2</I32></Obj>" },
        { "a value the enumeration lacks", "\"Dancing\"", "VMState", "<S>Dancing</S>" },
        { "array", "[1,\"a\"]", NULL,
          "<Obj RefId=\"0\"><TN RefId=\"0\"><T>System.Object[]</T><T>System.Array</T><T>System.Object</T></TN><LST><I32>1</I32><S>a</S>"
          "</LST></Obj>" },
        { "hashtable", "{\"a\":1}", NULL,
          "<Obj RefId=\"0\"><TN RefId=\"0\"><T>System.Collections.Hashtable</T><T>System.Object</T></TN><DCT><En><S N=\"Key\">a</S>"
          "<I32 N=\"Value\">1</I32></En></DCT></Obj>" },
        { "our object", "{\"$type\":\"VirtualMachine\",\"Name\":\"web\",\"ProcessorCount\":2}", NULL,
          "<Obj RefId=\"0\"><TN RefId=\"0\"><T>Microsoft.HyperV.PowerShell.VirtualMachine</T><T>System.Object</T></TN>"
          "<ToString>web</ToString><Props><S N=\"Name\">web</S><I64 N=\"ProcessorCount\">2</I64></Props></Obj>" },
        { "a selected one", "{\"$type\":\"Selected.Microsoft.HyperV.PowerShell.VirtualMachine\",\"Name\":\"web\"}", NULL,
          "<Obj RefId=\"0\"><TN RefId=\"0\"><T>Selected.Microsoft.HyperV.PowerShell.VirtualMachine</T>"
          "<T>System.Management.Automation.PSCustomObject</T><T>System.Object</T></TN><MS><S N=\"Name\">web</S></MS></Obj>" },
        { "type names once", "[{\"$type\":\"A\"},{\"$type\":\"A\"}]", NULL,
          "<Obj RefId=\"0\"><TN RefId=\"0\"><T>System.Object[]</T><T>System.Array</T><T>System.Object</T></TN><LST>"
          "<Obj RefId=\"1\"><TN RefId=\"1\"><T>A</T><T>System.Object</T></TN><ToString>A</ToString><Props></Props></Obj>"
          "<Obj RefId=\"2\"><TNRef RefId=\"1\" /><ToString>A</ToString><Props></Props></Obj></LST></Obj>" },
};

static void test_write(void **state) {
        for (size_t i = 0; i < ARRAY_SIZE(written); i++) {
                auto_(sd_json_variant_unrefp) sd_json_variant *value = NULL, *again = NULL;
                auto_(clixml_clear) Clixml c = { 0 };
                auto_free char *text = NULL;
                size_t size;
                Error err = { 0 };

                assert_true(sd_json_parse(written[i].json, 0, &value, NULL, NULL) >= 0);
                assert_int_equal(clixml_begin(&c, &err), 0);
                clixml_value(&c, NULL, value, written[i].type);
                assert_int_equal(clixml_end(&c, &text, &size, &err), 0);
                if (strcmp(text, written[i].xml) != 0)
                        fail_msg("%s: got %s", written[i].why, text);
                if (clixml_read(text, size, &again, &err) < 0)
                        fail_msg("%s cannot be read back: %s", written[i].why, err.text);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_read), cmocka_unit_test(test_refused), cmocka_unit_test(test_limits),
                cmocka_unit_test(test_write),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
