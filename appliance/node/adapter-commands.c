/* Get-, Add-, Set-, Remove- and Rename-VMNetworkAdapter */
#include "appliance/node/device-commands.h"

#include <stdio.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/node/device-object.h"
#include "appliance/node/device-target.h"
#include "appliance/node/switch-object.h"
#include "appliance/node/vm-target.h"

#define ADAPTER "Microsoft.HyperV.PowerShell.VMNetworkAdapter"
#define PARAMETER_NAME(flags, help) { "Name", "String", "VMNetworkAdapterName", flags, NULL, help }
#define PARAMETER_ADAPTERS { "VMNetworkAdapter", "VMNetworkAdapter[]", NULL, PARAMETER_PIPELINE_BY_VALUE | PARAMETER_PLACED, NULL, \
                             "Network adapters, as Get-VMNetworkAdapter returns them." }
#define PARAMETER_PASSTHRU { "Passthru", "SwitchParameter", NULL, 0, NULL, "Returns the network adapter." }
#define PARAMETER_STATIC { "StaticMacAddress", "String", NULL, 0, NULL, \
                           "MAC address: 12 hexadecimal digits, with or without - or : between pairs." }
#define PARAMETER_DYNAMIC { "DynamicMacAddress", "SwitchParameter", NULL, 0, NULL, "A MAC address of Holdfast's choice." }
#define NAME_HELP "Names of adapters; wildcards are allowed.  All of the machine without it."

/* A unicast address that is none of the reserved ones. */
static int wanted_mac(const Invocation *invocation, char to[static VM_MAC_SIZE], Error *err) {
        const char *text = invocation_string(invocation, "StaticMacAddress");

        to[0] = '\0';
        if (text && invocation_switch(invocation, "DynamicMacAddress"))
                return error_set(err, ERROR_INVALID, 0, "-StaticMacAddress and -DynamicMacAddress exclude each other; give one");
        if (!text)
                return 0;
        if (!mac_parse(text, to) || strchr("13579bdf", to[1]) || strcmp(to, "00:00:00:00:00:00") == 0)
                return error_set(err, ERROR_INVALID, 0, "'%.40s' is no MAC address of one adapter; give 12 hexadecimal "
                                 "digits, the second of them even, for example 02-15-5D-00-12-34", text);
        return 0;
}

static int passthru(Invocation *invocation, int result, const char *vm, const char *mac, Error *err) {
        return result < 0 || !invocation_switch(invocation, "Passthru") ? result
                                                                        : device_emit_adapter(invocation, vm, mac, err);
}

/* ---- Get ---- */

static int emit_one(Invocation *invocation, const VmInfo *info, unsigned index, Error *err) {
        char host[MACHINE_NAME_MAX];
        sd_json_variant *object = NULL;

        if (invocation_has(invocation, "IsLegacy") && invocation_switch(invocation, "IsLegacy"))
                return 0;       /* there are none */
        vmhost_name(vm_host_of(invocation), host);
        if (adapter_object(info, index, host, &object, err) < 0)
                return -1;
        return invocation_emit(invocation, object, err);
}

static int get_of(Invocation *invocation, const VmInfo *info, Error *err) {
        return device_each_named_adapter(invocation, info, emit_one, err);
}

/* With -All a name may be the host's or any machine's: none of them need have it. */
static int get_all_of(Invocation *invocation, const VmInfo *info, Error *err) {
        Error none = { 0 };

        if (device_each_named_adapter(invocation, info, emit_one, &none) == 0 || none.kind == ERROR_NOT_FOUND)
                return 0;
        *err = none;
        return -1;
}

static int get(Invocation *invocation, Error *err) {
        bool all = invocation_switch(invocation, "All");

        if (all || invocation_switch(invocation, "ManagementOS")) {
                if (switch_emit_host_adapters(invocation, err) < 0)
                        return -1;
                return all ? vm_targets_of(invocation, "VMName", get_all_of, err) : 0;
        }
        return vm_targets_of(invocation, "VMName", get_of, err);
}

const Command command_get_vmnetworkadapter = {
        .name = "Get-VMNetworkAdapter", .module = "Hyper-V",
        .synopsis = "Gets the network adapters of virtual machines and of this host.",
        .role = ROLE_READER,
        .output = ADAPTER,
        .parameters = (const Parameter[]){
                DEVICE_VM_NAMES, DEVICE_VMS, PARAMETER_NAME(PARAMETER_WILDCARD, NAME_HELP),
                { "IsLegacy", "Boolean", NULL, 0, NULL, "$true finds none: there are no legacy adapters." },
                { "ManagementOS", "SwitchParameter", NULL, 0, NULL, "The adapters of this host on its switches." },
                { "All", "SwitchParameter", NULL, 0, NULL, "Those of this host and of all its machines." },
                { "SwitchName", "String", NULL, 0, NULL, "Only the host's adapter on that switch." },
                PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "VMName", "VMName", "VMName,Name", "IsLegacy,ComputerName" }, { "VMObject", "VM", "VM,Name", "IsLegacy" },
                { "ManagementOS", "ManagementOS", "Name", "SwitchName,ComputerName" }, { "All", "All", "Name", "ComputerName" },
                { .name = NULL } },
        .refused = "VMSnapshot," DEVICE_ELSEWHERE,
        .run = get,
};

/* ---- Add ---- */

static int add_to(Invocation *invocation, const VmInfo *info, Error *err) {
        const char *name = invocation_string(invocation, "Name"), *to = invocation_string(invocation, "SwitchName");
        const char *id = info->definition.id;
        VmHost *host = vm_host_of(invocation);
        VmAdapter adapter = { 0 };

        if (wanted_mac(invocation, adapter.mac, err) < 0)
                return -1;
        adapter.static_mac = *adapter.mac != '\0';
        if ((name && strlen(name) >= sizeof adapter.name) || (to && strlen(to) >= sizeof adapter.switch_name))
                return error_set(err, ERROR_INVALID, 0, "\"%.64s\" is too long for the name of %s", name ? name : to,
                                 name ? "an adapter" : "a virtual switch");
        (void)snprintf(adapter.name, sizeof adapter.name, "%s", name && *name ? name : VM_ADAPTER_NAME);
        (void)snprintf(adapter.switch_name, sizeof adapter.switch_name, "%s", to ? to : "");
        if (!invocation_should_process(invocation, info->definition.name, "Add-VMNetworkAdapter"))
                return 0;
        int r = device_add_adapter(host, id, &adapter, err);
        if (device_again(invocation, r, err))
                r = device_add_adapter(host, id, &adapter, err);
        return passthru(invocation, r, id, adapter.mac, err);
}

static int add(Invocation *invocation, Error *err) { return vm_targets_of(invocation, "VMName", add_to, err); }

#define ADD_WHAT "SwitchName,Name,DynamicMacAddress,StaticMacAddress,Passthru"
const Command command_add_vmnetworkadapter = {
        .name = "Add-VMNetworkAdapter", .module = "Hyper-V",
        .synopsis = "Adds a network adapter to a virtual machine that is off.",
        .role = ROLE_ADMINISTRATOR, .confirm = true,
        .output = ADAPTER,
        .parameters = (const Parameter[]){
                DEVICE_VM_NAMES, DEVICE_VMS,
                { "SwitchName", "String", NULL, 0, NULL, "Switch to connect it to; without it, it is not connected." },
                PARAMETER_NAME(0, "Its name; Network Adapter when not given."), PARAMETER_DYNAMIC, PARAMETER_STATIC,
                PARAMETER_PASSTHRU, PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "VMName", "VMName", "VMName", ADD_WHAT ",ComputerName" }, { "VMObject", "VM", "VM", ADD_WHAT }, { .name = NULL } },
        .refused = "ManagementOS,IsLegacy,ResourcePoolName,DeviceNaming," DEVICE_ELSEWHERE,
        .run = add,
};

/* ---- Set ---- */

static int set_one(Invocation *invocation, const VmInfo *info, unsigned index, Error *err) {
        const char *id = info->definition.id, *mac = info->definition.adapters[index].mac;
        bool chosen = invocation_has(invocation, "StaticMacAddress"), ours = invocation_switch(invocation, "DynamicMacAddress");
        char wanted[VM_MAC_SIZE], now[VM_MAC_SIZE];
        VmHost *host = vm_host_of(invocation);
        AdapterChange change = { 0 };

        (void)snprintf(now, sizeof now, "%s", mac);
        if (wanted_mac(invocation, wanted, err) < 0)
                return -1;
        change.new_mac = chosen || ours ? wanted : NULL;
        if (!invocation_should_process(invocation, info->definition.name, "Set-VMNetworkAdapter"))
                return 0;
        int r = change.new_mac ? device_change_adapter(host, id, mac, &change, now, err) : 0;
        if (device_again(invocation, r, err))
                r = device_change_adapter(host, id, mac, &change, now, err);
        return passthru(invocation, r, id, now, err);
}

/* One address for several adapters would be one too few. */
static int set_of(Invocation *invocation, const VmInfo *info, Error *err) {
        if (invocation_has(invocation, "StaticMacAddress") && !invocation_has(invocation, "Name") &&
            info->definition.adapter_count > 1)
                return error_set(err, ERROR_INVALID, 0, "\"%s\" has %u network adapters; say with -Name which of them gets "
                                 "the address", info->definition.name, info->definition.adapter_count);
        return device_each_named_adapter(invocation, info, set_one, err);
}

static int set(Invocation *invocation, Error *err) {
        return invocation_has(invocation, "VMNetworkAdapter") ? device_each_adapter(invocation, set_one, err)
                                                              : vm_targets_of(invocation, "VMName", set_of, err);
}

const Command command_set_vmnetworkadapter = {
        .name = "Set-VMNetworkAdapter", .module = "Hyper-V",
        .synopsis = "Changes the MAC address of a network adapter of a virtual machine that is off.",
        .role = ROLE_ADMINISTRATOR, .confirm = true,
        .output = ADAPTER,
        .parameters = (const Parameter[]){
                DEVICE_VM_NAMES, DEVICE_VMS, PARAMETER_ADAPTERS, PARAMETER_NAME(PARAMETER_WILDCARD, NAME_HELP),
                PARAMETER_DYNAMIC, PARAMETER_STATIC, PARAMETER_PASSTHRU, PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "VMName", "VMName", "VMName", "Name,DynamicMacAddress,StaticMacAddress,Passthru,ComputerName" },
                { "ResourceObject", "VMNetworkAdapter", "VMNetworkAdapter", "DynamicMacAddress,StaticMacAddress,Passthru" },
                { "VMObject", "VM", "VM", "Name,DynamicMacAddress,StaticMacAddress,Passthru" }, { .name = NULL } },
        .refused = "ManagementOS,MacAddressSpoofing,DhcpGuard,RouterGuard,PortMirroring,IeeePriorityTag,VmqWeight,"
                   "IovQueuePairsRequested,IovInterruptModeration,IovWeight,IPsecOffloadMaximumSecurityAssociation,"
                   "MaximumBandwidth,MinimumBandwidthAbsolute,MinimumBandwidthWeight,MandatoryFeatureId,ResourcePoolName,"
                   "TestReplicaPoolName,TestReplicaSwitchName,VirtualSubnetId,AllowTeaming,NotMonitoredInCluster,StormLimit,"
                   "DynamicIPAddressLimit,DeviceNaming,FixSpeed10G,PacketDirectNumProcs,PacketDirectModerationCount,"
                   "PacketDirectModerationInterval,VrssEnabled,VmmqEnabled,VmmqQueuePairs," DEVICE_ELSEWHERE,
        .run = set,
};

/* ---- Remove ---- */

static int remove_one(Invocation *invocation, const VmInfo *info, unsigned index, Error *err) {
        const char *id = info->definition.id, *mac = info->definition.adapters[index].mac;
        VmHost *host = vm_host_of(invocation);

        if (!invocation_should_process(invocation, info->definition.name, "Remove-VMNetworkAdapter"))
                return 0;
        int r = device_remove_adapter(host, id, mac, err);
        if (device_again(invocation, r, err))
                r = device_remove_adapter(host, id, mac, err);
        return r < 0 || !invocation_switch(invocation, "Passthru") ? r : emit_one(invocation, info, index, err);
}

static int remove_of(Invocation *invocation, const VmInfo *info, Error *err) {
        return device_each_named_adapter(invocation, info, remove_one, err);
}

static int remove_adapter(Invocation *invocation, Error *err) {
        return invocation_has(invocation, "VMNetworkAdapter") ? device_each_adapter(invocation, remove_one, err)
                                                              : vm_targets_of(invocation, "VMName", remove_of, err);
}

const Command command_remove_vmnetworkadapter = {
        .name = "Remove-VMNetworkAdapter", .module = "Hyper-V",
        .synopsis = "Removes network adapters from a virtual machine that is off.",
        .role = ROLE_ADMINISTRATOR, .confirm = true,
        .output = ADAPTER,
        .parameters = (const Parameter[]){
                DEVICE_VM_NAMES, DEVICE_VMS, PARAMETER_ADAPTERS, PARAMETER_NAME(PARAMETER_WILDCARD, NAME_HELP),
                PARAMETER_PASSTHRU, PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "VMName", "VMName", "VMName", "Name,Passthru,ComputerName" },
                { "ResourceObject", "VMNetworkAdapter", "VMNetworkAdapter", "Passthru" },
                { "VMObject", "VM", "VM", "Name,Passthru" }, { .name = NULL } },
        .refused = "ManagementOS,SwitchName," DEVICE_ELSEWHERE,
        .run = remove_adapter,
};

/* ---- Rename ---- */

static int rename_one(Invocation *invocation, const VmInfo *info, unsigned index, Error *err) {
        AdapterChange change = { .name = invocation_string(invocation, "NewName") };
        const char *id = info->definition.id, *mac = info->definition.adapters[index].mac;
        VmHost *host = vm_host_of(invocation);
        char now[VM_MAC_SIZE];

        if (strlen(change.name) >= VM_ADAPTER_NAME_SIZE)
                return error_set(err, ERROR_INVALID, 0, "the name of a network adapter has at most %d bytes",
                                 VM_ADAPTER_NAME_SIZE - 1);
        if (!invocation_should_process(invocation, info->definition.name, "Rename-VMNetworkAdapter"))
                return 0;
        int r = device_change_adapter(host, id, mac, &change, now, err);
        if (device_again(invocation, r, err))
                r = device_change_adapter(host, id, mac, &change, now, err);
        return passthru(invocation, r, id, mac, err);
}

static int rename_of(Invocation *invocation, const VmInfo *info, Error *err) {
        return device_each_named_adapter(invocation, info, rename_one, err);
}

static int rename_adapter(Invocation *invocation, Error *err) {
        return invocation_has(invocation, "VMNetworkAdapter") ? device_each_adapter(invocation, rename_one, err)
                                                              : vm_targets_of(invocation, "VMName", rename_of, err);
}

const Command command_rename_vmnetworkadapter = {
        .name = "Rename-VMNetworkAdapter", .module = "Hyper-V",
        .synopsis = "Renames network adapters, also while the machine runs.",
        .role = ROLE_ADMINISTRATOR, .confirm = true,
        .output = ADAPTER,
        .parameters = (const Parameter[]){
                DEVICE_VM_NAMES, DEVICE_VMS, PARAMETER_ADAPTERS, PARAMETER_NAME(PARAMETER_WILDCARD, NAME_HELP),
                { "NewName", "String", NULL, 0, NULL, "The new name." }, PARAMETER_PASSTHRU, PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "VMName", "VMName,NewName", "VMName,NewName", "Name,Passthru,ComputerName" },
                { "ResourceObject", "VMNetworkAdapter,NewName", "VMNetworkAdapter,NewName", "Passthru" },
                { "VMObject", "VM,NewName", "VM,NewName", "Name,Passthru" }, { .name = NULL } },
        .refused = "ManagementOS," DEVICE_ELSEWHERE,
        .run = rename_adapter,
};
