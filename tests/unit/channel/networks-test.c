#include "tests/unit/test.h"

#include <string.h>

#include "appliance/base/cleanup.h"
#include "migrate/networks.h"

static struct in6_addr address(const char *text) {
        struct in6_addr ret;
        assert_true(address_parse(text, &ret));
        return ret;
}

static void test_subnets(void **state) {
        static const struct {
                const char *text, *wants;       /* wants NULL: refused, and says */
                const char *says, *in, *out;
        } rows[] = {
                { "192.168.10.0/24", "192.168.10.0/24", NULL, "192.168.10.255", "192.168.11.0" },
                { "10.0.0.128/25", "10.0.0.128/25", NULL, "10.0.0.129", "10.0.0.127" },
                { "192.168.0.1", "192.168.0.1", NULL, "192.168.0.1", "192.168.0.2" },
                { "192.168.0.1/32", "192.168.0.1", NULL, "192.168.0.1", "192.168.0.0" },
                { "0.0.0.0/0", "0.0.0.0/0", NULL, "203.0.113.9", "2001:db8::1" },
                { "2001:db8::/64", "2001:db8::/64", NULL, "2001:db8::ffff", "2001:db8:0:1::1" },
                { "2001:DB8::1", "2001:db8::1", NULL, "2001:db8::1", "2001:db8::2" },
                { "::/0", "::/0", NULL, "2001:db8::1", NULL },
                { "192.168.10.7/24", NULL, "inside the network 192.168.10.0/24", NULL, NULL },
                { "192.168.10.0/33", NULL, "must be 0 to 32", NULL, NULL },
                { "2001:db8::/129", NULL, "must be 0 to 128", NULL, NULL },
                { "10.0.0.0/", NULL, "must be 0 to 32", NULL, NULL },
                { "10.0.0.0/-1", NULL, "must be 0 to 32", NULL, NULL },
                { "10.0.0.0/8x", NULL, "must be 0 to 32", NULL, NULL },
                { "", NULL, "is no network", NULL, NULL },
                { "hv1", NULL, "is no network", NULL, NULL },
                { "10.0.0", NULL, "is no network", NULL, NULL },
                { "fe80::1%eth0", NULL, "is no network", NULL, NULL },
                { "1111111111111111111111111111111111111111111111111111/8", NULL, "is no network", NULL, NULL },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                Subnet subnet;
                Error err = { 0 };
                char text[SUBNET_TEXT_SIZE];
                int r = subnet_parse(rows[i].text, &subnet, &err);
                if (!rows[i].wants) {
                        if (r == 0 || err.kind != ERROR_INVALID || !strstr(err.text, rows[i].says))
                                fail_msg("'%s': %d '%s'", rows[i].text, r, err.text);
                        continue;
                }
                if (r < 0)
                        fail_msg("'%s': %s", rows[i].text, err.text);
                subnet_text(&subnet, text);
                assert_string_equal(text, rows[i].wants);
                struct in6_addr in = address(rows[i].in);
                assert_true(subnet_contains(&subnet, &in));
                if (!rows[i].out)
                        continue;
                struct in6_addr out = address(rows[i].out);
                assert_false(subnet_contains(&subnet, &out));
        }
}

static void add(MoveSettings *settings, const char *subnet, uint32_t priority) {
        MoveNetwork network = { .priority = priority };
        Error err = { 0 };
        if (subnet_parse(subnet, &network.subnet, &err) < 0 || networks_add(settings, &network, &err) < 0)
                fail_msg("%s", err.text);
}

static void test_order(void **state) {
        MoveSettings settings = { 0 };
        char list[128], text[INET6_ADDRSTRLEN];
        static const char *const wanted[] = { "10.2.0.9", "10.2.0.1", "10.1.7.7", "192.0.2.1", "2001:db8::1" };
        struct in6_addr addresses[] = { address("192.0.2.1"), address("10.1.7.7"), address("10.2.0.9"),
                                        address("2001:db8::1"), address("10.2.0.1") };

        add(&settings, "10.1.0.0/16", 5000);
        add(&settings, "10.2.0.0/16", 1);
        add(&settings, "10.3.0.0/16", 5000);
        networks_list(&settings, list, sizeof list);
        assert_string_equal(list, "10.2.0.0/16, 10.1.0.0/16, 10.3.0.0/16");
        networks_list(&settings, list, 14);
        assert_string_equal(list, "10.2.0.0/16");
        networks_sort(&settings, addresses, ARRAY_SIZE(addresses));
        for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
                address_text(&addresses[i], text);
                assert_string_equal(text, wanted[i]);
        }
        networks_remove(&settings, 0);
        networks_list(&settings, list, sizeof list);
        assert_string_equal(list, "10.1.0.0/16, 10.3.0.0/16");
}

static void test_admit(void **state) {
        MoveSettings settings = { .any_network = true };
        struct in6_addr inside = address("10.1.0.2"), outside = address("192.0.2.2");

        assert_true(networks_admit(&settings, &outside));
        settings.any_network = false;
        assert_false(networks_admit(&settings, &inside));       /* no network: no way in */
        add(&settings, "10.1.0.0/24", 0);
        assert_true(networks_admit(&settings, &inside));
        assert_false(networks_admit(&settings, &outside));
}

static void test_bounds(void **state) {
        MoveSettings settings = { 0 };
        MoveNetwork network = { 0 };
        Error err = { 0 };

        for (unsigned i = 0; i < MOVE_NETWORKS_MAX; i++) {
                char text[32];
                (void)snprintf(text, sizeof text, "10.%u.0.0/16", i);
                add(&settings, text, 0);
        }
        assert_int_equal(subnet_parse("10.3.0.0/16", &network.subnet, &err), 0);
        assert_int_equal(networks_add(&settings, &network, &err), -1);
        assert_int_equal(err.kind, ERROR_CONFLICT);
        assert_int_equal(subnet_parse("10.99.0.0/16", &network.subnet, &err), 0);
        assert_int_equal(networks_add(&settings, &network, &err), -1);
        assert_int_equal(err.kind, ERROR_LIMIT);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_subnets), cmocka_unit_test(test_order),
                                            cmocka_unit_test(test_admit), cmocka_unit_test(test_bounds) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
