/* Files of virtual switches: what systemd-networkd is told, and what is read again; MAC addresses as people write them. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/node/device-object.h"
#include "appliance/node/switch-file.h"

static void test_names(void **state) {
        (void)state;
        static const struct { const char *why, *name; bool ok; } rows[] = {
                { "plain", "lan", true }, { "signs inside", "vm-lan_1.2", true }, { "as long as allowed", "fifteen-letters", true },
                { "a space", "External Switch", false }, { "empty", "", false }, { "a path", "a/b", false },
                { "a section", "a]\n[x", false }, { "a wildcard, to networkd", "lan*", false }, { "a dot in front", ".lan", false },
                { "an option", "-lan", false }, { "a number, to networkd an index", "12", false },
                { "the bridge that leads nowhere", VM_SWITCH_NONE, false }, { "not ASCII", "Büro", false },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                Switch s = { .type = SWITCH_PRIVATE };
                Error err = { 0 };
                (void)strncpy(s.name, rows[i].name, sizeof s.name - 1);
                if ((switch_check(&s, &err) == 0) != rows[i].ok)
                        fail_msg("%s: %s", rows[i].why, err.text);
        }
}

static void test_round_trip(void **state) {
        (void)state;
        static const Switch rows[] = {
                { .name = "quiet", .type = SWITCH_PRIVATE, .management = true, .notes = "machines = alone [x]" },
                { .name = "lan", .type = SWITCH_INTERNAL },
                { .name = "out", .type = SWITCH_EXTERNAL, .management = true, .adapter = "eth1",
                  .adapter_mac = "02:15:5d:00:00:01" },
                { .name = "out2", .type = SWITCH_EXTERNAL, .adapter = "eth2" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                auto_free char *text = NULL;
                Switch back;
                Error err = { 0 };
                memset(&back, 0xEE, sizeof back);
                if (switch_netdev(&rows[i], &text, &err) < 0 || switch_read(text, &back, &err) < 0)
                        fail_msg("%s: %s", rows[i].name, err.text);
                assert_memory_equal(&rows[i], &back, sizeof back);
                assert_non_null(strstr(text, "Kind=bridge\n"));
        }
}

static void test_refused(void **state) {
        (void)state;
        static const struct { const char *why; Switch s; const char *says; } rows[] = {
                { "a line break in the notes", { .name = "a", .notes = "x\n[NetDev]" }, "one line" },
                { "an adapter that is a section", { .name = "a", .type = SWITCH_EXTERNAL, .adapter = "x\n[y" }, "network adapter" },
                { "no adapter", { .name = "a", .type = SWITCH_EXTERNAL }, "network adapter" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                char *text = NULL;
                Error err = { 0 };
                if (switch_netdev(&rows[i].s, &text, &err) != -1 || text || !strstr(err.text, rows[i].says))
                        fail_msg("%s: %s", rows[i].why, err.text);
        }
        static const char *const foreign[] = {
                "", "[NetDev]\nName=lan\nKind=bridge\n", "[NetDev]\nName=lan\n[X-Holdfast]\nType=Odd\nAdapter=\nManagementOS=no\nNotes=\n",
                "[X-Holdfast]\nName=lan\nType=Private\nAdapter=\nManagementOS=no\nNotes=\n",
        };
        for (size_t i = 0; i < ARRAY_SIZE(foreign); i++) {
                Switch s = { .name = "untouched" };
                Error err = { 0 };
                assert_int_equal(switch_read(foreign[i], &s, &err), -1);
                assert_string_equal(s.name, "untouched");
        }
}

/* The card's settings go along, its [Match] does not; a switch that the host has no part in gets none of them. */
static void test_card(void **state) {
        (void)state;
        static const char card[] = "# comment\n[Match]\nName=eth1\n\n[Network]\nAddress=192.0.2.1/24\nDNS=192.0.2.9\n[Route]\n"
                                   "Gateway=192.0.2.254\n [Match]\nDriver=e1000e\n";
        Switch s = { .name = "out", .type = SWITCH_EXTERNAL, .management = true, .adapter = "eth1" };
        auto_free char *with = NULL, *without = NULL, *port = NULL;
        Error err = { 0 };

        assert_int_equal(switch_network(&s, card, &with, &err), 0);
        assert_non_null(strstr(with, "[Match]\nName=out\n"));
        assert_non_null(strstr(with, "Address=192.0.2.1/24\n"));
        assert_non_null(strstr(with, "[Route]\nGateway=192.0.2.254\n"));
        assert_null(strstr(with, "eth1"));
        assert_null(strstr(with, "e1000e"));
        s.management = false;
        assert_int_equal(switch_network(&s, card, &without, &err), 0);
        assert_null(strstr(without, "192.0.2.1"));
        assert_non_null(strstr(without, "LinkLocalAddressing=no"));
        assert_int_equal(switch_port(&s, &port, &err), 0);
        assert_non_null(strstr(port, "Name=eth1\n"));
        assert_non_null(strstr(port, "Bridge=out\n"));
}

static void test_macs(void **state) {
        (void)state;
        static const struct { const char *text, *mac; } rows[] = {
                { "00155D001234", "00:15:5d:00:12:34" }, { "00-15-5d-00-12-34", "00:15:5d:00:12:34" },
                { "00:15:5D:00:12:34", "00:15:5d:00:12:34" }, { "00155D00123", NULL }, { "00155D0012345", NULL },
                { "0-0155D001234", NULL }, { "00155D00123g", NULL }, { "", NULL }, { "-00155D001234", NULL },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                char mac[VM_MAC_SIZE] = "untouched", shown[VM_MAC_SIZE];
                if (mac_parse(rows[i].text, mac) != !!rows[i].mac || strcmp(mac, rows[i].mac ? rows[i].mac : "untouched") != 0)
                        fail_msg("%s: %s", rows[i].text, mac);
                if (!rows[i].mac)
                        continue;
                mac_display(mac, shown);
                assert_string_equal(shown, "00155D001234");
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names), cmocka_unit_test(test_round_trip), cmocka_unit_test(test_refused),
                cmocka_unit_test(test_card), cmocka_unit_test(test_macs),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
