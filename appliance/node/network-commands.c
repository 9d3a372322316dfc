/* Add-, Get-, Set-, Remove-VMMigrationNetwork: the networks that moves prefer, and may be restricted to */
#include <stdio.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/node/host-commands.h"
#include "appliance/node/node.h"
#include "appliance/node/vm-object.h"
#include "migrate/host.h"

#define ELSEWHERE "Credential,CimSession"
#define OUTPUT "Microsoft.HyperV.PowerShell.VMMigrationNetwork"
#define PASSTHRU { "Passthru", "SwitchParameter", NULL, 0, NULL, "Returns the networks that the command was about." }
#define NOTHING_LEFT "This host receives no virtual machines any more: it has no migration network left and " \
                     "UseAnyNetworkForMigration is $false."

static int emit_network(Invocation *invocation, const MoveNetwork *network, Error *err) {
        Node *node = invocation_userdata(invocation);
        char subnet[SUBNET_TEXT_SIZE], host[MACHINE_NAME_MAX], computer[MACHINE_NAME_MAX];
        sd_json_variant *object = NULL;

        subnet_text(&network->subnet, subnet);
        vmhost_name(node_vms(node), host);
        vm_computer_name(host, computer, sizeof computer);
        if (sd_json_buildo(&object, SD_JSON_BUILD_PAIR_STRING("$type", OUTPUT),
                           SD_JSON_BUILD_PAIR_STRING("Subnet", subnet),
                           SD_JSON_BUILD_PAIR_UNSIGNED("Priority", network->priority),
                           SD_JSON_BUILD_PAIR_STRING("ComputerName", computer),
                           SD_JSON_BUILD_PAIR_BOOLEAN("IsDeleted", false)) < 0)
                return error_oom(err);
        return invocation_emit(invocation, object, err);
}

static bool matches(const Subnet *subnet, const char *pattern) {
        char text[SUBNET_TEXT_SIZE];
        Subnet named;
        Error ignored;

        subnet_text(subnet, text);
        return subnet_parse(pattern, &named, &ignored) == 0 ? subnet_equal(subnet, &named)
                                                            : text_matches_wildcard(text, pattern);
}

static int not_found(const char *pattern, Error *err) {
        return error_set(err, ERROR_NOT_FOUND, 0, "this host has no migration network '%.80s'; Get-VMMigrationNetwork "
                         "shows those it has", pattern);
}

/* What an edit is about, and what it found or made. */
typedef struct Edit {
        const Invocation *invocation;
        MoveNetwork done[MOVE_NETWORKS_MAX];
        unsigned count;
} Edit;

static int emit_done(Invocation *invocation, const Edit *edit, Error *err) {
        for (unsigned i = 0; i < edit->count && invocation_switch(invocation, "Passthru"); i++)
                if (emit_network(invocation, &edit->done[i], err) < 0)
                        return -1;
        return 0;
}

static int change(Invocation *invocation, const char *operation,
                  int (*act)(void *userdata, NodeConfig *config, Error *err), Error *err) {
        Edit edit = { .invocation = invocation };

        if (!invocation_should_process(invocation, invocation_string(invocation, "Subnet"), operation))
                return 0;
        if (node_configure(invocation_userdata(invocation), act, &edit, err) < 0)
                return -1;
        return emit_done(invocation, &edit, err);
}

/* ---- Get ---- */

static bool wanted(const Invocation *invocation, const MoveNetwork *network) {
        size_t subnets = invocation_count(invocation, "Subnet"), priorities = invocation_count(invocation, "Priority");
        bool subnet = subnets == 0, priority = priorities == 0;

        for (size_t i = 0; i < subnets; i++)
                subnet |= matches(&network->subnet, sd_json_variant_string(invocation_item(invocation, "Subnet", i)));
        for (size_t i = 0; i < priorities; i++)
                priority |= sd_json_variant_unsigned(invocation_item(invocation, "Priority", i)) == network->priority;
        return subnet && priority;
}

static int get_network(Invocation *invocation, Error *err) {
        MoveSettings moves;

        node_moves(invocation_userdata(invocation), &moves);
        for (unsigned i = 0; i < moves.network_count; i++)
                if (wanted(invocation, &moves.networks[i]) &&
                    emit_network(invocation, &moves.networks[i], err) < 0)
                        return -1;
        return 0;
}

const Command command_get_vmmigrationnetwork = {
        .name = "Get-VMMigrationNetwork",
        .module = "Hyper-V",
        .synopsis = "Gets the networks of this host for live migration, the most preferred first.",
        .role = ROLE_READER,
        .output = OUTPUT,
        .parameters = (const Parameter[]){ { "Subnet", "String[]", NULL, PARAMETER_WILDCARD, NULL,
                                             "Networks; wildcards are allowed: 192.168.*" },
                                           { "Priority", "UInt32[]", NULL, 0, NULL, "Only those of these priorities." },
                                           { "ComputerName", "String[]", NULL,
                                             PARAMETER_COMPUTERS | PARAMETER_PIPELINE_BY_VALUE, NULL,
                                             NODE_COMPUTER_NAME_HELP },
                                           { .name = NULL } },
        .sets = (const ParameterSet[]){ { "Subnet", "", "Subnet", "Priority,ComputerName" }, { .name = NULL } },
        .refused = ELSEWHERE,
        .run = get_network,
};

/* ---- Add ---- */

static int edit_add(void *userdata, NodeConfig *config, Error *err) {
        Edit *edit = userdata;
        MoveNetwork *network = &edit->done[0];

        network->priority = (uint32_t)invocation_unsigned(edit->invocation, "Priority", 0);
        if (subnet_parse(invocation_string(edit->invocation, "Subnet"), &network->subnet, err) < 0)
                return -1;
        edit->count = 1;
        return networks_add(&config->moves, network, err);
}

static int add_network(Invocation *invocation, Error *err) {
        return change(invocation, "Add-VMMigrationNetwork", edit_add, err);
}

const Command command_add_vmmigrationnetwork = {
        .name = "Add-VMMigrationNetwork",
        .module = "Hyper-V",
        .synopsis = "Adds a network that moves from and to this host prefer.",
        .role = ROLE_ADMINISTRATOR,
        .confirm = true,
        .output = OUTPUT,
        .parameters =
                (const Parameter[]){ { "Subnet", "String", NULL, PARAMETER_PIPELINE_BY_VALUE, NULL,
                                       "192.168.10.0/24, 2001:db8::/64, or one address." },
                                     { "Priority", "UInt32", NULL, 0, NULL,
                                       "The network with the lower number is preferred; 0 when not given." },
                                     PASSTHRU, PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){ { "Subnet", "Subnet", "Subnet,Priority", "Passthru,ComputerName" }, { .name = NULL } },
        .refused = ELSEWHERE,
        .run = add_network,
};

/* ---- Set ---- */

static int edit_set(void *userdata, NodeConfig *config, Error *err) {
        Edit *edit = userdata;
        const char *pattern = invocation_string(edit->invocation, "Subnet");
        const char *fresh = invocation_string(edit->invocation, "NewSubnet");
        MoveSettings old = config->moves;

        config->moves.network_count = 0;
        for (unsigned i = 0; i < old.network_count; i++) {
                MoveNetwork network = old.networks[i];
                bool chosen = matches(&network.subnet, pattern);
                if (chosen && fresh && subnet_parse(fresh, &network.subnet, err) < 0)
                        return -1;
                if (chosen)
                        network.priority = (uint32_t)invocation_unsigned(edit->invocation, "NewPriority",
                                                                         network.priority);
                if (networks_add(&config->moves, &network, err) < 0)
                        return -1;
                if (chosen)
                        edit->done[edit->count++] = network;
        }
        return edit->count > 0 ? 0 : not_found(pattern, err);
}

static int set_network(Invocation *invocation, Error *err) {
        return change(invocation, "Set-VMMigrationNetwork", edit_set, err);
}

const Command command_set_vmmigrationnetwork = {
        .name = "Set-VMMigrationNetwork",
        .module = "Hyper-V",
        .synopsis = "Changes the subnet or the priority of migration networks of this host.",
        .role = ROLE_ADMINISTRATOR,
        .confirm = true,
        .output = OUTPUT,
        .parameters =
                (const Parameter[]){ { "Subnet", "String", NULL,
                                       PARAMETER_PIPELINE_BY_VALUE | PARAMETER_PIPELINE_BY_NAME | PARAMETER_WILDCARD,
                                       NULL, "The network as it is now; wildcards are allowed." },
                                     { "NewSubnet", "String", NULL, 0, NULL, "What it becomes." },
                                     { "NewPriority", "UInt32", NULL, 0, NULL, "Its new priority; lower is preferred." },
                                     PASSTHRU, PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){ { "ComputerName", "Subnet", "Subnet,NewSubnet", "NewPriority,Passthru,ComputerName" },
                                        { .name = NULL } },
        .refused = ELSEWHERE,
        .run = set_network,
};

/* ---- Remove ---- */

static int edit_remove(void *userdata, NodeConfig *config, Error *err) {
        Edit *edit = userdata;
        const char *pattern = invocation_string(edit->invocation, "Subnet");

        for (unsigned i = config->moves.network_count; i-- > 0;) {
                if (!matches(&config->moves.networks[i].subnet, pattern))
                        continue;
                edit->done[edit->count++] = config->moves.networks[i];
                networks_remove(&config->moves, i);
        }
        return edit->count > 0 ? 0 : not_found(pattern, err);
}

static int remove_network(Invocation *invocation, Error *err) {
        MoveSettings moves;

        if (change(invocation, "Remove-VMMigrationNetwork", edit_remove, err) < 0)
                return -1;
        node_moves(invocation_userdata(invocation), &moves);
        if (!moves.any_network && moves.network_count == 0)
                invocation_warning(invocation, NOTHING_LEFT);
        return 0;
}

const Command command_remove_vmmigrationnetwork = {
        .name = "Remove-VMMigrationNetwork",
        .module = "Hyper-V",
        .synopsis = "Removes migration networks of this host.",
        .role = ROLE_ADMINISTRATOR,
        .confirm = true,
        .output = OUTPUT,
        .parameters =
                (const Parameter[]){ { "Subnet", "String", NULL,
                                       PARAMETER_PIPELINE_BY_VALUE | PARAMETER_PIPELINE_BY_NAME | PARAMETER_WILDCARD,
                                       NULL, "The network; wildcards are allowed." },
                                     PASSTHRU, PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){ { "Subnet", "Subnet", "Subnet", "Passthru,ComputerName" }, { .name = NULL } },
        .refused = ELSEWHERE,
        .run = remove_network,
};
