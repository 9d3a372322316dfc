/* definition-check.c — the bounds of a definition; see definition.h */
#include "migrate/definition.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"

/* U+FFFE and U+FFFF are UTF-8, but no XML. */
static bool has_no_xml_character(const char *text) {
        return strstr(text, "\xEF\xBF\xBE") || strstr(text, "\xEF\xBF\xBF");
}

static size_t characters(const char *text) {
        size_t n = 0;
        for (; *text; text++)
                n += ((unsigned char)*text & 0xC0) != 0x80;
        return n;
}

/* [MS-FSCC] 2.1.5 does not forbid these, but no Windows client opens such a folder. */
static bool is_dos_device(const char *name) {
        static const char *const devices[] = { "CON", "PRN", "AUX", "NUL", "COM", "LPT" };
        char stem[5] = "";
        size_t n = strcspn(name, ".");

        if (n != 3 && n != 4)
                return false;
        (void)memcpy(stem, name, n);
        if (n == 4 && (stem[3] < '1' || stem[3] > '9'))
                return false;
        stem[3] = '\0';
        for (size_t i = n == 3 ? 0 : 4; i < (n == 3 ? 4 : ARRAY_SIZE(devices)); i++)
                if (text_equal_nocase(stem, devices[i]))
                        return true;
        return false;
}

int definition_check_name(const char *name, Error *err) {
        static const char forbidden[] = "/\\:*?\"<>|";
        size_t size = strlen(name);

        if (size == 0)
                return error_set(err, ERROR_INVALID, 0, "a virtual machine needs a name; give one with -Name");
        if (!text_is_utf8(name, size) || has_no_xml_character(name))
                return error_set(err, ERROR_INVALID, 0, "the name of the virtual machine is not valid UTF-8 text");
        if (size >= VM_NAME_SIZE || characters(name) > VM_NAME_CHARACTERS_MAX)
                return error_set(err, ERROR_INVALID, 0,
                                 "the name of the virtual machine is longer than %d characters (or %d bytes); "
                                 "choose a shorter one", VM_NAME_CHARACTERS_MAX, VM_NAME_SIZE - 1);
        for (const char *p = name; *p; p++) {
                if ((unsigned char)*p < 0x20 || *p == 0x7F)
                        return error_set(err, ERROR_INVALID, 0,
                                         "the name of the virtual machine holds a control character; leave it out");
                if (strchr(forbidden, *p))
                        return error_set(err, ERROR_INVALID, 0,
                                         "the virtual machine name \"%s\" holds '%c'; a name "
                                         "becomes a folder on the share and must hold none of %s",
                                         name, *p, forbidden);
        }
        if (name[0] == ' ' || name[size - 1] == ' ' || name[size - 1] == '.')
                return error_set(err, ERROR_INVALID, 0,
                                 "the virtual machine name \"%s\" begins or ends with a space, "
                                 "or ends with a dot; Windows cannot open such a folder",
                                 name);
        if (is_dos_device(name))
                return error_set(err, ERROR_INVALID, 0, "the virtual machine name \"%s\" is reserved by Windows; "
                                 "choose another", name);
        return 0;
}

static bool is_uuid(const char *text) {
        for (size_t i = 0; i < UUID_TEXT_SIZE - 1; i++) {
                bool dash = i == 8 || i == 13 || i == 18 || i == 23;
                if (dash ? text[i] != '-' : !strchr("0123456789abcdef", text[i]) || text[i] == '\0')
                        return false;
        }
        return text[UUID_TEXT_SIZE - 1] == '\0';
}

static bool is_mac(const char *text) {
        for (size_t i = 0; i < VM_MAC_SIZE - 1; i++)
                if (i % 3 == 2 ? text[i] != ':' : !strchr("0123456789abcdef", text[i]) || text[i] == '\0')
                        return false;
        /* The lowest bit of the first byte would make it a group address. */
        return text[VM_MAC_SIZE - 1] == '\0' && !strchr("13579bdf", text[1]);
}

/* What Linux accepts as the name of a bridge, minus what would confuse a reader. */
static bool is_switch(const char *text) {
        size_t n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.");
        return n > 0 && n < VM_SWITCH_SIZE && text[n] == '\0' && text[0] != '.';
}

static int check_notes(const VmDefinition *d, Error *err) {
        for (const char *p = d->notes; *p; p++)
                if ((unsigned char)*p < 0x20 && !strchr("\n\t", *p))
                        return error_set(err, ERROR_INVALID, 0,
                                         "the notes of \"%s\" hold a control character; leave it out", d->name);
        if (!text_is_utf8(d->notes, strlen(d->notes)) || has_no_xml_character(d->notes))
                return error_set(err, ERROR_INVALID, 0, "the notes of \"%s\" are not valid UTF-8 text", d->name);
        return 0;
}

static int check_adapter(const VmDefinition *d, unsigned i, Error *err) {
        const VmAdapter *a = &d->adapters[i];

        if (*a->switch_name && (!is_switch(a->switch_name) || strcmp(a->switch_name, VM_SWITCH_NONE) == 0))
                return error_set(err, ERROR_INVALID, 0, "\"%s\" is no name of a virtual switch; it has at most %d of "
                                 "letters, digits, - _ and .", a->switch_name, VM_SWITCH_SIZE - 1);
        if (!is_mac(a->mac))
                return error_set(err, ERROR_INVALID, 0, "a network adapter of \"%s\" has the MAC address "
                                 "\"%s\", which is none", d->name, a->mac);
        if (!*a->name || !text_is_utf8(a->name, strlen(a->name)) || has_no_xml_character(a->name))
                return error_set(err, ERROR_INVALID, 0, "a network adapter of \"%s\" has no name, or one that is not "
                                 "valid UTF-8 text", d->name);
        for (const char *p = a->name; *p; p++)
                if ((unsigned char)*p < 0x20 || *p == 0x7F)
                        return error_set(err, ERROR_INVALID, 0, "the name of a network adapter of \"%s\" holds a "
                                         "control character; leave it out", d->name);
        for (unsigned j = 0; j < i; j++)
                if (strcmp(d->adapters[j].mac, a->mac) == 0 || d->adapters[j].slot == a->slot)
                        return error_set(err, ERROR_INVALID, 0, "two network adapters of \"%s\" have the MAC address %s "
                                         "or are in one place", d->name, a->mac);
        return a->slot < VM_ADAPTERS_MAX ? 0 : error_set(err, ERROR_INVALID, 0, "a network adapter of \"%s\" is in a "
                                                         "place that no machine has", d->name);
}

/* Every location at most once, for disks and DVD drives together. */
static int check_slots(const VmDefinition *d, Error *err) {
        for (unsigned i = 0; i < d->disk_count + d->dvd_count; i++) {
                bool is_disk = i < d->disk_count;
                VmSlot slot = is_disk ? d->disk_slots[i] : d->dvds[i - d->disk_count].slot;
                if (!vm_slot_exists(slot) || (!is_disk && slot.bus != VM_IDE))
                        return error_set(err, ERROR_INVALID, 0, "\"%s\" has a drive where no machine has a place for "
                                         "it", d->name);
                if (is_disk ? definition_disk_at(d, slot) != (int)i || definition_dvd_at(d, slot) >= 0
                            : definition_dvd_at(d, slot) != (int)(i - d->disk_count))
                        return error_set(err, ERROR_INVALID, 0, "\"%s\" has two drives at location %u of %s controller "
                                         "%u", d->name, slot.location, vm_bus_name(slot.bus), slot.controller);
        }
        return 0;
}

static int check_devices(const VmDefinition *d, Error *err) {
        if (d->disk_count > VM_DISKS_MAX || d->dvd_count > VM_DVDS_MAX || d->adapter_count > VM_ADAPTERS_MAX)
                return error_set(err, ERROR_LIMIT, 0,
                                 "\"%s\" has more than %d disks, %d DVD drives or %d network adapters", d->name,
                                 VM_DISKS_MAX, VM_DVDS_MAX, VM_ADAPTERS_MAX);
        auto_free DiskName *names = calloc(VM_DISKS_MAX, sizeof *names);
        if (!names)
                return error_oom(err);
        if (definition_disks(d, names, err) < 0)
                return -1;
        for (unsigned i = 0; i < d->disk_count; i++)
                for (unsigned j = 0; j < i; j++)
                        if (strcmp(names[i].id, names[j].id) == 0)
                                return error_set(err, ERROR_INVALID, 0, "\"%s\" names the disk %s twice",
                                                 d->name, d->disks[i]);
        for (unsigned i = 0; i < d->dvd_count; i++)
                if (*d->dvds[i].path && definition_medium(d, &d->dvds[i], names, err) < 0)
                        return -1;
        for (unsigned i = 0; i < d->adapter_count; i++)
                if (check_adapter(d, i, err) < 0)
                        return -1;
        return check_slots(d, err);
}

static int check_processors(const VmDefinition *d, Error *err) {
        if (d->processor_count < 1 || d->processor_count > VM_PROCESSORS_MAX)
                return error_set(err, ERROR_INVALID, 0, "\"%s\" has %u processors; it must be 1 to %d", d->name,
                                 d->processor_count, VM_PROCESSORS_MAX);
        if (d->threads_per_core && d->processor_count % d->threads_per_core)
                return error_set(err, ERROR_INVALID, 0, "\"%s\" has %u processors, which do not make whole cores of %u "
                                 "threads", d->name, d->processor_count, d->threads_per_core);
        if (d->processor_weight > 10000 || d->processor_maximum > 100)
                return error_set(err, ERROR_INVALID, 0, "\"%s\" has a processor weight of %u and a maximum of %u percent; "
                                 "they go to 10000 and to 100", d->name, d->processor_weight, d->processor_maximum);
        return 0;
}

int definition_check(const VmDefinition *d, Error *err) {
        DiskName folder;

        if (definition_check_name(d->name, err) < 0)
                return -1;
        if (!is_uuid(d->id))
                return error_set(err, ERROR_INVALID, 0, "\"%s\" has the id \"%s\", which is no UUID", d->name,
                                 d->id);
        if (d->generation != 1)
                return error_set(err, ERROR_UNSUPPORTED, 0,
                                 "\"%s\" is a generation %u virtual machine; this version "
                                 "of Holdfast runs generation 1",
                                 d->name, d->generation);
        if (d->memory_bytes < VM_MEMORY_MIN || d->memory_bytes > VM_MEMORY_MAX || d->memory_bytes % (2ULL << 20))
                return error_set(err, ERROR_INVALID, 0, "\"%s\" has %llu bytes of memory; it must be a multiple of "
                                 "2 MB between 32 MB and 12 TB", d->name, (unsigned long long)d->memory_bytes);
        if (check_processors(d, err) < 0 || definition_check_boot(d, err) < 0)
                return -1;
        if (disk_name(d->folder, &folder, err) < 0)
                return error_wrap(err, "the folder of \"%s\"", d->name);
        if (check_notes(d, err) < 0)
                return -1;
        return check_devices(d, err);
}

int definition_disks(const VmDefinition *d, DiskName *ret, Error *err) {
        for (unsigned i = 0; i < d->disk_count; i++)
                if (disk_name(d->disks[i], &ret[i], err) < 0)
                        return error_wrap(err, "disk %u of \"%s\"", i, d->name);
        return 0;
}

int definition_medium(const VmDefinition *d, const VmDvd *dvd, DiskName *ret, Error *err) {
        if (disk_medium_name(dvd->path, d->id, ret, err) < 0)
                return error_wrap(err, "the DVD drive of \"%s\"", d->name);
        return 0;
}

int definition_files(const VmDefinition *d, DiskName *ret, unsigned *ret_count, Error *err) {
        unsigned count = d->disk_count;

        if (definition_disks(d, ret, err) < 0)
                return -1;
        for (unsigned i = 0; i < d->dvd_count; i++)
                if (*d->dvds[i].path && definition_medium(d, &d->dvds[i], &ret[count++], err) < 0)
                        return -1;
        *ret_count = count;
        return 0;
}

int definition_path(const VmDefinition *d, char *ret, size_t size, Error *err) {
        int n = snprintf(ret, size, "%s\\%s.vm", d->folder, d->name);
        if (n < 0 || (size_t)n >= size)
                return error_set(err, ERROR_LIMIT, 0, "the path of \"%s\" in %s is too long", d->name, d->folder);
        return 0;
}

const char *definition_cpu(bool emulated) {
        /* Nehalem is what x86-64-v2 asks for, and every host with hardware virtualization since 2009 has it; QEMU
         * shows the guest the host's own vendor.  TCG emulates qemu64 the same way on any host. */
        return emulated ? "qemu64" : "Nehalem";
}
