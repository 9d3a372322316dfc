/* Drives and adapters of a definition: where they are, and that they stay there. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "migrate/definition.h"
#include "migrate/device.h"

#define ID "0b0e8a34-9a53-4c1e-8a2f-0d8b4f7f7a11"

static VmDefinition *machine(void) {
        VmDefinition *d = calloc(1, sizeof *d);

        assert_non_null(d);
        d->generation = 1;
        d->memory_bytes = 64ULL << 20;
        d->processor_count = 1;
        strcpy(d->name, "web01");
        strcpy(d->id, ID);
        strcpy(d->folder, "\\\\fs1\\vms\\web01");
        return d;
}

static void test_slots(void **state) {
        (void)state;
        static const struct { const char *why, *text; bool ok; VmSlot slot; } rows[] = {
                { "IDE", "ide:1:0", true, { VM_IDE, 1, 0 } },
                { "SCSI", "scsi:0:63", true, { VM_SCSI, 0, 63 } },
                { "no such controller", "ide:2:0", false, { 0 } },
                { "no such location", "scsi:0:64", false, { 0 } },
                { "another bus", "usb:0:0", false, { 0 } },
                { "signs", "ide:-1:0", false, { 0 } },
                { "spaces", "ide: 1:0", false, { 0 } },
                { "too many digits", "scsi:0:001", false, { 0 } },
                { "more behind it", "ide:0:0:", false, { 0 } },
                { "less", "ide:0", false, { 0 } },
                { "nothing", "", false, { 0 } },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                VmSlot slot = { VM_SCSI, 9, 9 };
                char text[VM_SLOT_TEXT_SIZE];
                if (vm_slot_parse(rows[i].text, &slot) != rows[i].ok)
                        fail_msg("%s", rows[i].why);
                if (!rows[i].ok) {
                        assert_int_equal(slot.controller, 9);
                        continue;
                }
                assert_true(vm_slot_equal(slot, rows[i].slot));
                vm_slot_text(slot, text);
                assert_string_equal(text, rows[i].text);
        }
}

/* Disks stand in the order of their places, whatever the order in which they came. */
static void test_put_and_take(void **state) {
        (void)state;
        auto_free VmDefinition *d = machine(), *empty = machine();
        VmSlot slot;

        assert_true(definition_free_slot(d, VM_IDE, -1, &slot));
        assert_true(vm_slot_equal(slot, (VmSlot){ VM_IDE, 0, 0 }));
        definition_put_disk(d, "\\\\fs1\\vms\\c.raw", (VmSlot){ VM_SCSI, 0, 1 });
        definition_put_disk(d, "\\\\fs1\\vms\\a.raw", (VmSlot){ VM_IDE, 0, 0 });
        definition_put_disk(d, "\\\\fs1\\vms\\b.raw", (VmSlot){ VM_IDE, 1, 0 });
        assert_string_equal(d->disks[0], "\\\\fs1\\vms\\a.raw");
        assert_string_equal(d->disks[1], "\\\\fs1\\vms\\b.raw");
        assert_string_equal(d->disks[2], "\\\\fs1\\vms\\c.raw");
        assert_true(definition_free_slot(d, VM_IDE, 1, &slot));
        assert_int_equal(slot.location, 1);
        d->dvd_count = 1;
        d->dvds[0].slot = slot;
        assert_false(definition_free_slot(d, VM_IDE, 1, &slot));
        assert_true(definition_free_slot(d, VM_SCSI, -1, &slot));
        assert_int_equal(slot.location, 0);
        assert_int_equal(definition_disk_at(d, (VmSlot){ VM_IDE, 1, 0 }), 1);
        assert_int_equal(definition_disk_at(d, (VmSlot){ VM_IDE, 0, 1 }), -1);
        assert_int_equal(definition_dvd_at(d, (VmSlot){ VM_IDE, 1, 1 }), 0);
        definition_take_disk(d, 1);
        assert_string_equal(d->disks[1], "\\\\fs1\\vms\\c.raw");
        definition_take_disk(d, 0);
        definition_take_disk(d, 0);
        definition_take_dvd(d, 0);
        assert_memory_equal(d, empty, sizeof *d);       /* nothing of them is left */
}

static void round_trip(VmDefinition *d, char **ret_xml) {
        auto_free VmDefinition *back = calloc(1, sizeof *back);
        Error err = { 0 };

        if (definition_write(d, true, ret_xml, &err) < 0 || definition_read(*ret_xml, strlen(*ret_xml), back, &err) < 0)
                fail_msg("%s", err.text);
        assert_memory_equal(d, back, sizeof *d);
}

static void add_adapter(VmDefinition *d, const char *name, const char *mac, unsigned slot, const char *to) {
        VmAdapter *a = &d->adapters[d->adapter_count++];
        strcpy(a->name, name);
        strcpy(a->mac, mac);
        strcpy(a->switch_name, to);
        a->slot = slot;
}

static void test_devices(void **state) {
        (void)state;
        auto_free VmDefinition *d = machine();
        auto_free char *xml = NULL, *metadata = NULL;
        DiskName files[VM_FILES_MAX], plain;
        unsigned count = 0;
        Error err = { 0 };

        definition_put_disk(d, "\\\\fs1\\vms\\a.raw", (VmSlot){ VM_IDE, 0, 0 });
        definition_put_disk(d, "\\\\fs1\\vms\\b & c.raw", (VmSlot){ VM_SCSI, 0, 27 });
        d->dvd_count = 2;
        d->dvds[0].slot = (VmSlot){ VM_IDE, 1, 0 };
        strcpy(d->dvds[0].path, "\\\\fs1\\vms\\iso\\setup.iso");
        d->dvds[1].slot = (VmSlot){ VM_IDE, 1, 1 };
        add_adapter(d, "LAN & <1>", "52:54:00:00:00:01", 5, "lan");
        add_adapter(d, "Spare", "52:54:00:00:00:02", 0, "");
        d->adapters[1].static_mac = true;
        round_trip(d, &xml);
        static const char *const wanted[] = {
                "dev=\"vda\" bus=\"virtio\"", "slot=\"0x04\"", "dev=\"sdab\" bus=\"scsi\"", "target=\"27\"",
                "dev=\"hdc\" bus=\"ide\"", "dev=\"hdd\" bus=\"ide\"", "model=\"virtio-scsi\"", "slot=\"0x0d\"",
                "bridge=\"lan\"", "bridge=\"hf-none\"", "state=\"down\"", "boot dev=\"cdrom\"",
        };
        for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
                if (!strstr(xml, wanted[i]))
                        fail_msg("%s is not in %s", wanted[i], xml);

        /* Every file that a disk process has open; the medium's is the machine's own. */
        assert_int_equal(definition_files(d, files, &count, &err), 0);
        assert_int_equal(count, 3);
        assert_string_equal(files[2].unc, d->dvds[0].path);
        assert_int_equal(disk_name(d->dvds[0].path, &plain, &err), 0);
        assert_string_not_equal(files[2].id, plain.id);
        assert_non_null(strstr(xml, files[2].nbd_socket));

        assert_int_equal(definition_write_metadata(d, &metadata, &err), 0);
        assert_null(strstr(metadata, "hf:"));
        assert_non_null(strstr(metadata, "at=\"scsi:0:27\""));
        definition_take_adapter(d, 0);
        assert_string_equal(d->adapters[0].name, "Spare");
}

static void spoil_place(VmDefinition *d) { d->disk_slots[1] = d->disk_slots[0]; }
static void spoil_dvd_place(VmDefinition *d) { d->dvds[0].slot = d->disk_slots[0]; }
static void spoil_dvd_bus(VmDefinition *d) { d->dvds[0].slot = (VmSlot){ VM_SCSI, 0, 9 }; }
static void spoil_controller(VmDefinition *d) { d->disk_slots[1].controller = 1; }
static void spoil_iso(VmDefinition *d) { strcpy(d->dvds[0].path, "/srv/setup.iso"); }
static void spoil_adapter_name(VmDefinition *d) { d->adapters[0].name[0] = '\0'; }
static void spoil_adapter_control(VmDefinition *d) { d->adapters[0].name[0] = '\n'; }
static void spoil_adapter_twin(VmDefinition *d) { strcpy(d->adapters[1].mac, d->adapters[0].mac); }
static void spoil_adapter_place(VmDefinition *d) { d->adapters[1].slot = d->adapters[0].slot; }
static void spoil_adapter_slot(VmDefinition *d) { d->adapters[1].slot = VM_ADAPTERS_MAX; }
static void spoil_nowhere(VmDefinition *d) { strcpy(d->adapters[0].switch_name, VM_SWITCH_NONE); }

static void test_bounds(void **state) {
        (void)state;
        static const struct { const char *why; void (*spoil)(VmDefinition *d); const char *says; } rows[] = {
                { "two disks in one place", spoil_place, "two drives" },
                { "a disk and a DVD drive in one place", spoil_dvd_place, "two drives" },
                { "a DVD drive on SCSI", spoil_dvd_bus, "no machine has a place" },
                { "a second SCSI controller", spoil_controller, "no machine has a place" },
                { "a local ISO", spoil_iso, "DVD drive" },
                { "an adapter without a name", spoil_adapter_name, "no name" },
                { "an adapter's name of control characters", spoil_adapter_control, "control character" },
                { "one MAC address twice", spoil_adapter_twin, "two network adapters" },
                { "two adapters in one place", spoil_adapter_place, "two network adapters" },
                { "an adapter in no place", spoil_adapter_slot, "no machine has" },
                { "the bridge that leads nowhere, by name", spoil_nowhere, "virtual switch" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                auto_free VmDefinition *d = machine();
                auto_free char *xml = NULL;
                Error err = { 0 };

                definition_put_disk(d, "\\\\fs1\\vms\\a.raw", (VmSlot){ VM_IDE, 0, 0 });
                definition_put_disk(d, "\\\\fs1\\vms\\b.raw", (VmSlot){ VM_SCSI, 0, 0 });
                d->dvd_count = 1;
                d->dvds[0].slot = (VmSlot){ VM_IDE, 1, 0 };
                add_adapter(d, "a", "52:54:00:00:00:01", 0, "lan");
                add_adapter(d, "b", "52:54:00:00:00:02", 1, "");
                rows[i].spoil(d);
                if (definition_write(d, false, &xml, &err) != -1 || !strstr(err.text, rows[i].says))
                        fail_msg("%s: %s", rows[i].why, err.text);
        }
}

#define META(inner) "<domain><name>a</name><uuid>" ID "</uuid><metadata><h:vm xmlns:h='urn:holdfast:vm:1' version='1.0' " \
        "generation='1'><h:folder>\\\\fs1\\vms\\a</h:folder>" inner "</h:vm></metadata>"
#define REST "<memory unit='MiB'>64</memory><vcpu>1</vcpu>"
#define DISK(n, at) "<h:disk " at ">\\\\fs1\\vms\\" n ".raw</h:disk>"
#define NIC(mac) "<interface type='bridge'><mac address='" mac "'/><source bridge='lan'/></interface>"

/* What the file of an older host says, and what somebody wrote into it. */
static void test_read(void **state) {
        (void)state;
        static const struct { const char *why, *xml, *says; unsigned disks; const char *last; } rows[] = {
                { "disks without places fill IDE, then SCSI",
                  META(DISK("0", "") DISK("1", "") DISK("2", "") DISK("3", "") DISK("4", "")) REST "</domain>", NULL, 5,
                  "scsi:0:0" },
                { "with places", META(DISK("0", "at='ide:0:1'") DISK("1", "at='scsi:0:9'")) REST "</domain>", NULL, 2,
                  "scsi:0:9" },
                { "in a place that is none", META(DISK("0", "at='ide:7:1'")) REST "</domain>", "no machine has", 0, NULL },
                { "a DVD drive in no place", META("<h:dvd/>") REST "</domain>", "no machine has", 0, NULL },
                { "five DVD drives", META("<h:dvd at='ide:0:0'/><h:dvd at='ide:0:1'/><h:dvd at='ide:1:0'/>"
                                          "<h:dvd at='ide:1:1'/><h:dvd at='ide:1:1'/>") REST "</domain>",
                  "too many DVD drives", 0, NULL },
                { "a name for no adapter", META("<h:adapter name='x'/>") REST "</domain>", "no address", 0, NULL },
                { "an adapter in no place", META("<h:adapter mac='52:54:00:00:00:01' slot='8'/>") REST "</domain>",
                  "no place", 0, NULL },
                { "a number too long for any place", META(DISK("0", "at='scsi:0:0000000000000000000000000'")) REST
                  "</domain>", "too long", 0, NULL },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                auto_free VmDefinition *d = calloc(1, sizeof *d);
                char text[VM_SLOT_TEXT_SIZE];
                Error err = { 0 };
                int r = definition_read(rows[i].xml, strlen(rows[i].xml), d, &err);
                if (rows[i].says ? r != -1 || !strstr(err.text, rows[i].says) : r != 0)
                        fail_msg("%s: %s", rows[i].why, err.text);
                if (rows[i].says)
                        continue;
                assert_int_equal(d->disk_count, rows[i].disks);
                vm_slot_text(d->disk_slots[d->disk_count - 1], text);
                assert_string_equal(text, rows[i].last);
        }
}

static void test_read_adapters(void **state) {
        (void)state;
        static const char xml[] = META("<h:adapter mac='52:54:00:00:00:02' name='Second' slot='0' static='yes'/>") REST
                "<devices>" NIC("52:54:00:00:00:01") NIC("52:54:00:00:00:02")
                "<interface type='bridge'><mac address='52:54:00:00:00:03'/><source bridge='hf-none'/></interface>"
                "</devices></domain>";
        auto_free VmDefinition *d = calloc(1, sizeof *d);
        Error err = { 0 };

        if (definition_read(xml, sizeof xml - 1, d, &err) < 0)
                fail_msg("%s", err.text);
        assert_int_equal(d->adapter_count, 3);
        assert_string_equal(d->adapters[0].name, VM_ADAPTER_NAME);
        assert_int_equal(d->adapters[0].slot, 1);       /* 0 is the second one's */
        assert_string_equal(d->adapters[1].name, "Second");
        assert_true(d->adapters[1].static_mac);
        assert_int_equal(d->adapters[1].slot, 0);
        assert_string_equal(d->adapters[2].switch_name, "");
        assert_int_equal(d->adapters[2].slot, 2);
}

static void test_iso(void **state) {
        (void)state;
        static const struct { const char *why, *path, *says; } rows[] = {
                { "on a share", "//FS1/vms/iso/Setup.ISO", NULL },
                { "on this host", "/srv/setup.iso", "copy the ISO file onto an SMB 3 share" },
                { "of Windows", "C:\\setup.iso", "copy the ISO file onto an SMB 3 share" },
                { "no ISO", "\\\\fs1\\vms\\setup.raw", "no ISO file" },
                { "a share", "\\\\fs1\\.iso", "" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                char unc[DISK_UNC_MAX] = "untouched";
                Error err = { 0 };
                int r = device_check_iso(rows[i].path, unc, &err);
                if (rows[i].says ? r != -1 || !strstr(err.text, rows[i].says) || strcmp(unc, "untouched") != 0
                                 : r != 0 || strcmp(unc, "\\\\fs1\\vms\\iso\\Setup.ISO") != 0)
                        fail_msg("%s: %d, %s, %s", rows[i].why, r, unc, err.text);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_slots), cmocka_unit_test(test_put_and_take), cmocka_unit_test(test_devices),
                cmocka_unit_test(test_bounds), cmocka_unit_test(test_read), cmocka_unit_test(test_read_adapters),
                cmocka_unit_test(test_iso),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
