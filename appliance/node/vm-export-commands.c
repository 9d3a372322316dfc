/* Export-VM */
#include "appliance/node/vm-commands.h"

#include <stdlib.h>

#include "appliance/base/cleanup.h"
#include "appliance/node/device-target.h"
#include "appliance/node/vm-target.h"
#include "migrate/vhd.h"

typedef struct Watch {
        Invocation *invocation;
        const char *name;
} Watch;

static void on_progress(void *userdata, int percent) {
        const Watch *watch = userdata;
        invocation_progress(watch->invocation, "Exporting", watch->name, percent, false);
}

static bool caller_gone(void *userdata) { return invocation_cancelled(userdata); }

static int export_one(Invocation *invocation, const VmInfo *info, Error *err) {
        const char *name = info->definition.name, *id = info->definition.id;
        Watch watch = { invocation, name };
        const char *path = invocation_string(invocation, "Path");
        VmExport ask = { .folder = path, .progress = on_progress, .userdata = &watch,
                         .wait = { .cancelled = caller_gone, .userdata = invocation } };

        if (!vhd_is_unc(path))
                return error_set(err, ERROR_INVALID, 0, "'%.300s' lies on this host only; export to an SMB 3 share, for example "
                                 "\\\\fs1\\vms\\exports, from which any host can import it", path);
        if (!invocation_should_process(invocation, name, "Export-VM"))
                return 0;
        int r = vmhost_export(vm_host_of(invocation), id, &ask, err);
        if (device_again(invocation, r, err))
                r = vmhost_export(vm_host_of(invocation), id, &ask, err);
        invocation_progress(invocation, "Exporting", name, 100, true);
        return r < 0 ? -1 : vm_passthru(invocation, id, err);
}

static int export_vm(Invocation *invocation, Error *err) { return vm_targets(invocation, export_one, err); }

const Command command_export_vm = {
        .name = "Export-VM", .module = "Hyper-V",
        .synopsis = "Copies a virtual machine that is off, with its disks, to another folder on a share.",
        .role = ROLE_ADMINISTRATOR, .confirm = true, .as_job = true,
        .output = "Microsoft.HyperV.PowerShell.VirtualMachine",
        .parameters = (const Parameter[]){
                { "Name", "String[]", "VMName", PARAMETER_PIPELINE_BY_VALUE | PARAMETER_WILDCARD, NULL,
                  "Names of virtual machines; wildcards are allowed." },
                { "VM", "VirtualMachine[]", NULL, PARAMETER_PIPELINE_BY_VALUE | PARAMETER_PLACED, NULL,
                  "Virtual machines, as Get-VM returns them." },
                { "Path", "String", NULL, 0, NULL,
                  "UNC folder; the copy gets a folder of its own in it, from which Import-VM takes it." },
                { "Passthru", "SwitchParameter", NULL, 0, NULL, "Returns the virtual machine." },
                PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){ { "Name", "Name,Path", "Name,Path", "Passthru,ComputerName" },
                                        { "VMObject", "VM,Path", "VM,Path", "Passthru" }, { .name = NULL } },
        .refused = "CaptureLiveState," DEVICE_ELSEWHERE,
        .run = export_vm,
};
