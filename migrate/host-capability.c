/* host-capability.c — what this host can run, and what QEMU says of a migration; see host.h */
#include "migrate/host-internal.h"

#include <dirent.h>
#include <libvirt/libvirt-qemu.h>
#include <libxml/xmlreader.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-json.h>

#include "migrate/libvirt-error.h"
#include "migrate/links.h"

enum { CAPABILITIES_MAX = 4 << 20, REPLY_MAX = 1 << 20 };

static void reader_freep(xmlTextReaderPtr *reader) {
        if (*reader)
                xmlFreeTextReader(*reader);
}

static char *domain_capabilities(virConnectPtr connection, bool emulated) {
        return virConnectGetDomainCapabilities(connection, NULL, "x86_64", DEFINITION_MACHINE,
                                               emulated ? "qemu" : "kvm", 0);
}

/* libvirt says "no" by failing; only a libvirt that is still there has said so. */
static int has_kvm(virConnectPtr connection, bool *ret, Error *err) {
        auto_free char *xml = domain_capabilities(connection, false);

        if (!xml && virConnectIsAlive(connection) != 1)
                return error_set(err, ERROR_UNREACHABLE, 0,
                                 "libvirt on this host went away while it was asked what this host can run; see "
                                 "systemctl status libvirtd");
        *ret = xml != NULL;
        return 0;
}

int host_emulated(VmHost *host, virConnectPtr connection, bool *ret, Error *err) {
        bool kvm;

        if (has_kvm(connection, &kvm, err) < 0)
                return -1;
        if (kvm) {
                *ret = false;
                return 0;
        }
        if (!host->config.allow_emulation)
                return error_set(err, ERROR_UNSUPPORTED, 0,
                                 "this host has no hardware virtualization (/dev/kvm cannot be "
                                 "used), so it runs no virtual machines; switch it on in the firmware (for tests: "
                                 "AllowEmulation in /etc/holdfast/node.json)");
        *ret = true;
        return 0;
}

static void take_text(xmlTextReaderPtr reader, char *to, size_t size) {
        xmlChar *text = xmlTextReaderReadString(reader);
        if (text)
                (void)snprintf(to, size, "%s", (const char *)text);
        xmlFree(text);
}

static bool attribute_is(xmlTextReaderPtr reader, const char *name, const char *value) {
        xmlChar *got = xmlTextReaderGetAttribute(reader, (const xmlChar *)name);
        bool equal = got && strcmp((const char *)got, value) == 0;
        xmlFree(got);
        return equal;
}

/* <domainCapabilities><path/>…<cpu><mode name='host-model'><model/><vendor/></mode><mode name='custom'><model
 * usable/>… */
static int read_capabilities(const char *xml, bool emulated, VmCapabilities *caps, Error *err) {
        enum { OTHER, HOST_MODEL, CUSTOM } mode = OTHER;
        size_t size = strlen(xml);

        auto_(reader_freep) xmlTextReaderPtr reader =
                size > CAPABILITIES_MAX
                        ? NULL
                        : xmlReaderForMemory(xml, (int)size, NULL, "UTF-8",
                                             XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
        if (!reader)
                return error_oom(err);
        int r;
        while ((r = xmlTextReaderRead(reader)) == 1) {
                const char *name = (const char *)xmlTextReaderConstLocalName(reader);
                if (xmlTextReaderNodeType(reader) != XML_READER_TYPE_ELEMENT || !name)
                        continue;
                if (strcmp(name, "path") == 0 && xmlTextReaderDepth(reader) == 1)
                        take_text(reader, caps->emulator, sizeof caps->emulator);
                else if (strcmp(name, "mode") == 0)
                        mode = attribute_is(reader, "name", "host-model") ? HOST_MODEL :
                               attribute_is(reader, "name", "custom") ? CUSTOM : OTHER;
                else if (mode == HOST_MODEL && strcmp(name, "vendor") == 0)
                        take_text(reader, caps->cpu_vendor, sizeof caps->cpu_vendor);
                else if (mode == HOST_MODEL && strcmp(name, "model") == 0)
                        take_text(reader, caps->cpu_model_name, sizeof caps->cpu_model_name);
                else if (mode == CUSTOM && strcmp(name, "model") == 0 && attribute_is(reader, "usable", "yes")) {
                        char model[64] = "";
                        take_text(reader, model, sizeof model);
                        caps->cpu_model |= strcmp(model, definition_cpu(emulated)) == 0;
                }
        }
        return r == 0 ? 0 : error_set(err, ERROR_INTERNAL, 0, "libvirt's description of this host cannot be read");
}

/* What an allocation can have without swapping: caches count as free, as the kernel itself estimates it. */
static int read_memory(VmCapabilities *caps, Error *err) {
        auto_file FILE *f = fopen("/proc/meminfo", "re");
        char line[256];

        if (!f)
                return error_set(err, ERROR_INTERNAL, errno, "cannot read /proc/meminfo: %m");
        while (fgets(line, sizeof line, f)) {
                unsigned long long kib;
                if (sscanf(line, "MemTotal: %llu kB", &kib) == 1)
                        caps->memory_total_bytes = kib << 10;
                if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
                        caps->memory_free_bytes = kib << 10;
        }
        return 0;
}

int vmhost_capabilities(VmHost *host, VmCapabilities *ret, Error *err) {
        auto_(connection_freep) virConnectPtr connection = NULL;
        VmCapabilities caps = { .emulation_allowed = host->config.allow_emulation };
        virNodeInfo info;

        if (vmhost_connection(host, &connection, err) < 0 ||
            has_kvm(connection, &caps.hardware_virtualization, err) < 0)
                return -1;
        bool emulated = !caps.hardware_virtualization;
        auto_free char *xml = domain_capabilities(connection, emulated);
        caps.machine_type = xml != NULL;
        if (xml && read_capabilities(xml, emulated, &caps, err) < 0)
                return -1;
        if (virConnectGetLibVersion(connection, &caps.libvirt_version) < 0 ||
            virConnectGetVersion(connection, &caps.qemu_version) < 0 || virNodeGetInfo(connection, &info) < 0)
                return libvirt_error(err, "cannot learn what this host can run");
        caps.processors = info.cpus;
        if (read_memory(&caps, err) < 0)
                return -1;
        *ret = caps;
        return 0;
}

bool vmhost_switch_exists(const char *switch_name) {
        auto_free Link *links = NULL;
        size_t count = 0;
        Error ignored;

        if (links_list(&links, &count, &ignored) < 0)
                return false;
        for (size_t i = 0; i < count; i++)
                if (strcmp(links[i].name, switch_name) == 0 && strcmp(links[i].kind, "bridge") == 0)
                        return true;
        return false;
}

static void json_unrefp(sd_json_variant **v) { *v = sd_json_variant_unref(*v); }

/* libvirt gives the monitor to others while it waits for the migration (its asynchronous job allows queries), so
 * this answers in the middle of one.  "completed" is set by QEMU after the last byte of device state was sent,
 * that is after it paused the machine, drained and flushed its disks and gave up the right to write them. */
int vmhost_migration_complete(virDomainPtr domain, bool *ret, Error *err) {
        auto_free char *reply = NULL;
        auto_(json_unrefp) sd_json_variant *json = NULL;

        if (virDomainQemuMonitorCommand(domain, "{\"execute\":\"query-migrate\"}", &reply,
                                        VIR_DOMAIN_QEMU_MONITOR_COMMAND_DEFAULT) < 0)
                return libvirt_error(err, "\"%s\": QEMU does not say how the move stands",
                                     virDomainGetName(domain));
        if (strlen(reply) > REPLY_MAX || sd_json_parse(reply, 0, &json, NULL, NULL) < 0)
                return error_set(err, ERROR_PROTOCOL, 0, "\"%s\": QEMU's answer about the move cannot be read",
                                 virDomainGetName(domain));
        sd_json_variant *answer = sd_json_variant_by_key(json, "return");
        sd_json_variant *status = answer ? sd_json_variant_by_key(answer, "status") : NULL;
        *ret = sd_json_variant_is_string(status) && strcmp(sd_json_variant_string(status), "completed") == 0;
        return 0;
}
