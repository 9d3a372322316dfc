#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "migrate/definition.h"

static VmDefinition sample(void) {
        VmDefinition d = { .generation = 1, .memory_bytes = 256ULL << 20, .processor_count = 2, .disk_count = 2,
                           .adapter_count = 1 };

        strcpy(d.name, "web 01 & <grün>");
        d.name[9] = 'n'; /* '<' and '>' are no characters of a name */
        d.name[15] = 'n';
        strcpy(d.id, "0b0e8a34-9a53-4c1e-8a2f-0d8b4f7f7a11");
        strcpy(d.notes, "first line\n\tsecond <line> & \"more\"");
        strcpy(d.folder, "\\\\fs1.lab.test\\vms\\web 01 & n");
        strcpy(d.disks[0], "\\\\fs1.lab.test\\vms\\web01\\Virtual Hard Disks\\web01.raw");
        strcpy(d.disks[1], "\\\\fs2.lab.test\\vms\\data & more.raw");
        strcpy(d.adapters[0].switch_name, "br0");
        strcpy(d.adapters[0].mac, "52:54:00:12:34:56");
        strcpy(d.adapters[0].name, "Network Adapter");
        d.disk_slots[1] = (VmSlot){ VM_SCSI, 0, 3 };
        return d;
}

static void test_names(void **state) {
        (void)state;
        char hundred[101], hundred_and_one[102], wide[101 * 3];
        memset(hundred, 'x', 100);
        hundred[100] = '\0';
        memset(hundred_and_one, 'x', 101);
        hundred_and_one[101] = '\0';
        for (size_t i = 0; i < 100; i++)
                memcpy(wide + 3 * i, "€", 3);
        wide[300] = '\0';
        const struct { const char *why, *name, *says; } rows[] = {
                { "plain", "web01", NULL },
                { "spaces and signs inside", "Web 01 (test) [a] & b's", NULL },
                { "not ASCII", "Büro-Grün", NULL },
                { "as long as allowed", hundred, NULL },
                { "empty", "", "needs a name" },
                { "too many characters", hundred_and_one, "longer than" },
                { "too many bytes", wide, "longer than" },
                { "a path", "a\\b", "folder on the share" },
                { "a slash", "a/b", "folder on the share" },
                { "a stream", "a:b", "folder on the share" },
                { "a wildcard", "a*", "folder on the share" },
                { "a pipe", "a|b", "folder on the share" },
                { "a line break", "a\nb", "control character" },
                { "delete", "a\x7f" "b", "control character" },
                { "a space in front", " a", "space" },
                { "a space behind", "a ", "space" },
                { "a dot behind", "a.", "dot" },
                { "only dots", "..", "dot" },
                { "a device", "con", "reserved" },
                { "a device with an extension", "LPT1.x", "reserved" },
                { "only looks like one", "COM", NULL },
                { "only begins like one", "console", NULL },
                { "not UTF-8", "a\xff", "UTF-8" },
                { "no XML character", "a\xEF\xBF\xBE", "UTF-8" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                Error err = { 0 };
                int r = definition_check_name(rows[i].name, &err);
                bool wanted = rows[i].says ? r == -1 && err.kind == ERROR_INVALID && strstr(err.text, rows[i].says)
                                           : r == 0;
                if (!wanted)
                        fail_msg("%s: %d, %s", rows[i].why, r, err.text);
        }
}

static void test_round_trip(void **state) {
        (void)state;
        for (int emulated = 0; emulated < 2; emulated++) {
                VmDefinition d = sample(), back;
                auto_free char *xml = NULL;
                Error err = { 0 };

                memset(&back, 0xEE, sizeof back);
                if (definition_write(&d, emulated, &xml, &err) < 0 ||
                    definition_read(xml, strlen(xml), &back, &err) < 0)
                        fail_msg("%s", err.text);
                assert_memory_equal(&d, &back, sizeof d);
                assert_non_null(strstr(xml, emulated ? "type=\"qemu\"" : "type=\"kvm\""));
                assert_non_null(strstr(xml, "machine=\"" DEFINITION_MACHINE "\""));
                assert_non_null(strstr(xml, "error_policy=\"stop\""));
        }
}

/* What Set-VMProcessor and Set-VMFirmware leave there, in our words and in libvirt's. */
static void test_settings(void **state) {
        (void)state;
        VmDefinition d = sample(), back = { 0 };
        auto_free char *xml = NULL, *plain = NULL, *metadata = NULL;
        DiskName second;
        Error err = { 0 };

        assert_int_equal(definition_write(&d, true, &plain, &err), 0);
        assert_non_null(strstr(plain, "<boot dev=\"hd\"/>"));
        assert_null(strstr(plain, "cputune"));
        assert_null(strstr(plain, "topology"));
        assert_int_equal(disk_name(d.disks[1], &second, &err), 0);
        d.processor_count = 4;
        d.threads_per_core = 2;
        d.processor_weight = 250;
        d.processor_maximum = 40;
        d.saved = true;
        d.boot_count = 3;
        strcpy(d.boot[0], "ide:1:0");   /* a drive that is gone */
        strcpy(d.boot[1], second.id);
        strcpy(d.boot[2], d.adapters[0].mac);
        if (definition_write(&d, true, &xml, &err) < 0 || definition_read(xml, strlen(xml), &back, &err) < 0)
                fail_msg("%s", err.text);
        assert_memory_equal(&d, &back, sizeof d);
        static const char *const words[] = { "<shares>250</shares>", "<period>100000</period>", "<quota>40000</quota>",
                                             "cores=\"2\" threads=\"2\"", "<boot order=\"1\"/>", "<boot order=\"2\"/>" };
        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (!strstr(xml, words[i]))
                        fail_msg("%s is missing in %s", words[i], xml);
        assert_null(strstr(xml, "<boot dev="));
        assert_null(strstr(xml, "<boot order=\"3\"/>"));
        assert_int_equal(definition_boot_rank(&d, "ide:1:0"), 0);
        assert_int_equal(definition_boot_rank(&d, second.id), 1);
        d.boot_count = 1;               /* nothing is left of the order */
        assert_false(definition_has_boot(&d));
        assert_int_equal(definition_write_metadata(&d, &metadata, &err), 0);
        assert_non_null(strstr(metadata, "<processor threads=\"2\" weight=\"250\" maximum=\"40\"/>"));
        assert_non_null(strstr(metadata, "<boot>"));
        assert_non_null(strstr(metadata, "<saved/>"));
        assert_null(strstr(metadata, "hf:"));   /* libvirt puts a prefix of its own before every name */
}

/* Every bound once; each row spoils a sample in one place. */
static void spoil_id(VmDefinition *d) { d->id[3] = 'X'; }
static void spoil_memory(VmDefinition *d) { d->memory_bytes = 1 << 20; }
static void spoil_memory_unit(VmDefinition *d) { d->memory_bytes += 4096; }
static void spoil_processors(VmDefinition *d) { d->processor_count = 0; }
static void spoil_generation(VmDefinition *d) { d->generation = 2; }
static void spoil_folder(VmDefinition *d) { strcpy(d->folder, "/var/lib"); }
static void spoil_disk(VmDefinition *d) { strcpy(d->disks[1], "C:\\disk.raw"); }
static void spoil_twice(VmDefinition *d) {
        strcpy(d->disks[1], "\\\\FS1.lab.test\\VMS\\web01\\virtual hard disks\\WEB01.raw");
}
static void spoil_switch(VmDefinition *d) { strcpy(d->adapters[0].switch_name, "../br0"); }
static void spoil_mac(VmDefinition *d) { strcpy(d->adapters[0].mac, "53:54:00:12:34:56"); }
static void spoil_notes(VmDefinition *d) { d->notes[2] = '\x01'; }
static void spoil_threads(VmDefinition *d) { d->threads_per_core = 2, d->processor_count = 3; }
static void spoil_weight(VmDefinition *d) { d->processor_weight = 10001; }
static void spoil_maximum(VmDefinition *d) { d->processor_maximum = 101; }
static void spoil_boot(VmDefinition *d) { strcpy(d->boot[d->boot_count++], "/dev/sda"); }
static void spoil_boot_twice(VmDefinition *d) {
        d->boot_count = 2;
        strcpy(d->boot[0], "52:54:00:12:34:56");
        strcpy(d->boot[1], "52:54:00:12:34:56");
}
static void spoil_boots(VmDefinition *d) { d->boot_count = VM_BOOT_MAX + 1; }
static void spoil_count(VmDefinition *d) { d->disk_count = VM_DISKS_MAX + 1; }

static void test_bounds(void **state) {
        (void)state;
        static const struct { const char *why; void (*spoil)(VmDefinition *d); const char *says; } rows[] = {
                { "id", spoil_id, "no UUID" }, { "memory", spoil_memory, "multiple of" },
                { "odd memory", spoil_memory_unit, "multiple of" },
                { "processors", spoil_processors, "processors" },
                { "generation", spoil_generation, "generation 2" }, { "folder", spoil_folder, "folder" },
                { "local disk", spoil_disk, "disk 1" }, { "one disk twice", spoil_twice, "twice" },
                { "switch", spoil_switch, "virtual switch" }, { "group MAC", spoil_mac, "MAC" },
                { "notes", spoil_notes, "control character" }, { "disks", spoil_count, "more than" },
                { "threads", spoil_threads, "whole cores" }, { "weight", spoil_weight, "weight" },
                { "maximum", spoil_maximum, "maximum" }, { "boot", spoil_boot, "neither a drive" },
                { "boot twice", spoil_boot_twice, "twice" }, { "boots", spoil_boots, "to boot from" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                VmDefinition d = sample();
                Error err = { 0 };
                auto_free char *xml = NULL;
                rows[i].spoil(&d);
                if (definition_write(&d, false, &xml, &err) != -1 || !strstr(err.text, rows[i].says))
                        fail_msg("%s: %s", rows[i].why, err.text);
                assert_null(xml);
        }
}

#define HEAD "<domain type='kvm'><name>a</name><uuid>0b0e8a34-9a53-4c1e-8a2f-0d8b4f7f7a11</uuid>"
#define META(inner) "<metadata><h:vm xmlns:h='urn:holdfast:vm:1' version='1.0' generation='1'>" \
        "<h:folder>\\\\fs1\\vms\\a</h:folder>" inner "</h:vm></metadata>"
#define REST "<memory unit='MiB'>64</memory><vcpu>1</vcpu>"
#define TAIL "</domain>"

static void test_hostile(void **state) {
        (void)state;
        static const struct { const char *why, *xml, *says; } rows[] = {
                { "the least", HEAD META("") REST TAIL, NULL },
                { "upper-case id, other prefix, comments",
                  "<domain><!-- c --><name>a</name><uuid>0B0E8A34-9A53-4C1E-8A2F-0D8B4F7F7A11</uuid>" META("")
                  REST TAIL, NULL },
                { "what we do not know is dropped", HEAD META("<h:future>1</h:future>") REST
                  "<devices><hostdev mode='subsystem'/><emulator>/bin/sh</emulator></devices>"
                  "<q:commandline xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'><q:arg value='-x'/>"
                  "</q:commandline>" TAIL,
                  NULL },
                { "empty", "", "not well-formed" },
                { "not XML", "hello", "not well-formed" },
                { "cut off", HEAD META("") REST, "not well-formed" },
                { "another root", "<network><name>a</name></network>", "no domain XML" },
                { "a domain of somebody else", HEAD REST TAIL, "metadata is missing" },
                { "our element in no namespace",
                  HEAD "<metadata><vm version='1.0' generation='1'/></metadata>" REST TAIL,
                  "metadata is missing" },
                { "document type", "<!DOCTYPE domain [<!ENTITY a 'b'>]>" HEAD META("") REST TAIL, "document type" },
                { "undeclared entity", "<domain><name>&a;</name>" META("") REST TAIL, "" },
                { "processing instruction", "<?php x?>" HEAD META("") REST TAIL, "processing instruction" },
                { "name twice", HEAD "<name>b</name>" META("") REST TAIL, "twice" },
                { "name missing", "<domain><uuid>0b0e8a34-9a53-4c1e-8a2f-0d8b4f7f7a11</uuid>" META("") REST TAIL,
                  "needs a name" },
                { "name with a path", "<domain><name>../a</name><uuid>0b0e8a34-9a53-4c1e-8a2f-0d8b4f7f7a11</uuid>"
                  META("") REST TAIL, "folder on the share" },
                { "newer version",
                  HEAD "<metadata><h:vm xmlns:h='urn:holdfast:vm:1' version='2.0' generation='1'/></metadata>"
                  REST TAIL, "update this host" },
                { "local disk", HEAD META("<h:disk>/etc/shadow</h:disk>") REST TAIL, "disk 0" },
                { "negative number", HEAD META("") "<memory>-1</memory><vcpu>1</vcpu>" TAIL, "number" },
                { "overflow", HEAD META("") "<memory unit='b'>99999999999999999999999</memory><vcpu>1</vcpu>" TAIL,
                  "too large" },
                { "overflow by unit", HEAD META("") "<memory unit='GiB'>99999999</memory><vcpu>1</vcpu>" TAIL,
                  "too large" },
                { "unknown unit", HEAD META("") "<memory unit='parsec'>1</memory><vcpu>1</vcpu>" TAIL, "unit" },
                { "too deep", HEAD META("") REST
                  "<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a>x</a></a></a></a></a></a></a></a></a>"
                  "</a></a></a></a></a></a></a></a>" TAIL, "too deep" },
                { "UTF-16", "\xff\xfe<\0d\0", "UTF-8" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                VmDefinition d = { .name = "untouched" };
                Error err = { 0 };
                int r = definition_read(rows[i].xml, strlen(rows[i].xml), &d, &err);
                if (!rows[i].says) {
                        if (r != 0)
                                fail_msg("%s: %s", rows[i].why, err.text);
                        assert_string_equal(d.id, "0b0e8a34-9a53-4c1e-8a2f-0d8b4f7f7a11");
                        continue;
                }
                if (r != -1 || !strstr(err.text, rows[i].says))
                        fail_msg("%s: %d, %s", rows[i].why, r, err.text);
                assert_string_equal(d.name, "untouched");
        }
}

static void test_limits(void **state) {
        (void)state;
        VmDefinition d;
        Error err = { 0 };
        size_t size = VM_DEFINITION_MAX + 1;
        auto_free char *big = malloc(size);
        assert_non_null(big);
        memset(big, ' ', size);
        assert_int_equal(definition_read(big, size, &d, &err), -1);
        assert_non_null(strstr(err.text, "larger"));

        /* many small elements; and many disks */
        strcpy(big, HEAD);
        for (int i = 0; i < 9000; i++)
                memcpy(big + strlen(HEAD) + 4 * (size_t)i, "<a/>", 5);
        strcat(big, TAIL);
        assert_int_equal(definition_read(big, strlen(big), &d, &err), -1);
        assert_non_null(strstr(err.text, "too many elements"));

        strcpy(big, HEAD "<metadata><h:vm xmlns:h='urn:holdfast:vm:1' generation='1' version='1.0'>");
        for (int i = 0; i <= VM_DISKS_MAX; i++)
                sprintf(big + strlen(big), "<h:disk>\\\\a\\b\\%d.raw</h:disk>", i);
        strcat(big, "</h:vm></metadata>" TAIL);
        assert_int_equal(definition_read(big, strlen(big), &d, &err), -1);
        assert_non_null(strstr(err.text, "too many disks"));

        strcpy(big, HEAD "<description>");
        memset(big + strlen(HEAD) + 13, 'n', VM_NOTES_SIZE);
        strcpy(big + strlen(HEAD) + 13 + VM_NOTES_SIZE, "</description>" META("") REST TAIL);
        assert_int_equal(definition_read(big, strlen(big), &d, &err), -1);
        assert_non_null(strstr(err.text, "too long"));
}

static void test_paths(void **state) {
        (void)state;
        VmDefinition d = sample();
        char path[DISK_UNC_MAX];
        Error err = { 0 };
        DiskName disks[VM_DISKS_MAX];

        assert_int_equal(definition_path(&d, path, sizeof path, &err), 0);
        assert_non_null(strstr(path, ".vm"));
        assert_int_equal(definition_path(&d, path, 20, &err), -1);
        assert_int_equal(definition_disks(&d, disks, &err), 0);
        assert_string_equal(disks[0].unc, d.disks[0]);
        assert_int_equal(strlen(disks[0].id), 32);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),     cmocka_unit_test(test_round_trip), cmocka_unit_test(test_settings), cmocka_unit_test(test_bounds),
                cmocka_unit_test(test_hostile),   cmocka_unit_test(test_limits),     cmocka_unit_test(test_paths),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
