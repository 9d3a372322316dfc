/* What DNS says of a host's own records: names of the way back, answers, and refusals of an update. */
#include "tests/unit/test.h"

#include <arpa/nameser.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/bytes.h"
#include "appliance/base/cleanup.h"
#include "auth/dns-pointer.h"
#include "auth/locate.h"

static const struct { const char *why, *address, *name; } names[] = {
        { "IPv4", "10.77.0.21", "21.0.77.10.in-addr.arpa" },
        { "IPv6", "fd00::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa" },
        { "a name is no address", "hv1.lab.test", NULL },
        { "of one link", "fe80::1%eth0", NULL },
        { "empty", "", NULL },
};

static void test_names(void **state) {
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                char got[DNS_POINTER_NAME_MAX] = "untouched";
                bool is = dns_pointer_name(names[i].address, got);
                if (is != (names[i].name != NULL) || (is && strcmp(got, names[i].name) != 0))
                        fail_msg("%s: %d '%s'", names[i].why, is, got);
        }
}

/* nsupdate's words, as met on Samba 4.22 and BIND 9.20 */
static const struct { const char *line; bool no_zone; } lines[] = {
        { "update failed: NOTAUTH", true },
        { "response to SOA query was unsuccessful", true },
        { "; TSIG error with server: tsig verify failure", true },
        { "update failed: REFUSED", false },
        { "; Communication with 10.77.0.10#53 failed: timed out", false },
};

static void test_refusals(void **state) {
        for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
                if (dns_pointer_no_zone(lines[i].line) != lines[i].no_zone)
                        fail_msg("'%s'", lines[i].line);
}

/* ---- answers ------------------------------------------------------------------------------------------------- */

typedef struct Packet { uint8_t data[512]; size_t size; } Packet;

static void put(Packet *p, const void *bytes, size_t size) {
        memcpy(p->data + p->size, bytes, size);
        p->size += size;
}

static Packet answer(unsigned records) {
        const uint8_t head[] = { 0x12, 0x34, 0x85, 0x80, 0, 1, 0, (uint8_t)records, 0, 0, 0, 0, 3, 'h', 'v', '1', 0, 0, 1, 0, 1 };
        Packet p = { .size = 0 };
        put(&p, head, sizeof head);
        return p;
}

static void put_record(Packet *p, uint8_t type, const void *data, uint8_t size) {
        const uint8_t head[] = { 0xC0, 0x0C, 0, type, 0, 1, 0, 0, 0x0E, 0x10, 0, size };
        put(p, head, sizeof head);
        put(p, data, size);
}

static void test_addresses(void **state) {
        const uint8_t four[] = { 10, 77, 0, 21 }, six[16] = { 0xFD, [15] = 1 };
        LocateAddresses got = { .count = 0 };
        Error err = { 0 };
        Packet p = answer(3);

        put_record(&p, ns_t_a, four, 4);
        put_record(&p, ns_t_a, six, 16);        /* a length that is none of its type */
        put_record(&p, ns_t_aaaa, six, 16);
        assert_int_equal(locate_decode_addresses(p.data, p.size, ns_t_a, &got, &err), 0);
        assert_int_equal(got.count, 1);
        assert_string_equal(got.list[0], "10.77.0.21");
        assert_int_equal(locate_decode_addresses(p.data, p.size, ns_t_aaaa, &got, &err), 0);
        assert_int_equal(got.count, 2);
        assert_string_equal(got.list[1], "fd00::1");

        p = answer(LOCATE_ADDRESSES_MAX + 4);
        for (unsigned i = 0; i < LOCATE_ADDRESSES_MAX + 4; i++)
                put_record(&p, ns_t_a, four, 4);
        assert_int_equal(locate_decode_addresses(p.data, p.size, ns_t_a, &got, &err), 0);
        assert_int_equal(got.count, LOCATE_ADDRESSES_MAX);
        for (size_t n = 0; n < p.size; n++) {   /* cut anywhere: an exact allocation, for the sanitizers */
                auto_free uint8_t *cut = malloc(n ? n : 1);
                memcpy(cut, p.data, n);
                LocateAddresses some = { .count = 0 };
                (void)!locate_decode_addresses(cut, n, ns_t_a, &some, &err);
                assert_true(some.count <= LOCATE_ADDRESSES_MAX);
        }
}

static void test_pointer(void **state) {
        const uint8_t us[] = { 3, 'H', 'V', '1', 3, 'l', 'a', 'b', 4, 't', 'e', 's', 't', 0 }, other[] = { 1, 'x', 0 };
        Packet p = answer(2);

        put_record(&p, ns_t_ptr, other, sizeof other);
        put_record(&p, ns_t_ptr, us, sizeof us);
        assert_true(dns_pointer_decode(p.data, p.size, "hv1.lab.test"));
        assert_false(dns_pointer_decode(p.data, p.size, "hv2.lab.test"));
        assert_false(dns_pointer_decode(p.data, p.size - 1, "hv1.lab.test"));
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_names), cmocka_unit_test(test_refusals),
                                            cmocka_unit_test(test_addresses), cmocka_unit_test(test_pointer) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
