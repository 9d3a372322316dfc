/* definition-device.c — the devices of a machine as libvirt's XML, and our metadata of them; see definition.h
 *
 * Everything that a guest tells apart by its place has a PCI slot of its own, whatever else the machine has: a disk
 * that is added today renames no network card tomorrow.
 *
 *      slot 3      the SCSI controller, always there, so that disks can be added while the machine runs
 *      slot 4…7    hard disks at IDE 0:0, 0:1, 1:0, 1:1 (virtio block devices)
 *      slot 8…15   network adapters
 */
#include "migrate/definition-internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"

enum { PCI_SCSI = 3, PCI_DISKS = 4, PCI_ADAPTERS = 8, TARGET_SIZE = 8 };

int out_open(Out *o, Error *err) {
        o->buffer = xmlBufferCreate();
        o->w = o->buffer ? xmlNewTextWriterMemory(o->buffer, 0) : NULL;
        if (!o->w)
                return error_oom(err);
        o->failed |= xmlTextWriterSetIndent(o->w, 1) < 0 || xmlTextWriterSetIndentString(o->w, X("  ")) < 0;
        return 0;
}

void out_close(Out *o) {
        if (o->w)
                xmlFreeTextWriter(o->w);
        xmlBufferFree(o->buffer);
}

int out_take(Out *o, char **ret_xml, Error *err) {
        if (o->failed || xmlTextWriterFlush(o->w) < 0)
                return error_oom(err);
        char *xml = strdup((const char *)xmlBufferContent(o->buffer));
        if (!xml)
                return error_oom(err);
        *ret_xml = xml;
        return 0;
}

/* ---- metadata ------------------------------------------------------------------------------------ */

/* "hf:vm" inside a domain, else "vm". */
static const char *prefixed(const char *name, bool inside) { return inside ? name : name + sizeof "hf:" - 1; }

static void out_place(Out *o, const char *name, VmSlot slot, const char *path) {
        char at[VM_SLOT_TEXT_SIZE];

        vm_slot_text(slot, at);
        begin(o, name);
        attribute(o, "at", at);
        o->failed |= xmlTextWriterWriteString(o->w, X(path)) < 0;
        end(o);
}

void out_metadata(Out *o, const VmDefinition *d, bool inside) {
        begin(o, prefixed("hf:vm", inside));
        if (inside)
                attribute(o, "xmlns:hf", DEFINITION_NAMESPACE);
        attribute(o, "version", DEFINITION_VERSION);
        attribute_number(o, "generation", d->generation);
        text(o, prefixed("hf:folder", inside), d->folder);
        for (unsigned i = 0; i < d->disk_count; i++)
                out_place(o, prefixed("hf:disk", inside), d->disk_slots[i], d->disks[i]);
        for (unsigned i = 0; i < d->dvd_count; i++)
                out_place(o, prefixed("hf:dvd", inside), d->dvds[i].slot, d->dvds[i].path);
        for (unsigned i = 0; i < d->adapter_count; i++) {
                begin(o, prefixed("hf:adapter", inside));
                attribute(o, "mac", d->adapters[i].mac);
                attribute(o, "name", d->adapters[i].name);
                attribute_number(o, "slot", d->adapters[i].slot);
                if (d->adapters[i].static_mac)
                        attribute(o, "static", "yes");
                end(o);
        }
        for (unsigned i = 0; i < d->boot_count; i++)
                text(o, prefixed("hf:boot", inside), d->boot[i]);
        if (d->threads_per_core || d->processor_weight || d->processor_maximum) {
                begin(o, prefixed("hf:processor", inside));
                attribute_number(o, "threads", d->threads_per_core);
                attribute_number(o, "weight", d->processor_weight);
                attribute_number(o, "maximum", d->processor_maximum);
                end(o);
        }
        if (d->saved)
                LEAF(o, prefixed("hf:saved", inside));
        end(o);
}

int definition_write_metadata(const VmDefinition *d, char **ret_xml, Error *err) {
        auto_(out_close) Out o = { 0 };

        if (definition_check(d, err) < 0 || out_open(&o, err) < 0)
                return -1;
        out_metadata(&o, d, false);
        return out_take(&o, ret_xml, err);
}

static void out_boot(Out *o, const VmDefinition *d, const char *entry) {
        unsigned rank = definition_boot_rank(d, entry);

        if (!rank)
                return;
        begin(o, "boot");
        attribute_number(o, "order", rank);
        end(o);
}

/* ---- drives ------------------------------------------------------------------------------------- */

static void out_pci(Out *o, unsigned slot) {
        begin(o, "address");
        attribute(o, "type", "pci");
        attribute(o, "domain", "0x0000");
        attribute(o, "bus", "0x00");
        o->failed |= xmlTextWriterWriteFormatAttribute(o->w, X("slot"), "0x%02x", slot) < 0;
        attribute(o, "function", "0x0");
        end(o);
}

static void out_drive_address(Out *o, unsigned bus, unsigned target, unsigned unit) {
        begin(o, "address");
        attribute(o, "type", "drive");
        attribute(o, "controller", "0");
        attribute_number(o, "bus", bus);
        attribute_number(o, "target", target);
        attribute_number(o, "unit", unit);
        end(o);
}

static void out_source(Out *o, const DiskName *disk) {
        begin(o, "source");
        attribute(o, "protocol", "nbd");
        LEAF(o, "host", { "transport", "unix" }, { "socket", disk->nbd_socket });
        end(o);
}

static unsigned ide_index(VmSlot slot) { return slot.controller * VM_IDE_LOCATIONS + slot.location; }

/* sda … sdz, sdaa … as Linux and libvirt count. */
static void target_name(VmSlot slot, char to[static TARGET_SIZE]) {
        unsigned i = slot.bus == VM_IDE ? ide_index(slot) : slot.location;
        char first = i < 26 ? '\0' : (char)('a' + i / 26 - 1), last = (char)('a' + i % 26);

        if (first)
                (void)snprintf(to, TARGET_SIZE, "sd%c%c", first, last);
        else
                (void)snprintf(to, TARGET_SIZE, "%s%c", slot.bus == VM_IDE ? "vd" : "sd", last);
}

/* An error stops the machine instead of reaching the guest: after a lost disk it waits, it does not corrupt. */
static void out_disk(Out *o, const VmDefinition *d, const DiskName *disk, VmSlot slot) {
        char target[TARGET_SIZE], serial[21] = "";

        target_name(slot, target);
        (void)memcpy(serial, disk->id, sizeof serial - 1);      /* virtio carries 20 bytes */
        begin(o, "disk");
        attribute(o, "type", "network");
        attribute(o, "device", "disk");
        LEAF(o, "driver", { "name", "qemu" }, { "type", "raw" }, { "cache", "none" }, { "discard", "unmap" },
             { "error_policy", "stop" }, { "rerror_policy", "stop" });
        out_source(o, disk);
        LEAF(o, "target", { "dev", target }, { "bus", slot.bus == VM_IDE ? "virtio" : "scsi" });
        text(o, "serial", serial);
        out_boot(o, d, disk->id);
        if (slot.bus == VM_IDE)
                out_pci(o, PCI_DISKS + ide_index(slot));
        else
                out_drive_address(o, 0, slot.location, 0);
        end(o);
}

/* A medium that cannot be read is the guest's to report, as a scratched disc is. */
static int out_dvd(Out *o, const VmDefinition *d, const VmDvd *dvd, Error *err) {
        char target[] = { 'h', 'd', (char)('a' + ide_index(dvd->slot)), '\0' }, at[VM_SLOT_TEXT_SIZE];
        DiskName medium;

        if (*dvd->path && definition_medium(d, dvd, &medium, err) < 0)
                return -1;
        begin(o, "disk");
        attribute(o, "type", *dvd->path ? "network" : "file");
        attribute(o, "device", "cdrom");
        LEAF(o, "driver", { "name", "qemu" }, { "type", "raw" }, { "cache", "none" }, { "error_policy", "report" });
        if (*dvd->path)
                out_source(o, &medium);
        LEAF(o, "target", { "dev", target }, { "bus", "ide" });
        LEAF(o, "readonly");
        vm_slot_text(dvd->slot, at);
        out_boot(o, d, at);
        out_drive_address(o, dvd->slot.controller, 0, dvd->slot.location);
        end(o);
        return 0;
}

int out_drives(Out *o, const VmDefinition *d, Error *err) {
        auto_free DiskName *disks = calloc(VM_DISKS_MAX, sizeof *disks);

        if (!disks)
                return error_oom(err);
        if (definition_disks(d, disks, err) < 0)
                return -1;
        for (unsigned i = 0; i < d->disk_count; i++)
                out_disk(o, d, &disks[i], d->disk_slots[i]);
        for (unsigned i = 0; i < d->dvd_count; i++)
                if (out_dvd(o, d, &d->dvds[i], err) < 0)
                        return -1;
        begin(o, "controller");
        attribute(o, "type", "scsi");
        attribute(o, "index", "0");
        attribute(o, "model", "virtio-scsi");
        out_pci(o, PCI_SCSI);
        end(o);
        return 0;
}

int definition_write_disk(const VmDefinition *d, unsigned index, char **ret_xml, Error *err) {
        auto_(out_close) Out o = { 0 };
        DiskName disk;

        if (disk_name(d->disks[index], &disk, err) < 0 || out_open(&o, err) < 0)
                return -1;
        out_disk(&o, d, &disk, d->disk_slots[index]);
        return out_take(&o, ret_xml, err);
}

int definition_write_dvd(const VmDefinition *d, unsigned index, char **ret_xml, Error *err) {
        auto_(out_close) Out o = { 0 };

        if (out_open(&o, err) < 0 || out_dvd(&o, d, &d->dvds[index], err) < 0)
                return -1;
        return out_take(&o, ret_xml, err);
}

/* ---- adapters ------------------------------------------------------------------------------------ */

void out_adapter(Out *o, const VmDefinition *d, const VmAdapter *adapter) {
        bool plugged = *adapter->switch_name;

        begin(o, "interface");
        attribute(o, "type", "bridge");
        LEAF(o, "mac", { "address", adapter->mac });
        LEAF(o, "source", { "bridge", plugged ? adapter->switch_name : VM_SWITCH_NONE });
        LEAF(o, "model", { "type", "virtio" });
        LEAF(o, "link", { "state", plugged ? "up" : "down" });
        out_boot(o, d, adapter->mac);
        out_pci(o, PCI_ADAPTERS + adapter->slot);
        end(o);
}

int definition_write_adapter(const VmDefinition *d, unsigned index, char **ret_xml, Error *err) {
        auto_(out_close) Out o = { 0 };

        if (out_open(&o, err) < 0)
                return -1;
        out_adapter(&o, d, &d->adapters[index]);
        return out_take(&o, ret_xml, err);
}
