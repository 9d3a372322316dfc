/* Get-VMFirmware, Set-VMFirmware */
#include "appliance/node/vm-commands.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/node/vm-edit.h"
#include "appliance/node/vm-parameters.h"
#include "appliance/node/vm-part-object.h"
#include "appliance/node/vm-target.h"

static int emit_firmware(Invocation *invocation, const VmInfo *info, Error *err) {
        char host[MACHINE_NAME_MAX];
        sd_json_variant *object = NULL;

        vmhost_name(vm_host_of(invocation), host);
        if (vm_firmware_object(info, host, &object, err) < 0)
                return -1;
        return invocation_emit(invocation, object, err);
}

static int get_vmfirmware(Invocation *invocation, Error *err) { return vm_targets(invocation, emit_firmware, err); }

const Command command_get_vmfirmware = {
        .name = "Get-VMFirmware", .module = "Hyper-V",
        .synopsis = "Gets from which of its devices a virtual machine boots, in order.",
        .role = ROLE_READER,
        .output = "Microsoft.HyperV.PowerShell.VMFirmware",
        .parameters = (const Parameter[]){ PARAMETER_VMNAMES, PARAMETER_VM, PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "VMName", "VMName", "VMName", "ComputerName" }, { "VMObject", "VM", "VM", "" }, { .name = NULL } },
        .refused = "VMSnapshot,VMCheckpoint," VM_ELSEWHERE,
        .run = get_vmfirmware,
};

static const VmFixed fixed[] = {
        { "EnableSecureBoot", "Off", "it needs the firmware of generation 2, which is not available in this version of "
                                     "Holdfast" },
        { .parameter = NULL },
};

static bool has(const VmDefinition *d, const char *name) {
        for (unsigned i = 0; i < d->boot_count; i++)
                if (strcmp(d->boot[i], name) == 0)
                        return true;
        return false;
}

static int append(VmDefinition *d, const char *name, Error *err) {
        if (has(d, name))
                return 0;
        if (d->boot_count == VM_BOOT_MAX)
                return error_set(err, ERROR_LIMIT, 0, "a virtual machine boots from at most %d devices", VM_BOOT_MAX);
        (void)memcpy(d->boot[d->boot_count++], name, DISK_ID_SIZE);
        return 0;
}

/* -BootOrder, or else -FirstBootDevice in front of what there was. */
static int edit_firmware(void *userdata, VmDefinition *d, Error *err) {
        const Invocation *invocation = userdata;
        const char *given = invocation_has(invocation, "BootOrder") ? "BootOrder" : "FirstBootDevice";
        auto_free VmDefinition *before = malloc(sizeof *before);
        DiskName first;

        if (!before)
                return error_oom(err);
        if (invocation_count(invocation, given) == 0)
                return 0;
        *before = *d;
        d->boot_count = 0;
        (void)memset(d->boot, 0, sizeof d->boot);
        for (size_t i = 0; i < invocation_count(invocation, given); i++) {
                char name[DISK_ID_SIZE] = "";
                if (vm_boot_name(invocation_item(invocation, given, i), d->id, name, err) < 0 || append(d, name, err) < 0)
                        return -1;
                if (!definition_boot_rank(d, name))
                        return error_set(err, ERROR_INVALID, 0, "\"%s\" has no such device (any more); take it from Get-VM",
                                         d->name);
        }
        if (strcmp(given, "BootOrder") == 0)
                return 0;
        for (unsigned i = 0; i < before->boot_count; i++)
                if (append(d, before->boot[i], err) < 0)
                        return -1;
        /* what it tried so far without saying so */
        if (before->boot_count == 0 && d->disk_count > 0)
                return disk_name(d->disks[0], &first, err) < 0 ? -1 : append(d, first.id, err);
        return 0;
}

static int set_firmware(Invocation *invocation, const VmInfo *info, Error *err) {
        auto_free VmInfo *now = malloc(sizeof *now);

        if (!now)
                return error_oom(err);
        if (vm_check_fixed(invocation, fixed, err) < 0)
                return -1;
        if (!invocation_should_process(invocation, info->definition.name, "Set-VMFirmware"))
                return 0;
        if (vm_edit(invocation, info, edit_firmware, err) < 0)
                return -1;
        if (!invocation_switch(invocation, "Passthru"))
                return 0;
        if (vmhost_find(vm_host_of(invocation), info->definition.id, now, err) < 0)
                return -1;
        return emit_firmware(invocation, now, err);
}

static int set_vmfirmware(Invocation *invocation, Error *err) { return vm_targets(invocation, set_firmware, err); }

#define OPTIONS "BootOrder,FirstBootDevice,EnableSecureBoot,Passthru"

const Command command_set_vmfirmware = {
        .name = "Set-VMFirmware", .module = "Hyper-V",
        .synopsis = "Says from which of its devices a virtual machine that is off boots, in order.",
        .role = ROLE_ADMINISTRATOR, .confirm = true,
        .output = "Microsoft.HyperV.PowerShell.VMFirmware",
        .parameters = (const Parameter[]){
                PARAMETER_VMNAMES, PARAMETER_VM, PARAMETER_PASSTHRU,
                { "VMFirmware", "VMFirmware[]", NULL, PARAMETER_PIPELINE_BY_VALUE | PARAMETER_PLACED, NULL,
                  "Firmware, as Get-VMFirmware returns it." },
                { "BootOrder", "Object[]", NULL, 0, NULL,
                  "Disks, network adapters or boot sources, in the order in which they are tried; no other is." },
                { "FirstBootDevice", "Object", NULL, 0, NULL, "The one that is tried first; the others keep their order." },
                { "EnableSecureBoot", "OnOffState", NULL, 0, "On,Off", "Off." }, PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "VMName", "VMName", "VMName", OPTIONS ",ComputerName" }, { "VMObject", "VM", "VM", OPTIONS },
                { "VMFirmware", "VMFirmware", "VMFirmware", OPTIONS }, { .name = NULL } },
        .refused = "SecureBootTemplate,SecureBootTemplateId,PreferredNetworkBootProtocol,ConsoleMode,PauseAfterBootFailure,"
                   VM_ELSEWHERE,
        .run = set_vmfirmware,
};
