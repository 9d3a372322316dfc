/* Texts as Windows, Samba and [MS-DTYP] write them; both ways. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "smb/share/sddl.h"

#define DOM "S-1-5-21-1004336348-1177238915-682003330"

static Sid domain_of_rows(void) {
        Sid domain;
        assert_true(sid_parse(DOM, &domain));
        return domain;
}

/* written NULL: the same text comes back. */
static const struct { const char *why, *text, *written, *says; } rows[] = {
        { "MS-DTYP 2.5.1.4's first example", "O:BAG:BAD:P(A;CIOI;GRGX;;;BU)(A;CIOI;GA;;;BA)(A;CIOI;GA;;;SY)(A;CIOI;GA;;;CO)",
          "O:BAG:BAD:P(A;OICI;GRGX;;;BU)(A;OICI;GA;;;BA)(A;OICI;GA;;;SY)(A;OICI;GA;;;CO)", NULL },
        { "a folder on a Windows file server", "O:BAG:DUD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1301bf;;;" DOM "-1121)",
          NULL, NULL },
        { "inherited", "O:BAG:DUD:AI(A;ID;FA;;;SY)(A;ID;FA;;;BA)", NULL, NULL },
        { "the lab's share folder, by samba-tool", "O:DAG:DAD:PAI(A;OICI;FA;;;DA)(A;OICI;FA;;;" DOM "-1108)", NULL, NULL },
        { "a share: Everyone, full", "D:(A;;FA;;;WD)", NULL, NULL },
        { "rights one by one", "D:(A;;CCDCLCSWRPWPDTLOCRSDRCWDWO;;;WD)", NULL, NULL },
        { "some rights by letters", "D:(A;;RCCCDC;;;WD)", "D:(A;;CCDCRC;;;WD)", NULL },
        { "decimal and octal", "D:(A;;16;;;WD)(A;;0x10;;;WD)(A;;020;;;WD)", "D:(A;;RP;;;WD)(A;;RP;;;WD)(A;;RP;;;WD)", NULL },
        { "no rights at all", "D:(A;;;;;WD)", "D:(A;;0x0;;;WD)", NULL },
        { "deny", "D:(D;OICIIO;FW;;;AN)(A;;FR;;;AU)", NULL, NULL },
        { "owner rights", "D:(A;;RC;;;OW)", NULL, NULL },
        { "an empty list", "O:SYD:", NULL, NULL },
        { "a NULL list", "D:NO_ACCESS_CONTROL", NULL, NULL },
        { "a protected NULL list", "D:PNO_ACCESS_CONTROL", NULL, NULL },
        { "both lists", "O:BAG:BAD:(A;;FA;;;BA)S:AI(AU;SAFA;WD;;;WD)(ML;;CC;;;HI)", NULL, NULL },
        { "an object entry", "D:(OA;CI;CC;bf967a86-0de6-11d0-a285-00aa003049e2;;BA)", NULL, NULL },
        { "an object entry with both",
          "D:(OD;;CC;bf967a86-0de6-11d0-a285-00aa003049e2;01020304-0506-0708-090a-0b0c0d0e0f10;BA)", NULL, NULL },
        { "blanks between parts", " O:BA\nG:SY D: (A;;FA;;;BA) ", "O:BAG:SYD:(A;;FA;;;BA)", NULL },
        { "nothing", "", NULL, NULL },
        { "a long authority", "O:S-1-0x123456789abc-1", "O:S-1-0x123456789ABC-1", NULL },
        { "no such part", "X:BA", NULL, "the parts are" },
        { "no such letters", "O:QQ", NULL, "none of SDDL's letters" },
        { "a cut SID", "O:S-1-", NULL, "no SID" },
        { "sixteen numbers", "O:S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15-16", NULL, "no SID" },
        { "a number too large", "O:S-1-5-4294967296", NULL, "no SID" },
        { "no such type", "D:(Q;;FA;;;WD)", NULL, "type of an entry" },
        { "a callback entry", "D:(XA;;FX;;;S-1-1-0;(@User.Title==\"PM\"))", NULL, "conditions are not supported" },
        { "five fields", "D:(A;;FA;;WD)", NULL, "an entry is" },
        { "not closed", "D:(A;;FA;;;WD", NULL, "an entry is" },
        { "no such flag", "D:(A;ZZ;FA;;;WD)", NULL, "flags or rights" },
        { "no such right", "D:(A;;ZZ;;;WD)", NULL, "flags or rights" },
        { "half a right", "D:(A;;F;;;WD)", NULL, "flags or rights" },
        { "a mask too large", "D:(A;;0x100000000;;;WD)", NULL, "flags or rights" },
        { "an object on a plain entry", "D:(A;;FA;bf967a86-0de6-11d0-a285-00aa003049e2;;WD)", NULL, "object types" },
        { "a damaged GUID", "D:(OA;;FA;bf967a86-0de6-11d0-a285-00aa003049ex;;WD)", NULL, "object types" },
        { "two owners", "O:BAO:BA", NULL, "second owner" },
        { "two lists", "D:D:", NULL, "second list" },
        { "something behind", "D:(A;;FA;;;WD)x", NULL, "the parts are" },
};

static void test_rows(void **unused) {
        (void)unused;
        Sid domain = domain_of_rows();

        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                Descriptor d = { .control = 0x77 };
                Error err = { 0 };
                int r = sddl_parse(rows[i].text, &domain, &d, &err);
                if (rows[i].says) {
                        if (r != -1 || !strstr(err.text, rows[i].says))
                                fail_msg("%s: got %d, '%s'", rows[i].why, r, err.text);
                        assert_int_equal(d.control, 0x77);
                        continue;
                }
                char *text = NULL;
                if (r != 0 || sddl_format(&d, &domain, &text, &err) < 0)
                        fail_msg("%s: %s", rows[i].why, err.text);
                const char *wanted = rows[i].written ? rows[i].written : rows[i].text;
                if (strcmp(text, wanted) != 0)
                        fail_msg("%s: wanted %s, got %s", rows[i].why, wanted, text);
                free(text);

                uint8_t bytes[4096];                    /* and through the bytes of the wire */
                size_t size;
                Descriptor again = { 0 };
                assert_int_equal(descriptor_encode(&d, bytes, sizeof bytes, &size, &err), 0);
                if (descriptor_decode(bytes, size, &again, &err) < 0 || sddl_format(&again, &domain, &text, &err) < 0)
                        fail_msg("%s: %s", rows[i].why, err.text);
                assert_string_equal(text, wanted);
                free(text);
                descriptor_done(&again);
                descriptor_done(&d);
        }
}

static void test_sids(void **unused) {
        (void)unused;
        static const struct { const char *text; bool good; } sids[] = {
                { "S-1-1-0", true }, { "s-1-5-32-544", true }, { "S-1-5", true }, { "S-1", false }, { "S-2-5-1", false },
                { "S-1-5-", false }, { "S-1-5--1", false }, { "S-1-5-1x", false }, { "", false }, { "S-1-0x", false },
                { "S-1-281474976710656-1", false }, { "S-1-0xFFFFFFFFFFFF-4294967295", true },
        };
        for (size_t i = 0; i < sizeof sids / sizeof sids[0]; i++) {
                Sid sid = { .count = 9 };
                if (sid_parse(sids[i].text, &sid) != sids[i].good)
                        fail_msg("%s", sids[i].text);
                if (!sids[i].good)
                        assert_int_equal(sid.count, 9);
        }
        Sid domain = domain_of_rows(), admins, its;
        uint32_t rid;
        assert_true(sid_parse(DOM "-512", &admins));
        assert_true(sid_split(&admins, &its, &rid) && rid == 512 && sid_equal(&its, &domain));
        assert_false(sid_split(&sid_administrators, &its, &rid));
        assert_string_equal(sid_letters(&admins, &domain), "DA");
        assert_null(sid_letters(&admins, NULL));
        assert_string_equal(sid_well_known_name(&sid_administrators), "BUILTIN\\Administrators");
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_sids) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
