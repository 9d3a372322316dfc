#include "appliance/node/device-object.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/node/vm-object.h"

#define HYPERV "Microsoft.HyperV.PowerShell."

static void json_unrefp(sd_json_variant **v) { *v = sd_json_variant_unref(*v); }

bool mac_parse(const char *text, char ret[static VM_MAC_SIZE]) {
        char mac[VM_MAC_SIZE];
        size_t n = 0, digits = 0;

        for (; *text; text++) {
                if (strchr(":-.", *text) && digits > 0 && digits % 2 == 0)
                        continue;
                if (!isxdigit((unsigned char)*text) || digits == 12)
                        return false;
                mac[n++] = (char)tolower((unsigned char)*text);
                if (++digits % 2 == 0)
                        mac[n++] = digits == 12 ? '\0' : ':';
        }
        if (digits != 12)
                return false;
        (void)memcpy(ret, mac, VM_MAC_SIZE);
        return true;
}

void mac_display(const char *mac, char ret[static VM_MAC_SIZE]) {
        size_t n = 0;

        for (; *mac; mac++)
                if (*mac != ':')
                        ret[n++] = (char)toupper((unsigned char)*mac);
        ret[n] = '\0';
}

/* Properties that every device has. */
#define DEVICE_TAIL(d, computer)                                                                                  \
        SD_JSON_BUILD_PAIR_STRING("VMName", (d)->name), SD_JSON_BUILD_PAIR_STRING("VMId", (d)->id),                \
        SD_JSON_BUILD_PAIR_STRING("ComputerName", computer), SD_JSON_BUILD_PAIR_BOOLEAN("IsDeleted", false)
#define DEVICE_PLACE(slot)                                                                                        \
        SD_JSON_BUILD_PAIR_STRING("ControllerType", vm_bus_name((slot).bus)),                                      \
        SD_JSON_BUILD_PAIR_UNSIGNED("ControllerNumber", (slot).controller),                                        \
        SD_JSON_BUILD_PAIR_UNSIGNED("ControllerLocation", (slot).location)

/* As long as the drive stays where it is. */
static void drive_id(const VmDefinition *d, VmSlot slot, char to[static 96]) {
        (void)snprintf(to, 96, "Microsoft:%s\\%s\\%u\\%u", d->id, vm_bus_name(slot.bus), slot.controller, slot.location);
}

int drive_object(const VmInfo *info, unsigned i, const char *host, sd_json_variant **ret, Error *err) {
        const VmDefinition *d = &info->definition;
        char computer[MACHINE_NAME_MAX], name[96], id[96];
        VmSlot slot = d->disk_slots[i];

        vm_computer_name(host, computer, sizeof computer);
        drive_id(d, slot, id);
        (void)snprintf(name, sizeof name, "Hard Drive on %s controller number %u at location %u", vm_bus_name(slot.bus),
                       slot.controller, slot.location);
        if (sd_json_buildo(ret, SD_JSON_BUILD_PAIR_STRING("$type", HYPERV "HardDiskDrive"),
                           SD_JSON_BUILD_PAIR_STRING("Name", name), SD_JSON_BUILD_PAIR_STRING("Path", d->disks[i]),
                           DEVICE_PLACE(slot), SD_JSON_BUILD_PAIR_STRING("Id", id),
                           SD_JSON_BUILD_PAIR_BOOLEAN("SupportPersistentReservations", false),
                           DEVICE_TAIL(d, computer)) < 0)
                return error_oom(err);
        return 0;
}

int dvd_object(const VmInfo *info, unsigned i, const char *host, sd_json_variant **ret, Error *err) {
        const VmDefinition *d = &info->definition;
        char computer[MACHINE_NAME_MAX], name[96], id[96];
        const VmDvd *dvd = &d->dvds[i];

        vm_computer_name(host, computer, sizeof computer);
        drive_id(d, dvd->slot, id);
        (void)snprintf(name, sizeof name, "DVD Drive on %s controller number %u at location %u",
                       vm_bus_name(dvd->slot.bus), dvd->slot.controller, dvd->slot.location);
        if (sd_json_buildo(ret, SD_JSON_BUILD_PAIR_STRING("$type", HYPERV "DvdDrive"),
                           SD_JSON_BUILD_PAIR_STRING("Name", name),
                           SD_JSON_BUILD_PAIR_STRING("DvdMediaType", *dvd->path ? "ISO" : "None"),
                           SD_JSON_BUILD_PAIR_STRING("Path", dvd->path), DEVICE_PLACE(dvd->slot),
                           SD_JSON_BUILD_PAIR_STRING("Id", id), DEVICE_TAIL(d, computer)) < 0)
                return error_oom(err);
        return 0;
}

int adapter_object(const VmInfo *info, unsigned i, const char *host, sd_json_variant **ret, Error *err) {
        auto_(json_unrefp) sd_json_variant *status = NULL, *addresses = NULL;
        const VmDefinition *d = &info->definition;
        const VmAdapter *a = &d->adapters[i];
        char computer[MACHINE_NAME_MAX], id[96], mac[VM_MAC_SIZE];
        bool connected = *a->switch_name;

        vm_computer_name(host, computer, sizeof computer);
        mac_display(a->mac, mac);
        (void)snprintf(id, sizeof id, "Microsoft:%s\\%s", d->id, mac);
        int r = info->active && connected ? sd_json_build(&status, SD_JSON_BUILD_ARRAY(SD_JSON_BUILD_STRING("Ok")))
                                          : sd_json_variant_new_array(&status, NULL, 0);
        if (r < 0 || sd_json_variant_new_array(&addresses, NULL, 0) < 0 ||
            sd_json_buildo(ret, SD_JSON_BUILD_PAIR_STRING("$type", HYPERV "VMNetworkAdapter"),
                           SD_JSON_BUILD_PAIR_STRING("Name", a->name), SD_JSON_BUILD_PAIR_STRING("Id", id),
                           SD_JSON_BUILD_PAIR_BOOLEAN("IsManagementOs", false),
                           SD_JSON_BUILD_PAIR_BOOLEAN("IsLegacy", false),
                           SD_JSON_BUILD_PAIR_STRING("SwitchName", a->switch_name),
                           SD_JSON_BUILD_PAIR_BOOLEAN("Connected", connected),
                           SD_JSON_BUILD_PAIR_STRING("MacAddress", mac),
                           SD_JSON_BUILD_PAIR_BOOLEAN("DynamicMacAddressEnabled", !a->static_mac),
                           SD_JSON_BUILD_PAIR_VARIANT("Status", status),
                           SD_JSON_BUILD_PAIR_VARIANT("IPAddresses", addresses), DEVICE_TAIL(d, computer)) < 0)
                return error_oom(err);
        return 0;
}

typedef int (*Build)(const VmInfo *info, unsigned index, const char *host, sd_json_variant **ret, Error *err);

static int list_of(const VmInfo *info, unsigned count, const char *host, Build build, sd_json_variant **ret, Error *err) {
        auto_(json_unrefp) sd_json_variant *list = NULL;

        if (sd_json_variant_new_array(&list, NULL, 0) < 0)
                return error_oom(err);
        for (unsigned i = 0; i < count; i++) {
                auto_(json_unrefp) sd_json_variant *device = NULL;
                if (build(info, i, host, &device, err) < 0)
                        return -1;
                if (sd_json_variant_append_array(&list, device) < 0)
                        return error_oom(err);
        }
        *ret = take_ptr(list);
        return 0;
}

int device_objects(const VmInfo *info, const char *host, sd_json_variant **ret_drives, sd_json_variant **ret_dvds,
                   sd_json_variant **ret_adapters, Error *err) {
        auto_(json_unrefp) sd_json_variant *drives = NULL, *dvds = NULL, *adapters = NULL;

        if (list_of(info, info->definition.disk_count, host, drive_object, &drives, err) < 0 ||
            list_of(info, info->definition.dvd_count, host, dvd_object, &dvds, err) < 0 ||
            list_of(info, info->definition.adapter_count, host, adapter_object, &adapters, err) < 0)
                return -1;
        *ret_drives = take_ptr(drives);
        *ret_dvds = take_ptr(dvds);
        *ret_adapters = take_ptr(adapters);
        return 0;
}
