#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "migrate/compare-internal.h"

#define OUR_DISK                                                                                                   \
        "<disk type='network' device='disk'><driver name='qemu' type='raw'/><source protocol='nbd'>"               \
        "<host transport='unix' socket='/run/holdfast/disk/0123/nbd.sock'/></source><backingStore/>"               \
        "<target dev='vda' bus='virtio'/></disk>"
#define OUR_ADAPTER "<interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='lan'/></interface>"

static const struct {
        const char *devices, *remark;
        unsigned id;            /* 0: nothing */
        const char *evidence;   /* part of it */
        const char *remedy;     /* all of it */
} rows[] = {
        { OUR_DISK OUR_ADAPTER "<serial type='pty'/><memballoon model='none'/>", "what our definitions make", 0, "" },
        { OUR_DISK "<disk type='file' device='cdrom'><target dev='sda'/></disk>", "an empty drive", 0, "" },
        { OUR_DISK "<disk type='file' device='cdrom'><source index='2'/><target dev='sda'/></disk>", "an ejected medium", 0, "" },
        { "<hostdev mode='subsystem' type='pci'><source/><alias name='hostdev0'/></hostdev>", "a PCI device",
          FINDING_HOST_DEVICE, "hostdev pci hostdev0",
          "virsh detach-device-alias 'web01' hostdev0 --live" },
        { "<hostdev mode='subsystem' type='usb'><source><vendor id='0x1234'/></source></hostdev>", "a USB device",
          FINDING_HOST_DEVICE, "hostdev usb 0x1234" },
        { "<redirdev bus='usb' type='spicevmc'/>", "a redirected device", FINDING_HOST_DEVICE, "redirdev usb" },
        { "<interface type='hostdev'><mac address='52:54:00:00:00:02'/></interface>", "an SR-IOV card",
          FINDING_HOST_DEVICE, "interface hostdev 52:54:00:00:00:02" },
        { "<interface type='direct'><source dev='eth1'/></interface>", "macvtap", FINDING_HOST_DEVICE, "direct eth1" },
        { "<hostdev mode='subsystem' type='scsi_host'><source protocol='vhost' wwpn='naa.5001'/></hostdev>",
          "Fibre Channel by vhost", FINDING_FIBRE_CHANNEL, "naa.5001" },
        { "<disk type='volume' device='lun'><source pool='npiv' volume='unit:0:0:1'/></disk>", "Fibre Channel by NPIV", 0, "" },
        { "<disk type='file' device='cdrom'><source file='/iso/a.iso'/><target dev='sda'/></disk>", "a local ISO",
          FINDING_LOCAL_FILE, "/iso/a.iso sda",
          "virsh change-media 'web01' sda --eject --live --force" },
        { "<disk type='file' device='disk'><source file='/var/x.img'/></disk>", "a local disk", FINDING_LOCAL_FILE,
          "/var/x.img" },
        { "<disk type='block' device='disk'><source dev='/dev/sdb'/></disk>", "a block device", FINDING_LOCAL_FILE,
          "/dev/sdb" },
        { "<disk type='network' device='disk'><source protocol='rbd' name='pool/x'/></disk>", "another network's disk",
          FINDING_LOCAL_FILE, "pool/x" },
        { "<disk type='network' device='disk'><source protocol='nbd'><host transport='unix' socket='/tmp/nbd'/></source>"
          "</disk>", "another server's disk", FINDING_LOCAL_FILE, "disk" },
        { "<filesystem type='mount'><source dir='/srv'/><target dir='t'/></filesystem>", "a folder",
          FINDING_LOCAL_FILE, "/srv t", "Stop-VM 'web01'\nStart-VM 'web01'" },
        { "<disk type='network' device='disk'><driver type='qcow2'/><source protocol='nbd'><host "
          "socket='/run/holdfast/disk/1/nbd.sock'/></source><target dev='vdb'/></disk>", "a format of QEMU's",
          FINDING_DISK_FORMAT, "vdb qcow2", "Stop-VM 'web01'\nStart-VM 'web01'" },
        { "<disk type='network' device='disk'><driver type='raw'/><source protocol='nbd'><host "
          "socket='/run/holdfast/disk/1/nbd.sock'/></source><mirror/><target dev='vdb'/></disk>", "a block job",
          FINDING_DISK_FORMAT, "vdb", "virsh blockjob 'web01' vdb --abort" },
        { "<disk type='file' device='disk'><source file='/var/x.qcow2'/><backingStore type='network'><source protocol='nbd'/>"
          "</backingStore><target dev='vdc'/></disk>", "an overlay", FINDING_DISK_FORMAT, "/var/x.qcow2 vdc",
          "virsh blockcommit 'web01' vdc --active --pivot --wait" },
        { "<disk type='file' device='disk'><source file='/a'/><target dev='vdb'/></disk><disk type='file' device='disk'>"
          "<source file='/b'/><target dev='vdc'/></disk>", "two local disks", FINDING_LOCAL_FILE, "/a",
          "virsh detach-disk 'web01' vdb --live\nvirsh detach-disk 'web01' vdc --live" },
        { "<disk type='file' device='disk'><source file='/a'/><target dev='vdb; rm -rf /'/></disk>", "a hostile target",
          FINDING_LOCAL_FILE, "/a", "" },
        { "<tpm model='tpm-crb'><backend type='emulator'/></tpm>", "a TPM", FINDING_LOCAL_STATE,
          "tpm tpm-crb emulator", "Stop-VM 'web01'\nStart-VM 'web01'" },
};

static void test_rows(void **state) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                auto_free char *xml = text_format("<domain type='qemu'><name>a</name><devices>%s</devices></domain>",
                                                  rows[i].devices);
                auto_free Findings *findings = calloc(1, sizeof *findings);
                bool emulated = false;
                Error err = { 0 };

                if (compare_devices(xml, "web01", findings, &emulated, &err) < 0)
                        fail_msg("%s: %s", rows[i].remark, err.text);
                assert_true(emulated);
                if (findings->count != (rows[i].id ? 1 : 0))
                        fail_msg("%s: %zu findings, the first: %s", rows[i].remark, findings->count,
                                 findings->list[0].message);
                if (!rows[i].id)
                        continue;
                const Finding *f = &findings->list[0];
                if (f->id != rows[i].id || !strstr(f->evidence, rows[i].evidence) || !strstr(f->message, f->evidence) ||
                    !strstr(f->message, "\"web01\" cannot be moved while"))
                        fail_msg("%s: %u %s [%s]", rows[i].remark, f->id, f->message, f->evidence);
                if (rows[i].remedy && strcmp(f->remedy, rows[i].remedy) != 0)
                        fail_msg("%s: %s", rows[i].remark, f->remedy);
        }
}

/* However many there are, the texts stay in their bounds and name whole things. */
static void test_many(void **state) {
        auto_free Findings *findings = calloc(1, sizeof *findings);
        auto_free char *xml = calloc(1, 64 * 1024);
        bool emulated = true;
        Error err = { 0 };
        char *at = xml + sprintf(xml, "<domain type='kvm'><devices>");

        for (int i = 0; i < 200; i++)
                at += sprintf(at, "<disk type='file' device='disk'><source file='/var/lib/images/disk-%03d.img'/></disk>", i);
        (void)sprintf(at, "</devices></domain>");
        assert_int_equal(compare_devices(xml, "web01", findings, &emulated, &err), 0);
        assert_false(emulated);
        assert_int_equal(findings->count, 1);
        const char *evidence = findings->list[0].evidence;
        assert_string_equal(evidence + strlen(evidence) - 4, ".img");
        assert_int_equal(compare_devices("<domain>", "web01", findings, &emulated, &err), -1);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_many) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
