#include "appliance/node/vm-part-object.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/object.h"
#include "appliance/node/vm-object.h"

#define HYPERV "Microsoft.HyperV.PowerShell."

static void json_unrefp(sd_json_variant **v) { *v = sd_json_variant_unref(*v); }

/* Hyper-V's device tail: whose part it is. */
static int begin(const char *type, const VmInfo *info, sd_json_variant *vm, sd_json_variant **ret, Error *err) {
        const VmDefinition *d = &info->definition;

        if (sd_json_buildo(ret, SD_JSON_BUILD_PAIR_STRING("$type", type), SD_JSON_BUILD_PAIR_STRING("VMId", d->id),
                           SD_JSON_BUILD_PAIR_STRING("VMName", d->name),
                           SD_JSON_BUILD_PAIR_STRING("ComputerName", object_string(vm, "ComputerName") ?: ""),
                           SD_JSON_BUILD_PAIR_BOOLEAN("IsDeleted", false)) < 0)
                return error_oom(err);
        return 0;
}

int vm_processor_object(const VmInfo *info, const char *host, sd_json_variant **ret, Error *err) {
        auto_(json_unrefp) sd_json_variant *vm = NULL, *tail = NULL, *object = NULL;
        const VmDefinition *d = &info->definition;

        if (vm_object(info, host, &vm, err) < 0 || begin(HYPERV "VMProcessor", info, vm, &tail, err) < 0)
                return -1;
        /* The processor is a named model that every host of the fabric can give: what Hyper-V calls compatibility. */
        if (sd_json_buildo(&object, SD_JSON_BUILD_PAIR_STRING("Name", "Processor"),
                           SD_JSON_BUILD_PAIR_STRING("ResourcePoolName", "Primordial"),
                           SD_JSON_BUILD_PAIR_UNSIGNED("Count", d->processor_count),
                           SD_JSON_BUILD_PAIR_BOOLEAN("CompatibilityForMigrationEnabled", true),
                           SD_JSON_BUILD_PAIR_STRING("CompatibilityForMigrationMode", "MinimumFeatureSet"),
                           SD_JSON_BUILD_PAIR_BOOLEAN("CompatibilityForOlderOperatingSystemsEnabled", false),
                           SD_JSON_BUILD_PAIR_UNSIGNED("HwThreadCountPerCore", d->threads_per_core),
                           SD_JSON_BUILD_PAIR_BOOLEAN("ExposeVirtualizationExtensions", false),
                           SD_JSON_BUILD_PAIR_UNSIGNED("Maximum", d->processor_maximum ?: 100),
                           SD_JSON_BUILD_PAIR_UNSIGNED("Reserve", 0),
                           SD_JSON_BUILD_PAIR_UNSIGNED("RelativeWeight", d->processor_weight ?: VM_WEIGHT_DEFAULT)) < 0 ||
            sd_json_variant_merge_object(&object, tail) < 0)
                return error_oom(err);
        *ret = take_ptr(object);
        return 0;
}

int vm_memory_object(const VmInfo *info, const char *host, sd_json_variant **ret, Error *err) {
        auto_(json_unrefp) sd_json_variant *vm = NULL, *tail = NULL, *object = NULL;
        uint64_t bytes = info->definition.memory_bytes;

        if (vm_object(info, host, &vm, err) < 0 || begin(HYPERV "VMMemory", info, vm, &tail, err) < 0)
                return -1;
        if (sd_json_buildo(&object, SD_JSON_BUILD_PAIR_STRING("Name", "Memory"),
                           SD_JSON_BUILD_PAIR_STRING("ResourcePoolName", "Primordial"),
                           SD_JSON_BUILD_PAIR_BOOLEAN("DynamicMemoryEnabled", false),
                           SD_JSON_BUILD_PAIR_UNSIGNED("Minimum", bytes),
                           SD_JSON_BUILD_PAIR_UNSIGNED("Startup", bytes),
                           SD_JSON_BUILD_PAIR_UNSIGNED("Maximum", bytes)) < 0 ||
            sd_json_variant_merge_object(&object, tail) < 0)
                return error_oom(err);
        *ret = take_ptr(object);
        return 0;
}

/* ---- what it boots from ------------------------------------------------------------------------ */

/* 525400AABBCC, 52-54-00-AA-BB-CC and 52:54:00:AA:BB:CC → 52:54:00:aa:bb:cc */
static void mac_text(const char *from, char to[static VM_MAC_SIZE]) {
        size_t n = 0;

        for (; *from && n < VM_MAC_SIZE - 1; from++) {
                if (!isxdigit((unsigned char)*from))
                        continue;
                if (n % 3 == 2)
                        to[n++] = ':';
                if (n < VM_MAC_SIZE - 1)
                        to[n++] = (char)tolower((unsigned char)*from);
        }
        to[n] = '\0';
}

int vm_boot_name(sd_json_variant *device, const char *vm_id, char ret[static DISK_ID_SIZE], Error *err) {
        const char *owner = object_string(device, "VMId"), *path, *mac;

        if (strcmp(object_type(device), "VMBootSource") == 0 && object_property(device, "Device"))
                device = object_property(device, "Device");
        if (owner && !text_equal_nocase(owner, vm_id))
                return error_set(err, ERROR_INVALID, 0, "a machine can only boot from a device of its own, and the one given "
                                 "is of \"%.200s\"", object_string(device, "VMName") ?: owner);
        if (strcmp(object_type(device), "DvdDrive") == 0) {     /* also an empty one: what counts is where it is */
                VmSlot slot = { VM_IDE, (unsigned)object_unsigned(device, "ControllerNumber", VM_IDE_CONTROLLERS),
                                (unsigned)object_unsigned(device, "ControllerLocation", VM_IDE_LOCATIONS) };
                vm_slot_text(slot, ret);
                return 0;
        }
        path = object_string(device, "Path");
        mac = object_string(device, "MacAddress");
        if (path && *path) {
                DiskName disk;
                if (disk_name(path, &disk, err) < 0)
                        return -1;
                (void)memcpy(ret, disk.id, DISK_ID_SIZE);
                return 0;
        }
        if (!mac || !*mac)
                return error_set(err, ERROR_INVALID, 0, "a machine boots from a disk or a network adapter, as "
                                 "(Get-VM).HardDrives, (Get-VM).NetworkAdapters and (Get-VMFirmware).BootOrder have them");
        mac_text(mac, ret);
        return 0;
}

/* Without an order of its own a machine tries its first disk and its first DVD drive.  @otherwise: the rank then, or 0. */
static bool is_tried(const VmInfo *info, const char *name, unsigned rank, unsigned otherwise) {
        const VmDefinition *d = &info->definition;
        return rank == (definition_has_boot(d) ? definition_boot_rank(d, name) : otherwise);
}

static int add_source(const VmInfo *info, sd_json_variant *vm, sd_json_variant *device, sd_json_variant **list,
                      Error *err) {
        auto_(json_unrefp) sd_json_variant *tail = NULL, *source = NULL;
        bool network = strcmp(object_type(device), "VMNetworkAdapter") == 0;

        if (begin(HYPERV "VMBootSource", info, vm, &tail, err) < 0)
                return -1;
        if (sd_json_buildo(&source, SD_JSON_BUILD_PAIR_STRING("BootType", network ? "Network" : "Drive"),
                           SD_JSON_BUILD_PAIR_STRING("Description", object_string(device, "Name") ?: ""),
                           SD_JSON_BUILD_PAIR_VARIANT("Device", device)) < 0 ||
            sd_json_variant_merge_object(&source, tail) < 0 || sd_json_variant_append_array(list, source) < 0)
                return error_oom(err);
        return 0;
}

static int boot_order(const VmInfo *info, sd_json_variant *vm, sd_json_variant **ret, Error *err) {
        /* the first of the first two is tried when nothing else was said: is_tried() */
        static const char *const kinds[] = { "HardDrives", "DVDDrives", "NetworkAdapters" };

        if (sd_json_variant_new_array(ret, NULL, 0) < 0)
                return error_oom(err);
        for (unsigned rank = 1; rank <= VM_BOOT_MAX; rank++)
                for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
                        sd_json_variant *devices = object_property(vm, kinds[k]);
                        for (size_t i = 0; devices && i < sd_json_variant_elements(devices); i++) {
                                sd_json_variant *device = sd_json_variant_by_index(devices, i);
                                char name[DISK_ID_SIZE];
                                Error none = { 0 };
                                if (vm_boot_name(device, info->definition.id, name, &none) < 0 ||
                                    !is_tried(info, name, rank, i == 0 && k < 2 ? (unsigned)k + 1 : 0))
                                        continue;
                                if (add_source(info, vm, device, ret, err) < 0)
                                        return -1;
                        }
                }
        return 0;
}

int vm_firmware_object(const VmInfo *info, const char *host, sd_json_variant **ret, Error *err) {
        auto_(json_unrefp) sd_json_variant *vm = NULL, *tail = NULL, *order = NULL, *object = NULL;

        if (vm_object(info, host, &vm, err) < 0 || begin(HYPERV "VMFirmware", info, vm, &tail, err) < 0 ||
            boot_order(info, vm, &order, err) < 0)
                return -1;
        if (sd_json_buildo(&object, SD_JSON_BUILD_PAIR_STRING("Name", "Firmware"),
                           SD_JSON_BUILD_PAIR_STRING("SecureBoot", "Off"),
                           SD_JSON_BUILD_PAIR_VARIANT("BootOrder", order)) < 0 ||
            sd_json_variant_merge_object(&object, tail) < 0)
                return error_oom(err);
        *ret = take_ptr(object);
        return 0;
}
