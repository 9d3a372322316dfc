/* Get-VMProcessor, Set-VMProcessor */
#include "appliance/node/vm-commands.h"

#include <stdlib.h>

#include "appliance/base/cleanup.h"
#include "appliance/node/vm-edit.h"
#include "appliance/node/vm-parameters.h"
#include "appliance/node/vm-part-object.h"
#include "appliance/node/vm-target.h"

static int emit_processor(Invocation *invocation, const VmInfo *info, Error *err) {
        char host[MACHINE_NAME_MAX];
        sd_json_variant *object = NULL;

        vmhost_name(vm_host_of(invocation), host);
        if (vm_processor_object(info, host, &object, err) < 0)
                return -1;
        return invocation_emit(invocation, object, err);
}

static int get_vmprocessor(Invocation *invocation, Error *err) { return vm_targets(invocation, emit_processor, err); }

const Command command_get_vmprocessor = {
        .name = "Get-VMProcessor", .module = "Hyper-V",
        .synopsis = "Gets the processor settings of a virtual machine.",
        .role = ROLE_READER,
        .output = "Microsoft.HyperV.PowerShell.VMProcessor",
        .parameters = (const Parameter[]){ PARAMETER_VMNAMES, PARAMETER_VM, PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "VMName", "VMName", "VMName", "ComputerName" }, { "VMObject", "VM", "VM", "" }, { .name = NULL } },
        .refused = "VMSnapshot,VMCheckpoint," VM_ELSEWHERE,
        .run = get_vmprocessor,
};

static const VmFixed fixed[] = {
        { "CompatibilityForMigrationEnabled", "true", "its processor is a model that every host of the fabric can give, so "
                                                      "that it can move to any of them" },
        { "CompatibilityForMigrationMode", "MinimumFeatureSet", "its processor is a named model, not what the hosts have in "
                                                                "common" },
        { "CompatibilityForOlderOperatingSystemsEnabled", "false", "no features are hidden from the guest for its age" },
        { "ExposeVirtualizationExtensions", "false", "virtual machines inside of virtual machines are not available" },
        { .parameter = NULL },
};

static int edit_processor(void *userdata, VmDefinition *d, Error *err) {
        uint64_t count = d->processor_count, threads = d->threads_per_core, weight = d->processor_weight,
                 maximum = d->processor_maximum;

        if (vm_take_number(userdata, "Count", 1, VM_PROCESSORS_MAX, &count, err) < 0 ||
            vm_take_number(userdata, "HwThreadCountPerCore", 0, 2, &threads, err) < 0 ||
            vm_take_number(userdata, "RelativeWeight", 1, 10000, &weight, err) < 0 ||
            vm_take_number(userdata, "Maximum", 1, 100, &maximum, err) < 0)
                return -1;
        d->processor_count = (unsigned)count;
        d->threads_per_core = (unsigned)threads;
        d->processor_weight = (unsigned)weight;
        d->processor_maximum = (unsigned)maximum;
        return 0;
}

static int set_processor(Invocation *invocation, const VmInfo *info, Error *err) {
        auto_free VmInfo *now = malloc(sizeof *now);

        if (!now)
                return error_oom(err);
        if (vm_check_fixed(invocation, fixed, err) < 0)
                return -1;
        if (!invocation_should_process(invocation, info->definition.name, "Set-VMProcessor"))
                return 0;
        if (vm_edit(invocation, info, edit_processor, err) < 0)
                return -1;
        if (!invocation_switch(invocation, "Passthru"))
                return 0;
        if (vmhost_find(vm_host_of(invocation), info->definition.id, now, err) < 0)
                return -1;
        return emit_processor(invocation, now, err);
}

static int set_vmprocessor(Invocation *invocation, Error *err) { return vm_targets(invocation, set_processor, err); }

#define OPTIONS                                                                                                    \
        "Count,CompatibilityForMigrationEnabled,CompatibilityForMigrationMode,"                                     \
        "CompatibilityForOlderOperatingSystemsEnabled,HwThreadCountPerCore,Maximum,RelativeWeight,"                 \
        "ExposeVirtualizationExtensions,Passthru"

const Command command_set_vmprocessor = {
        .name = "Set-VMProcessor", .module = "Hyper-V",
        .synopsis = "Changes the processors of a virtual machine that is off, and its share of the host's at any time.",
        .role = ROLE_ADMINISTRATOR, .confirm = true,
        .output = "Microsoft.HyperV.PowerShell.VMProcessor",
        .parameters = (const Parameter[]){
                PARAMETER_VMNAMES, PARAMETER_VM, PARAMETER_PASSTHRU,
                { "VMProcessor", "VMProcessor[]", NULL, PARAMETER_PIPELINE_BY_VALUE | PARAMETER_PLACED, NULL,
                  "Processors, as Get-VMProcessor returns them." },
                { "Count", "Int64", NULL, 0, NULL, "Number of virtual processors; while it is off." },
                { "CompatibilityForMigrationEnabled", "Boolean", NULL, 0, NULL, "$true." },
                { "CompatibilityForMigrationMode", "String", NULL, 0, "MinimumFeatureSet,CommonClusterFeatureSet",
                  "MinimumFeatureSet." },
                { "CompatibilityForOlderOperatingSystemsEnabled", "Boolean", NULL, 0, NULL, "$false." },
                { "HwThreadCountPerCore", "Int64", NULL, 0, NULL, "1 or 2, 0 for the default, 1; while it is off." },
                { "Maximum", "Int64", NULL, 0, NULL,
                  "Percent of a processor of the host that each of its own may use; 100 is no limit." },
                { "RelativeWeight", "Int32", NULL, 0, NULL, "Its share against other virtual machines, 1 to 10000." },
                { "ExposeVirtualizationExtensions", "Boolean", NULL, 0, NULL, "$false." }, PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "VMName", "VMName", "VMName", OPTIONS ",ComputerName" }, { "VMObject", "VM", "VM", OPTIONS },
                { "VMProcessor", "VMProcessor", "VMProcessor", OPTIONS }, { .name = NULL } },
        .refused = "Reserve,MaximumCountPerNumaNode,MaximumCountPerNumaSocket,ResourcePoolName,EnableHostResourceProtection,"
                   "Perfmon,EnablePerfmonPmu,EnablePerfmonLbr,EnablePerfmonPebs,EnablePerfmonIpt,EnableLegacyApicMode,"
                   "ApicMode,AllowACountMCount,L3CacheWays,CpuBrandString,PerfCpuFreqCapMhz," VM_ELSEWHERE,
        .run = set_vmprocessor,
};
