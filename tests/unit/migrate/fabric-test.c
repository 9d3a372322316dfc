/* Virtual Fibre Channel, by libvirt's descriptions of machines, pools and adapters (libvirt 11.3's own examples). */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "migrate/compare-internal.h"

#define ADAPTER(fabric, ports)                                                                                      \
        "<device><name>scsi_host5</name><path>/sys/devices/pci0000:00/0000:00:04.0/0000:10:00.0/host5</path>"       \
        "<parent>pci_0000_04_00_1</parent><capability type='scsi_host'><host>5</host><unique_id>1</unique_id>"      \
        "<capability type='fc_host'><wwnn>20000000c9831b4b</wwnn><wwpn>10000000c9831b4b</wwpn>"                     \
        "<fabric_wwn>" fabric "</fabric_wwn></capability>" ports "</capability></device>"
#define PORTS(used) "<capability type='vport_ops'><max_vports>127</max_vports><vports>" used "</vports></capability>"

static const struct {
        const char *why, *xml;
        const char *fabric, *with_room;         /* NULL: none */
} devices[] = {
        { "with ports to spare", ADAPTER("2002000573de9a81", PORTS("0")), "2002000573de9a81", "2002000573de9a81" },
        { "all ports taken", ADAPTER("2002000573de9a81", PORTS("127")), "2002000573de9a81", NULL },
        { "a virtual port itself", ADAPTER("2002000573DE9A81", ""), "2002000573de9a81", NULL },
        { "without a cable", ADAPTER("ffffffffffffffff", PORTS("0")), NULL, NULL },
        { "without a fabric", ADAPTER("0", PORTS("0")), NULL, NULL },
        { "a SCSI host of another kind", "<device><name>scsi_host0</name><capability type='scsi_host'><host>0</host>"
                                         "</capability></device>", NULL, NULL },
        { "no XML", "<device>", NULL, NULL },
};

static void test_devices(void **state) {
        for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
                char got[FABRIC_WWN_SIZE] = "";
                bool is = fabric_of_device(devices[i].xml, false, got);
                if (is != (devices[i].fabric != NULL) || (is && strcmp(got, devices[i].fabric) != 0))
                        fail_msg("%s: %d '%s'", devices[i].why, is, got);
                if (fabric_of_device(devices[i].xml, true, got) != (devices[i].with_room != NULL))
                        fail_msg("%s: wrong about its ports", devices[i].why);
        }
}

static void test_pools(void **state) {
        char wwnn[FABRIC_WWN_SIZE], wwpn[FABRIC_WWN_SIZE];

        assert_true(fabric_pool_adapter(
                "<pool type='scsi'><name>npiv</name><source><adapter type='fc_host' parent='scsi_host5' managed='yes' "
                "wwnn='20000000c9831b4c' wwpn='10000000C9831B4C'/></source></pool>", wwnn, wwpn));
        assert_string_equal(wwnn, "20000000c9831b4c");
        assert_string_equal(wwpn, "10000000c9831b4c");
        assert_false(fabric_pool_adapter("<pool type='scsi'><source><adapter type='scsi_host' name='scsi_host1'/></source>"
                                         "</pool>", wwnn, wwpn));
        assert_false(fabric_pool_adapter("<pool type='dir'><target><path>/var</path></target></pool>", wwnn, wwpn));
}

static void test_machine(void **state) {
        auto_free FabricPools *pools = calloc(1, sizeof *pools);
        Error err = { 0 };

        assert_non_null(pools);
        assert_int_equal(fabric_pools("<domain><devices>"
                                      "<disk type='volume' device='lun'><source pool='npiv' volume='unit:0:0:1'/>"
                                      "<target dev='sdb' bus='scsi'/></disk>"
                                      "<disk type='volume' device='cdrom'><source pool='isos' volume='a.iso'/></disk>"
                                      "<disk type='network'><source protocol='nbd'/></disk></devices></domain>", pools, &err), 0);
        assert_int_equal(pools->count, 1);
        assert_string_equal(pools->list[0], "npiv");
        assert_string_equal(pools->disks[0], "sdb");
}

/* ---- the finding ---------------------------------------------------------------------------------------------- */

static const struct { const char *why, *wanted[2], *here[2]; size_t findings; const char *says; } rows[] = {
        { "no LUNs", { NULL }, { NULL }, 0, NULL },
        { "the same fabric", { "2002000573de9a81" }, { "2002000573DE9A81", "2002000573de9a82" }, 0, NULL },
        { "another fabric", { "2002000573de9a81" }, { "2002000573de9a82" }, 1, "on the fabric 2002000573de9a81" },
        { "no adapters", { "2002000573de9a81" }, { NULL }, 1, "on the fabric 2002000573de9a81" },
        { "one of two", { "2002000573de9a81", "2002000573de9a82" }, { "2002000573de9a81" }, 1,
          "on the fabric 2002000573de9a82" },
};

static void test_rows(void **state) {
        auto_free Findings *findings = calloc(1, sizeof *findings);

        assert_non_null(findings);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                Fabrics wanted = { .count = 0 }, here = { .count = 0 };
                for (size_t n = 0; n < 2; n++) {
                        assert_true(!rows[i].wanted[n] || fabrics_add(&wanted, rows[i].wanted[n]));
                        assert_true(!rows[i].here[n] || fabrics_add(&here, rows[i].here[n]));
                }
                *findings = (Findings){ .host = "hv2.lab.test" };
                compare_fabrics(&wanted, &here, "web01", findings);
                if (findings->count != rows[i].findings ||
                    (rows[i].says && !strstr(findings->list[0].message, rows[i].says)))
                        fail_msg("%s: %zu '%s'", rows[i].why, findings->count, findings->list[0].message);
        }
}

static void test_list(void **state) {
        Fabrics f = { .count = 0 };
        char wwn[FABRIC_WWN_SIZE], text[40];

        assert_false(fabrics_add(&f, "2002"));
        assert_false(fabrics_add(&f, "2002000573de9a8g"));
        for (unsigned i = 0; i < FABRICS_MAX + 2; i++) {
                (void)snprintf(wwn, sizeof wwn, "%016x", i + 1);
                assert_int_equal(fabrics_add(&f, wwn), i < FABRICS_MAX);
        }
        assert_true(fabrics_add(&f, "0000000000000001"));       /* there already */
        fabrics_text(&f, text, sizeof text);
        assert_string_equal(text, "0000000000000001, 0000000000000002, 000");
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_devices), cmocka_unit_test(test_pools),
                                            cmocka_unit_test(test_machine), cmocka_unit_test(test_rows),
                                            cmocka_unit_test(test_list) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
