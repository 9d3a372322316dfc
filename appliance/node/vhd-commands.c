/* New-VHD, Get-VHD, Resize-VHD, Convert-VHD */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/node/vm-commands.h"
#include "appliance/node/vm-object.h"
#include "appliance/node/vm-target.h"
#include "migrate/vhd.h"
#include "smb/share/files.h"

static int emit_vhd(Invocation *invocation, const char *path, Error *err) {
        char host[MACHINE_NAME_MAX];
        sd_json_variant *object = NULL;
        VhdInfo info;

        vmhost_name(vm_host_of(invocation), host);
        if (vhd_info(vm_host_of(invocation), path, &info, err) < 0 || vhd_object(&info, host, &object, err) < 0)
                return -1;
        return invocation_emit(invocation, object, err);
}

/* A bare file name lies in the host's default folder. */
static int full_path(const Invocation *invocation, const char *path, char to[static VHD_PATH_MAX], Error *err) {
        char folder[NODE_PATH_MAX];
        node_machine_path(invocation_userdata(invocation), folder);
        bool bare = !strpbrk(path, "/\\") && *folder;
        int n = snprintf(to, VHD_PATH_MAX, "%s%s%s", bare ? folder : "", bare ? "\\" : "", path);

        if (n < 0 || n >= VHD_PATH_MAX)
                return error_set(err, ERROR_LIMIT, 0, "the path '%.200s' is too long", path);
        return 0;
}

/* Each of -Path in turn; what fails becomes an error record. */
static int each_path(Invocation *invocation, int (*act)(Invocation *invocation, const char *path, Error *err),
                     Error *err) {
        for (size_t i = 0; i < invocation_count(invocation, "Path"); i++) {
                const char *path = sd_json_variant_string(invocation_item(invocation, "Path", i));
                char full[VHD_PATH_MAX];
                Error why = { 0 };

                if (path && full_path(invocation, path, full, &why) == 0 && act(invocation, full, &why) == 0)
                        continue;
                if (invocation_cancelled(invocation)) {
                        *err = why;
                        return -1;
                }
                invocation_error(invocation, &why, path, NULL);
        }
        return 0;
}

/* ---- New-VHD ---- */

static int new_one(Invocation *invocation, const char *path, Error *err) {
        if (!invocation_should_process(invocation, path, "New-VHD"))
                return 0;
        uint64_t size = invocation_unsigned(invocation, "SizeBytes", 0);
        if (vhd_create(path, size, err) < 0 &&
            (!node_denied(invocation_userdata(invocation), err) || vhd_create(path, size, err) < 0))
                return -1;
        return emit_vhd(invocation, path, err);
}

static int new_vhd(Invocation *invocation, Error *err) { return each_path(invocation, new_one, err); }

const Command command_new_vhd = {
        .name = "New-VHD", .module = "Hyper-V",
        .synopsis = "Creates a virtual hard disk (.raw, sparse) on an SMB 3 share.",
        .role = ROLE_ADMINISTRATOR, .confirm = true, .as_job = true,
        .output = "Microsoft.Vhd.PowerShell.VirtualHardDisk",
        .parameters = (const Parameter[]){
                { "Path", "String[]", NULL, PARAMETER_PIPELINE_BY_VALUE | PARAMETER_PIPELINE_BY_NAME, NULL,
                  "UNC paths of the new files, ending in .raw." },
                { "SizeBytes", "UInt64", NULL, 0, NULL, "Size in bytes." },
                { "Dynamic", "SwitchParameter", NULL, 0, NULL,
                  "Takes room only for what is written, which is the default." },
                PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "DynamicWithoutSource", "Path,SizeBytes", "Path,SizeBytes", "Dynamic,ComputerName" }, { .name = NULL } },
        .refused = "Fixed,Differencing,ParentPath,SourceDisk,BlockSizeBytes,LogicalSectorSizeBytes,"
                   "PhysicalSectorSizeBytes,Credential,CimSession",
        .run = new_vhd,
};

/* ---- Get-VHD ---- */

static int disks_of(Invocation *invocation, const VmInfo *info, Error *err) {
        for (unsigned i = 0; i < info->definition.disk_count; i++)
                if (emit_vhd(invocation, info->definition.disks[i], err) < 0)
                        return -1;
        return 0;
}

static int get_vhd(Invocation *invocation, Error *err) {
        auto_free VmInfo *info = malloc(sizeof *info);

        if (!info)
                return error_oom(err);
        if (invocation_has(invocation, "Path"))
                return each_path(invocation, emit_vhd, err);
        for (size_t i = 0; i < invocation_count(invocation, "VMId"); i++) {
                const char *id = sd_json_variant_string(invocation_item(invocation, "VMId", i));
                Error why = { 0 };
                if (id && vmhost_find(vm_host_of(invocation), id, info, &why) == 0 &&
                    disks_of(invocation, info, &why) == 0)
                        continue;
                invocation_error(invocation, &why, id, NULL);
        }
        return 0;
}

const Command command_get_vhd = {
        .name = "Get-VHD", .module = "Hyper-V",
        .synopsis = "Gets what is known of a virtual hard disk.",
        .role = ROLE_READER,
        .output = "Microsoft.Vhd.PowerShell.VirtualHardDisk",
        .parameters = (const Parameter[]){
                { "Path", "String[]", "FullName", PARAMETER_PIPELINE_BY_VALUE | PARAMETER_PIPELINE_BY_NAME, NULL,
                  "Paths of virtual hard disks, on a share or on this host." },
                { "VMId", "Guid[]", "Id", PARAMETER_PIPELINE_BY_NAME, NULL,
                  "Virtual machines whose disks are wanted." },
                PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "Path", "Path", "Path", "ComputerName" }, { "VMId", "VMId", "VMId", "ComputerName" }, { .name = NULL } },
        .refused = "DiskNumber,Credential,CimSession",
        .run = get_vhd,
};

/* ---- Resize-VHD ---- */

static int resize_one(Invocation *invocation, const char *path, Error *err) {
        uint64_t size = invocation_unsigned(invocation, "SizeBytes", 0);
        VmHost *host = vm_host_of(invocation);

        if (!invocation_should_process(invocation, path, "Resize-VHD"))
                return 0;
        if (vhd_grow(host, path, size, err) < 0 &&
            (!node_denied(invocation_userdata(invocation), err) || vhd_grow(host, path, size, err) < 0))
                return -1;
        return invocation_switch(invocation, "Passthru") ? emit_vhd(invocation, path, err) : 0;
}

static int resize_vhd(Invocation *invocation, Error *err) { return each_path(invocation, resize_one, err); }

const Command command_resize_vhd = {
        .name = "Resize-VHD", .module = "Hyper-V",
        .synopsis = "Makes a virtual hard disk on a share larger, while no machine uses it.",
        .role = ROLE_ADMINISTRATOR, .confirm = true, .as_job = true,
        .output = "Microsoft.Vhd.PowerShell.VirtualHardDisk",
        .parameters = (const Parameter[]){
                { "Path", "String[]", "FullName", PARAMETER_PIPELINE_BY_VALUE | PARAMETER_PIPELINE_BY_NAME, NULL,
                  "UNC paths of virtual hard disks." },
                { "SizeBytes", "UInt64", NULL, 0, NULL, "The new size in bytes; not below what it has." },
                { "Passthru", "SwitchParameter", NULL, 0, NULL, "Returns the disk." }, { .name = NULL } },
        .sets = (const ParameterSet[]){ { "Size", "Path,SizeBytes", "Path,SizeBytes", "Passthru" }, { .name = NULL } },
        .refused = "ToMinimumSize,ComputerName,Credential,CimSession",
        .run = resize_vhd,
};

/* ---- Convert-VHD ---- */

static void on_progress(void *userdata, int percent) {
        const char *to = invocation_string(userdata, "DestinationPath");
        invocation_progress(userdata, "Convert-VHD", to, percent, false);
}

static bool caller_gone(void *userdata) { return invocation_cancelled(userdata); }

static int convert_vhd(Invocation *invocation, Error *err) {
        const char *type = invocation_string(invocation, "VHDType");
        char from[VHD_PATH_MAX], to[VHD_PATH_MAX];
        VhdConvert convert = { .from = from, .to = to, .progress = on_progress, .userdata = invocation,
                               .wait = { .cancelled = caller_gone, .userdata = invocation } };

        if (full_path(invocation, invocation_string(invocation, "Path"), from, err) < 0 ||
            full_path(invocation, invocation_string(invocation, "DestinationPath"), to, err) < 0)
                return -1;
        if (type && strcmp(type, "Dynamic") != 0)
                return error_set(err, ERROR_UNSUPPORTED, 0, "-VHDType %s is not available; a disk on a share is "
                                 "dynamic (a sparse .raw file)", type);
        if (!invocation_should_process(invocation, from, "Convert-VHD"))
                return 0;
        int r = vhd_convert(vm_host_of(invocation), &convert, err);
        if (r < 0 && node_denied(invocation_userdata(invocation), err))
                r = vhd_convert(vm_host_of(invocation), &convert, err);
        invocation_progress(invocation, "Convert-VHD", to, 100, true);
        if (r < 0)
                return -1;
        if (invocation_switch(invocation, "DeleteSource")) {
                if (vhd_is_unc(from) ? files_remove(from, err) < 0 : unlink(from) < 0)
                        invocation_warning(invocation, "'%s' was copied but not deleted; delete it by hand.", from);
                *err = (Error){ 0 };
        }
        return invocation_switch(invocation, "Passthru") ? emit_vhd(invocation, to, err) : 0;
}

const Command command_convert_vhd = {
        .name = "Convert-VHD", .module = "Hyper-V",
        .synopsis = "Copies a virtual hard disk between this host and an SMB 3 share, converting its format.",
        .role = ROLE_ADMINISTRATOR, .confirm = true, .as_job = true,
        .output = "Microsoft.Vhd.PowerShell.VirtualHardDisk",
        .parameters = (const Parameter[]){
                { "Path", "String", "FullName", PARAMETER_PIPELINE_BY_VALUE | PARAMETER_PIPELINE_BY_NAME, NULL,
                  "The disk to copy: .raw, .qcow2, .vhd or .vhdx on this host, .raw on a share." },
                { "DestinationPath", "String", NULL, 0, NULL, "The new file; its extension says the format." },
                { "VHDType", "String", NULL, 0, "Fixed,Dynamic,Differencing", "Dynamic." },
                { "DeleteSource", "SwitchParameter", NULL, 0, NULL,
                  "Deletes the source when the copy is complete." },
                { "Passthru", "SwitchParameter", NULL, 0, NULL, "Returns the new disk." },
                PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "Default", "Path,DestinationPath", "Path,DestinationPath", "VHDType,DeleteSource,Passthru,ComputerName" },
                { .name = NULL } },
        .refused = "ParentPath,BlockSizeBytes,Credential,CimSession",
        .run = convert_vhd,
};
