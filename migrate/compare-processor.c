/* compare-processor.c — can this host give the running machine the processor it has?  See compare.h */
#include "migrate/compare-internal.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"

#define NOT_COMPATIBLE                                                                                             \
        "The virtual machine cannot be moved to the destination computer. The hardware on the destination "        \
        "computer is not compatible with the hardware requirements of this virtual machine. "

static void check_model(const CompareRequest *request, const VmCapabilities *caps, const char *common,
                        Findings *findings) {
        if (caps->cpu_model || !caps->machine_type)     /* of a machine that it does not know libvirt says nothing */
                return;
        Finding *f = finding_add(findings, FINDING_PROCESSOR, ERROR_UNSUPPORTED,
                                 NOT_COMPATIBLE "The processor of %s cannot give \"%s\" the model %s", findings->host,
                                 request->definition.name, definition_cpu(request->emulated));
        finding_because(f, NULL, "%s %s; a model for both hosts: %s", caps->cpu_vendor, caps->cpu_model_name,
                        *common ? common : "none");
}

/* A machine that is off starts on the other host with what that one has. */
static void turn_off(Finding *finding, const CompareRequest *request) {
        auto_free char *name = finding_quote(request->definition.name);

        if (name)
                finding_remedy(finding, request->source, "Stop-VM %s", name);
}

/* Some instructions differ between makers and no feature flag tells of them. */
static void check_vendor(const CompareRequest *request, const VmCapabilities *caps, Findings *findings) {
        const char *there = request->host_processor.vendor;

        if (request->emulated || !*there || !*caps->cpu_vendor || strcmp(there, caps->cpu_vendor) == 0)
                return;
        Finding *f = finding_add(findings, FINDING_PROCESSOR_VENDOR, ERROR_UNSUPPORTED,
                                 NOT_COMPATIBLE "The processor of %s is made by %s and that of %s by %s; turn \"%s\" "
                                 "off to move it", request->source, there, findings->host, caps->cpu_vendor,
                                 request->definition.name);
        finding_because(f, NULL, "%s %s there, %s %s here", there, request->host_processor.model,
                        caps->cpu_vendor, caps->cpu_model_name);
        turn_off(f, request);
}

int compare_processor(VmHost *host, const CompareRequest *request, const VmCapabilities *caps, Findings *findings,
                      Error *err) {
        char missing[PROCESSOR_MISSING_SIZE] = "", common[PROCESSOR_NAME_SIZE] = "";
        bool asks = request->running && *request->processor.model && caps->machine_type;

        if (asks && vmhost_processor_misses(host, request->emulated, &request->processor, missing, err) < 0)
                return -1;
        if ((*missing || !caps->cpu_model) &&
            vmhost_processor_common(host, request->emulated, &request->host_processor, common, err) < 0)
                return -1;
        check_model(request, caps, common, findings);
        if (request->running)
                check_vendor(request, caps, findings);
        if (!*missing)
                return 0;
        Finding *f = finding_add(findings, FINDING_PROCESSOR_FEATURE, ERROR_UNSUPPORTED,
                                 NOT_COMPATIBLE "The processor of %s lacks what \"%s\" runs with: %s", findings->host,
                                 request->definition.name, missing);
        finding_because(f, NULL, "it runs with %s; a model for both hosts: %s", request->processor.model,
                        *common ? common : "none");
        turn_off(f, request);
        return 0;
}
