#include "appliance/node/switch-object.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/node/device-object.h"
#include "appliance/node/switch-host.h"
#include "appliance/node/vm-object.h"
#include "appliance/node/vm-target.h"

#define HYPERV "Microsoft.HyperV.PowerShell."
enum { ADDRESSES_MAX = 16 };

static void unrefp(sd_json_variant **v) { *v = sd_json_variant_unref(*v); }

int switch_object(const SwitchInfo *info, const char *host, sd_json_variant **ret, Error *err) {
        const Switch *s = &info->s;
        bool external = s->type == SWITCH_EXTERNAL;
        char computer[MACHINE_NAME_MAX];

        vm_computer_name(host, computer, sizeof computer);
        if (sd_json_buildo(ret, SD_JSON_BUILD_PAIR_STRING("$type", HYPERV "VMSwitch"),
                           SD_JSON_BUILD_PAIR_STRING("Name", s->name), SD_JSON_BUILD_PAIR_STRING("Id", info->id),
                           SD_JSON_BUILD_PAIR_STRING("Notes", s->notes),
                           SD_JSON_BUILD_PAIR_STRING("SwitchType", switch_type_name(s->type)),
                           SD_JSON_BUILD_PAIR_BOOLEAN("AllowManagementOS", external ? s->management
                                                                                    : s->type == SWITCH_INTERNAL),
                           SD_JSON_BUILD_PAIR_STRING("NetAdapterInterfaceDescription", external ? s->adapter : ""),
                           SD_JSON_BUILD_PAIR_BOOLEAN("IovEnabled", false),
                           SD_JSON_BUILD_PAIR_BOOLEAN("EmbeddedTeamingEnabled", false),
                           SD_JSON_BUILD_PAIR_STRING("ComputerName", computer),
                           SD_JSON_BUILD_PAIR_BOOLEAN("IsDeleted", false)) < 0)
                return error_oom(err);
        return 0;
}

static int host_adapter(const SwitchInfo *info, const char *host, sd_json_variant **ret, Error *err) {
        auto_(unrefp) sd_json_variant *addresses = NULL, *status = NULL;
        char computer[MACHINE_NAME_MAX], mac[VM_MAC_SIZE], list[ADDRESSES_MAX][SWITCH_ADDRESS_SIZE];
        size_t count = switch_host_addresses(info->s.name, list, ADDRESSES_MAX);

        vm_computer_name(host, computer, sizeof computer);
        mac_display(info->mac, mac);
        if (sd_json_variant_new_array(&addresses, NULL, 0) < 0 ||
            sd_json_build(&status, SD_JSON_BUILD_ARRAY(SD_JSON_BUILD_STRING("Ok"))) < 0)
                return error_oom(err);
        for (size_t i = 0; i < count; i++) {
                auto_(unrefp) sd_json_variant *address = NULL;
                if (sd_json_variant_new_string(&address, list[i]) < 0 || sd_json_variant_append_array(&addresses, address) < 0)
                        return error_oom(err);
        }
        if (sd_json_buildo(ret, SD_JSON_BUILD_PAIR_STRING("$type", HYPERV "VMInternalNetworkAdapter"),
                           SD_JSON_BUILD_PAIR_STRING("Name", info->s.name), SD_JSON_BUILD_PAIR_STRING("Id", info->id),
                           SD_JSON_BUILD_PAIR_BOOLEAN("IsManagementOs", true), SD_JSON_BUILD_PAIR_STRING("VMName", ""),
                           SD_JSON_BUILD_PAIR_STRING("SwitchName", info->s.name),
                           SD_JSON_BUILD_PAIR_STRING("MacAddress", mac), SD_JSON_BUILD_PAIR_VARIANT("Status", status),
                           SD_JSON_BUILD_PAIR_VARIANT("IPAddresses", addresses),
                           SD_JSON_BUILD_PAIR_STRING("ComputerName", computer),
                           SD_JSON_BUILD_PAIR_BOOLEAN("IsDeleted", false)) < 0)
                return error_oom(err);
        return 0;
}

int switch_emit_host_adapters(Invocation *invocation, Error *err) {
        const char *name = invocation_string(invocation, "Name"), *on = invocation_string(invocation, "SwitchName");
        auto_free SwitchInfo *list = NULL;
        char host[MACHINE_NAME_MAX];
        size_t count = 0;

        vmhost_name(vm_host_of(invocation), host);
        if (switch_list(&list, &count, err) < 0)
                return -1;
        for (size_t i = 0; i < count; i++) {
                const Switch *s = &list[i].s;
                sd_json_variant *object = NULL;
                if (s->type == SWITCH_PRIVATE || (s->type == SWITCH_EXTERNAL && !s->management) ||
                    (name && !text_matches_wildcard(s->name, name)) || (on && !text_equal_nocase(s->name, on)))
                        continue;
                if (host_adapter(&list[i], host, &object, err) < 0 || invocation_emit(invocation, object, err) < 0)
                        return -1;
        }
        return 0;
}
