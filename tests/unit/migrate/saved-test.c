/* What may stand in the head of a saved state; everything that would reach into the host is refused. */
#include "tests/unit/test.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "migrate/saved.h"

#define ID "0b0e8a34-9a53-4c1e-8a2f-0d8b4f7f7a11"
#define QEMU "/usr/bin/qemu-system-x86_64"
#define DISK "\\\\fs1.lab.test\\vms\\web01\\web01.raw"
#define LOG "/var/log/libvirt/qemu/web01-serial.log"

static VmDefinition sample(void) {
        VmDefinition d = { .name = "web01", .id = ID, .folder = "\\\\fs1.lab.test\\vms\\web01", .generation = 1,
                           .memory_bytes = 256ULL << 20, .processor_count = 1, .disk_count = 1, .disks = { DISK } };
        return d;
}

/* As libvirt writes it. */
static char *sample_xml(void) {
        DiskName disk;
        Error err = { 0 };

        assert_int_equal(disk_name(DISK, &disk, &err), 0);
        return text_format(
                "<domain type='qemu'>\n<name>web01</name>\n<uuid>" ID "</uuid>\n"
                "<metadata><hf:vm xmlns:hf='urn:holdfast:vm:1' version='1.0' generation='1'>"
                "<hf:folder>\\\\fs1.lab.test\\vms\\web01</hf:folder><hf:disk>" DISK "</hf:disk></hf:vm>"
                "<holdfast-run:run xmlns:holdfast-run='urn:holdfast:run:1' started='1'/></metadata>\n"
                "<memory unit='KiB'>262144</memory>\n<currentMemory unit='KiB'>262144</currentMemory>\n"
                "<vcpu placement='static'>1</vcpu>\n"
                "<os><type arch='x86_64' machine='pc-i440fx-10.0'>hvm</type><boot dev='hd'/><bios useserial='no'/></os>\n"
                "<features><acpi/><apic/></features>\n"
                "<cpu mode='custom' match='exact' check='none'><model fallback='forbid'>qemu64</model></cpu>\n"
                "<clock offset='utc'><timer name='rtc' tickpolicy='catchup'/></clock>\n"
                "<on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>destroy</on_crash>\n"
                "<pm><suspend-to-mem enabled='no'/></pm>\n"
                "<devices>\n<emulator>" QEMU "</emulator>\n"
                "<disk type='network' device='disk'><driver name='qemu' type='raw' cache='none'/>"
                "<source protocol='nbd'><host transport='unix' socket='%s'/></source><target dev='vda' bus='virtio'/>"
                "<serial>1</serial><address type='pci' slot='0x04'/></disk>\n"
                "<disk type='network' device='cdrom'><target dev='hda' bus='ide'/><readonly/></disk>\n"
                "<controller type='scsi' index='0' model='virtio-scsi'/>\n"
                "<interface type='bridge'><mac address='52:54:00:12:34:56'/><source bridge='br0'/>"
                "<model type='virtio'/><link state='up'/></interface>\n"
                "<serial type='pty'><log file='" LOG "' append='on'/><target port='0'/></serial>\n"
                "<console type='pty'><log file='" LOG "' append='on'/></console>\n"
                "<input type='mouse' bus='ps2'/><memballoon model='none'/>\n"
                "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>\n</devices>\n</domain>",
                disk.nbd_socket);
}

/* The XML, a cookie, zeros; *ret_size.  The caller frees. */
static char *head_of(const char *magic, const char *xml, size_t *ret_size) {
        static const char cookie[] = "<cookie/>";
        uint32_t space = (uint32_t)(strlen(xml) + 1 + sizeof cookie + 1024), fields[5] = { 2, space, 1, 0, (uint32_t)strlen(xml) + 1 };
        char *head = calloc(1, SAVED_FIRST + space);

        assert_non_null(head);
        memcpy(head, magic, 16);
        memcpy(head + 16, fields, sizeof fields);
        strcpy(head + SAVED_FIRST, xml);
        strcpy(head + SAVED_FIRST + fields[4], cookie);
        *ret_size = SAVED_FIRST + space;
        return head;
}

static char *replaced(const char *text, const char *from, const char *to) {
        const char *at = strstr(text, from);
        assert_non_null(at);
        return text_format("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

static void test_what_it_describes(void **state) {
        static const struct { const char *why, *from, *to, *says; ErrorKind kind; } rows[] = {
                { "as it is", "web01", "web01", NULL, ERROR_NONE },
                { "another program", QEMU, "/bin/sh", "another program", ERROR_PROTOCOL },
                { "no program", "<emulator>" QEMU "</emulator>", "", "another program", ERROR_PROTOCOL },
                { "two programs", "<emulator>", "<emulator>/bin/sh</emulator><emulator>", "another program", ERROR_PROTOCOL },
                { "a command line", "</domain>", "<q:commandline xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'>"
                  "<q:arg value='-x'/></q:commandline></domain>", "settings that no", ERROR_PROTOCOL },
                { "a user", "</domain>", "<seclabel type='static' model='dac'><label>+0:+0</label></seclabel></domain>",
                  "settings that no", ERROR_PROTOCOL },
                { "a user for a disk", "<readonly/>", "<readonly/><seclabel model='dac' relabel='no'/>", "another user",
                  ERROR_PROTOCOL },
                { "a kernel", "<boot dev='hd'/>", "<kernel>/boot/vmlinuz</kernel>", "file of the host", ERROR_PROTOCOL },
                { "memory in a file", "<vcpu", "<memoryBacking><source type='file'/></memoryBacking><vcpu", "settings that no",
                  ERROR_PROTOCOL },
                { "a local disk", "<disk type='network' device='cdrom'>",
                  "<disk type='file' device='disk'><source file='/etc/shadow'/></disk><disk type='network' device='cdrom'>",
                  "not on an SMB share", ERROR_PROTOCOL },
                { "a local medium", "<target dev='hda'", "<source file='/etc/shadow'/><target dev='hda'", "not on an SMB share",
                  ERROR_PROTOCOL },
                { "a medium without a path", "<target dev='hda'", "<source file='shadow'/><target dev='hda'",
                  "not on an SMB share", ERROR_PROTOCOL },
                { "somebody else's disk", "/run/holdfast/disk/", "/run/holdfast/disk/0", "not those of the virtual machine",
                  ERROR_PROTOCOL },
                { "a socket elsewhere", "/run/holdfast/disk/", "/run/other/", "not on an SMB share", ERROR_PROTOCOL },
                { "two sources", "<source protocol='nbd'>", "<source file='/etc/shadow'/><source protocol='nbd'>",
                  "not on an SMB share", ERROR_PROTOCOL },
                { "a layer", "<serial>1</serial>", "<backingStore type='file'><source file='x'/></backingStore>", "layer",
                  ERROR_PROTOCOL },
                { "a device of the host", "<input ", "<hostdev mode='subsystem' type='pci'/><input ", "devices that no",
                  ERROR_PROTOCOL },
                { "a folder of the host", "<input ", "<filesystem type='mount'><source dir='/'/></filesystem><input ",
                  "devices that no", ERROR_PROTOCOL },
                { "a channel", "<input ", "<channel type='unix'/><input ", "devices that no", ERROR_PROTOCOL },
                { "a network card of the host", "<interface type='bridge'>", "<interface type='direct'>", "not on a switch",
                  ERROR_PROTOCOL },
                { "a script", "<link state='up'/>", "<script path='/x'/>", "runs a program", ERROR_PROTOCOL },
                { "a serial port to a program", "<serial type='pty'>", "<serial type='pipe'>", "serial port", ERROR_PROTOCOL },
                { "a console that is a socket", "<console type='pty'>", "<console type='unix'>", "serial port", ERROR_PROTOCOL },
                { "a log elsewhere", LOG, "/etc/cron.d/x", "names a file", ERROR_PROTOCOL },
                { "a log that climbs", LOG, "/var/log/libvirt/qemu/../../../../etc/x", "names a file", ERROR_PROTOCOL },
                { "a log with a blank in front", LOG, " /etc/cron.d/x", "names a file", ERROR_PROTOCOL },
                { "other random numbers", "/dev/urandom", "/dev/sda", "random", ERROR_PROTOCOL },
                { "an audio device's file", "<input ", "<audio id='1' type='file' path='/etc/x'/><input ", "names a file",
                  ERROR_PROTOCOL },
                { "another machine", ID, "1b0e8a34-9a53-4c1e-8a2f-0d8b4f7f7a11", "another virtual machine's", ERROR_PROTOCOL },
                { "under another name", "<name>web01<", "<name>web02<", "Rename-VM", ERROR_CONFLICT },
                { "with other memory", "<memory unit='KiB'>262144<", "<memory unit='KiB'>524288<", "changed after", ERROR_CONFLICT },
                { "on other hardware", "<domain type='qemu'>", "<domain type='kvm'>", "hardware virtualization", ERROR_UNSUPPORTED },
                { "a document type", "<domain", "<!DOCTYPE domain [<!ENTITY a 'b'>]><domain", "document type", ERROR_PROTOCOL },
                { "not ours", "urn:holdfast:vm:1", "urn:other", "metadata is missing", ERROR_PROTOCOL },
        };
        VmDefinition d = sample();
        auto_free char *good = sample_xml();
        (void)state;

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                size_t size;
                auto_free char *xml = replaced(good, rows[i].from, rows[i].to);
                auto_free char *head = head_of("LibvirtQemudSave", xml, &size);
                Error err = { 0 };
                int r = saved_check(head, size, &d, true, QEMU, &err);
                if (rows[i].says ? r != -1 || err.kind != rows[i].kind || !strstr(err.text, rows[i].says) : r != 0)
                        fail_msg("%s: %d, %s", rows[i].why, r, err.text);
        }
}

static void test_disks(void **state) {
        VmDefinition d = sample();
        auto_free char *xml = sample_xml();
        size_t size;
        auto_free char *head = head_of("LibvirtQemudSave", xml, &size);
        Error err = { 0 };
        (void)state;

        d.disk_count = 0;               /* it was taken out meanwhile */
        assert_int_equal(saved_check(head, size, &d, true, QEMU, &err), -1);
        assert_non_null(strstr(err.text, "not those of"));
        d = sample();
        strcpy(d.disks[1], "\\\\fs1\\vms\\other.raw");
        d.disk_slots[1].location = 1;
        d.disk_count = 2;               /* it was put in */
        assert_int_equal(saved_check(head, size, &d, true, QEMU, &err), -1);
        assert_non_null(strstr(err.text, "not those of"));
}

static void test_head(void **state) {
        static const struct { const char *why; size_t at; uint32_t value; const char *says; } rows[] = {
                { "another version", 16, 3, "format" }, { "a packed one", 28, 1, "format" }, { "no length", 20, 0, "length" },
                { "far too long", 20, UINT32_MAX, "length" }, { "a cookie behind the end", 32, UINT32_MAX, "length" },
        };
        size_t size, got = 0;
        auto_free char *head = head_of("LibvirtQemudSave", "<domain/>", &size);
        Error err = { 0 };
        VmDefinition d = sample();
        (void)state;

        assert_int_equal(saved_head_size(head, &got, &err), 0);
        assert_int_equal(got, size);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                auto_free char *bad = malloc(size);
                assert_non_null(bad);
                memcpy(bad, head, size);
                memcpy(bad + rows[i].at, &rows[i].value, sizeof rows[i].value);
                got = 1;
                if (saved_head_size(bad, &got, &err) != -1 || got != 1 || !strstr(err.text, rows[i].says))
                        fail_msg("%s: %s", rows[i].why, err.text);
                assert_int_equal(saved_check(bad, size, &d, true, QEMU, &err), -1);
        }
        assert_int_equal(saved_check(head, size - 1, &d, true, QEMU, &err), -1);
        assert_int_equal(saved_check(head, 10, &d, true, QEMU, &err), -1);
        memset(head + SAVED_FIRST, 'x', size - SAVED_FIRST);    /* no end of the text */
        assert_int_equal(saved_check(head, size, &d, true, QEMU, &err), -1);
}

/* libvirt's mark is the last thing that is set. */
static void test_complete(void **state) {
        size_t size, got;
        auto_free char *head = head_of("LibvirtQemudPart", "<domain/>", &size);
        Error err = { 0 };
        (void)state;

        assert_int_equal(saved_head_size(head, &got, &err), -1);
        assert_non_null(strstr(err.text, "not written to its end"));
        assert_int_equal(saved_complete(head, &err), 0);
        assert_int_equal(saved_head_size(head, &got, &err), 0);
        assert_int_equal(saved_complete(head, &err), -1);
}

static void test_path(void **state) {
        VmDefinition d = sample();
        char path[DISK_UNC_MAX];
        Error err = { 0 };
        (void)state;

        assert_int_equal(saved_path(&d, path, &err), 0);
        assert_string_equal(path, "\\\\fs1.lab.test\\vms\\web01\\" ID ".vmrs");
        memset(d.folder, 'x', sizeof d.folder - 1);
        assert_int_equal(saved_path(&d, path, &err), -1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_it_describes), cmocka_unit_test(test_disks), cmocka_unit_test(test_head),
                cmocka_unit_test(test_complete), cmocka_unit_test(test_path),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
