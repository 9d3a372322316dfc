/* Every rule of access.h once, as a row: a descriptor, who asks, what he gets and which entry said so. */
#include "tests/unit/test.h"

#include <string.h>

#include "smb/share/access.h"
#include "smb/share/sddl.h"

#define DOM "S-1-5-21-1-2-3"
#define HOST DOM "-1104"
#define HOSTS DOM "-1108"       /* a group the host is in */
#define OTHERS DOM "-1109"      /* one it is not in */

enum { RW = RIGHT_READ_DATA | RIGHT_WRITE_DATA };

static const struct {
        const char *why, *sddl;
        uint32_t granted, unclear;
        int by_read, by_write;          /* who decided ReadData and WriteData */
} rows[] = {
        { "allowed by the account itself", "D:(A;;FA;;;" HOST ")", RIGHTS_FULL, 0, 0, 0 },
        { "allowed by a group", "D:(A;;FA;;;DA)(A;;0x1301bf;;;" HOSTS ")", RIGHTS_CHANGE, 0, 1, 1 },
        { "allowed to others only", "D:(A;;FA;;;" OTHERS ")", 0, 0, ACCESS_BY_NOBODY, ACCESS_BY_NOBODY },
        { "two entries add up", "D:(A;;0x1;;;WD)(A;;0x2;;;" HOSTS ")", RW, 0, 0, 1 },
        { "deny first", "D:(D;;0x2;;;" HOSTS ")(A;;0x3;;;" HOST ")", RIGHT_READ_DATA, 0, 1, 0 },
        { "deny behind an allow comes too late", "D:(A;;0x3;;;" HOST ")(D;;0x2;;;" HOSTS ")", RW, 0, 0, 0 },
        { "deny of others", "D:(D;;FA;;;" OTHERS ")(A;;0x3;;;" HOST ")", RW, 0, 1, 1 },
        { "an inherit-only entry is for what comes below", "D:(A;OICIIO;FA;;;" HOST ")(A;;0x1;;;" HOST ")",
          RIGHT_READ_DATA, 0, 1, ACCESS_BY_NOBODY },
        { "an inherit-only deny, too", "D:(D;OIIO;FA;;;" HOST ")(A;;0x3;;;" HOST ")", RW, 0, 1, 1 },
        { "an inherited entry counts", "D:AI(A;ID;0x3;;;" HOSTS ")", RW, 0, 0, 0 },
        { "an empty list", "D:", 0, 0, ACCESS_BY_NOBODY, ACCESS_BY_NOBODY },
        { "a NULL list", "D:NO_ACCESS_CONTROL", RIGHTS_FULL, 0, ACCESS_BY_NO_LIST, ACCESS_BY_NO_LIST },
        { "no list at all", "O:BA", RIGHTS_FULL, 0, ACCESS_BY_NO_LIST, ACCESS_BY_NO_LIST },
        { "an owner may always look at and change the permissions", "O:" HOST "D:",
          RIGHT_READ_CONTROL | RIGHT_WRITE_DAC, 0, ACCESS_BY_NOBODY, ACCESS_BY_NOBODY },
        { "a group may own", "O:" HOSTS "D:", RIGHT_READ_CONTROL | RIGHT_WRITE_DAC, 0, ACCESS_BY_NOBODY, ACCESS_BY_NOBODY },
        { "a deny does not take that away", "O:" HOST "D:(D;;FA;;;" HOST ")", RIGHT_READ_CONTROL | RIGHT_WRITE_DAC, 0, 0, 0 },
        { "OWNER RIGHTS replaces it", "O:" HOST "D:(A;;0x1;;;OW)", RIGHT_READ_DATA, 0, 0, ACCESS_BY_NOBODY },
        { "OWNER RIGHTS can deny", "O:" HOST "D:(D;;0x2;;;OW)(A;;0x3;;;" HOST ")", RIGHT_READ_DATA, 0, 1, 0 },
        { "OWNER RIGHTS says nothing about others", "O:BAD:(A;;FA;;;OW)(A;;0x1;;;WD)", RIGHT_READ_DATA, 0, 1,
          ACCESS_BY_NOBODY },
        { "an inherit-only OWNER RIGHTS does not count", "O:" HOST "D:(A;IO;0x1;;;OW)",
          RIGHT_READ_CONTROL | RIGHT_WRITE_DAC, 0, ACCESS_BY_NOBODY, ACCESS_BY_NOBODY },
        { "CREATOR OWNER is a template", "O:" HOST "D:(A;;FA;;;CO)", RIGHT_READ_CONTROL | RIGHT_WRITE_DAC, 0,
          ACCESS_BY_NOBODY, ACCESS_BY_NOBODY },
        { "Everyone", "D:(A;;0x3;;;WD)", RW, 0, 0, 0 },
        { "Authenticated Users", "D:(A;;0x3;;;AU)", RW, 0, 0, 0 },
        { "NETWORK", "D:(D;;0x2;;;NU)(A;;0x3;;;WD)", RIGHT_READ_DATA, 0, 1, 0 },
        { "INTERACTIVE is somebody else", "D:(A;;FA;;;IU)", 0, 0, ACCESS_BY_NOBODY, ACCESS_BY_NOBODY },
        { "anonymous is somebody else", "D:(D;;FA;;;AN)(A;;0x3;;;WD)", RW, 0, 1, 1 },
        { "Domain Computers, the primary group", "D:(A;;0x3;;;DC)", RW, 0, 0, 0 },
        { "BUILTIN\\Users is the server's own to fill", "D:(A;;0x3;;;BU)(A;;0x1;;;WD)", RIGHT_READ_DATA, RIGHT_WRITE_DATA, 1,
          ACCESS_BY_NOBODY },
        { "a deny of This Organization is unclear", "D:(D;;0x2;;;S-1-5-15)(A;;0x3;;;WD)", RIGHT_READ_DATA, RIGHT_WRITE_DATA, 1,
          0 },
        { "BUILTIN\\Administrators are others", "D:(A;;FA;;;BA)", 0, 0, ACCESS_BY_NOBODY, ACCESS_BY_NOBODY },
        { "generic read", "D:(A;;GR;;;WD)", 0x120089, 0, 0, ACCESS_BY_NOBODY },
        { "generic all", "D:(A;;GA;;;WD)", RIGHTS_FULL, 0, 0, 0 },
        { "an object entry is not judged", "D:(OA;;0x3;bf967a86-0de6-11d0-a285-00aa003049e2;;WD)", 0, RW, ACCESS_BY_NOBODY,
          ACCESS_BY_NOBODY },
        { "an object deny makes it unclear", "D:(OD;;0x2;bf967a86-0de6-11d0-a285-00aa003049e2;;WD)(A;;0x3;;;WD)",
          RIGHT_READ_DATA, RIGHT_WRITE_DATA, 1, 0 },
        { "an object entry that changes nothing", "D:(A;;0x3;;;WD)(OD;;0x2;bf967a86-0de6-11d0-a285-00aa003049e2;;WD)", RW, 0,
          0, 0 },
        { "an object entry for others", "D:(OA;;0x3;bf967a86-0de6-11d0-a285-00aa003049e2;;DA)(A;;0x1;;;WD)", RIGHT_READ_DATA,
          0, 1, ACCESS_BY_NOBODY },
};

static void token_of_rows(Token *token) {
        static const char *const texts[] = { HOST, HOSTS, DOM "-515" };
        Error err = { 0 };
        Sid sid;

        token->count = 0;
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
                assert_true(sid_parse(texts[i], &sid));
                assert_int_equal(token_add(token, &sid, &err), 0);
        }
        assert_int_equal(token_add_network(token, &err), 0);
}

static void test_rows(void **unused) {
        (void)unused;
        static Token token;
        Sid domain;

        token_of_rows(&token);
        assert_true(sid_parse(DOM, &domain));
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                Descriptor d;
                Error err = { 0 };
                Access got;
                if (sddl_parse(rows[i].sddl, &domain, &d, &err) < 0)
                        fail_msg("%s: %s", rows[i].why, err.text);
                access_compute(&d, &token, &got);
                if (got.granted != rows[i].granted || got.unclear != rows[i].unclear || got.by[0] != rows[i].by_read ||
                    got.by[1] != rows[i].by_write)
                        fail_msg("%s: granted 0x%X, unclear 0x%X, by %d and %d", rows[i].why, got.granted, got.unclear,
                                 got.by[0], got.by[1]);
                descriptor_done(&d);
        }
}

/* A type from the future, for nobody we can read: whatever it says, we do not know. */
static void test_unknown(void **unused) {
        (void)unused;
        static Token token;
        Sid domain;
        Descriptor d;
        Error err = { 0 };
        Access got;

        token_of_rows(&token);
        assert_true(sid_parse(DOM, &domain));
        assert_int_equal(sddl_parse("D:(A;;FA;;;WD)(A;;FA;;;WD)", &domain, &d, &err), 0);
        d.dacl.aces[1].type = 0x10;
        d.dacl.aces[1].has_sid = false;
        access_compute(&d, &token, &got);
        assert_int_equal(got.granted, 0);
        assert_int_equal(got.unclear, RIGHTS_FULL);
        d.dacl.aces[1].flags = ACE_INHERIT_ONLY;
        access_compute(&d, &token, &got);
        assert_int_equal(got.granted, RIGHTS_FULL);
        descriptor_done(&d);
}

static void test_parent(void **unused) {
        (void)unused;
        Access a = { .granted = RIGHT_WRITE_DATA, .unclear = RIGHT_DELETE };

        access_add_parent(&a, RIGHT_WRITE_DATA);
        assert_int_equal(a.granted, RIGHT_WRITE_DATA);
        access_add_parent(&a, RIGHT_READ_DATA | RIGHT_DELETE_CHILD);
        assert_int_equal(a.granted, RIGHT_WRITE_DATA | RIGHT_READ_ATTRIBUTES | RIGHT_DELETE);
        assert_int_equal(a.unclear, 0);
        assert_int_equal(a.by[16], ACCESS_BY_PARENT);
        assert_int_equal(a.by[7], ACCESS_BY_PARENT);
}

static void test_full_token(void **unused) {
        (void)unused;
        static Token token;
        Error err = { 0 };
        Sid sid = { .authority = 5, .parts = { 21, 1, 2, 3, 0 }, .count = 5 };

        for (; token.count < TOKEN_SIDS_MAX; sid.parts[4]++)
                assert_int_equal(token_add(&token, &sid, &err), 0);
        assert_int_equal(token_add(&token, &token.sids[7], &err), 0);   /* there already */
        assert_int_equal(token_add(&token, &sid, &err), -1);
        assert_int_equal(err.kind, ERROR_LIMIT);
}

static void test_names(void **unused) {
        (void)unused;
        static const struct { uint32_t mask; bool folder; const char *text; } names[] = {
                { RIGHTS_FULL, false, "FullControl" }, { RIGHTS_CHANGE, true, "Modify" }, { RIGHTS_READ, false, "ReadAndExecute" },
                { 0x3, false, "ReadData, WriteData" }, { 0x3, true, "ListDirectory, CreateFiles" },
                { 0x40, true, "DeleteSubdirectoriesAndFiles" }, { 0, false, "" }, { 0x2000001, false, "ReadData, 0x2000000" },
        };
        char text[RIGHTS_TEXT_MAX];

        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
                rights_text(names[i].mask, names[i].folder, text);
                assert_string_equal(text, names[i].text);
        }
        rights_text(~0u & ~1u, false, text);    /* all others at once still fit */
        assert_non_null(strstr(text, "Synchronize, 0x"));
        assert_int_equal(rights_map_generic(RIGHT_GENERIC_WRITE | 1), 0x120117);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rows), cmocka_unit_test(test_unknown), cmocka_unit_test(test_parent),
                cmocka_unit_test(test_full_token), cmocka_unit_test(test_names),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
