/* definition-write.c — VmDefinition → domain XML; see definition.h
 *
 * The serial port is a pty (virsh console attaches to it) that libvirt also copies to a log on the host the machine
 * runs on: the destination of a move opens its own, so nothing of it has to be carried over.  There is no balloon,
 * USB, sound or display: what is not there cannot make two hosts disagree.
 */
#include "migrate/definition.h"

#include "appliance/base/cleanup.h"
#include "migrate/definition-internal.h"

static void write_identity(Out *o, const VmDefinition *d) {
        text(o, "name", d->name);
        text(o, "uuid", d->id);
        if (*d->notes)
                text(o, "description", d->notes);
        begin(o, "metadata");
        out_metadata(o, d, true);
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

static void write_machine(Out *o, const VmDefinition *d, bool emulated) {
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
        if (!definition_has_boot(d)) {  /* either the devices say when they are tried, or the machine does */
                LEAF(o, "boot", { "dev", "hd" });
                if (d->dvd_count > 0)   /* an empty disk is passed over, and what is in the drive installs a system on it */
                        LEAF(o, "boot", { "dev", "cdrom" });
        }
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

static int write_domain(Out *o, const VmDefinition *d, bool emulated, Error *err) {
        begin(o, "domain");
        attribute(o, "type", emulated ? "qemu" : "kvm");
        write_identity(o, d);
        write_machine(o, d, emulated);
        begin(o, "devices");
        if (out_drives(o, d, err) < 0)
                return -1;
        LEAF(o, "controller", { "type", "usb" }, { "model", "none" });
        for (unsigned i = 0; i < d->adapter_count; i++)
                out_adapter(o, d, &d->adapters[i]);
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

int definition_write(const VmDefinition *d, bool emulated, char **ret_xml, Error *err) {
        if (definition_check(d, err) < 0)
                return -1;
        auto_(out_close) Out o = { 0 };
        if (out_open(&o, err) < 0 || write_domain(&o, d, emulated, err) < 0)
                return -1;
        return out_take(&o, ret_xml, err);
}
