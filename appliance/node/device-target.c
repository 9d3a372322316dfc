#include "appliance/node/device-target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/object.h"
#include "appliance/node/device-object.h"
#include "appliance/node/vm-target.h"
#include "migrate/vhd.h"

int64_t device_integer(const Invocation *invocation, const char *parameter) {
        sd_json_variant *v = invocation_value(invocation, parameter);
        return v && sd_json_variant_is_integer(v) ? sd_json_variant_integer(v)
               : v && sd_json_variant_is_unsigned(v) ? (int64_t)sd_json_variant_unsigned(v) : -1;
}

static bool bus_of(const char *name, VmBus *ret) {
        for (VmBus bus = VM_IDE; bus <= VM_SCSI; bus++)
                if (name && text_equal_nocase(name, vm_bus_name(bus))) {
                        *ret = bus;
                        return true;
                }
        return false;
}

bool device_slot_wanted(const Invocation *invocation, VmSlot slot) {
        VmBus bus = slot.bus;

        return (!bus_of(invocation_string(invocation, "ControllerType"), &bus) || bus == slot.bus) &&
               (!invocation_has(invocation, "ControllerNumber") ||
                device_integer(invocation, "ControllerNumber") == slot.controller) &&
               (!invocation_has(invocation, "ControllerLocation") ||
                device_integer(invocation, "ControllerLocation") == slot.location);
}

static int number(const Invocation *invocation, const char *parameter, unsigned *ret, Error *err) {
        int64_t n = device_integer(invocation, parameter);

        if (!invocation_has(invocation, parameter))
                return 0;
        if (n < 0 || n > 63)
                return error_set(err, ERROR_INVALID, 0, "-%s %lld: no controller and no location has that number", parameter,
                                 (long long)n);
        *ret = (unsigned)n;
        return 0;
}

int device_slot_to(const Invocation *invocation, VmSlot now, VmSlot *ret, bool *ret_any, Error *err) {
        bool type = bus_of(invocation_string(invocation, "ToControllerType"), &now.bus);

        if (number(invocation, "ToControllerNumber", &now.controller, err) < 0 ||
            number(invocation, "ToControllerLocation", &now.location, err) < 0)
                return -1;
        *ret_any = type || invocation_has(invocation, "ToControllerNumber") ||
                   invocation_has(invocation, "ToControllerLocation");
        *ret = now;
        return 0;
}

/* Given places are taken as they are: that they exist and are free is for the change itself to say. */
static bool free_on(const Invocation *invocation, const VmDefinition *d, VmBus bus, VmSlot *ret) {
        int64_t controller = device_integer(invocation, "ControllerNumber");

        if (!invocation_has(invocation, "ControllerLocation"))
                return definition_free_slot(d, bus, (int)controller, ret);
        *ret = (VmSlot){ bus, controller < 0 ? 0 : (unsigned)controller,
                         (unsigned)device_integer(invocation, "ControllerLocation") };
        return definition_disk_at(d, *ret) < 0 && definition_dvd_at(d, *ret) < 0 && vm_slot_exists(*ret);
}

int device_slot_free(const Invocation *invocation, const VmInfo *info, bool dvd, VmSlot *ret, Error *err) {
        const VmDefinition *d = &info->definition;
        unsigned ignored = 0;
        VmBus bus = VM_IDE;
        bool given = bus_of(invocation_string(invocation, "ControllerType"), &bus);

        if (number(invocation, "ControllerNumber", &ignored, err) < 0 ||
            number(invocation, "ControllerLocation", &ignored, err) < 0)
                return -1;
        /* a DVD drive as Hyper-V puts it: on the second IDE controller first */
        if (dvd && !invocation_has(invocation, "ControllerNumber") && !invocation_has(invocation, "ControllerLocation") &&
            definition_free_slot(d, VM_IDE, 1, ret))
                return 0;
        if ((given || !info->active || dvd) && free_on(invocation, d, bus, ret))
                return 0;
        if (!given && !dvd && free_on(invocation, d, VM_SCSI, ret))
                return 0;
        if (invocation_has(invocation, "ControllerLocation")) { /* which of the two it is, is said by the change */
                VmSlot asked = { bus, (unsigned)invocation_unsigned(invocation, "ControllerNumber", 0),
                                 (unsigned)invocation_unsigned(invocation, "ControllerLocation", 0) };
                *ret = asked;
                return 0;
        }
        return error_set(err, ERROR_LIMIT, 0, "\"%s\" has no free location for another drive there; name another "
                         "controller with -ControllerType and -ControllerNumber, or remove a drive first", d->name);
}

int device_no_drive(const Invocation *invocation, const VmInfo *info, const char *kind, Error *err) {
        (void)invocation;
        return error_set(err, ERROR_NOT_FOUND, 0, "Hyper-V was unable to find a %s of \"%s\" there; Get-VM%sDrive lists "
                         "those it has.", kind, info->definition.name, strcmp(kind, "DVD drive") == 0 ? "Dvd" : "HardDisk");
}

int device_failed(Invocation *invocation, const Error *why, const char *target, Error *err) {
        if (invocation_cancelled(invocation)) {
                *err = *why;
                return -1;
        }
        invocation_error(invocation, why, target,
                         why->kind == ERROR_NOT_FOUND || why->kind == ERROR_INVALID ? "InvalidParameter" :
                         why->kind == ERROR_CONFLICT ? "InvalidState" : "OperationFailed");
        return 0;
}

bool device_again(Invocation *invocation, int result, Error *err) {
        return result < 0 && node_denied(invocation_userdata(invocation), err);
}

/* ---- objects from the pipeline --------------------------------------------------------------------- */

static int machine_of(Invocation *invocation, sd_json_variant *object, VmInfo *ret, Error *err) {
        const char *id = object_string(object, "VMId");

        if (!id)
                return error_set(err, ERROR_INVALID, 0, "that is no drive or adapter of a virtual machine; give what "
                                 "Get-VMHardDiskDrive, Get-VMDvdDrive or Get-VMNetworkAdapter return");
        return vmhost_find(vm_host_of(invocation), id, ret, err);
}

static int slot_of(sd_json_variant *object, VmSlot *ret, Error *err) {
        const char *type = object_string(object, "ControllerType");
        VmSlot slot = { VM_IDE, (unsigned)object_unsigned(object, "ControllerNumber", 99),
                        (unsigned)object_unsigned(object, "ControllerLocation", 99) };

        if ((type && !bus_of(type, &slot.bus)) || !vm_slot_exists(slot))
                return error_set(err, ERROR_INVALID, 0, "the object does not say where the drive is");
        *ret = slot;
        return 0;
}

int device_each_drive(Invocation *invocation, const char *parameter,
                      int (*act)(Invocation *invocation, const VmInfo *info, VmSlot slot, Error *err), Error *err) {
        auto_free VmInfo *info = malloc(sizeof *info);

        if (!info)
                return error_oom(err);
        for (size_t i = 0; i < invocation_count(invocation, parameter); i++) {
                sd_json_variant *object = invocation_item(invocation, parameter, i);
                const char *name = object_string(object, "VMName");
                Error why = { 0 };
                VmSlot slot;
                if (machine_of(invocation, object, info, &why) == 0 && slot_of(object, &slot, &why) == 0 &&
                    act(invocation, info, slot, &why) == 0)
                        continue;
                if (device_failed(invocation, &why, name ? name : "", err) < 0)
                        return -1;
        }
        return 0;
}

int device_each_adapter(Invocation *invocation,
                        int (*act)(Invocation *invocation, const VmInfo *info, unsigned index, Error *err), Error *err) {
        auto_free VmInfo *info = malloc(sizeof *info);

        if (!info)
                return error_oom(err);
        for (size_t i = 0; i < invocation_count(invocation, "VMNetworkAdapter"); i++) {
                sd_json_variant *object = invocation_item(invocation, "VMNetworkAdapter", i);
                const char *name = object_string(object, "Name"), *text = object_string(object, "MacAddress");
                char mac[VM_MAC_SIZE] = "";
                Error why = { 0 };
                unsigned at = 0;
                int r = machine_of(invocation, object, info, &why);
                bool found = r == 0 && text && mac_parse(text, mac);
                while (found && at < info->definition.adapter_count && strcmp(info->definition.adapters[at].mac, mac) != 0)
                        at++;
                if (r == 0 && (!found || at == info->definition.adapter_count))
                        r = error_set(&why, ERROR_NOT_FOUND, 0, "Hyper-V was unable to find a network adapter with the "
                                      "address %.20s in \"%s\"; it may have been removed.", text ? text : "", info->definition.name);
                if (r == 0 && act(invocation, info, at, &why) == 0)
                        continue;
                if (device_failed(invocation, &why, name ? name : "", err) < 0)
                        return -1;
        }
        return 0;
}

static bool name_is(const Invocation *invocation, size_t i, const char *name) {
        const char *wanted = sd_json_variant_string(invocation_item(invocation, "Name", i));
        return wanted && text_matches_wildcard(name, wanted);
}

int device_each_named_adapter(Invocation *invocation, const VmInfo *info,
                              int (*act)(Invocation *invocation, const VmInfo *info, unsigned index, Error *err),
                              Error *err) {
        const VmDefinition *d = &info->definition;
        size_t names = invocation_count(invocation, "Name");
        bool found[VM_ADAPTERS_MAX] = { false };

        for (size_t i = 0; i < names; i++) {
                const char *wanted = sd_json_variant_string(invocation_item(invocation, "Name", i));
                bool any = wanted && text_has_wildcard(wanted);
                for (unsigned j = 0; j < d->adapter_count; j++)
                        if (name_is(invocation, i, d->adapters[j].name))
                                any = found[j] = true;
                if (!any)
                        return error_set(err, ERROR_NOT_FOUND, 0, "Hyper-V was unable to find a network adapter with name "
                                         "\"%.100s\" in \"%s\".", wanted ? wanted : "", d->name);
        }
        for (unsigned j = 0; j < d->adapter_count; j++)
                if ((names == 0 || found[j]) && act(invocation, info, j, err) < 0)
                        return -1;
        return 0;
}

/* ---- paths and results ----------------------------------------------------------------------------- */

int device_unc(const char *path, char ret[static DISK_UNC_MAX], Error *err) {
        DiskName name;

        if (!vhd_is_unc(path))
                return error_set(err, ERROR_INVALID, 0, "'%.300s' lies on this host only; bring it onto an SMB 3 share with "
                                 "Convert-VHD, and name it there, for example \\\\fs1\\vms\\web01\\data.raw", path);
        if (disk_name(path, &name, err) < 0)
                return -1;
        (void)snprintf(ret, DISK_UNC_MAX, "%s", name.unc);
        return 0;
}

typedef int (*Build)(const VmInfo *info, unsigned index, const char *host, sd_json_variant **ret, Error *err);

static int emit(Invocation *invocation, const VmInfo *info, int index, Build build, Error *err) {
        char host[MACHINE_NAME_MAX];
        sd_json_variant *object = NULL;

        if (index < 0)
                return error_set(err, ERROR_NOT_FOUND, 0, "\"%s\" was changed by somebody else meanwhile",
                                 info->definition.name);
        vmhost_name(vm_host_of(invocation), host);
        if (build(info, (unsigned)index, host, &object, err) < 0)
                return -1;
        return invocation_emit(invocation, object, err);
}

int device_emit_disk(Invocation *invocation, const char *vm, VmSlot slot, Error *err) {
        auto_free VmInfo *info = malloc(sizeof *info);

        if (!info)
                return error_oom(err);
        if (vmhost_find(vm_host_of(invocation), vm, info, err) < 0)
                return -1;
        return emit(invocation, info, definition_disk_at(&info->definition, slot), drive_object, err);
}

int device_emit_dvd(Invocation *invocation, const char *vm, VmSlot slot, Error *err) {
        auto_free VmInfo *info = malloc(sizeof *info);

        if (!info)
                return error_oom(err);
        if (vmhost_find(vm_host_of(invocation), vm, info, err) < 0)
                return -1;
        return emit(invocation, info, definition_dvd_at(&info->definition, slot), dvd_object, err);
}

int device_emit_adapter(Invocation *invocation, const char *vm, const char *mac, Error *err) {
        auto_free VmInfo *info = malloc(sizeof *info);
        int at = -1;

        if (!info)
                return error_oom(err);
        if (vmhost_find(vm_host_of(invocation), vm, info, err) < 0)
                return -1;
        for (unsigned i = 0; i < info->definition.adapter_count; i++)
                if (text_equal_nocase(info->definition.adapters[i].mac, mac))
                        at = (int)i;
        return emit(invocation, info, at, adapter_object, err);
}
