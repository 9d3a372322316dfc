/* Get-, New-, Set- and Remove-VMSwitch */
#include "appliance/node/device-commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/object.h"
#include "appliance/node/device-target.h"
#include "appliance/node/switch-host.h"
#include "appliance/node/switch-object.h"
#include "appliance/node/vm-target.h"

#define SWITCH "Microsoft.HyperV.PowerShell.VMSwitch"
#define NAME_RULE "at most 15 letters, digits, - _ and ., and the same on every host."

static int emit(Invocation *invocation, const SwitchInfo *info, Error *err) {
        char host[MACHINE_NAME_MAX];
        sd_json_variant *object = NULL;

        vmhost_name(vm_host_of(invocation), host);
        if (switch_object(info, host, &object, err) < 0)
                return -1;
        return invocation_emit(invocation, object, err);
}

static int emit_named(Invocation *invocation, const char *name, Error *err) {
        SwitchInfo info;

        return switch_find(name, &info, err) < 0 ? -1 : emit(invocation, &info, err);
}

/* ---- Get ---- */

static bool listed(const Invocation *invocation, const char *parameter, const char *value) {
        size_t count = invocation_count(invocation, parameter);

        for (size_t i = 0; i < count; i++) {
                const char *wanted = sd_json_variant_string(invocation_item(invocation, parameter, i));
                if (wanted && text_equal_nocase(wanted, value))
                        return true;
        }
        return count == 0;
}

static int get(Invocation *invocation, Error *err) {
        const char *name = invocation_string(invocation, "Name");
        auto_free SwitchInfo *list = NULL;
        size_t count = 0, found = 0;

        if (switch_list(&list, &count, err) < 0)
                return -1;
        for (size_t i = 0; i < count; i++) {
                if ((name && !text_matches_wildcard(list[i].s.name, name)) || !listed(invocation, "Id", list[i].id) ||
                    !listed(invocation, "SwitchType", switch_type_name(list[i].s.type)))
                        continue;
                found++;
                if (emit(invocation, &list[i], err) < 0)
                        return -1;
        }
        if (found > 0 || !name || text_has_wildcard(name) || invocation_has(invocation, "SwitchType"))
                return 0;
        Error why = { 0 };
        (void)error_set(&why, ERROR_NOT_FOUND, 0, "Hyper-V was unable to find a virtual switch with name \"%.64s\".", name);
        return device_failed(invocation, &why, name, err);
}

const Command command_get_vmswitch = {
        .name = "Get-VMSwitch", .module = "Hyper-V",
        .synopsis = "Gets the virtual switches (bridges) of this host.",
        .role = ROLE_READER,
        .output = SWITCH,
        .parameters = (const Parameter[]){
                { "Name", "String", "SwitchName", PARAMETER_WILDCARD, NULL, "Name of a switch; wildcards are allowed." },
                { "Id", "Guid[]", "SwitchId", PARAMETER_PIPELINE_BY_VALUE | PARAMETER_PIPELINE_BY_NAME, NULL,
                  "Ids of switches." },
                { "SwitchType", "VMSwitchType[]", NULL, 0, "Private,Internal,External", "Only switches of these types." },
                PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){ { "Name", "", "Name", "SwitchType,ComputerName" }, { "Id", "Id", "Id", "SwitchType,ComputerName" },
                                        { .name = NULL } },
        .refused = "ResourcePoolName," DEVICE_ELSEWHERE,
        .run = get,
};

/* ---- New ---- */

static int copy(char *to, size_t size, const char *value, const char *what, Error *err) {
        if (strlen(value) >= size)
                return error_set(err, ERROR_INVALID, 0, "\"%.64s\" is too long for %s", value, what);
        (void)snprintf(to, size, "%s", value);
        return 0;
}

/* The card of an External switch; its address goes to the bridge when the host stays on it. */
static int take_card(const Invocation *invocation, Switch *s, Error *err) {
        sd_json_variant *first = invocation_item(invocation, "NetAdapterName", 0);

        if (invocation_count(invocation, "NetAdapterName") > 1)
                return error_set(err, ERROR_UNSUPPORTED, 0, "a switch over several network adapters (embedded teaming) is not "
                                 "available; make a bond of them, and name that with -NetAdapterName");
        if (copy(s->adapter, sizeof s->adapter, sd_json_variant_string(first), "the name of a network adapter", err) < 0)
                return -1;
        s->type = SWITCH_EXTERNAL;
        return 0;
}

static int keep_address(Switch *s, Error *err) {
        Link card;

        s->adapter_mac[0] = '\0';
        if (s->type != SWITCH_EXTERNAL)
                return 0;
        if (switch_card(s->adapter, &card, err) < 0)
                return -1;
        if (s->management)
                (void)memcpy(s->adapter_mac, card.mac, sizeof s->adapter_mac);
        return 0;
}

static int new_switch(Invocation *invocation, Error *err) {
        const char *name = invocation_string(invocation, "Name"), *notes = invocation_string(invocation, "Notes");
        Switch s = { .type = SWITCH_PRIVATE, .management = true };
        SwitchInfo there;
        Error none = { 0 };

        if (copy(s.name, sizeof s.name, name, "the name of a virtual switch (15 characters, as it names a network device)",
                 err) < 0 ||
            (notes && copy(s.notes, sizeof s.notes, notes, "the notes of a virtual switch", err) < 0))
                return -1;
        if (invocation_has(invocation, "NetAdapterName")) {
                if (take_card(invocation, &s, err) < 0)
                        return -1;
                if (invocation_has(invocation, "AllowManagementOS"))
                        s.management = invocation_switch(invocation, "AllowManagementOS");
        } else if (strcmp(invocation_string(invocation, "SwitchType"), "Internal") == 0)
                s.type = SWITCH_INTERNAL;
        if (keep_address(&s, err) < 0)
                return -1;
        if (switch_find(name, &there, &none) == 0)
                return error_set(err, ERROR_CONFLICT, 0, "this host already has a virtual switch named \"%s\"; choose another "
                                 "name, or change it with Set-VMSwitch", there.s.name);
        if (none.kind != ERROR_NOT_FOUND) {
                *err = none;
                return -1;
        }
        if (!invocation_should_process(invocation, name, "New-VMSwitch"))
                return 0;
        if (switch_make(&s, err) < 0)
                return -1;
        return emit_named(invocation, name, err);
}

const Command command_new_vmswitch = {
        .name = "New-VMSwitch", .module = "Hyper-V",
        .synopsis = "Makes a virtual switch, which stays over restarts of this host.",
        .role = ROLE_ADMINISTRATOR, .confirm = true,
        .output = SWITCH,
        .parameters = (const Parameter[]){
                { "Name", "String", "SwitchName", 0, NULL, "Its name: " NAME_RULE },
                { "NetAdapterName", "String[]", "InterfaceAlias", PARAMETER_PIPELINE_BY_NAME, NULL,
                  "The network card of an External switch (ip link lists them)." },
                { "AllowManagementOS", "Boolean", NULL, 0, NULL,
                  "Whether this host has its own address on the External switch; $true when not given." },
                { "SwitchType", "VMSwitchType", NULL, 0, "Internal,Private",
                  "Internal: machines and this host; Private: machines alone." },
                { "Notes", "String", NULL, 0, NULL, "One line." }, PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "NetAdapterName", "Name,NetAdapterName", "Name", "AllowManagementOS,Notes,ComputerName" },
                { "SwitchType", "Name,SwitchType", "Name", "Notes,ComputerName" }, { .name = NULL } },
        .refused = "NetAdapterInterfaceDescription,MinimumBandwidthMode,EnableIov,EnablePacketDirect,EnableEmbeddedTeaming,"
                   DEVICE_ELSEWHERE,
        .run = new_switch,
};

/* ---- Set and Remove: each -Name or -VMSwitch ---- */

typedef int (*Act)(Invocation *invocation, const SwitchInfo *info, Error *err);

static int act_on(Invocation *invocation, Act act, const char *name, Error *err) {
        SwitchInfo info;
        Error why = { 0 };

        if (switch_find(name, &info, &why) == 0 && act(invocation, &info, &why) == 0)
                return 0;
        return device_failed(invocation, &why, name, err);
}

/* The list is taken first: what is acted on may go. */
static int act_on_matching(Invocation *invocation, Act act, const char *pattern, Error *err) {
        auto_free SwitchInfo *list = NULL;
        size_t count = 0;

        if (switch_list(&list, &count, err) < 0)
                return -1;
        for (size_t i = 0; i < count; i++)
                if (text_matches_wildcard(list[i].s.name, pattern) && act_on(invocation, act, list[i].s.name, err) < 0)
                        return -1;
        return 0;
}

static int each_switch(Invocation *invocation, Act act, Error *err) {
        for (size_t i = 0; i < invocation_count(invocation, "VMSwitch"); i++) {
                const char *name = object_string(invocation_item(invocation, "VMSwitch", i), "Name");
                if (act_on(invocation, act, name ? name : "", err) < 0)
                        return -1;
        }
        for (size_t i = 0; i < invocation_count(invocation, "Name"); i++) {
                const char *name = sd_json_variant_string(invocation_item(invocation, "Name", i));
                if (name && (text_has_wildcard(name) ? act_on_matching(invocation, act, name, err)
                                                     : act_on(invocation, act, name, err)) < 0)
                        return -1;
        }
        return 0;
}

#define PARAMETER_NAMES { "Name", "String[]", "SwitchName", PARAMETER_PIPELINE_BY_VALUE | PARAMETER_WILDCARD, NULL, \
                          "Names of switches; wildcards are allowed." }
#define PARAMETER_SWITCHES { "VMSwitch", "VMSwitch[]", NULL, PARAMETER_PIPELINE_BY_VALUE | PARAMETER_PLACED, NULL, \
                             "Switches, as Get-VMSwitch returns them." }

static int set_one(Invocation *invocation, const SwitchInfo *info, Error *err) {
        const char *type = invocation_string(invocation, "SwitchType"), *notes = invocation_string(invocation, "Notes");
        Switch s = info->s;

        if (!info->ours)
                return error_set(err, ERROR_CONFLICT, 0, "the bridge \"%s\" was not made by New-VMSwitch; change it where it "
                                 "was configured", info->s.name);
        if (type) {
                s.type = strcmp(type, "Internal") == 0 ? SWITCH_INTERNAL : SWITCH_PRIVATE;
                s.adapter[0] = '\0';
                s.management = true;
        }
        if (invocation_has(invocation, "NetAdapterName") && take_card(invocation, &s, err) < 0)
                return -1;
        if (invocation_has(invocation, "AllowManagementOS"))
                s.management = invocation_switch(invocation, "AllowManagementOS");
        if (notes && copy(s.notes, sizeof s.notes, notes, "the notes of a virtual switch", err) < 0)
                return -1;
        if (!invocation_should_process(invocation, s.name, "Set-VMSwitch"))
                return 0;
        bool other = s.type != info->s.type || strcmp(s.adapter, info->s.adapter) != 0 || s.management != info->s.management;
        if (other && s.type == SWITCH_EXTERNAL && info->s.type == SWITCH_EXTERNAL)
                return error_set(err, ERROR_UNSUPPORTED, 0, "an External switch does not change its network adapter or this "
                                 "host's part in it in one step: set -SwitchType Private first, then -NetAdapterName again");
        if (other && keep_address(&s, err) < 0)
                return -1;
        if (switch_make(&s, err) < 0)
                return -1;
        return invocation_switch(invocation, "Passthru") ? emit_named(invocation, s.name, err) : 0;
}

static int set(Invocation *invocation, Error *err) { return each_switch(invocation, set_one, err); }

#define SET_WHAT "SwitchType,NetAdapterName,AllowManagementOS,Notes,Passthru"
const Command command_set_vmswitch = {
        .name = "Set-VMSwitch", .module = "Hyper-V",
        .synopsis = "Changes the type, the network card or the notes of a virtual switch.",
        .role = ROLE_ADMINISTRATOR, .confirm = true,
        .output = SWITCH,
        .parameters = (const Parameter[]){
                PARAMETER_NAMES, PARAMETER_SWITCHES,
                { "SwitchType", "VMSwitchType", NULL, 0, "Internal,Private", "Makes it one without a network card." },
                { "NetAdapterName", "String[]", "InterfaceAlias", 0, NULL, "Makes it External, over this network card." },
                { "AllowManagementOS", "Boolean", NULL, 0, NULL, "With -NetAdapterName: whether this host stays on it." },
                { "Notes", "String", NULL, 0, NULL, "One line." },
                { "Passthru", "SwitchParameter", NULL, 0, NULL, "Returns the switch." }, PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){ { "Name", "Name", "Name", SET_WHAT ",ComputerName" }, { "SwitchObject", "VMSwitch", "VMSwitch", SET_WHAT },
                                        { .name = NULL } },
        .refused = "NetAdapterInterfaceDescription,DefaultFlowMinimumBandwidthAbsolute,DefaultFlowMinimumBandwidthWeight,"
                   "DefaultQueueVrssEnabled,DefaultQueueVmmqEnabled,DefaultQueueVmmqQueuePairs,EnableSoftwareRsc,"
                   DEVICE_ELSEWHERE,
        .run = set,
};

/* Adapters on it stay, disconnected: a machine that runs loses its link as if the cable was pulled. */
static int disconnect_all(Invocation *invocation, const char *name, Error *err) {
        const AdapterChange change = { .switch_name = "" };
        VmHost *host = vm_host_of(invocation);
        auto_free VmInfo *list = NULL;
        char mac[VM_MAC_SIZE];
        size_t count = 0;

        if (vmhost_list(host, vm_unreadable, invocation, &list, &count, err) < 0)
                return -1;
        for (size_t i = 0; i < count; i++)
                for (unsigned j = 0; j < list[i].definition.adapter_count; j++) {
                        const VmAdapter *a = &list[i].definition.adapters[j];
                        if (strcmp(a->switch_name, name) == 0 &&
                            device_change_adapter(host, list[i].definition.id, a->mac, &change, mac, err) < 0)
                                return error_wrap(err, "the switch \"%s\" stays, because an adapter could not be disconnected",
                                                  name);
                }
        return 0;
}

static int remove_one(Invocation *invocation, const SwitchInfo *info, Error *err) {
        char question[128];

        (void)snprintf(question, sizeof question, "Are you sure you want to remove virtual switch \"%s\"?", info->s.name);
        if (!invocation_should_process(invocation, info->s.name, "Remove-VMSwitch") ||
            !invocation_should_continue(invocation, info->s.name, question))
                return 0;
        if (info->ours && disconnect_all(invocation, info->s.name, err) < 0)
                return -1;
        return switch_remove(info, err);
}

static int remove_switch(Invocation *invocation, Error *err) { return each_switch(invocation, remove_one, err); }

const Command command_remove_vmswitch = {
        .name = "Remove-VMSwitch", .module = "Hyper-V",
        .synopsis = "Removes a virtual switch; adapters on it stay, disconnected.",
        .role = ROLE_ADMINISTRATOR, .confirm = true,
        .parameters = (const Parameter[]){ PARAMETER_NAMES, PARAMETER_SWITCHES,
                                           { "Force", "SwitchParameter", NULL, 0, NULL, "Does not ask." }, PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){ { "Name", "Name", "Name", "Force,ComputerName" }, { "SwitchObject", "VMSwitch", "VMSwitch", "Force" },
                                        { .name = NULL } },
        .refused = "ResourcePoolName," DEVICE_ELSEWHERE,
        .run = remove_switch,
};
