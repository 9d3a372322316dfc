/* Get-VM, Start-VM, Stop-VM, Remove-VM */
#include "appliance/node/vm-commands.h"

#include "appliance/base/cleanup.h"
#include "appliance/node/vm-object.h"
#include "appliance/node/vm-parameters.h"
#include "appliance/node/vm-target.h"

/* As Hyper-V gives a guest with open files. */
#define SHUTDOWN_US (300 * 1000000ULL)
/* ---- Get-VM ---- */

static int emit_one(Invocation *invocation, const VmInfo *info, Error *err) {
        char host[MACHINE_NAME_MAX];
        sd_json_variant *object = NULL;

        vmhost_name(vm_host_of(invocation), host);
        if (vm_object(info, host, &object, err) < 0)
                return -1;
        return invocation_emit(invocation, object, err);
}

static int get_vm(Invocation *invocation, Error *err) { return vm_targets(invocation, emit_one, err); }

const Command command_get_vm = {
        .name = "Get-VM", .module = "Hyper-V",
        .synopsis = "Gets the virtual machines of this host.",
        .role = ROLE_READER,
        .output = "Microsoft.HyperV.PowerShell.VirtualMachine",
        .parameters = (const Parameter[]){
                PARAMETER_NAMES,
                { "Id", "Guid", NULL, PARAMETER_PIPELINE_BY_VALUE | PARAMETER_PIPELINE_BY_NAME, NULL,
                  "Id of a virtual machine." },
                PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "Name", "", "Name", "ComputerName" }, { "Id", "", "Id", "ComputerName" }, { .name = NULL } },
        .refused = "ClusterObject," VM_ELSEWHERE,
        .run = get_vm,
};

/* ---- Start-VM ---- */

static int start_one(Invocation *invocation, const VmInfo *info, Error *err) {
        const char *name = info->definition.name, *id = info->definition.id;

        return invocation_should_process(invocation, name, "Start-VM") ? vm_start(invocation, id, name, err) : 0;
}

static int start_vm(Invocation *invocation, Error *err) { return vm_targets(invocation, start_one, err); }

static const ParameterSet start_sets[] = {
        { "Name", "Name", "Name", "Passthru,ComputerName" }, { "VMObject", "VM", "VM", "Passthru" }, { .name = NULL },
};

const Command command_start_vm = {
        .name = "Start-VM", .module = "Hyper-V",
        .synopsis = "Starts a virtual machine, or lets a saved one go on; the file server lets only one host hold its disks.",
        .role = ROLE_OPERATOR, .confirm = true, .as_job = true,
        .output = "Microsoft.HyperV.PowerShell.VirtualMachine",
        .parameters = (const Parameter[]){ PARAMETER_NAMES, PARAMETER_VM, PARAMETER_PASSTHRU, PARAMETER_COMPUTER_NAME,
                                             { .name = NULL } },
        .sets = start_sets,
        .refused = VM_ELSEWHERE,
        .run = start_vm,
};

/* ---- Stop-VM ---- */

static int stop_one(Invocation *invocation, const VmInfo *info, Error *err) {
        const char *name = info->definition.name, *id = info->definition.id;
        VmHost *host = vm_host_of(invocation);
        bool changed = false;

        if (!invocation_should_process(invocation, name, "Stop-VM"))
                return 0;
        if (invocation_switch(invocation, "Save"))
                return vm_save(invocation, id, name, err);
        VmWait wait = { .cancelled = vm_caller_gone, .userdata = invocation };
        invocation_progress(invocation, "Stopping", name, -1, false);
        int r = invocation_switch(invocation, "TurnOff")
                ? vmhost_turn_off(host, id, &changed, err)
                : vmhost_shut_down(host, id, SHUTDOWN_US, &wait, &changed, err);
        invocation_progress(invocation, "Stopping", name, 100, true);
        if (r < 0)
                return -1;
        if (!changed)
                vm_already(invocation);
        return vm_passthru(invocation, id, err);
}

static int stop_vm(Invocation *invocation, Error *err) { return vm_targets(invocation, stop_one, err); }

const Command command_stop_vm = {
        .name = "Stop-VM", .module = "Hyper-V",
        .synopsis = "Shuts a virtual machine down through its guest, turns it off, or saves it.",
        .role = ROLE_OPERATOR, .confirm = true, .as_job = true,
        .output = "Microsoft.HyperV.PowerShell.VirtualMachine",
        .parameters = (const Parameter[]){
                PARAMETER_NAMES, PARAMETER_VM, PARAMETER_PASSTHRU,
                { "TurnOff", "SwitchParameter", NULL, 0, NULL, "Cuts the power; the guest is not asked." },
                { "Save", "SwitchParameter", NULL, 0, NULL, "Saves its state on the share, as Save-VM does." },
                { "Force", "SwitchParameter", NULL, 0, NULL,
                  "Does not ask about unsaved data; the guest has five minutes either way." },
                PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "Name", "Name", "Name", "Save,TurnOff,Force,Passthru,ComputerName" },
                { "VMObject", "VM", "VM", "Save,TurnOff,Force,Passthru" }, { .name = NULL } },
        .refused = VM_ELSEWHERE,
        .run = stop_vm,
};

/* ---- Remove-VM ---- */

static int remove_one(Invocation *invocation, const VmInfo *info, Error *err) {
        const char *name = info->definition.name;
        char question[VM_NAME_SIZE + 64], why[ERROR_TEXT_MAX] = "", host[MACHINE_NAME_MAX];
        sd_json_variant *object = NULL;
        bool kept = false;

        (void)snprintf(question, sizeof question, "Are you sure you want to remove virtual machine \"%s\"?", name);
        if (!invocation_should_process(invocation, name, "Remove-VM") ||
            !invocation_should_continue(invocation, name, question))
                return 0;
        if (vmhost_remove(vm_host_of(invocation), info->definition.id, &kept, why, err) < 0)
                return -1;
        if (kept)
                invocation_warning(invocation, "This host has forgotten \"%s\", but its configuration stays on the "
                                   "share: %s.", name, why);
        if (!invocation_switch(invocation, "Passthru"))
                return 0;
        vmhost_name(vm_host_of(invocation), host);
        if (vm_object(info, host, &object, err) < 0)
                return -1;
        return invocation_emit(invocation, object, err);
}

static int remove_vm(Invocation *invocation, Error *err) { return vm_targets(invocation, remove_one, err); }

const Command command_remove_vm = {
        .name = "Remove-VM", .module = "Hyper-V",
        .synopsis = "Deletes the configuration of a virtual machine; its virtual hard disks stay.",
        .role = ROLE_ADMINISTRATOR, .confirm = true, .as_job = true,
        .output = "Microsoft.HyperV.PowerShell.VirtualMachine",
        .parameters = (const Parameter[]){
                PARAMETER_NAMES, PARAMETER_VM, PARAMETER_PASSTHRU,
                { "Force", "SwitchParameter", NULL, 0, NULL, "Does not ask." },
                PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "Name", "Name", "Name", "Force,Passthru,ComputerName" }, { "VMObject", "VM", "VM", "Force,Passthru" },
                { .name = NULL } },
        .refused = VM_ELSEWHERE,
        .run = remove_vm,
};
