/* host-processor.c — the processor of this host against another description; see host.h */
#include <stdlib.h>
#include <string.h>

#include "migrate/host-internal.h"
#include "migrate/libvirt-error.h"

#define ARCHITECTURE "x86_64"

static const char *virtualization(bool emulated) { return emulated ? "qemu" : "kvm"; }

/* libvirt says "no" by failing; only a libvirt that is still there has said so. */
static int went_away(virConnectPtr connection, Error *err) {
        if (virConnectIsAlive(connection) == 1)
                return 0;
        return error_set(err, ERROR_UNREACHABLE, 0,
                         "libvirt on this host went away while it was asked about the processor; see "
                         "systemctl status libvirtd");
}

int vmhost_processor(VmHost *host, bool emulated, Processor *ret, Error *err) {
        auto_(connection_freep) virConnectPtr connection = NULL;

        if (vmhost_connection(host, &connection, err) < 0)
                return -1;
        auto_free char *xml = virConnectGetDomainCapabilities(connection, NULL, ARCHITECTURE, DEFINITION_MACHINE,
                                                              virtualization(emulated), 0);
        *ret = (Processor){ .feature_count = 0 };
        return xml ? processor_read(xml, "mode", "host-model", ret, err) : went_away(connection, err);
}

/* "the CPU is incompatible with host CPU: Host CPU does not provide required features: avx512f, pku" */
static void keep_missing(char ret[static PROCESSOR_MISSING_SIZE]) {
        const char *text = virGetLastErrorMessage(), *colon = strrchr(text, ':');
        (void)snprintf(ret, PROCESSOR_MISSING_SIZE, "%s", colon && colon[1] == ' ' ? colon + 2 : text);
}

int vmhost_processor_misses(VmHost *host, bool emulated, const Processor *wanted,
                            char ret[static PROCESSOR_MISSING_SIZE], Error *err) {
        auto_(connection_freep) virConnectPtr connection = NULL;
        auto_free char *xml = NULL;

        *ret = '\0';
        if (vmhost_connection(host, &connection, err) < 0 || processor_write(wanted, &xml, err) < 0)
                return -1;
        int r = virConnectCompareHypervisorCPU(connection, NULL, ARCHITECTURE, DEFINITION_MACHINE,
                                               virtualization(emulated), xml,
                                               VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE);
        if (r >= VIR_CPU_COMPARE_IDENTICAL)
                return 0;
        if (r == VIR_CPU_COMPARE_INCOMPATIBLE)
                (void)snprintf(ret, PROCESSOR_MISSING_SIZE, "the model %s", wanted->model);
        else
                keep_missing(ret);
        return went_away(connection, err);
}

int vmhost_processor_common(VmHost *host, bool emulated, const Processor *theirs,
                            char ret_model[static PROCESSOR_NAME_SIZE], Error *err) {
        auto_(connection_freep) virConnectPtr connection = NULL;
        auto_free Processor *ours = calloc(1, sizeof *ours), *common = calloc(1, sizeof *common);
        auto_free char *a = NULL, *b = NULL;

        *ret_model = '\0';
        if (!ours || !common)
                return error_oom(err);
        if (vmhost_connection(host, &connection, err) < 0 || vmhost_processor(host, emulated, ours, err) < 0)
                return -1;
        if (!*ours->model || !*theirs->model)
                return 0;
        if (processor_write(ours, &a, err) < 0 || processor_write(theirs, &b, err) < 0)
                return -1;
        const char *both[] = { a, b };
        auto_free char *xml = virConnectBaselineHypervisorCPU(connection, NULL, ARCHITECTURE, DEFINITION_MACHINE,
                                                              virtualization(emulated), both, ARRAY_SIZE(both), 0);
        if (!xml)
                return went_away(connection, err);
        if (processor_read(xml, "cpu", NULL, common, err) < 0)
                return -1;
        (void)memcpy(ret_model, common->model, PROCESSOR_NAME_SIZE);
        return 0;
}
