/* Checkpoint-VM, Get-VMSnapshot, Restore-VMSnapshot, Remove-VMSnapshot: rows that say that there are no checkpoints yet
 *
 * A script that meets them hears why, instead of a command that nobody knows.
 */
#include "appliance/node/vm-commands.h"

#include "appliance/node/vm-parameters.h"

static int refuse(Invocation *invocation, Error *err) {
        (void)invocation;
        return error_set(err, ERROR_UNSUPPORTED, 0, "this version of Holdfast makes no checkpoints, and nothing was changed; "
                         "turn the virtual machine off and copy its disks with Convert-VHD instead");
}

#define CHECKPOINT "Microsoft.HyperV.PowerShell.VMSnapshot"
#define PARAMETER_CHECKPOINT                                                                                       \
        { "VMSnapshot", "VMSnapshot[]", "VMCheckpoint", PARAMETER_PIPELINE_BY_VALUE, NULL, "A checkpoint." }
#define PARAMETER_CHECKPOINT_NAME { "Name", "String", NULL, 0, NULL, "Name of a checkpoint." }
#define NOT_YET "Not available in this version of Holdfast: there are no checkpoints."

const Command command_checkpoint_vm = {
        .name = "Checkpoint-VM", .module = "Hyper-V", .synopsis = NOT_YET,
        .role = ROLE_ADMINISTRATOR, .confirm = true, .as_job = true, .output = CHECKPOINT,
        .parameters = (const Parameter[]){
                PARAMETER_NAMES, PARAMETER_VM, PARAMETER_PASSTHRU,
                { "SnapshotName", "String", "CheckpointName", 0, NULL, "Name of the new checkpoint." }, PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "Name", "Name", "Name,SnapshotName", "Passthru,ComputerName" }, { "VMObject", "VM", "VM,SnapshotName", "Passthru" },
                { .name = NULL } },
        .refused = VM_ELSEWHERE,
        .run = refuse,
};

const Command command_get_vmsnapshot = {
        .name = "Get-VMSnapshot", .module = "Hyper-V", .aliases = "Get-VMCheckpoint", .synopsis = NOT_YET,
        .role = ROLE_READER, .output = CHECKPOINT,
        .parameters = (const Parameter[]){ PARAMETER_VMNAMES, PARAMETER_VM, PARAMETER_CHECKPOINT_NAME, PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "VMName", "VMName", "VMName,Name", "ComputerName" }, { "VMObject", "VM", "VM,Name", "" }, { .name = NULL } },
        .refused = "SnapshotType,VMRecoveryCheckpoint,Id,ParentOf,ChildOf," VM_ELSEWHERE,
        .run = refuse,
};

const Command command_restore_vmsnapshot = {
        .name = "Restore-VMSnapshot", .module = "Hyper-V", .aliases = "Restore-VMCheckpoint", .synopsis = NOT_YET,
        .role = ROLE_ADMINISTRATOR, .confirm = true, .as_job = true, .output = CHECKPOINT,
        .parameters = (const Parameter[]){
                PARAMETER_CHECKPOINT_NAME, { "VMName", "String", NULL, 0, NULL, "Name of a virtual machine." }, PARAMETER_VM,
                PARAMETER_CHECKPOINT, PARAMETER_PASSTHRU, PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "SnapshotName", "Name,VMName", "Name,VMName", "Passthru,ComputerName" },
                { "SnapshotObject", "VMSnapshot", "VMSnapshot", "Passthru" }, { "VM", "VM,Name", "VM,Name", "Passthru" },
                { .name = NULL } },
        .refused = VM_ELSEWHERE,
        .run = refuse,
};

const Command command_remove_vmsnapshot = {
        .name = "Remove-VMSnapshot", .module = "Hyper-V", .aliases = "Remove-VMCheckpoint", .synopsis = NOT_YET,
        .role = ROLE_ADMINISTRATOR, .confirm = true, .as_job = true, .output = CHECKPOINT,
        .parameters = (const Parameter[]){
                PARAMETER_VMNAMES, PARAMETER_VM, PARAMETER_CHECKPOINT_NAME, PARAMETER_CHECKPOINT, PARAMETER_PASSTHRU,
                { "IncludeAllChildSnapshots", "SwitchParameter", "IncludeAllChildCheckpoints", 0, NULL,
                  "With all that were made after it." },
                PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "SnapshotName", "VMName", "VMName,Name", "IncludeAllChildSnapshots,Passthru,ComputerName" },
                { "VMObject", "VM", "VM,Name", "IncludeAllChildSnapshots,Passthru" },
                { "SnapshotObject", "VMSnapshot", "VMSnapshot", "IncludeAllChildSnapshots,Passthru" }, { .name = NULL } },
        .refused = VM_ELSEWHERE,
        .run = refuse,
};
