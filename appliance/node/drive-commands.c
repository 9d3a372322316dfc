/* Get-, Add-, Set- and Remove-VMHardDiskDrive */
#include "appliance/node/device-commands.h"

#include <stdio.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/node/device-object.h"
#include "appliance/node/device-target.h"
#include "appliance/node/vm-target.h"

#define DRIVE "Microsoft.HyperV.PowerShell.HardDiskDrive"
#define REFUSED "DiskNumber,ResourcePoolName,SupportPersistentReservations,AllowUnverifiedPaths,MaximumIOPS,MinimumIOPS," \
                "QoSPolicyID,QoSPolicy,OverrideCacheAttributes,"
#define TYPE_HELP "IDE, or SCSI: only there a disk comes and goes while the machine runs."
#define PARAMETER_TYPE(name) { name, "ControllerType", NULL, 0, "IDE,SCSI", TYPE_HELP }
#define PARAMETER_NUMBER(name) { name, "Int32", NULL, 0, NULL, "Number of the controller: IDE 0 and 1, SCSI 0." }
#define PARAMETER_LOCATION(name) { name, "Int32", NULL, 0, NULL, "Location on the controller: IDE 0 and 1, SCSI 0 to 63." }
#define PARAMETER_PASSTHRU { "Passthru", "SwitchParameter", NULL, 0, NULL, "Returns the hard disk drive." }
#define PARAMETER_PATH { "Path", "String", NULL, 0, NULL, "UNC path of a virtual hard disk (.raw) on a share." }

/* ---- Get ---- */

static int get_of(Invocation *invocation, const VmInfo *info, Error *err) {
        for (unsigned i = 0; i < info->definition.disk_count; i++)
                if (device_slot_wanted(invocation, info->definition.disk_slots[i]) &&
                    device_emit_disk(invocation, info->definition.id, info->definition.disk_slots[i], err) < 0)
                        return -1;
        return 0;
}

static int get(Invocation *invocation, Error *err) { return vm_targets_of(invocation, "VMName", get_of, err); }

#define GET_WHICH "ControllerType,ControllerNumber,ControllerLocation"
const Command command_get_vmharddiskdrive = {
        .name = "Get-VMHardDiskDrive", .module = "Hyper-V",
        .synopsis = "Gets the hard disk drives of virtual machines.",
        .role = ROLE_READER,
        .output = DRIVE,
        .parameters = (const Parameter[]){
                DEVICE_VM_NAMES, DEVICE_VMS, PARAMETER_TYPE("ControllerType"), PARAMETER_NUMBER("ControllerNumber"),
                PARAMETER_LOCATION("ControllerLocation"), PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "VMName", "VMName", "VMName", GET_WHICH ",ComputerName" }, { "VMObject", "VM", "VM", GET_WHICH }, { .name = NULL } },
        .refused = "VMSnapshot,VMDriveController," DEVICE_ELSEWHERE,
        .run = get,
};

/* ---- Add ---- */

static int add_to(Invocation *invocation, const VmInfo *info, Error *err) {
        VmHost *host = vm_host_of(invocation);
        const char *path = invocation_string(invocation, "Path"), *id = info->definition.id;
        char unc[DISK_UNC_MAX];
        VmSlot slot;

        if (!path || !*path)
                return error_set(err, ERROR_INVALID, 0, "a hard disk drive needs its virtual hard disk: give -Path "
                                 "\\\\server\\share\\disk.raw (New-VHD makes one)");
        if (device_unc(path, unc, err) < 0 || device_slot_free(invocation, info, false, &slot, err) < 0)
                return -1;
        if (!invocation_should_process(invocation, info->definition.name, "Add-VMHardDiskDrive"))
                return 0;
        int r = device_add_disk(host, id, unc, slot, err);
        if (device_again(invocation, r, err))
                r = device_add_disk(host, id, unc, slot, err);
        return r < 0 || !invocation_switch(invocation, "Passthru") ? r : device_emit_disk(invocation, id, slot, err);
}

static int add(Invocation *invocation, Error *err) { return vm_targets_of(invocation, "VMName", add_to, err); }

#define ADD_PLACE ",ControllerType,ControllerNumber,ControllerLocation,Path"
const Command command_add_vmharddiskdrive = {
        .name = "Add-VMHardDiskDrive", .module = "Hyper-V",
        .synopsis = "Adds a virtual hard disk to a virtual machine; to a running one on its SCSI controller.",
        .role = ROLE_ADMINISTRATOR, .confirm = true,
        .output = DRIVE,
        .parameters = (const Parameter[]){
                DEVICE_VM_NAMES, DEVICE_VMS, PARAMETER_TYPE("ControllerType"), PARAMETER_NUMBER("ControllerNumber"),
                PARAMETER_LOCATION("ControllerLocation"), PARAMETER_PATH, PARAMETER_PASSTHRU, PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "VMName", "VMName", "VMName" ADD_PLACE, "Passthru,ComputerName" }, { "VMObject", "VM", "VM" ADD_PLACE, "Passthru" },
                { .name = NULL } },
        .refused = REFUSED "VMDriveController," DEVICE_ELSEWHERE,
        .run = add,
};

/* ---- Set ---- */

static int set_one(Invocation *invocation, const VmInfo *info, VmSlot slot, Error *err) {
        VmHost *host = vm_host_of(invocation);
        const char *path = invocation_string(invocation, "Path"), *id = info->definition.id;
        char unc[DISK_UNC_MAX];
        bool moves = false;
        VmSlot to;

        if (definition_disk_at(&info->definition, slot) < 0)
                return device_no_drive(invocation, info, "hard disk drive", err);
        if ((path && device_unc(path, unc, err) < 0) || device_slot_to(invocation, slot, &to, &moves, err) < 0)
                return -1;
        if (!invocation_should_process(invocation, info->definition.name, "Set-VMHardDiskDrive"))
                return 0;
        int r = path || moves ? device_change_disk(host, id, slot, moves ? &to : NULL, path ? unc : NULL, err) : 0;
        if (device_again(invocation, r, err))
                r = device_change_disk(host, id, slot, moves ? &to : NULL, path ? unc : NULL, err);
        return r < 0 || !invocation_switch(invocation, "Passthru") ? r : device_emit_disk(invocation, id, to, err);
}

/* Without all three of the place, every drive that the given ones leave open is meant; more than one is none. */
static int set_of(Invocation *invocation, const VmInfo *info, Error *err) {
        unsigned found = 0, at = 0;

        for (unsigned i = 0; i < info->definition.disk_count; i++)
                if (device_slot_wanted(invocation, info->definition.disk_slots[i])) {
                        at = i;
                        found++;
                }
        if (found > 1)
                return error_set(err, ERROR_INVALID, 0, "\"%s\" has %u hard disk drives there; say which with -ControllerType, "
                                 "-ControllerNumber and -ControllerLocation", info->definition.name, found);
        if (found == 0)
                return device_no_drive(invocation, info, "hard disk drive", err);
        return set_one(invocation, info, info->definition.disk_slots[at], err);
}

static int set(Invocation *invocation, Error *err) {
        return invocation_has(invocation, "VMHardDiskDrive") ? device_each_drive(invocation, "VMHardDiskDrive", set_one, err)
                                                             : vm_target(invocation, invocation_string(invocation, "VMName"),
                                                                         set_of, err);
}

#define SET_TO "ToControllerType,ToControllerNumber,ToControllerLocation,Passthru"
#define PARAMETER_DRIVES { "VMHardDiskDrive", "HardDiskDrive[]", NULL, PARAMETER_PIPELINE_BY_VALUE | PARAMETER_PLACED, NULL, \
                           "Hard disk drives, as Get-VMHardDiskDrive returns them." }
const Command command_set_vmharddiskdrive = {
        .name = "Set-VMHardDiskDrive", .module = "Hyper-V",
        .synopsis = "Gives a hard disk drive another virtual hard disk or another place.",
        .role = ROLE_ADMINISTRATOR, .confirm = true,
        .output = DRIVE,
        .parameters = (const Parameter[]){
                DEVICE_VM_NAME(0), PARAMETER_DRIVES, PARAMETER_TYPE("ControllerType"),
                PARAMETER_NUMBER("ControllerNumber"), PARAMETER_LOCATION("ControllerLocation"), PARAMETER_PATH,
                PARAMETER_TYPE("ToControllerType"), PARAMETER_NUMBER("ToControllerNumber"),
                PARAMETER_LOCATION("ToControllerLocation"), PARAMETER_PASSTHRU, PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "VMName", "VMName", "VMName" ADD_PLACE, SET_TO ",ComputerName" },
                { "Object", "VMHardDiskDrive", "VMHardDiskDrive,Path", SET_TO }, { .name = NULL } },
        .refused = REFUSED DEVICE_ELSEWHERE,
        .run = set,
};

/* ---- Remove ---- */

static int remove_one(Invocation *invocation, const VmInfo *info, VmSlot slot, Error *err) {
        int at = definition_disk_at(&info->definition, slot);
        char host[MACHINE_NAME_MAX];
        sd_json_variant *object = NULL;

        if (at < 0)
                return device_no_drive(invocation, info, "hard disk drive", err);
        if (!invocation_should_process(invocation, info->definition.name, "Remove-VMHardDiskDrive"))
                return 0;
        int r = device_remove_disk(vm_host_of(invocation), info->definition.id, slot, err);
        if (device_again(invocation, r, err))
                r = device_remove_disk(vm_host_of(invocation), info->definition.id, slot, err);
        if (r < 0 || !invocation_switch(invocation, "Passthru"))
                return r;
        vmhost_name(vm_host_of(invocation), host);
        if (drive_object(info, (unsigned)at, host, &object, err) < 0)
                return -1;
        return invocation_emit(invocation, object, err);
}

static int remove_of(Invocation *invocation, const VmInfo *info, Error *err) {
        VmSlot slot = { strcmp(invocation_string(invocation, "ControllerType"), "SCSI") == 0 ? VM_SCSI : VM_IDE,
                        (unsigned)device_integer(invocation, "ControllerNumber"),
                        (unsigned)device_integer(invocation, "ControllerLocation") };

        return remove_one(invocation, info, slot, err);
}

static int remove_drive(Invocation *invocation, Error *err) {
        return invocation_has(invocation, "VMHardDiskDrive")
                       ? device_each_drive(invocation, "VMHardDiskDrive", remove_one, err)
                       : vm_target(invocation, invocation_string(invocation, "VMName"), remove_of, err);
}

#define REMOVE_PLACE "VMName,ControllerType,ControllerNumber,ControllerLocation"
const Command command_remove_vmharddiskdrive = {
        .name = "Remove-VMHardDiskDrive", .module = "Hyper-V",
        .synopsis = "Takes a virtual hard disk from a virtual machine; its file stays.",
        .role = ROLE_ADMINISTRATOR, .confirm = true,
        .output = DRIVE,
        .parameters = (const Parameter[]){
                DEVICE_VM_NAME(0), PARAMETER_DRIVES, PARAMETER_TYPE("ControllerType"),
                PARAMETER_NUMBER("ControllerNumber"), PARAMETER_LOCATION("ControllerLocation"), PARAMETER_PASSTHRU,
                PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "VMName", REMOVE_PLACE, REMOVE_PLACE, "Passthru,ComputerName" },
                { "VMHardDiskDrive", "VMHardDiskDrive", "VMHardDiskDrive", "Passthru" }, { .name = NULL } },
        .refused = DEVICE_ELSEWHERE,
        .run = remove_drive,
};
