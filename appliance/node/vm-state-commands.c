/* Save-VM, Suspend-VM, Resume-VM, Restart-VM, Rename-VM, Remove-VMSavedState */
#include "appliance/node/vm-commands.h"

#include <stdio.h>

#include "appliance/node/vm-parameters.h"
#include "appliance/node/vm-target.h"

static const ParameterSet plain_sets[] = {
        { "Name", "Name", "Name", "Passthru,ComputerName" }, { "VMObject", "VM", "VM", "Passthru" }, { .name = NULL },
};
static const Parameter plain_parameters[] = {
        PARAMETER_NAMES, PARAMETER_VM, PARAMETER_PASSTHRU, PARAMETER_COMPUTER_NAME, { .name = NULL },
};
#define VIRTUAL_MACHINE "Microsoft.HyperV.PowerShell.VirtualMachine"

/* ---- Save-VM ---- */

static int save_one(Invocation *invocation, const VmInfo *info, Error *err) {
        const char *name = info->definition.name;
        return invocation_should_process(invocation, name, "Save-VM")
                       ? vm_save(invocation, info->definition.id, name, err)
                       : 0;
}

static int save_vm(Invocation *invocation, Error *err) { return vm_targets(invocation, save_one, err); }

const Command command_save_vm = {
        .name = "Save-VM", .module = "Hyper-V",
        .synopsis = "Saves the state of a virtual machine beside its files on the share and turns it off; Start-VM on any "
                    "host lets it go on.",
        .role = ROLE_OPERATOR, .confirm = true, .as_job = true, .output = VIRTUAL_MACHINE,
        .parameters = plain_parameters, .sets = plain_sets,
        .refused = VM_ELSEWHERE,
        .run = save_vm,
};

/* ---- Suspend-VM, Resume-VM ---- */

static int change_one(Invocation *invocation, const VmInfo *info, const char *operation,
                      int (*change)(VmHost *host, const char *name_or_id, bool *ret_changed, Error *err), Error *err) {
        bool changed = false;

        if (!invocation_should_process(invocation, info->definition.name, operation))
                return 0;
        if (change(vm_host_of(invocation), info->definition.id, &changed, err) < 0)
                return -1;
        if (!changed)
                vm_already(invocation);
        return vm_passthru(invocation, info->definition.id, err);
}

static int suspend_one(Invocation *invocation, const VmInfo *info, Error *err) {
        return change_one(invocation, info, "Suspend-VM", vmhost_suspend, err);
}

static int suspend_vm(Invocation *invocation, Error *err) { return vm_targets(invocation, suspend_one, err); }

const Command command_suspend_vm = {
        .name = "Suspend-VM", .module = "Hyper-V",
        .synopsis = "Pauses a running virtual machine; it keeps its memory and its disks.",
        .role = ROLE_OPERATOR, .confirm = true, .as_job = true, .output = VIRTUAL_MACHINE,
        .parameters = plain_parameters, .sets = plain_sets,
        .refused = VM_ELSEWHERE,
        .run = suspend_vm,
};

/* As on Hyper-V, what is saved goes on, too. */
static int resume_one(Invocation *invocation, const VmInfo *info, Error *err) {
        const char *name = info->definition.name;
        if (info->state != VM_SAVED)
                return change_one(invocation, info, "Resume-VM", vmhost_resume, err);
        return invocation_should_process(invocation, name, "Resume-VM")
                       ? vm_start(invocation, info->definition.id, name, err)
                       : 0;
}

static int resume_vm(Invocation *invocation, Error *err) { return vm_targets(invocation, resume_one, err); }

const Command command_resume_vm = {
        .name = "Resume-VM", .module = "Hyper-V",
        .synopsis = "Lets a paused or saved virtual machine go on, also one that stopped on a disk error that is mended.",
        .role = ROLE_OPERATOR, .confirm = true, .as_job = true, .output = VIRTUAL_MACHINE,
        .parameters = plain_parameters, .sets = plain_sets,
        .refused = VM_ELSEWHERE,
        .run = resume_vm,
};

/* ---- Restart-VM ---- */

static int restart_one(Invocation *invocation, const VmInfo *info, Error *err) {
        const char *name = info->definition.name;
        char question[VM_NAME_SIZE + 64];

        (void)snprintf(question, sizeof question, "Are you sure you want to restart virtual machine \"%s\"?", name);
        if (!invocation_should_process(invocation, name, "Restart-VM") ||
            !invocation_should_continue(invocation, name, question))
                return 0;
        if (vmhost_reset(vm_host_of(invocation), info->definition.id, err) < 0)
                return -1;
        return vm_passthru(invocation, info->definition.id, err);
}

static int restart_vm(Invocation *invocation, Error *err) { return vm_targets(invocation, restart_one, err); }

const Command command_restart_vm = {
        .name = "Restart-VM", .module = "Hyper-V",
        .synopsis = "Resets a running virtual machine; its guest is not asked.",
        .role = ROLE_OPERATOR, .confirm = true, .as_job = true, .output = VIRTUAL_MACHINE,
        .parameters = (const Parameter[]){
                PARAMETER_NAMES, PARAMETER_VM, PARAMETER_PASSTHRU,
                { "Force", "SwitchParameter", NULL, 0, NULL, "Does not ask." }, PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "Name", "Name", "Name", "Force,Passthru,ComputerName" }, { "VMObject", "VM", "VM", "Force,Passthru" },
                { .name = NULL } },
        /* nothing in the guest says that it is up again */
        .refused = "Wait,For,Delay,Timeout,TimeoutSec,Type," VM_ELSEWHERE,
        .run = restart_vm,
};

/* ---- Rename-VM ---- */

static int rename_one(Invocation *invocation, const VmInfo *info, Error *err) {
        if (!invocation_should_process(invocation, info->definition.name, "Rename-VM"))
                return 0;
        if (vmhost_rename(vm_host_of(invocation), info->definition.id, invocation_string(invocation, "NewName"), err) < 0)
                return -1;
        return vm_passthru(invocation, info->definition.id, err);
}

static int rename_vm(Invocation *invocation, Error *err) { return vm_targets(invocation, rename_one, err); }

const Command command_rename_vm = {
        .name = "Rename-VM", .module = "Hyper-V",
        .synopsis = "Gives a virtual machine that is off another name; its folder and its disks keep theirs.",
        .role = ROLE_ADMINISTRATOR, .confirm = true, .output = VIRTUAL_MACHINE,
        .parameters = (const Parameter[]){
                PARAMETER_NAMES, PARAMETER_VM, PARAMETER_PASSTHRU,
                { "NewName", "String", NULL, 0, NULL, "Its new name; its .vm file on the share gets it, too." },
                PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "Name", "Name,NewName", "Name,NewName", "Passthru,ComputerName" },
                { "VMObject", "VM,NewName", "VM,NewName", "Passthru" }, { .name = NULL } },
        .refused = VM_ELSEWHERE,
        .run = rename_vm,
};

/* ---- Remove-VMSavedState ---- */

static int discard_one(Invocation *invocation, const VmInfo *info, Error *err) {
        if (!invocation_should_process(invocation, info->definition.name, "Remove-VMSavedState"))
                return 0;
        if (vmhost_discard_saved(vm_host_of(invocation), info->definition.id, err) < 0)
                return -1;
        return vm_passthru(invocation, info->definition.id, err);
}

static int remove_vmsavedstate(Invocation *invocation, Error *err) { return vm_targets(invocation, discard_one, err); }

const Command command_remove_vmsavedstate = {
        .name = "Remove-VMSavedState", .module = "Hyper-V",
        .synopsis = "Gives up the saved state of a virtual machine, as if its power had been cut when it was saved.",
        .role = ROLE_OPERATOR, .confirm = true, .output = VIRTUAL_MACHINE,
        .parameters = (const Parameter[]){ PARAMETER_VMNAMES, PARAMETER_VM, PARAMETER_PASSTHRU, PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "Name", "VMName", "VMName", "Passthru,ComputerName" }, { "VMObject", "VM", "VM", "Passthru" }, { .name = NULL } },
        .refused = "VMSnapshot,VMCheckpoint," VM_ELSEWHERE,
        .run = remove_vmsavedstate,
};
