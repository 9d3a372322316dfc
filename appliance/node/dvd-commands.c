/* Get-, Add-, Set- and Remove-VMDvdDrive */
#include "appliance/node/device-commands.h"

#include <stdio.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/node/device-object.h"
#include "appliance/node/device-target.h"
#include "appliance/node/vm-target.h"

#define DRIVE "Microsoft.HyperV.PowerShell.DvdDrive"
#define PARAMETER_NUMBER(name) { name, "Int32", NULL, 0, NULL, "Number of the IDE controller: 0 or 1." }
#define PARAMETER_LOCATION(name) { name, "Int32", NULL, 0, NULL, "Location on the controller: 0 or 1." }
#define PARAMETER_PASSTHRU { "Passthru", "SwitchParameter", NULL, 0, NULL, "Returns the DVD drive." }
#define PARAMETER_PATH(help) { "Path", "String", NULL, 0, NULL, "UNC path of an .iso file on a share; " help }
#define PARAMETER_DRIVES { "VMDvdDrive", "DvdDrive[]", NULL, PARAMETER_PIPELINE_BY_VALUE | PARAMETER_PLACED, NULL, \
                           "DVD drives, as Get-VMDvdDrive returns them." }

/* ---- Get ---- */

static int get_of(Invocation *invocation, const VmInfo *info, Error *err) {
        for (unsigned i = 0; i < info->definition.dvd_count; i++)
                if (device_slot_wanted(invocation, info->definition.dvds[i].slot) &&
                    device_emit_dvd(invocation, info->definition.id, info->definition.dvds[i].slot, err) < 0)
                        return -1;
        return 0;
}

static int get(Invocation *invocation, Error *err) { return vm_targets_of(invocation, "VMName", get_of, err); }

const Command command_get_vmdvddrive = {
        .name = "Get-VMDvdDrive", .module = "Hyper-V",
        .synopsis = "Gets the DVD drives of virtual machines.",
        .role = ROLE_READER,
        .output = DRIVE,
        .parameters = (const Parameter[]){
                DEVICE_VM_NAMES, DEVICE_VMS, PARAMETER_NUMBER("ControllerNumber"),
                PARAMETER_LOCATION("ControllerLocation"), PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "VMName", "VMName", "VMName", "ControllerNumber,ControllerLocation,ComputerName" },
                { "VMObject", "VM", "VM", "ControllerNumber,ControllerLocation" }, { .name = NULL } },
        .refused = "VMSnapshot,VMDriveController," DEVICE_ELSEWHERE,
        .run = get,
};

/* ---- Add ---- */

static int add_to(Invocation *invocation, const VmInfo *info, Error *err) {
        const char *path = invocation_string(invocation, "Path"), *id = info->definition.id;
        VmHost *host = vm_host_of(invocation);
        char unc[DISK_UNC_MAX] = "";
        VmSlot slot;

        if ((path && *path && device_check_iso(path, unc, err) < 0) ||
            device_slot_free(invocation, info, true, &slot, err) < 0)
                return -1;
        if (!invocation_should_process(invocation, info->definition.name, "Add-VMDvdDrive"))
                return 0;
        int r = device_add_dvd(host, id, unc, slot, err);
        if (device_again(invocation, r, err))
                r = device_add_dvd(host, id, unc, slot, err);
        return r < 0 || !invocation_switch(invocation, "Passthru") ? r : device_emit_dvd(invocation, id, slot, err);
}

static int add(Invocation *invocation, Error *err) { return vm_targets_of(invocation, "VMName", add_to, err); }

#define PLACE ",ControllerNumber,ControllerLocation,Path"
const Command command_add_vmdvddrive = {
        .name = "Add-VMDvdDrive", .module = "Hyper-V",
        .synopsis = "Adds a DVD drive to a virtual machine that is off.",
        .role = ROLE_ADMINISTRATOR, .confirm = true,
        .output = DRIVE,
        .parameters = (const Parameter[]){
                DEVICE_VM_NAMES, DEVICE_VMS, PARAMETER_NUMBER("ControllerNumber"),
                PARAMETER_LOCATION("ControllerLocation"), PARAMETER_PATH("without it the drive is empty."),
                PARAMETER_PASSTHRU, PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "VMName", "VMName", "VMName" PLACE, "Passthru,ComputerName" }, { "VMObject", "VM", "VM" PLACE, "Passthru" },
                { .name = NULL } },
        .refused = "ResourcePoolName,AllowUnverifiedPaths,VMDriveController," DEVICE_ELSEWHERE,
        .run = add,
};

/* ---- Set ---- */

static int set_one(Invocation *invocation, const VmInfo *info, VmSlot slot, Error *err) {
        const char *path = invocation_string(invocation, "Path"), *id = info->definition.id;
        VmHost *host = vm_host_of(invocation);
        char unc[DISK_UNC_MAX] = "";
        bool moves = false, medium = invocation_has(invocation, "Path");
        VmSlot to;

        if (definition_dvd_at(&info->definition, slot) < 0)
                return device_no_drive(invocation, info, "DVD drive", err);
        if ((path && *path && device_check_iso(path, unc, err) < 0) ||
            device_slot_to(invocation, slot, &to, &moves, err) < 0)
                return -1;
        if (!invocation_should_process(invocation, info->definition.name, "Set-VMDvdDrive"))
                return 0;
        int r = medium || moves ? device_change_dvd(host, id, slot, moves ? &to : NULL, medium ? unc : NULL, err) : 0;
        if (device_again(invocation, r, err))
                r = device_change_dvd(host, id, slot, moves ? &to : NULL, medium ? unc : NULL, err);
        return r < 0 || !invocation_switch(invocation, "Passthru") ? r : device_emit_dvd(invocation, id, to, err);
}

static int set_of(Invocation *invocation, const VmInfo *info, Error *err) {
        unsigned found = 0, at = 0;

        for (unsigned i = 0; i < info->definition.dvd_count; i++)
                if (device_slot_wanted(invocation, info->definition.dvds[i].slot)) {
                        at = i;
                        found++;
                }
        if (found > 1)
                return error_set(err, ERROR_INVALID, 0, "\"%s\" has %u DVD drives there; say which with -ControllerNumber "
                                 "and -ControllerLocation", info->definition.name, found);
        if (found == 0)
                return device_no_drive(invocation, info, "DVD drive", err);
        return set_one(invocation, info, info->definition.dvds[at].slot, err);
}

static int set(Invocation *invocation, Error *err) {
        return invocation_has(invocation, "VMDvdDrive")
                       ? device_each_drive(invocation, "VMDvdDrive", set_one, err)
                       : vm_target(invocation, invocation_string(invocation, "VMName"), set_of, err);
}

#define SET_TO "ToControllerNumber,ToControllerLocation,Passthru"
const Command command_set_vmdvddrive = {
        .name = "Set-VMDvdDrive", .module = "Hyper-V",
        .synopsis = "Puts an ISO file into a DVD drive, also while the machine runs, or ejects it.",
        .role = ROLE_OPERATOR, .confirm = true,
        .output = DRIVE,
        .parameters = (const Parameter[]){
                DEVICE_VM_NAME(0), PARAMETER_DRIVES, PARAMETER_NUMBER("ControllerNumber"),
                PARAMETER_LOCATION("ControllerLocation"), PARAMETER_PATH("$null ejects."),
                PARAMETER_NUMBER("ToControllerNumber"), PARAMETER_LOCATION("ToControllerLocation"), PARAMETER_PASSTHRU,
                PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "VMName", "VMName", "VMName" PLACE, SET_TO ",ComputerName" }, { "Object", "VMDvdDrive", "VMDvdDrive,Path", SET_TO },
                { .name = NULL } },
        .refused = "ResourcePoolName,AllowUnverifiedPaths," DEVICE_ELSEWHERE,
        .run = set,
};

/* ---- Remove ---- */

static int remove_one(Invocation *invocation, const VmInfo *info, VmSlot slot, Error *err) {
        int at = definition_dvd_at(&info->definition, slot);
        char host[MACHINE_NAME_MAX];
        sd_json_variant *object = NULL;

        if (at < 0)
                return device_no_drive(invocation, info, "DVD drive", err);
        if (!invocation_should_process(invocation, info->definition.name, "Remove-VMDvdDrive"))
                return 0;
        int r = device_remove_dvd(vm_host_of(invocation), info->definition.id, slot, err);
        if (device_again(invocation, r, err))
                r = device_remove_dvd(vm_host_of(invocation), info->definition.id, slot, err);
        if (r < 0 || !invocation_switch(invocation, "Passthru"))
                return r;
        vmhost_name(vm_host_of(invocation), host);
        if (dvd_object(info, (unsigned)at, host, &object, err) < 0)
                return -1;
        return invocation_emit(invocation, object, err);
}

static int remove_of(Invocation *invocation, const VmInfo *info, Error *err) {
        VmSlot slot = { VM_IDE, (unsigned)device_integer(invocation, "ControllerNumber"),
                        (unsigned)device_integer(invocation, "ControllerLocation") };

        return remove_one(invocation, info, slot, err);
}

static int remove_drive(Invocation *invocation, Error *err) {
        return invocation_has(invocation, "VMDvdDrive")
                       ? device_each_drive(invocation, "VMDvdDrive", remove_one, err)
                       : vm_target(invocation, invocation_string(invocation, "VMName"), remove_of, err);
}

#define REMOVE_PLACE "VMName,ControllerNumber,ControllerLocation"
const Command command_remove_vmdvddrive = {
        .name = "Remove-VMDvdDrive", .module = "Hyper-V",
        .synopsis = "Removes a DVD drive from a virtual machine that is off.",
        .role = ROLE_ADMINISTRATOR, .confirm = true,
        .output = DRIVE,
        .parameters = (const Parameter[]){
                DEVICE_VM_NAME(0), PARAMETER_DRIVES, PARAMETER_NUMBER("ControllerNumber"),
                PARAMETER_LOCATION("ControllerLocation"), PARAMETER_PASSTHRU, PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "VMName", REMOVE_PLACE, REMOVE_PLACE, "Passthru,ComputerName" },
                { "VMDvdDrive", "VMDvdDrive", "VMDvdDrive", "Passthru" }, { .name = NULL } },
        .refused = DEVICE_ELSEWHERE,
        .run = remove_drive,
};
