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

static void write_identity(Out *o, const VmDefinition *d) {
        text(o, "name", d->name);
        text(o, "uuid", d->id);
        if (*d->notes)
                text(o, "description", d->notes);
        begin(o, "metadata");
        begin(o, "hf:vm");
        attribute(o, "xmlns:hf", DEFINITION_NAMESPACE);
        attribute(o, "version", DEFINITION_VERSION);
        attribute_number(o, "generation", d->generation);
        text(o, "hf:folder", d->folder);
        for (unsigned i = 0; i < d->disk_count; i++)
                text(o, "hf:disk", d->disks[i]);
        end(o);
        end(o);
}

static void write_machine(Out *o, const VmDefinition *d, bool emulated) {
        begin(o, "memory");
        attribute(o, "unit", "KiB");
        o->failed |= xmlTextWriterWriteFormatString(o->w, "%llu", (unsigned long long)(d->memory_bytes >> 10)) < 0;
        end(o);
        begin(o, "vcpu");
        attribute(o, "placement", "static");
        o->failed |= xmlTextWriterWriteFormatString(o->w, "%u", d->processor_count) < 0;
        end(o);
        begin(o, "os");
        begin(o, "type");
        attribute(o, "arch", "x86_64");
        attribute(o, "machine", DEFINITION_MACHINE);
        o->failed |= xmlTextWriterWriteString(o->w, X("hvm")) < 0;
        end(o);
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
static void write_disk(Out *o, const DiskName *disk, unsigned index) {
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
        end(o);
}

static void write_adapter(Out *o, const VmAdapter *adapter) {
        begin(o, "interface");
        attribute(o, "type", "bridge");
        LEAF(o, "mac", { "address", adapter->mac });
        LEAF(o, "source", { "bridge", adapter->switch_name });
        LEAF(o, "model", { "type", "virtio" });
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
        write_machine(o, d, emulated);
        begin(o, "devices");
        for (unsigned i = 0; i < d->disk_count; i++)
                write_disk(o, &disks[i], i);
        LEAF(o, "controller", { "type", "usb" }, { "model", "none" });
        for (unsigned i = 0; i < d->adapter_count; i++)
                write_adapter(o, &d->adapters[i]);
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

int definition_write(const VmDefinition *d, bool emulated, char **ret_xml, Error *err) {
        if (definition_check(d, err) < 0)
                return -1;
        auto_free DiskName *disks = calloc(VM_DISKS_MAX, sizeof *disks);
        if (!disks)
                return error_oom(err);
        if (definition_disks(d, disks, err) < 0)
                return -1;

        auto_(buffer_freep) xmlBufferPtr buffer = xmlBufferCreate();
        if (!buffer)
                return error_oom(err);
        auto_(writer_freep) xmlTextWriterPtr writer = xmlNewTextWriterMemory(buffer, 0);
        if (!writer)
                return error_oom(err);
        Out o = { .w = writer };
        if (write_domain(&o, d, emulated, disks, err) < 0)
                return -1;
        if (o.failed || xmlTextWriterFlush(writer) < 0)
                return error_oom(err);
        char *xml = strdup((const char *)xmlBufferContent(buffer));
        if (!xml)
                return error_oom(err);
        *ret_xml = xml;
        return 0;
}
