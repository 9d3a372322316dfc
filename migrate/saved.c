#include "migrate/saved.h"

#include <libxml/parser.h>
#include <libxml/xpath.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"

enum { MAGIC_SIZE = 16, VERSION = 2, RAW = 0 };

/* As libvirt writes it, in the byte order of the machine. */
typedef struct Head {
        char magic[MAGIC_SIZE];
        uint32_t version, data_size, was_running, format, cookie_at, unused[14];
} Head;
_Static_assert(sizeof(Head) == SAVED_FIRST, "libvirt's header");

static const char complete[MAGIC_SIZE + 1] = "LibvirtQemudSave", partial[MAGIC_SIZE + 1] = "LibvirtQemudPart";

int saved_path(const VmDefinition *d, char ret[static DISK_UNC_MAX], Error *err) {
        int n = snprintf(ret, DISK_UNC_MAX, "%s\\%s.vmrs", d->folder, d->id);
        if (n < 0 || n >= DISK_UNC_MAX)
                return error_set(err, ERROR_LIMIT, 0, "the path of \"%s\" in %s is too long", d->name, d->folder);
        return 0;
}

static int bad(Error *err, const char *what) {
        return error_set(err, ERROR_PROTOCOL, 0, "the saved state cannot be used: %s", what);
}

static int check_head(const Head *head, const char *magic, Error *err) {
        if (memcmp(head->magic, magic, MAGIC_SIZE) != 0)
                return bad(err, memcmp(head->magic, partial, MAGIC_SIZE) == 0 ? "it was not written to its end"
                                                                              : "it is no saved state");
        if (head->version != VERSION || head->format != RAW)
                return bad(err, "it has a format that this version of Holdfast does not read");
        if (head->data_size == 0 || head->data_size > SAVED_HEAD_MAX - SAVED_FIRST || head->cookie_at > head->data_size)
                return bad(err, "the length of its head is wrong");
        return 0;
}

int saved_head_size(const void *first, size_t *ret, Error *err) {
        Head head;

        (void)memcpy(&head, first, sizeof head);
        if (check_head(&head, complete, err) < 0)
                return -1;
        *ret = SAVED_FIRST + head.data_size;
        return 0;
}

int saved_complete(void *first, Error *err) {
        Head head;

        (void)memcpy(&head, first, sizeof head);
        if (check_head(&head, partial, err) < 0)
                return -1;
        (void)memcpy(first, complete, MAGIC_SIZE);
        return 0;
}

/* ---- what it describes ------------------------------------------------------------------------- */

#define OURS "(@type='network' and source/@protocol='nbd' and count(source)=1 and count(source/host)=1 and " \
             "starts-with(source/host/@socket, '/run/holdfast/disk/'))"
#define LOG "/var/log/libvirt/qemu/"

/* Each is a list of what may be; a node that is found is one that may not.  The last two know no element: nothing that
 * begins with a slash, and so names a file of the host, but where we expect one. */
static const struct { const char *xpath, *what; } rules[] = {
        { "/domain/*[namespace-uri() != '' or not(self::name or self::uuid or self::genid or self::title or "
          "self::description or self::metadata or self::memory or self::currentMemory or self::vcpu or self::cputune or "
          "self::os or self::features or self::cpu or self::clock or self::on_poweroff or self::on_reboot or "
          "self::on_crash or self::pm or self::devices)]",
          "it has settings that no virtual machine of Holdfast has" },
        { "/domain/os/*[not(self::type or self::boot or self::bios or self::smbios)]", "it would boot from a file of the host" },
        { "/domain/devices//seclabel", "it would run as another user" },
        { "/domain/features/*[not(self::acpi or self::apic or self::pae or self::vmport or self::hyperv)]",
          "it has features that no virtual machine of Holdfast has" },
        { "/domain/devices/*[namespace-uri() != '' or not(self::emulator or self::disk or self::controller or "
          "self::interface or self::serial or self::console or self::input or self::video or self::audio or self::rng or "
          "self::watchdog or self::memballoon or self::panic)]", "it has devices that no virtual machine of Holdfast has" },
        { "/domain/devices/disk[not(" OURS ") and (source or not(@device='cdrom' or @device='floppy'))]",
          "a disk of it is not on an SMB share" },
        { "/domain/devices/disk/*[not(self::driver or self::source or self::target or self::serial or self::boot or "
          "self::alias or self::address or self::readonly or self::iotune or self::backingStore[not(*)])] | "
          "/domain/devices/disk/source/*[not(self::host or self::address or self::reconnect)]",
          "a disk of it has a layer or a key" },
        { "/domain/devices/interface[@type != 'bridge']", "a network adapter of it is not on a switch" },
        { "/domain/devices/interface/*[not(self::mac or self::source or self::target or self::model or self::boot or "
          "self::alias or self::address or self::bandwidth or self::vlan or self::link or self::mtu or self::port or "
          "self::filterref or self::virtualport or self::driver)]", "a network adapter of it runs a program of the host" },
        { "/domain/devices/serial[@type != 'pty'] | /domain/devices/console[@type != 'pty']",
          "a serial port of it reaches into the host" },
        { "/domain/devices/rng/backend[@model != 'random' or . != '/dev/urandom']", "its random numbers are not the host's" },
        { "/domain//@*[starts-with(normalize-space(.), '/') and not(local-name() = 'socket' and "
          "parent::host/parent::source/parent::disk) and not(local-name() = 'file' and parent::log and starts-with(., '"
          LOG "') and not(contains(., '..')))]",
          "it names a file of the host" },
        { "/domain/*[not(self::metadata or self::description or self::title)]//text()[starts-with(normalize-space(.), '/') "
          "and not(parent::emulator) and not(parent::backend/parent::rng)]",
          "it names a file of the host" },
};

static void document_freep(xmlDocPtr *document) { xmlFreeDoc(*document); }
static void xpath_freep(xmlXPathContextPtr *xpath) { xmlXPathFreeContext(*xpath); }
static void object_freep(xmlXPathObjectPtr *object) { xmlXPathFreeObject(*object); }

static int check_rules(xmlXPathContextPtr xpath, Error *err) {
        for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
                auto_(object_freep) xmlXPathObjectPtr found =
                        xmlXPathEvalExpression((const xmlChar *)rules[i].xpath, xpath);
                if (!found)
                        return error_set(err, ERROR_INTERNAL, 0, "the saved state cannot be searched (rule %zu)", i);
                if (found->nodesetval && found->nodesetval->nodeNr > 0)
                        return bad(err, rules[i].what);
        }
        return 0;
}

/* *ret is the caller's; NULL when memory is gone. */
static xmlChar *text_at(xmlXPathContextPtr xpath, const char *what) {
        auto_(object_freep) xmlXPathObjectPtr found = xmlXPathEvalExpression((const xmlChar *)what, xpath);
        return found ? xmlXPathCastToString(found) : NULL;
}

static bool text_is(xmlXPathContextPtr xpath, const char *what, const char *wanted) {
        xmlChar *text = text_at(xpath, what);
        bool is = text && strcmp((const char *)text, wanted) == 0;
        xmlFree(text);
        return is;
}

/* Its disks and media are those of the definition, no fewer and no more. */
static int check_disks(xmlXPathContextPtr xpath, const VmDefinition *d, Error *err) {
        auto_free DiskName *disks = calloc(VM_FILES_MAX, sizeof *disks);
        unsigned n = 0;

        if (!disks)
                return error_oom(err);
        if (definition_files(d, disks, &n, err) < 0)
                return -1;
        for (unsigned i = 0; i < n; i++) {
                auto_free char *count = text_format("count(/domain/devices/disk[source/host/@socket='%s'])",
                                                    disks[i].nbd_socket);
                if (!count)
                        return error_oom(err);
                if (!text_is(xpath, count, "1"))
                        return bad(err, "its disks are not those of the virtual machine");
        }
        auto_free char *all = text_format("%u", n);
        if (!all)
                return error_oom(err);
        return text_is(xpath, "count(/domain/devices/disk/source)", all)
                       ? 0
                       : bad(err, "its disks are not those of the virtual machine");
}

static int check_machine(const char *xml, const VmDefinition *d, Error *err) {
        auto_free VmDefinition *saved = calloc(1, sizeof *saved);

        if (!saved)
                return error_oom(err);
        if (definition_read(xml, strlen(xml), saved, err) < 0)
                return error_wrap(err, "the saved state");
        if (strcmp(saved->id, d->id) != 0)
                return bad(err, "it is another virtual machine's");
        if (strcmp(saved->name, d->name) != 0)
                return error_set(err, ERROR_CONFLICT, 0, "the state of \"%s\" was saved under the name \"%s\"; give it that "
                                 "name back with Rename-VM", d->name, saved->name);
        if (saved->memory_bytes != d->memory_bytes || saved->processor_count != d->processor_count)
                return error_set(err, ERROR_CONFLICT, 0, "the memory or the processors of \"%s\" were changed after its "
                                 "state was saved; change them back", d->name);
        return 0;
}

int saved_check(const char *bytes, size_t size, const VmDefinition *d, bool emulated, const char *emulator, Error *err) {
        Head head;

        if (size < sizeof head)
                return bad(err, "it is too short");
        (void)memcpy(&head, bytes, sizeof head);
        if (check_head(&head, complete, err) < 0)
                return -1;
        size_t space = head.cookie_at ? head.cookie_at : head.data_size;
        const char *xml = bytes + sizeof head;
        if (size != sizeof head + head.data_size || !memchr(xml, '\0', space))
                return bad(err, "the length of its head is wrong");
        if (check_machine(xml, d, err) < 0)     /* no document type, no entity, not too deep: from here on it is tame */
                return -1;
        auto_(document_freep) xmlDocPtr document =
                xmlReadMemory(xml, (int)strlen(xml), NULL, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
        auto_(xpath_freep) xmlXPathContextPtr xpath = document ? xmlXPathNewContext(document) : NULL;
        if (!xpath)
                return error_set(err, ERROR_INTERNAL, 0, "the saved state of \"%s\" cannot be read", d->name);
        if (check_rules(xpath, err) < 0 || check_disks(xpath, d, err) < 0)
                return -1;
        if (!text_is(xpath, "string(/domain/@type)", emulated ? "qemu" : "kvm"))
                return error_set(err, ERROR_UNSUPPORTED, 0, "the state of \"%s\" was saved on a host %s hardware "
                                 "virtualization, and this host is %s; start it on a host of that kind", d->name,
                                 emulated ? "with" : "without", emulated ? "without" : "with");
        if (!text_is(xpath, "count(/domain/devices/emulator)", "1") ||
            !text_is(xpath, "string(/domain/devices/emulator)", emulator))
                return bad(err, "it would run another program than this host's QEMU");
        return 0;
}
