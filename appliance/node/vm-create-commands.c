/* New-VM, Import-VM */
#include "appliance/node/vm-commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/node/vm-object.h"
#include "appliance/node/vm-target.h"
#include "migrate/vhd.h"
#include "smb/share/files.h"
#include "smb/share/unc.h"

#define MEMORY_DEFAULT (512ULL << 20)

static int canonical(const char *path, char to[static UNC_TEXT_MAX + 1], Error *err) {
        Unc unc;

        if (!vhd_is_unc(path))
                return error_set(err, ERROR_INVALID, 0, "'%.300s' lies on this host only; put it on an SMB 3 "
                                 "share, for example \\\\fs1\\vms\\web01", path);
        if (unc_parse(path, &unc, err) < 0)
                return -1;
        unc_text(&unc, to);
        return 0;
}

/* <-Path or the host's default>\<name> */
static int pick_folder(const Invocation *invocation, VmDefinition *d, Error *err) {
        const char *path = invocation_string(invocation, "Path");
        char parent[UNC_TEXT_MAX + 1], otherwise[NODE_PATH_MAX];

        if (!path) {
                node_machine_path(invocation_userdata(invocation), otherwise);
                path = otherwise;
        }
        if (!*path)
                return error_set(err, ERROR_INVALID, 0, "New-VM needs a place for \"%s\": give -Path "
                                 "\\\\server\\share, or set one for all with Set-VMHost -VirtualMachinePath",
                                 d->name);
        if (canonical(path, parent, err) < 0)
                return -1;
        int n = snprintf(d->folder, sizeof d->folder, "%s\\%s", parent, d->name);
        if (n < 0 || (size_t)n >= sizeof d->folder)
                return error_set(err, ERROR_LIMIT, 0, "the path '%.200s' is too long", path);
        return 0;
}

static int pick_switch(const Invocation *invocation, VmDefinition *d, Error *err) {
        const char *name = invocation_string(invocation, "SwitchName");
        uint8_t r[3];

        if (!name || !*name)
                return 0;
        if (strlen(name) >= VM_SWITCH_SIZE || !vmhost_switch_exists(name))
                return error_set(err, ERROR_NOT_FOUND, 0, "Hyper-V was unable to find a virtual switch with name "
                                 "\"%.64s\". Get-VMSwitch lists those of this host.", name);
        if (getrandom(r, sizeof r, 0) != (ssize_t)sizeof r)
                return error_set(err, ERROR_INTERNAL, errno, "no random numbers");
        (void)snprintf(d->adapters[0].switch_name, VM_SWITCH_SIZE, "%s", name);
        (void)snprintf(d->adapters[0].mac, VM_MAC_SIZE, "52:54:00:%02x:%02x:%02x", r[0], r[1], r[2]);
        (void)snprintf(d->adapters[0].name, VM_ADAPTER_NAME_SIZE, "%s", VM_ADAPTER_NAME);
        d->adapter_count = 1;
        return 0;
}

/* A bare file name lies with the machine. */
static int new_disk_path(const VmDefinition *d, const char *wanted, char to[static UNC_TEXT_MAX + 1], Error *err) {
        char path[2 * DISK_UNC_MAX];

        if (!strpbrk(wanted, "/\\")) {
                (void)snprintf(path, sizeof path, "%s\\Virtual Hard Disks\\%.*s", d->folder, DISK_UNC_MAX / 2,
                               wanted);
                wanted = path;
        }
        return canonical(wanted, to, err);
}

static int describe(const Invocation *invocation, VmDefinition *d, Error *err) {
        const char *name = invocation_string(invocation, "Name");
        uint64_t memory = invocation_unsigned(invocation, "MemoryStartupBytes", MEMORY_DEFAULT);

        if (!name)
                name = "New Virtual Machine";
        if (definition_check_name(name, err) < 0)
                return -1;
        *d = (VmDefinition){ .generation = 1, .processor_count = 1, .memory_bytes = memory };
        (void)snprintf(d->name, sizeof d->name, "%s", name);
        if (invocation_unsigned(invocation, "Generation", 1) != 1)
                return error_set(err, ERROR_UNSUPPORTED, 0, "-Generation 2 (UEFI) is not available in this version "
                                 "of Holdfast; make \"%s\" with -Generation 1", name);
        if (pick_folder(invocation, d, err) < 0 || pick_switch(invocation, d, err) < 0)
                return -1;
        return 0;
}

/* The disk of the machine; *ret_made is "" when it was there before. */
static int pick_disk(const Invocation *invocation, VmDefinition *d, char ret_made[static UNC_TEXT_MAX + 1],
                     Error *err) {
        const char *existing = invocation_string(invocation, "VHDPath");
        const char *new = invocation_string(invocation, "NewVHDPath");
        char path[UNC_TEXT_MAX + 1];
        VhdInfo info;

        ret_made[0] = '\0';
        if (!existing && !new)
                return 0;
        if (existing) {
                if (canonical(existing, path, err) < 0 || vhd_info(vm_host_of(invocation), path, &info, err) < 0)
                        return -1;
        } else {
                if (new_disk_path(d, new, path, err) < 0 ||
                    vhd_create(path, invocation_unsigned(invocation, "NewVHDSizeBytes", 0), err) < 0)
                        return -1;
                (void)snprintf(ret_made, UNC_TEXT_MAX + 1, "%s", path);
        }
        definition_put_disk(d, path, (VmSlot){ VM_IDE, 0, 0 });
        return 0;
}

/* The new disk, and the folders that were made for it and are empty now. */
static void take_back(const char *made, const char *folder) {
        char parent[UNC_TEXT_MAX + 1];
        Error ignored = { 0 };

        if (!*made)
                return;
        (void)!files_remove(made, &ignored);
        (void)snprintf(parent, sizeof parent, "%.*s", (int)(strrchr(made, '\\') - made), made);
        if (text_starts_nocase(parent, folder)) {
                (void)!files_remove_folder(parent, &ignored);
                (void)!files_remove_folder(folder, &ignored);
        }
}

static int new_vm(Invocation *invocation, Error *err) {
        auto_free VmDefinition *d = calloc(1, sizeof *d);
        char made[UNC_TEXT_MAX + 1];

        if (!d)
                return error_oom(err);
        if (describe(invocation, d, err) < 0)
                return -1;
        if (!invocation_should_process(invocation, d->name, "New-VM"))
                return 0;
        if (pick_disk(invocation, d, made, err) < 0 &&
            (!node_denied(invocation_userdata(invocation), err) || pick_disk(invocation, d, made, err) < 0))
                return -1;
        if (vmhost_create(vm_host_of(invocation), d, err) < 0) {
                take_back(made, d->folder);
                return -1;
        }
        return vm_emit(invocation, d->id, err);
}

const Command command_new_vm = {
        .name = "New-VM", .module = "Hyper-V",
        .synopsis = "Creates a virtual machine whose files all lie on an SMB 3 share.",
        .role = ROLE_ADMINISTRATOR, .confirm = true, .as_job = true,
        .output = "Microsoft.HyperV.PowerShell.VirtualMachine",
        .parameters = (const Parameter[]){
                { "Name", "String", "VMName", PARAMETER_PIPELINE_BY_VALUE | PARAMETER_PIPELINE_BY_NAME, NULL,
                  "Name of the new virtual machine." },
                { "MemoryStartupBytes", "Int64", NULL, 0, NULL, "Memory in bytes; 512MB when not given." },
                { "Generation", "Int16", NULL, 0, NULL, "1 (BIOS)." },
                { "Path", "String", NULL, 0, NULL,
                  "UNC folder in which the virtual machine gets a folder of its own." },
                { "SwitchName", "String", NULL, 0, NULL, "Virtual switch to connect to." },
                { "NoVHD", "SwitchParameter", NULL, 0, NULL, "Without a virtual hard disk." },
                { "NewVHDPath", "String", NULL, 0, NULL,
                  "A new virtual hard disk: a UNC path, or a file name alone." },
                { "NewVHDSizeBytes", "UInt64", NULL, 0, NULL, "Its size in bytes." },
                { "VHDPath", "String", NULL, 0, NULL, "UNC path of an existing virtual hard disk." },
                { "Force", "SwitchParameter", NULL, 0, NULL, "Asks nothing; this command never asks." },
                PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "No VHD", "", "Name,MemoryStartupBytes,Generation", "NoVHD,SwitchName,Path,Force,ComputerName" },
                { "New VHD", "NewVHDPath,NewVHDSizeBytes", "Name,MemoryStartupBytes,Generation",
                  "SwitchName,Path,Force,ComputerName" },
                { "Existing VHD", "VHDPath", "Name,MemoryStartupBytes,Generation",
                  "SwitchName,Path,Force,ComputerName" },
                { .name = NULL } },
        .refused = "BootDevice,SourceGuestStatePath,Version,Prerelease,Experimental,GuestStateIsolationType,"
                   "Credential,CimSession",
        .run = new_vm,
};

/* ---- Import-VM ---- */

static void on_copied(void *userdata, int percent) {
        Invocation *invocation = userdata;
        invocation_progress(invocation, "Importing", invocation_string(invocation, "Path"), percent, false);
}

static bool caller_gone(void *userdata) { return invocation_cancelled(userdata); }

static int import_copy(Invocation *invocation, const char *path, VmDefinition *ret, Error *err) {
        char folder[NODE_PATH_MAX], parent[UNC_TEXT_MAX + 1], disks[UNC_TEXT_MAX + 1];
        const char *wanted = invocation_string(invocation, "VirtualMachinePath"),
                   *wanted_disks = invocation_string(invocation, "VhdDestinationPath");

        if (!wanted) {
                node_machine_path(invocation_userdata(invocation), folder);
                wanted = folder;
        }
        if (!*wanted)
                return error_set(err, ERROR_INVALID, 0, "Import-VM -Copy needs a place for the copy: give -VirtualMachinePath "
                                 "\\\\server\\share, or set one for all with Set-VMHost -VirtualMachinePath");
        if (canonical(wanted, parent, err) < 0 || (wanted_disks && canonical(wanted_disks, disks, err) < 0))
                return -1;
        const VmExport ask = { .folder = parent, .disks = wanted_disks ? disks : NULL,
                               .new_id = invocation_switch(invocation, "GenerateNewId"), .progress = on_copied,
                               .userdata = invocation, .wait = { .cancelled = caller_gone, .userdata = invocation } };
        int r = vmhost_import_copy(vm_host_of(invocation), path, &ask, ret, err);
        if (r < 0 && node_denied(invocation_userdata(invocation), err))
                r = vmhost_import_copy(vm_host_of(invocation), path, &ask, ret, err);
        invocation_progress(invocation, "Importing", invocation_string(invocation, "Path"), 100, true);
        return r;
}

static int import_in_place(Invocation *invocation, const char *path, VmDefinition *ret, Error *err) {
        int r = vmhost_import(vm_host_of(invocation), path, ret, err);
        return r < 0 && node_denied(invocation_userdata(invocation), err) ? vmhost_import(vm_host_of(invocation), path, ret, err) : r;
}

static int import_vm(Invocation *invocation, Error *err) {
        auto_free VmDefinition *d = calloc(1, sizeof *d);
        char path[UNC_TEXT_MAX + 1];

        if (!d)
                return error_oom(err);
        if (canonical(invocation_string(invocation, "Path"), path, err) < 0)
                return -1;
        if (!invocation_should_process(invocation, path, "Import-VM"))
                return 0;
        if ((invocation_switch(invocation, "Copy") ? import_copy : import_in_place)(invocation, path, d, err) < 0)
                return -1;
        return vm_emit(invocation, d->id, err);
}

const Command command_import_vm = {
        .name = "Import-VM", .module = "Hyper-V",
        .synopsis = "Makes a virtual machine that lies on a share known to this host, in place or as a copy.",
        .role = ROLE_ADMINISTRATOR, .confirm = true, .as_job = true,
        .output = "Microsoft.HyperV.PowerShell.VirtualMachine",
        .parameters = (const Parameter[]){
                { "Path", "String", NULL, PARAMETER_PIPELINE_BY_VALUE, NULL,
                  "UNC path of its definition: \\\\fs1\\vms\\web01\\web01.vm." },
                { "Register", "SwitchParameter", NULL, 0, NULL, "In place, which is the default." },
                { "Copy", "SwitchParameter", NULL, 0, NULL, "Copies its files first; those that are there stay as they are." },
                { "VirtualMachinePath", "String", NULL, 0, NULL,
                  "UNC folder in which the copy gets a folder of its own; the host's default when not given." },
                { "VhdDestinationPath", "String", NULL, 0, NULL,
                  "UNC folder for the disks of the copy; a folder beside its definition when not given." },
                { "GenerateNewId", "SwitchParameter", NULL, 0, NULL,
                  "The copy is another virtual machine, with an id and dynamic MAC addresses of its own." },
                PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "Register", "Path", "Path", "Register,ComputerName" },
                { "Copy", "Path,Copy", "Path,VhdDestinationPath", "VirtualMachinePath,GenerateNewId,ComputerName" },
                { .name = NULL } },
        .refused = "SnapshotFilePath,SmartPagingFilePath,VhdSourcePath,CompatibilityReport,Credential,CimSession",
        .run = import_vm,
};
