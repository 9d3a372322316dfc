/* One cell after the other: what is found, and that the mend it names makes it clean. */
#include "tests/unit/test.h"

#include <string.h>

#include "smb/share/matrix.h"
#include "smb/share/sddl.h"

#define DOM "S-1-5-21-1-2-3"
#define HOST DOM "-1104"
#define HOSTS DOM "-1108"
#define BAD DOM "-1109"         /* a group the host is in, through another */
#define OTHERS DOM "-1110"

enum { NOT_PROVEN = -1, EVERYTHING = 0x1FFFFF };

static const struct {
        const char *why;
        MatrixLayer layer;
        const char *list, *parent;      /* SDDL; NULL: not read, none */
        bool in_group;
        long proof;                     /* NOT_PROVEN: another host asks */
        MatrixState state;
        MatrixReason reason;
        unsigned removes;
        bool grants, joins;
        int entry;
} rows[] = {
        { "granted through the group", MATRIX_FILE, "D:(A;;0x1301bf;;;" HOSTS ")", NULL, true, 0x1301BF, MATRIX_GRANTED,
          MATRIX_NONE, 0, false, false, -1 },
        { "the same, computed only", MATRIX_FILE, "D:(A;;0x1301bf;;;" HOSTS ")", NULL, true, NOT_PROVEN, MATRIX_GRANTED,
          MATRIX_NONE, 0, false, false, -1 },
        { "a folder needs less", MATRIX_FOLDER, "D:(A;;0x120087;;;" HOSTS ")", NULL, true, 0x120087, MATRIX_GRANTED,
          MATRIX_NONE, 0, false, false, -1 },
        { "no entry", MATRIX_FILE, "D:(A;;FA;;;DA)", NULL, true, 0x80, MATRIX_DENIED, MATRIX_NO_ENTRY, 0, true, false, -1 },
        { "no entry on the share", MATRIX_SHARE, "D:(A;;FA;;;DA)", NULL, true, 0, MATRIX_DENIED, MATRIX_NO_ENTRY, 0, true,
          false, -1 },
        { "read only", MATRIX_FILE, "D:(A;;FA;;;DA)(A;;0x1200a9;;;" HOSTS ")", NULL, true, 0x1200A9, MATRIX_DENIED,
          MATRIX_TOO_LITTLE, 0, true, false, 1 },
        { "denied through a nested group", MATRIX_FILE, "D:(D;;FW;;;" BAD ")(A;;FA;;;" HOSTS ")", NULL, true, 0xD00E9,
          MATRIX_DENIED, MATRIX_DENY_ENTRY, 1, false, false, 0 },
        { "denied, and never granted", MATRIX_FILE, "D:(D;;FW;;;" BAD ")(A;;FA;;;DA)", NULL, true, 0x80, MATRIX_DENIED,
          MATRIX_DENY_ENTRY, 1, true, false, 0 },
        { "denied twice", MATRIX_FILE, "D:(D;;FA;;;" BAD ")(D;;0x2;;;" HOST ")(A;;FA;;;" HOSTS ")", NULL, true, 0x80,
          MATRIX_DENIED, MATRIX_DENY_ENTRY, 2, false, false, 0 },
        { "a denial of others does not matter", MATRIX_FILE, "D:(D;;FA;;;" OTHERS ")(A;;FA;;;" HOSTS ")", NULL, true,
          EVERYTHING, MATRIX_GRANTED, MATRIX_NONE, 0, false, false, -1 },
        { "outside the group", MATRIX_FILE, "D:(A;;FA;;;" HOSTS ")", NULL, false, 0x80, MATRIX_DENIED, MATRIX_OUTSIDE_GROUP, 0,
          false, true, 0 },
        { "outside, and the group has too little", MATRIX_FILE, "D:(A;;0x1200a9;;;" HOSTS ")", NULL, false, 0x80,
          MATRIX_DENIED, MATRIX_NO_ENTRY, 0, true, true, -1 },
        { "inheritance broken", MATRIX_FILE, "D:P(A;;FA;;;DA)", "D:(A;OICI;FA;;;" HOSTS ")", true, 0x80, MATRIX_DENIED,
          MATRIX_NOT_INHERITED, 0, true, false, -1 },
        { "inheritance broken, and something for everybody", MATRIX_FILE, "D:P(A;;0x1200a9;;;WD)", "D:(A;OICI;FA;;;" HOSTS ")",
          true, 0x1200A9, MATRIX_DENIED, MATRIX_NOT_INHERITED, 0, true, false, 0 },
        { "inheritance broken, and too little for the hosts", MATRIX_FILE, "D:P(A;;0x1200a9;;;" HOSTS ")",
          "D:(A;OICI;FA;;;" HOSTS ")", true, 0x1200A9, MATRIX_DENIED, MATRIX_TOO_LITTLE, 0, true, false, 0 },
        { "the parent gives it to folders only", MATRIX_FILE, "D:P(A;;FA;;;DA)", "D:(A;CI;FA;;;" HOSTS ")", true, 0x80,
          MATRIX_DENIED, MATRIX_NO_ENTRY, 0, true, false, -1 },
        { "it only owns the file", MATRIX_FILE, "O:" HOST "D:", NULL, true, 0x60080, MATRIX_DENIED, MATRIX_OWNER_ONLY, 0, true,
          false, -1 },
        { "the server does not know of the group yet", MATRIX_FILE, "D:(A;;FA;;;" HOSTS ")", NULL, true, 0x80, MATRIX_DENIED,
          MATRIX_OLD_TICKET, 0, false, false, -1 },
        { "the server knows of the group and still grants less", MATRIX_SHARE, "D:(A;;FA;;;" HOSTS ")", NULL, true, 0x1200A9,
          MATRIX_DENIED, MATRIX_SERVER_REFUSES, 0, false, false, -1 },
        { "the server refuses for reasons of its own", MATRIX_FILE, "D:(A;;FA;;;WD)", NULL, true, 0x1200A9, MATRIX_DENIED,
          MATRIX_SERVER_REFUSES, 0, false, false, -1 },
        { "the server grants more than the list says: its word stands", MATRIX_FILE, "D:(A;;FA;;;BA)", NULL, true, EVERYTHING,
          MATRIX_GRANTED, MATRIX_NONE, 0, false, false, -1 },
        { "not readable, and refused", MATRIX_FILE, NULL, NULL, true, 0x80, MATRIX_DENIED, MATRIX_NOT_READABLE, 0, true, false,
          -1 },
        { "not readable, and granted", MATRIX_SHARE, NULL, NULL, true, EVERYTHING, MATRIX_GRANTED, MATRIX_NONE, 0, false, false,
          -1 },
        { "not readable, another host", MATRIX_FILE, NULL, NULL, true, NOT_PROVEN, MATRIX_UNCLEAR, MATRIX_NOT_READABLE, 0, false,
          false, -1 },
        { "conditional, another host", MATRIX_FILE, "D:(A;;FA;;;BU)", NULL, true, NOT_PROVEN, MATRIX_UNCLEAR, MATRIX_CONDITIONAL,
          0, false, false, -1 },
        { "conditional, and the server knows", MATRIX_FILE, "D:(A;;FA;;;BU)", NULL, true, EVERYTHING, MATRIX_GRANTED,
          MATRIX_NONE, 0, false, false, -1 },
};

static Token token;

static void make_token(bool in_group) {
        static const char *const texts[] = { HOST, DOM "-515", BAD, HOSTS };
        Error err = { 0 };
        Sid sid;

        token.count = 0;
        for (size_t i = 0; i < sizeof texts / sizeof texts[0] - !in_group; i++) {
                assert_true(sid_parse(texts[i], &sid));
                assert_int_equal(token_add(&token, &sid, &err), 0);
        }
        assert_int_equal(token_add_network(&token, &err), 0);
}

static void parse(const char *text, Descriptor *d) {
        Error err = { 0 };
        Sid domain;

        *d = (Descriptor){ 0 };
        assert_true(sid_parse(DOM, &domain));
        if (text && sddl_parse(text, &domain, d, &err) < 0)
                fail_msg("%s: %s", text, err.text);
}

static void test_rows(void **unused) {
        (void)unused;
        Sid group;

        assert_true(sid_parse(HOSTS, &group));
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                Descriptor d, parent;
                MatrixCell cell;
                parse(rows[i].list, &d);
                parse(rows[i].parent, &parent);
                make_token(rows[i].in_group);
                MatrixQuestion q = {
                        .layer = rows[i].layer, .descriptor = rows[i].list ? &d : NULL,
                        .parent = rows[i].parent ? &parent : NULL, .token = &token, .group = &group,
                        .proven = rows[i].proof != NOT_PROVEN, .share_proof = EVERYTHING,
                        .proof = rows[i].proof == NOT_PROVEN ? 0 : (uint32_t)rows[i].proof,
                };
                matrix_judge(&q, &cell);
                if (cell.state != rows[i].state || cell.reason != rows[i].reason || cell.remove_count != rows[i].removes ||
                    cell.grant != rows[i].grants || cell.join_group != rows[i].joins || cell.entry != rows[i].entry)
                        fail_msg("%s: state %d reason %d removes %u grants %d joins %d entry %d", rows[i].why, cell.state,
                                 cell.reason, cell.remove_count, cell.grant, cell.join_group, cell.entry);
                if (cell.state == MATRIX_DENIED && q.descriptor && cell.reason != MATRIX_OLD_TICKET &&
                    cell.reason != MATRIX_SERVER_REFUSES) {     /* the mend mends */
                        Error err = { 0 };
                        assert_int_equal(matrix_mend(&d, rows[i].layer, &group, &cell, &err), 0);
                        make_token(rows[i].in_group || cell.join_group);
                        q.proven = false;
                        matrix_judge(&q, &cell);
                        if (cell.state != MATRIX_GRANTED)
                                fail_msg("%s: not mended; reason %d", rows[i].why, cell.reason);
                }
                descriptor_done(&d);
                descriptor_done(&parent);
        }
}

/* A share that lets nothing be written hides what the file would allow: the file is not to blame. */
static void test_share_hides(void **unused) {
        (void)unused;
        Sid group;
        Descriptor d;
        MatrixCell cell;

        assert_true(sid_parse(HOSTS, &group));
        parse("D:(A;;FA;;;" HOSTS ")", &d);
        make_token(true);
        MatrixQuestion q = { .layer = MATRIX_FILE, .descriptor = &d, .token = &token, .group = &group, .proven = true,
                             .proof = 0x1200A9, .share_proof = 0x1200A9 };
        matrix_judge(&q, &cell);
        assert_int_equal(cell.state, MATRIX_GRANTED);
        assert_false(cell.differs);
        q.proof = 0x1200A8;
        matrix_judge(&q, &cell);
        assert_int_equal(cell.state, MATRIX_DENIED);
        assert_true(cell.differs);
        descriptor_done(&d);
}

static void test_attribute(void **unused) {
        (void)unused;
        static const struct { const char *why; uint32_t needed; bool read_only; int64_t proof; MatrixReason reason; } tries[] = {
                { "the attribute alone", 0, true, 0x1200A9, MATRIX_READ_ONLY },
                { "no attribute", 0, false, 0x1200A9, MATRIX_SERVER_REFUSES },
                { "it does not keep from reading", 0, true, 0x80, MATRIX_SERVER_REFUSES },
                { "a medium need not be written", MATRIX_NEEDED_MEDIUM, true, 0x1200A9, MATRIX_NONE },
                { "a medium that cannot be read", MATRIX_NEEDED_MEDIUM, true, 0x80, MATRIX_SERVER_REFUSES },
        };
        Sid group;
        Descriptor d;
        MatrixCell cell;

        assert_true(sid_parse(HOSTS, &group));
        parse("D:(A;;FA;;;WD)", &d);
        make_token(false);
        for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
                MatrixQuestion q = { .layer = MATRIX_FILE, .needed = tries[i].needed, .read_only = tries[i].read_only,
                                     .descriptor = &d, .token = &token, .group = &group, .proven = true,
                                     .proof = (uint32_t)tries[i].proof, .share_proof = EVERYTHING };
                matrix_judge(&q, &cell);
                if (cell.reason != tries[i].reason || cell.grant)
                        fail_msg("%s: reason %d", tries[i].why, cell.reason);
        }
        descriptor_done(&d);
}

static void test_names(void **unused) {
        (void)unused;
        assert_string_equal(matrix_layer_name(MATRIX_FILE), "File");
        assert_string_equal(matrix_state_name(MATRIX_UNCLEAR), "Unclear");
        assert_string_equal(matrix_reason_name(MATRIX_NONE), "");
        assert_string_equal(matrix_reason_name(MATRIX_CONDITIONAL), "Conditional");
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_share_hides), cmocka_unit_test(test_attribute),
                                            cmocka_unit_test(test_names) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
