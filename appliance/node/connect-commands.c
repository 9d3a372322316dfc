/* Connect- and Disconnect-VMNetworkAdapter, also for what Compare-VM found: a switch that the destination lacks */
#include "appliance/node/device-commands.h"

#include <stdio.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/object.h"
#include "appliance/node/device-object.h"
#include "appliance/node/device-target.h"
#include "appliance/node/vm-target.h"

#define ADAPTER "Microsoft.HyperV.PowerShell.VMNetworkAdapter"
#define PARAMETER_VMS { "VMName", "String[]", NULL, PARAMETER_WILDCARD, NULL, \
                        "Names of virtual machines; wildcards are allowed." }
#define PARAMETER_NAMES { "Name", "String[]", "VMNetworkAdapterName", PARAMETER_WILDCARD, NULL, \
                          "Names of adapters; wildcards are allowed.  All of the machine without it." }
#define PARAMETER_ADAPTERS { "VMNetworkAdapter", "VMNetworkAdapter[]", NULL, PARAMETER_PIPELINE_BY_VALUE | PARAMETER_PLACED, NULL, \
                             "Network adapters, as Get-VMNetworkAdapter returns them, or the Source of a finding of " \
                             "Compare-VM." }
#define PARAMETER_PASSTHRU { "Passthru", "SwitchParameter", NULL, 0, NULL, "Returns the network adapter." }

static int plug(Invocation *invocation, const VmInfo *info, unsigned index, const char *name, const char *command,
                Error *err) {
        const char *id = info->definition.id, *mac = info->definition.adapters[index].mac;
        AdapterChange change = { .switch_name = name };
        VmHost *host = vm_host_of(invocation);
        char now[VM_MAC_SIZE];

        if (!invocation_should_process(invocation, info->definition.name, command))
                return 0;
        int r = device_change_adapter(host, id, mac, &change, now, err);
        if (device_again(invocation, r, err))
                r = device_change_adapter(host, id, mac, &change, now, err);
        return r < 0 || !invocation_switch(invocation, "Passthru") ? r : device_emit_adapter(invocation, id, mac, err);
}

/* ---- Connect ---- */

static int connect_one(Invocation *invocation, const VmInfo *info, unsigned index, Error *err) {
        const char *name = invocation_string(invocation, "SwitchName");

        if (!name)
                name = object_string(invocation_value(invocation, "VMSwitch"), "Name");
        if (!name || !*name || strlen(name) >= VM_SWITCH_SIZE || strcmp(name, VM_SWITCH_NONE) == 0)
                return error_set(err, ERROR_NOT_FOUND, 0, "Hyper-V was unable to find a virtual switch with name \"%.64s\".",
                                 name ? name : "");
        return plug(invocation, info, index, name, "Connect-VMNetworkAdapter", err);
}

static int connect_of(Invocation *invocation, const VmInfo *info, Error *err) {
        return device_each_named_adapter(invocation, info, connect_one, err);
}

static int connect_adapter(Invocation *invocation, Error *err) {
        return invocation_has(invocation, "VMNetworkAdapter") ? device_each_adapter(invocation, connect_one, err)
                                                              : vm_targets_of(invocation, "VMName", connect_of, err);
}

const Command command_connect_vmnetworkadapter = {
        .name = "Connect-VMNetworkAdapter", .module = "Hyper-V",
        .synopsis = "Connects network adapters to a virtual switch, also while the machine runs.",
        .role = ROLE_OPERATOR, .confirm = true,
        .output = ADAPTER,
        .parameters = (const Parameter[]){
                PARAMETER_VMS, PARAMETER_NAMES, PARAMETER_ADAPTERS,
                { "SwitchName", "String", NULL, 0, NULL, "Name of the switch." },
                { "VMSwitch", "VMSwitch", NULL, PARAMETER_PIPELINE_BY_VALUE, NULL, "The switch, as Get-VMSwitch returns it." },
                PARAMETER_PASSTHRU, PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "Name_SwitchName", "VMName,SwitchName", "VMName,Name,SwitchName", "Passthru,ComputerName" },
                { "Object_SwitchName", "VMNetworkAdapter,SwitchName", "VMNetworkAdapter,SwitchName", "Passthru" },
                { "Object_SwitchObject", "VMNetworkAdapter,VMSwitch", "VMNetworkAdapter,VMSwitch", "Passthru" },
                { "Name_SwitchObject", "VMName,VMSwitch", "VMName,Name,VMSwitch", "Passthru,ComputerName" }, { .name = NULL } },
        .refused = "UseAutomaticConnection," DEVICE_ELSEWHERE,
        .run = connect_adapter,
};

/* ---- Disconnect ---- */

static int disconnect_one(Invocation *invocation, const VmInfo *info, unsigned index, Error *err) {
        return plug(invocation, info, index, "", "Disconnect-VMNetworkAdapter", err);
}

static int disconnect_of(Invocation *invocation, const VmInfo *info, Error *err) {
        return device_each_named_adapter(invocation, info, disconnect_one, err);
}

static int disconnect_adapter(Invocation *invocation, Error *err) {
        return invocation_has(invocation, "VMNetworkAdapter") ? device_each_adapter(invocation, disconnect_one, err)
                                                              : vm_targets_of(invocation, "VMName", disconnect_of, err);
}

const Command command_disconnect_vmnetworkadapter = {
        .name = "Disconnect-VMNetworkAdapter", .module = "Hyper-V",
        .synopsis = "Disconnects network adapters from their virtual switch, also while the machine runs.",
        .role = ROLE_OPERATOR, .confirm = true,
        .output = ADAPTER,
        .parameters = (const Parameter[]){ PARAMETER_VMS, PARAMETER_NAMES, PARAMETER_ADAPTERS, PARAMETER_PASSTHRU,
                                           PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "Name", "VMName", "VMName,Name", "Passthru,ComputerName" },
                { "Obj", "VMNetworkAdapter", "VMNetworkAdapter", "Passthru,ComputerName" }, { .name = NULL } },
        .refused = DEVICE_ELSEWHERE,
        .run = disconnect_adapter,
};
