/* Descriptors as bytes: good ones, damaged ones, and where a new entry goes. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "smb/share/sddl.h"

/* Owner and group Administrators; one inheritable entry for Everyone with Full Control: [MS-DTYP] 2.4.6's layout by
 * hand, the list last as Windows orders it. */
static const uint8_t plain[] = {
        1, 0, 0x04, 0x80, 0x14, 0, 0, 0, 0x24, 0, 0, 0, 0, 0, 0, 0, 0x34, 0, 0, 0,
        1, 2, 0, 0, 0, 0, 0, 5, 0x20, 0, 0, 0, 0x20, 2, 0, 0,
        1, 2, 0, 0, 0, 0, 0, 5, 0x20, 0, 0, 0, 0x20, 2, 0, 0,
        2, 0, 0x1C, 0, 1, 0, 0, 0,
        0, 3, 0x14, 0, 0xFF, 0x01, 0x1F, 0, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0,
};

static void test_plain(void **unused) {
        (void)unused;
        Descriptor d;
        Error err = { 0 };
        char *text;

        assert_int_equal(descriptor_decode(plain, sizeof plain, &d, &err), 0);
        assert_int_equal(sddl_format(&d, NULL, &text, &err), 0);
        assert_string_equal(text, "O:BAG:BAD:(A;OICI;FA;;;WD)");
        free(text);
        descriptor_done(&d);
}

/* One byte of the good one changed. */
static const struct { const char *why; size_t at; uint8_t value; const char *says; } damages[] = {
        { "another revision", 0, 2, "header" },
        { "not self-relative", 3, 0x00, "header" },
        { "the owner far outside", 7, 0x7F, "owner" },
        { "the owner at the last byte", 4, sizeof plain - 1, "owner" },
        { "a SID of another revision", 20, 2, "owner" },
        { "a SID of sixteen numbers", 21, 16, "owner" },
        { "the group outside", 8, 0xFF, "owner" },
        { "the list outside", 16, 0xFF, "beyond its end" },
        { "a list longer than there is", 54, 0x1D, "beyond its end" },
        { "a list shorter than its header", 54, 0x07, "beyond its end" },
        { "more entries than fit", 56, 9, "shorter than its entries" },
        { "far more entries", 57, 0xFF, "up to 2048" },
        { "an entry longer than the list", 62, 0x18, "reaches beyond it" },
        { "an entry of an odd size", 62, 0x12, "reaches beyond it" },
        { "an entry of no size", 62, 0x00, "reaches beyond it" },
        { "a second entry that is not there", 56, 2, "reaches beyond it" },
};

static void test_damaged(void **unused) {
        (void)unused;
        for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
                uint8_t bytes[sizeof plain];
                Descriptor d = { .control = 0x77 };
                Error err = { 0 };
                memcpy(bytes, plain, sizeof plain);
                bytes[damages[i].at] = damages[i].value;
                if (descriptor_decode(bytes, sizeof bytes, &d, &err) != -1 || !strstr(err.text, damages[i].says))
                        fail_msg("%s: '%s'", damages[i].why, err.text);
                assert_int_equal(d.control, 0x77);
        }
        for (size_t cut = 0; cut < sizeof plain; cut++) {
                Descriptor d;
                Error err = { 0 };
                if (descriptor_decode(plain, cut, &d, &err) != -1 || err.kind != ERROR_PROTOCOL)
                        fail_msg("cut to %zu bytes was taken", cut);
        }
}

/* An entry whose type nobody knows yet, and one whose body holds no SID: kept as they came. */
static void test_kept(void **unused) {
        (void)unused;
        uint8_t bytes[sizeof plain], again[256];
        Descriptor d;
        Error err = { 0 };
        size_t size;
        static const struct { const char *why; size_t at; uint8_t value; } kept[] = {
                { "an unknown type", 60, 0x42 }, { "a SID of revision 7", 68, 7 }, { "a conditional type", 60, ACE_ALLOW_CALLBACK },
        };
        for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
                memcpy(bytes, plain, sizeof plain);
                bytes[kept[i].at] = kept[i].value;
                assert_int_equal(descriptor_decode(bytes, sizeof bytes, &d, &err), 0);
                assert_int_equal(descriptor_encode(&d, again, sizeof again, &size, &err), 0);
                assert_int_equal(size, sizeof plain);
                if (memcmp(again + 28, bytes + 60, 20) != 0)    /* the list is first now: 20 + 8 */
                        fail_msg("%s was changed", kept[i].why);
                descriptor_done(&d);
        }
}

static void test_bounds(void **unused) {
        (void)unused;
        uint8_t small[40];
        size_t size;
        Descriptor d;
        Error err = { 0 };
        uint8_t *large = calloc(1, DESCRIPTOR_BYTES_MAX + 1);

        assert_non_null(large);
        memcpy(large, plain, sizeof plain);
        assert_int_equal(descriptor_decode(large, DESCRIPTOR_BYTES_MAX + 1, &d, &err), -1);
        assert_int_equal(err.kind, ERROR_LIMIT);
        free(large);
        assert_int_equal(descriptor_decode(plain, sizeof plain, &d, &err), 0);
        assert_int_equal(descriptor_encode(&d, small, sizeof small, &size, &err), -1);
        assert_int_equal(err.kind, ERROR_LIMIT);
        descriptor_done(&d);
}

static const struct { const char *why, *before, *ace, *after; } orders[] = {
        { "into an empty list", "D:", "D:(A;;FA;;;BU)", "D:(A;;FA;;;BU)" },
        { "behind explicit ones, before inherited ones", "D:(D;;FW;;;AN)(A;;FR;;;WD)(A;ID;FA;;;BA)", "D:(A;;FA;;;BU)",
          "D:(D;;FW;;;AN)(A;;FR;;;WD)(A;;FA;;;BU)(A;ID;FA;;;BA)" },
        { "a deny before every allow", "D:(D;;FW;;;AN)(A;;FR;;;WD)(D;ID;FA;;;BA)", "D:(D;;FA;;;BU)",
          "D:(D;;FW;;;AN)(D;;FA;;;BU)(A;;FR;;;WD)(D;ID;FA;;;BA)" },
};

static void test_order(void **unused) {
        (void)unused;
        for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
                Descriptor d, one;
                Error err = { 0 };
                char *text;
                assert_int_equal(sddl_parse(orders[i].before, NULL, &d, &err), 0);
                assert_int_equal(sddl_parse(orders[i].ace, NULL, &one, &err), 0);
                assert_int_equal(descriptor_add(&d, &one.dacl.aces[0], &err), 0);
                assert_int_equal(sddl_format(&d, NULL, &text, &err), 0);
                if (strcmp(text, orders[i].after) != 0)
                        fail_msg("%s: %s", orders[i].why, text);
                free(text);
                descriptor_remove(&d, 0);
                descriptor_remove(&d, 99);
                assert_int_equal(sddl_format(&d, NULL, &text, &err), 0);
                assert_true(strlen(text) < strlen(orders[i].after));
                free(text);
                descriptor_done(&d);
                descriptor_done(&one);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_plain), cmocka_unit_test(test_damaged), cmocka_unit_test(test_kept),
                cmocka_unit_test(test_bounds), cmocka_unit_test(test_order),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
