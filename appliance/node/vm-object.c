#include "appliance/node/vm-object.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/command/object.h"
#include "appliance/node/device-object.h"

static void json_unrefp(sd_json_variant **v) { *v = sd_json_variant_unref(*v); }

void vm_computer_name(const char *host, char *to, size_t size) {
        (void)snprintf(to, size, "%s", host);
        to[strcspn(to, ".")] = '\0';
        for (char *p = to; *p; p++)
                *p = (char)toupper((unsigned char)*p);
}

static const char *status_text(const VmInfo *info) {
        if (*info->claim_status)
                return info->claim_status;
        return info->state == VM_PAUSED_CRITICAL ? "Disk(s) encountered critical IO errors" : "Operating normally";
}

static void uptime_text(const VmInfo *info, char to[static TIMESPAN_TEXT_SIZE]) {
        uint64_t us = clock_us(CLOCK_REALTIME);

        timespan_text(info->active && info->started_us && us > info->started_us ? us - info->started_us : 0, to);
}

int vm_object(const VmInfo *info, const char *host, sd_json_variant **ret, Error *err) {
        const VmDefinition *d = &info->definition;
        auto_(json_unrefp) sd_json_variant *drives = NULL, *dvds = NULL, *nets = NULL, *object = NULL;
        char computer[MACHINE_NAME_MAX], uptime[TIMESPAN_TEXT_SIZE];
        bool critical = info->state == VM_PAUSED_CRITICAL;

        vm_computer_name(host, computer, sizeof computer);
        uptime_text(info, uptime);
        if (device_objects(info, host, &drives, &dvds, &nets, err) < 0)
                return -1;
        if (sd_json_buildo(&object,
                           SD_JSON_BUILD_PAIR_STRING("$type", "Microsoft.HyperV.PowerShell.VirtualMachine"),
                           SD_JSON_BUILD_PAIR_STRING("Name", d->name), SD_JSON_BUILD_PAIR_STRING("VMName", d->name),
                           SD_JSON_BUILD_PAIR_STRING("Id", d->id), SD_JSON_BUILD_PAIR_STRING("VMId", d->id),
                           SD_JSON_BUILD_PAIR_STRING("ComputerName", computer),
                           SD_JSON_BUILD_PAIR_STRING("Path", d->folder),
                           SD_JSON_BUILD_PAIR_STRING("ConfigurationLocation", d->folder),
                           SD_JSON_BUILD_PAIR_STRING("Version", DEFINITION_VERSION),
                           SD_JSON_BUILD_PAIR_UNSIGNED("Generation", d->generation),
                           SD_JSON_BUILD_PAIR_STRING("Notes", d->notes),
                           SD_JSON_BUILD_PAIR_STRING("State", vm_state_name(info->state)),
                           SD_JSON_BUILD_PAIR_STRING("Status", status_text(info)),
                           SD_JSON_BUILD_PAIR_STRING("PrimaryOperationalStatus",
                                                     critical ? "ApplicationCriticalState" : "Ok"),
                           SD_JSON_BUILD_PAIR_STRING("PrimaryStatusDescription", status_text(info)),
                           SD_JSON_BUILD_PAIR_CONDITION(!info->active || info->started_us, "Uptime",
                                                        SD_JSON_BUILD_STRING(uptime)),
                           SD_JSON_BUILD_PAIR_CONDITION(!info->active || info->has_cpu_usage, "CPUUsage",
                                                        SD_JSON_BUILD_UNSIGNED(info->cpu_usage_percent)),
                           SD_JSON_BUILD_PAIR_UNSIGNED("ProcessorCount", d->processor_count),
                           SD_JSON_BUILD_PAIR_UNSIGNED("MemoryAssigned", info->memory_assigned_bytes),
                           SD_JSON_BUILD_PAIR_UNSIGNED("MemoryStartup", d->memory_bytes),
                           SD_JSON_BUILD_PAIR_UNSIGNED("MemoryMinimum", d->memory_bytes),
                           SD_JSON_BUILD_PAIR_UNSIGNED("MemoryMaximum", d->memory_bytes),
                           SD_JSON_BUILD_PAIR_BOOLEAN("DynamicMemoryEnabled", false),
                           SD_JSON_BUILD_PAIR_STRING("AutomaticStartAction", "Nothing"),
                           SD_JSON_BUILD_PAIR_STRING("AutomaticStopAction", "ShutDown"),
                           SD_JSON_BUILD_PAIR_STRING("AutomaticCriticalErrorAction", "Pause"),
                           SD_JSON_BUILD_PAIR_BOOLEAN("AutomaticCheckpointsEnabled", false),
                           SD_JSON_BUILD_PAIR_STRING("CheckpointType", "Disabled"),
                           SD_JSON_BUILD_PAIR_VARIANT("HardDrives", drives),
                           SD_JSON_BUILD_PAIR_VARIANT("DVDDrives", dvds),
                           SD_JSON_BUILD_PAIR_VARIANT("NetworkAdapters", nets),
                           SD_JSON_BUILD_PAIR_BOOLEAN("IsClustered", false),
                           SD_JSON_BUILD_PAIR_BOOLEAN("IsDeleted", false)) < 0)
                return error_oom(err);
        *ret = take_ptr(object);
        return 0;
}

int vhd_object(const VhdInfo *info, const char *host, sd_json_variant **ret, Error *err) {
        auto_(json_unrefp) sd_json_variant *object = NULL;
        char computer[MACHINE_NAME_MAX];
        /* Sparse on the share; of local files only the formats that cannot be otherwise are known without reading
         * them. */
        bool dynamic = info->on_share || info->format == VHD_QCOW2;

        vm_computer_name(host, computer, sizeof computer);
        if (sd_json_buildo(&object, SD_JSON_BUILD_PAIR_STRING("$type", "Microsoft.Vhd.PowerShell.VirtualHardDisk"),
                           SD_JSON_BUILD_PAIR_STRING("ComputerName", computer),
                           SD_JSON_BUILD_PAIR_STRING("Path", info->path),
                           SD_JSON_BUILD_PAIR_STRING("VhdFormat", vhd_format_name(info->format)),
                           SD_JSON_BUILD_PAIR_CONDITION(dynamic, "VhdType", SD_JSON_BUILD_STRING("Dynamic")),
                           SD_JSON_BUILD_PAIR_CONDITION(info->has_file_size, "FileSize",
                                                        SD_JSON_BUILD_UNSIGNED(info->file_size_bytes)),
                           SD_JSON_BUILD_PAIR_UNSIGNED("Size", info->size_bytes),
                           SD_JSON_BUILD_PAIR_UNSIGNED("LogicalSectorSize", 512),
                           SD_JSON_BUILD_PAIR_CONDITION(info->on_share, "DiskIdentifier",
                                                        SD_JSON_BUILD_STRING(info->disk_id)),
                           SD_JSON_BUILD_PAIR_BOOLEAN("Attached", info->attached)) < 0)
                return error_oom(err);
        *ret = take_ptr(object);
        return 0;
}
