/* Set-VM, Get-VMMemory, Set-VMMemory */
#include "appliance/node/vm-commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/node/vm-edit.h"
#include "appliance/node/vm-parameters.h"
#include "appliance/node/vm-part-object.h"
#include "appliance/node/vm-target.h"

#define STATIC_ONLY "a virtual machine has all of its memory from its start"
#define NO_START "virtual machines do not start by themselves in this version of Holdfast"
#define NO_CHECKPOINTS "this version of Holdfast makes no checkpoints"

/* ---- Set-VM ---- */

static const VmFixed fixed[] = {
        { "StaticMemory", "true", STATIC_ONLY },
        { "AutomaticStartAction", "Nothing", NO_START },
        { "AutomaticStopAction", "ShutDown", "when its host goes down the guest is asked to shut down and has five minutes for "
                                             "it" },
        { "AutomaticCriticalErrorAction", "Pause", "a guest that hears of a lost disk goes on and spoils its file system" },
        { "AutomaticCheckpointsEnabled", "false", NO_CHECKPOINTS },
        { "CheckpointType", "Disabled", NO_CHECKPOINTS },
        { "LockOnDisconnect", "Off", "there are no sessions on a virtual machine's screen that could end" },
        { .parameter = NULL },
};

static int edit_vm(void *userdata, VmDefinition *d, Error *err) {
        const Invocation *invocation = userdata;
        const char *notes = invocation_string(invocation, "Notes");
        uint64_t processors = d->processor_count;

        if (vm_take_number(invocation, "ProcessorCount", 1, VM_PROCESSORS_MAX, &processors, err) < 0 ||
            vm_take_number(invocation, "MemoryStartupBytes", VM_MEMORY_MIN, VM_MEMORY_MAX, &d->memory_bytes, err) < 0)
                return -1;
        d->processor_count = (unsigned)processors;
        if (!notes)
                return 0;
        if (strlen(notes) >= sizeof d->notes)
                return error_set(err, ERROR_LIMIT, 0, "the notes of \"%s\" are longer than %zu bytes", d->name,
                                 sizeof d->notes - 1);
        (void)memset(d->notes, 0, sizeof d->notes);
        (void)snprintf(d->notes, sizeof d->notes, "%s", notes);
        return 0;
}

static int set_one(Invocation *invocation, const VmInfo *info, Error *err) {
        const char *name = invocation_string(invocation, "NewVMName");

        if (vm_check_fixed(invocation, fixed, err) < 0)
                return -1;
        if (!invocation_should_process(invocation, info->definition.name, "Set-VM"))
                return 0;
        if (vm_edit(invocation, info, edit_vm, err) < 0)
                return -1;
        if (name && vmhost_rename(vm_host_of(invocation), info->definition.id, name, err) < 0)
                return -1;
        return vm_passthru(invocation, info->definition.id, err);
}

static int set_vm(Invocation *invocation, Error *err) { return vm_targets(invocation, set_one, err); }

#define SET_VM_OPTIONS                                                                                             \
        "ProcessorCount,StaticMemory,MemoryStartupBytes,AutomaticStartAction,AutomaticStopAction,"                  \
        "AutomaticCriticalErrorAction,AutomaticCheckpointsEnabled,LockOnDisconnect,Notes,NewVMName,CheckpointType,Passthru"

const Command command_set_vm = {
        .name = "Set-VM", .module = "Hyper-V",
        .synopsis = "Changes settings of a virtual machine: processors, memory, notes, name.",
        .role = ROLE_ADMINISTRATOR, .confirm = true,
        .output = "Microsoft.HyperV.PowerShell.VirtualMachine",
        .parameters = (const Parameter[]){
                PARAMETER_NAMES, PARAMETER_VM, PARAMETER_PASSTHRU,
                { "ProcessorCount", "Int64", NULL, 0, NULL, "Number of virtual processors; while it is off." },
                { "StaticMemory", "SwitchParameter", NULL, 0, NULL, "All of its memory from the start, as always." },
                { "MemoryStartupBytes", "Int64", NULL, 0, NULL, "Memory in bytes, a multiple of 2MB; while it is off." },
                { "AutomaticStartAction", "StartAction", NULL, 0, "Nothing,StartIfRunning,Start", "Nothing." },
                { "AutomaticStopAction", "StopAction", NULL, 0, "TurnOff,Save,ShutDown", "ShutDown." },
                { "AutomaticCriticalErrorAction", "CriticalErrorAction", NULL, 0, "None,Pause",
                  "Pause: after the loss of a disk it waits." },
                { "AutomaticCheckpointsEnabled", "Boolean", NULL, 0, NULL, "$false." },
                { "LockOnDisconnect", "OnOffState", NULL, 0, "On,Off", "Off." },
                { "Notes", "String", NULL, 0, NULL, "What people should know of it; also while it runs." },
                { "NewVMName", "String", NULL, 0, NULL, "Its new name, as Rename-VM gives it; while it is off." },
                { "CheckpointType", "CheckpointType", NULL, 0, "Disabled,Production,ProductionOnly,Standard", "Disabled." },
                PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "Name", "Name", "Name", SET_VM_OPTIONS ",ComputerName" }, { "VMObject", "VM", "VM", SET_VM_OPTIONS }, { .name = NULL } },
        .refused = "GuestControlledCacheTypes,LowMemoryMappedIoSpace,HighMemoryMappedIoSpace,DynamicMemory,"
                   "MemoryMinimumBytes,MemoryMaximumBytes,AutomaticStartDelay,AutomaticCriticalErrorActionTimeout,"
                   "SnapshotFileLocation,CheckpointFileLocation,SmartPagingFilePath,AllowUnverifiedPaths," VM_ELSEWHERE,
        .run = set_vm,
};

/* ---- Get-VMMemory ---- */

static int emit_memory(Invocation *invocation, const VmInfo *info, Error *err) {
        char host[MACHINE_NAME_MAX];
        sd_json_variant *object = NULL;

        vmhost_name(vm_host_of(invocation), host);
        if (vm_memory_object(info, host, &object, err) < 0)
                return -1;
        return invocation_emit(invocation, object, err);
}

static int get_vmmemory(Invocation *invocation, Error *err) { return vm_targets(invocation, emit_memory, err); }

const Command command_get_vmmemory = {
        .name = "Get-VMMemory", .module = "Hyper-V",
        .synopsis = "Gets the memory of a virtual machine.",
        .role = ROLE_READER,
        .output = "Microsoft.HyperV.PowerShell.VMMemory",
        .parameters = (const Parameter[]){ PARAMETER_VMNAMES, PARAMETER_VM, PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "VMName", "VMName", "VMName", "ComputerName" }, { "VMObject", "VM", "VM", "" }, { .name = NULL } },
        .refused = "VMSnapshot,VMCheckpoint," VM_ELSEWHERE,
        .run = get_vmmemory,
};

/* ---- Set-VMMemory ---- */

static const VmFixed memory_fixed[] = { { "DynamicMemoryEnabled", "false", STATIC_ONLY }, { .parameter = NULL } };

static int edit_memory(void *userdata, VmDefinition *d, Error *err) {
        return vm_take_number(userdata, "StartupBytes", VM_MEMORY_MIN, VM_MEMORY_MAX, &d->memory_bytes, err);
}

static int set_memory(Invocation *invocation, const VmInfo *info, Error *err) {
        auto_free VmInfo *now = malloc(sizeof *now);

        if (!now)
                return error_oom(err);
        if (vm_check_fixed(invocation, memory_fixed, err) < 0)
                return -1;
        if (!invocation_should_process(invocation, info->definition.name, "Set-VMMemory"))
                return 0;
        if (vm_edit(invocation, info, edit_memory, err) < 0)
                return -1;
        if (!invocation_switch(invocation, "Passthru"))
                return 0;
        if (vmhost_find(vm_host_of(invocation), info->definition.id, now, err) < 0)
                return -1;
        return emit_memory(invocation, now, err);
}

static int set_vmmemory(Invocation *invocation, Error *err) { return vm_targets(invocation, set_memory, err); }

#define SET_MEMORY_OPTIONS "StartupBytes,DynamicMemoryEnabled,Passthru"

const Command command_set_vmmemory = {
        .name = "Set-VMMemory", .module = "Hyper-V",
        .synopsis = "Changes the memory of a virtual machine that is off.",
        .role = ROLE_ADMINISTRATOR, .confirm = true,
        .output = "Microsoft.HyperV.PowerShell.VMMemory",
        .parameters = (const Parameter[]){
                PARAMETER_VMNAMES, PARAMETER_VM, PARAMETER_PASSTHRU,
                { "VMMemory", "VMMemory[]", NULL, PARAMETER_PIPELINE_BY_VALUE | PARAMETER_PLACED, NULL, "Memory, as Get-VMMemory returns it." },
                { "StartupBytes", "Int64", NULL, 0, NULL, "Memory in bytes, a multiple of 2MB." },
                { "DynamicMemoryEnabled", "Boolean", NULL, 0, NULL, "$false." }, PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "VMName", "VMName", "VMName", SET_MEMORY_OPTIONS ",ComputerName" }, { "VMObject", "VM", "VM", SET_MEMORY_OPTIONS },
                { "ResourceObject", "VMMemory", "VMMemory", SET_MEMORY_OPTIONS }, { .name = NULL } },
        .refused = "Buffer,MaximumBytes,MinimumBytes,Priority,MaximumAmountPerNumaNodeBytes,ResourcePoolName," VM_ELSEWHERE,
        .run = set_vmmemory,
};
