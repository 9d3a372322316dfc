/* definition-write.c — VmDefinition → domain XML; see definition.h
 *
 * The serial port is a pty (virsh console attaches to it) that libvirt also copies to a log on the host the machine
 * runs on: the destination of a move opens its own, so nothing of it has to be carried over.  There is no balloon,
 * USB, sound or display: what is not there cannot make two hosts disagree.
 */
#include "migrate/definition.h"

#include <libxml/xmlwriter.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"

#define X(s) ((const xmlChar *)(s))

/* libxml2 answers -1 only when memory is gone; so the calls are counted together and asked once. */
typedef struct Out {
        xmlTextWriterPtr w;
        bool failed;
} Out;

static void begin(Out *o, const char *name) { o->failed |= xmlTextWriterStartElement(o->w, X(name)) < 0; }
static void end(Out *o) { o->failed |= xmlTextWriterEndElement(o->w) < 0; }
static void attribute(Out *o, const char *name, const char *value) {
        o->failed |= xmlTextWriterWriteAttribute(o->w, X(name), X(value)) < 0;
}
static void text(Out *o, const char *name, const char *value) {
        o->failed |= xmlTextWriterWriteElement(o->w, X(name), X(value)) < 0;
}
static void attribute_number(Out *o, const char *name, uint64_t value) {
        o->failed |= xmlTextWriterWriteFormatAttribute(o->w, X(name), "%llu", (unsigned long long)value) < 0;
}

typedef struct Pair { const char *name, *value; } Pair;

/* <name a="…" b="…"/> from a list that ends with a NULL name. */
static void leaf(Out *o, const char *name, const Pair *pairs) {
        begin(o, name);
        for (; pairs && pairs->name; pairs++)
                attribute(o, pairs->name, pairs->value);
        end(o);
}
#define LEAF(o, name, ...) leaf(o, name, (const Pair[]){ __VA_ARGS__ __VA_OPT__(,) { NULL, NULL } })

static void write_metadata(Out *o, const VmDefinition *d) {
        begin(o, "hf:vm");
        attribute(o, "xmlns:hf", DEFINITION_NAMESPACE);
        attribute(o, "version", DEFINITION_VERSION);
        attribute_number(o, "generation", d->generation);
        text(o, "hf:folder", d->folder);
        for (unsigned i = 0; i < d->disk_count; i++)
                text(o, "hf:disk", d->disks[i]);
        for (unsigned i = 0; i < d->boot_count; i++)
                text(o, "hf:boot", d->boot[i]);
        if (d->threads_per_core || d->processor_weight || d->processor_maximum) {
                begin(o, "hf:processor");
                attribute_number(o, "threads", d->threads_per_core);
                attribute_number(o, "weight", d->processor_weight);
                attribute_number(o, "maximum", d->processor_maximum);
                end(o);
        }
        if (d->saved)
                LEAF(o, "hf:saved");
        end(o);
}

static void write_identity(Out *o, const VmDefinition *d) {
        text(o, "name", d->name);
        text(o, "uuid", d->id);
        if (*d->notes)
                text(o, "description", d->notes);
        begin(o, "metadata");
        write_metadata(o, d);
        end(o);
}

static void number(Out *o, const char *name, uint64_t value) {
        begin(o, name);
        o->failed |= xmlTextWriterWriteFormatString(o->w, "%llu", (unsigned long long)value) < 0;
        end(o);
}

/* The kernel's weights and Hyper-V's have the same range and the same default. */
static void write_shares(Out *o, const VmDefinition *d) {
        bool capped = d->processor_maximum && d->processor_maximum < 100;

        if (!d->processor_weight && !capped)
                return;
        begin(o, "cputune");
        if (d->processor_weight)
                number(o, "shares", d->processor_weight);
        if (capped) {
                number(o, "period", VM_QUOTA_PERIOD_US);
                number(o, "quota", VM_QUOTA_PERIOD_US / 100 * d->processor_maximum);
        }
        end(o);
}

/* Either the devices say in which order they are tried, or the machine does: libvirt takes no mixture. */
static bool has_boot_order(const VmDefinition *d, const DiskName *disks) {
        for (unsigned i = 0; i < d->disk_count; i++)
                if (definition_boot_rank(d, disks[i].id))
                        return true;
        for (unsigned i = 0; i < d->adapter_count; i++)
                if (definition_boot_rank(d, d->adapters[i].mac))
                        return true;
        return false;
}

static void write_boot(Out *o, const VmDefinition *d, const char *id) {
        unsigned rank = definition_boot_rank(d, id);

        if (!rank)
                return;
        begin(o, "boot");
        attribute_number(o, "order", rank);
        end(o);
}

static void write_machine(Out *o, const VmDefinition *d, bool emulated, const DiskName *disks) {
        begin(o, "memory");
        attribute(o, "unit", "KiB");
        o->failed |= xmlTextWriterWriteFormatString(o->w, "%llu", (unsigned long long)(d->memory_bytes >> 10)) < 0;
        end(o);
        begin(o, "vcpu");
        attribute(o, "placement", "static");
        o->failed |= xmlTextWriterWriteFormatString(o->w, "%u", d->processor_count) < 0;
        end(o);
        write_shares(o, d);
        begin(o, "os");
        begin(o, "type");
        attribute(o, "arch", "x86_64");
        attribute(o, "machine", DEFINITION_MACHINE);
        o->failed |= xmlTextWriterWriteString(o->w, X("hvm")) < 0;
        end(o);
        if (!has_boot_order(d, disks))
                LEAF(o, "boot", { "dev", "hd" });
        LEAF(o, "bios", { "useserial", "no" });
        end(o);
        begin(o, "features");
        LEAF(o, "acpi");
        LEAF(o, "apic");
        end(o);
        begin(o, "cpu");
        attribute(o, "mode", "custom");
        attribute(o, "match", "exact");
        attribute(o, "check", emulated ? "none" : "partial");
        begin(o, "model");
        attribute(o, "fallback", "forbid");
        o->failed |= xmlTextWriterWriteString(o->w, X(definition_cpu(emulated))) < 0;
        end(o);
        if (d->threads_per_core) {
                begin(o, "topology");
                attribute(o, "sockets", "1");
                attribute_number(o, "cores", d->processor_count / d->threads_per_core);
                attribute_number(o, "threads", d->threads_per_core);
                end(o);
        }
        end(o);
        begin(o, "clock");
        attribute(o, "offset", "utc");
        LEAF(o, "timer", { "name", "rtc" }, { "tickpolicy", "catchup" });
        LEAF(o, "timer", { "name", "pit" }, { "tickpolicy", "delay" });
        LEAF(o, "timer", { "name", "hpet" }, { "present", "no" });
        end(o);
        text(o, "on_poweroff", "destroy");
        text(o, "on_reboot", "restart");
        text(o, "on_crash", "destroy");
        begin(o, "pm");
        LEAF(o, "suspend-to-mem", { "enabled", "no" });
        LEAF(o, "suspend-to-disk", { "enabled", "no" });
        end(o);
}

/* An error stops the machine instead of reaching the guest: after a lost disk it waits, it does not corrupt. */
static void write_disk(Out *o, const VmDefinition *d, const DiskName *disk, unsigned index) {
        char target[] = { 'v', 'd', (char)('a' + index), '\0' }, serial[21] = "";

        (void)memcpy(serial, disk->id, sizeof serial - 1);      /* virtio carries 20 bytes */
        begin(o, "disk");
        attribute(o, "type", "network");
        attribute(o, "device", "disk");
        LEAF(o, "driver", { "name", "qemu" }, { "type", "raw" }, { "cache", "none" }, { "discard", "unmap" },
             { "error_policy", "stop" }, { "rerror_policy", "stop" });
        begin(o, "source");
        attribute(o, "protocol", "nbd");
        LEAF(o, "host", { "transport", "unix" }, { "socket", disk->nbd_socket });
        end(o);
        LEAF(o, "target", { "dev", target }, { "bus", "virtio" });
        text(o, "serial", serial);
        write_boot(o, d, disk->id);
        end(o);
}

static void write_adapter(Out *o, const VmDefinition *d, const VmAdapter *adapter) {
        begin(o, "interface");
        attribute(o, "type", "bridge");
        LEAF(o, "mac", { "address", adapter->mac });
        LEAF(o, "source", { "bridge", adapter->switch_name });
        LEAF(o, "model", { "type", "virtio" });
        write_boot(o, d, adapter->mac);
        end(o);
}

static int write_serial(Out *o, const VmDefinition *d, Error *err) {
        auto_free char *log = text_format("/var/log/libvirt/qemu/%s-serial.log", d->name);

        if (!log)
                return error_oom(err);
        begin(o, "serial");
        attribute(o, "type", "pty");
        LEAF(o, "log", { "file", log }, { "append", "on" });
        LEAF(o, "target", { "port", "0" });
        end(o);
        begin(o, "console");
        attribute(o, "type", "pty");
        LEAF(o, "target", { "type", "serial" }, { "port", "0" });
        end(o);
        return 0;
}

static int write_domain(Out *o, const VmDefinition *d, bool emulated, const DiskName *disks, Error *err) {
        o->failed |= xmlTextWriterSetIndent(o->w, 1) < 0 || xmlTextWriterSetIndentString(o->w, X("  ")) < 0;
        begin(o, "domain");
        attribute(o, "type", emulated ? "qemu" : "kvm");
        write_identity(o, d);
        write_machine(o, d, emulated, disks);
        begin(o, "devices");
        for (unsigned i = 0; i < d->disk_count; i++)
                write_disk(o, d, &disks[i], i);
        LEAF(o, "controller", { "type", "usb" }, { "model", "none" });
        for (unsigned i = 0; i < d->adapter_count; i++)
                write_adapter(o, d, &d->adapters[i]);
        if (write_serial(o, d, err) < 0)
                return -1;
        begin(o, "rng");
        attribute(o, "model", "virtio");
        begin(o, "backend");
        attribute(o, "model", "random");
        o->failed |= xmlTextWriterWriteString(o->w, X("/dev/urandom")) < 0;
        end(o);
        end(o);
        LEAF(o, "memballoon", { "model", "none" });
        end(o);
        o->failed |= xmlTextWriterEndDocument(o->w) < 0;
        return 0;
}

static void buffer_freep(xmlBufferPtr *buffer) { xmlBufferFree(*buffer); }
static void writer_freep(xmlTextWriterPtr *writer) {
        if (*writer)
                xmlFreeTextWriter(*writer);
}

static int finish(Out *o, const xmlBuffer *buffer, char **ret_xml, Error *err) {
        if (o->failed || xmlTextWriterFlush(o->w) < 0)
                return error_oom(err);
        char *xml = strdup((const char *)xmlBufferContent(buffer));
        if (!xml)
                return error_oom(err);
        *ret_xml = xml;
        return 0;
}

int definition_write(const VmDefinition *d, bool emulated, char **ret_xml, Error *err) {
        if (definition_check(d, err) < 0)
                return -1;
        auto_free DiskName *disks = calloc(VM_DISKS_MAX, sizeof *disks);
        if (!disks)
                return error_oom(err);
        if (definition_disks(d, disks, err) < 0)
                return -1;

        auto_(buffer_freep) xmlBufferPtr buffer = xmlBufferCreate();
        auto_(writer_freep) xmlTextWriterPtr writer = buffer ? xmlNewTextWriterMemory(buffer, 0) : NULL;
        if (!writer)
                return error_oom(err);
        Out o = { .w = writer };
        return write_domain(&o, d, emulated, disks, err) < 0 ? -1 : finish(&o, buffer, ret_xml, err);
}

int definition_write_metadata(const VmDefinition *d, char **ret_xml, Error *err) {
        if (definition_check(d, err) < 0)
                return -1;
        auto_(buffer_freep) xmlBufferPtr buffer = xmlBufferCreate();
        auto_(writer_freep) xmlTextWriterPtr writer = buffer ? xmlNewTextWriterMemory(buffer, 0) : NULL;
        if (!writer)
                return error_oom(err);
        Out o = { .w = writer };
        write_metadata(&o, d);
        return finish(&o, buffer, ret_xml, err);
}
