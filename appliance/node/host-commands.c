#include "appliance/node/host-commands.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/node/node.h"

/* The full name when joined; else what the system knows of itself. */
static void full_name(Node *node, bool *ret_joined, char to[static MACHINE_NAME_MAX]) {
        Machine machine;
        Error err = { 0 };

        *ret_joined = node_machine(node, &machine, &err) == 0;
        if (*ret_joined)
                memcpy(to, machine.host, MACHINE_NAME_MAX);
        else if (gethostname(to, MACHINE_NAME_MAX) < 0)
                (void)snprintf(to, MACHINE_NAME_MAX, "localhost");
        to[MACHINE_NAME_MAX - 1] = '\0';
}

static uint64_t memory_bytes(void) {
        struct sysinfo info;
        return sysinfo(&info) == 0 ? (uint64_t)info.totalram * info.mem_unit : 0;
}

static int emit_host(Invocation *invocation, Error *err) {
        Node *node = invocation_userdata(invocation);
        sd_json_variant *object = NULL;
        char full[MACHINE_NAME_MAX], name[MACHINE_NAME_MAX], path[NODE_PATH_MAX];
        MoveSettings moves;
        bool joined;

        node_machine_path(node, path);
        node_moves(node, &moves);
        full_name(node, &joined, full);
        (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(full, "."), full);
        for (char *p = name; *p; p++)           /* Windows shows its short names so */
                *p = (char)(*p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p);
        if (sd_json_build(&object, SD_JSON_BUILD_OBJECT(
                    SD_JSON_BUILD_PAIR_STRING("$type", "Microsoft.HyperV.PowerShell.VMHost"),
                    SD_JSON_BUILD_PAIR_STRING("Name", name),
                    SD_JSON_BUILD_PAIR_STRING("ComputerName", name),
                    SD_JSON_BUILD_PAIR_STRING("FullyQualifiedDomainName", full),
                    SD_JSON_BUILD_PAIR_INTEGER("LogicalProcessorCount", sysconf(_SC_NPROCESSORS_ONLN)),
                    SD_JSON_BUILD_PAIR_UNSIGNED("MemoryCapacity", memory_bytes()),
                    SD_JSON_BUILD_PAIR_STRING("VirtualHardDiskPath", path),
                    SD_JSON_BUILD_PAIR_STRING("VirtualMachinePath", path),
                    SD_JSON_BUILD_PAIR_UNSIGNED("MaximumVirtualMachineMigrations", moves.maximum),
                    SD_JSON_BUILD_PAIR_BOOLEAN("VirtualMachineMigrationEnabled",
                                               moves.enabled && node_serving(node)),
                    SD_JSON_BUILD_PAIR_STRING("VirtualMachineMigrationAuthenticationType", "Kerberos"),
                    SD_JSON_BUILD_PAIR_STRING("VirtualMachineMigrationPerformanceOption", "TCPIP"),
                    SD_JSON_BUILD_PAIR_BOOLEAN("UseAnyNetworkForMigration", moves.any_network),
                    SD_JSON_BUILD_PAIR_BOOLEAN("EnableEnhancedSessionMode", false),
                    SD_JSON_BUILD_PAIR_BOOLEAN("HardwareVirtualization", access("/dev/kvm", R_OK | W_OK) == 0),
                    SD_JSON_BUILD_PAIR_BOOLEAN("EmulationAllowed", node_config(node)->allow_emulation),
                    SD_JSON_BUILD_PAIR_BOOLEAN("DomainMember", joined),
                    SD_JSON_BUILD_PAIR_BOOLEAN("IsDeleted", false))) < 0)
                return error_oom(err);
        return invocation_emit(invocation, object, err);
}

static int passthru(Invocation *invocation, Error *err) {
        return invocation_switch(invocation, "Passthru") ? emit_host(invocation, err) : 0;
}

/* ---- Get-VMHost ---- */

static int get_vmhost(Invocation *invocation, Error *err) { return emit_host(invocation, err); }

const Command command_get_vmhost = {
        .name = "Get-VMHost",
        .module = "Hyper-V",
        .synopsis = "Gets this host: its processors, memory, paths and settings for live migration.",
        .role = ROLE_READER,
        .output = "Microsoft.HyperV.PowerShell.VMHost",
        .parameters = (const Parameter[]){ { "ComputerName", "String[]", NULL,
                                             PARAMETER_COMPUTERS | PARAMETER_PIPELINE_BY_VALUE, NULL,
                                             NODE_COMPUTER_NAME_HELP },
                                           { .name = NULL } },
        .sets = (const ParameterSet[]){ { "ComputerName", "", "ComputerName", "" }, { .name = NULL } },
        .refused = "Credential,CimSession",
        .run = get_vmhost,
};

/* ---- Set-VMHost ---- */

#define PASSTHRU_HELP "Returns the host as Get-VMHost does."
#define ELSEWHERE "Credential,CimSession"

/* What cannot be set to anything else is refused before anything is changed. */
static int check_fixed(const Invocation *invocation, Error *err) {
        const char *authentication = invocation_string(invocation, "VirtualMachineMigrationAuthenticationType");
        const char *performance = invocation_string(invocation, "VirtualMachineMigrationPerformanceOption");

        if (authentication && !text_equal_nocase(authentication, "Kerberos"))
                return error_set(err, ERROR_UNSUPPORTED, 0,
                                 "VirtualMachineMigrationAuthenticationType can only be Kerberos: the hosts prove to "
                                 "each other who they are by their machine accounts, and nobody's password travels");
        if (performance && !text_equal_nocase(performance, "TCPIP"))
                return error_set(err, ERROR_UNSUPPORTED, 0,
                                 "VirtualMachineMigrationPerformanceOption can only be TCPIP: memory goes uncompressed "
                                 "and encrypted over TCP; %s is not available", performance);
        return 0;
}

static int edit_host(void *userdata, NodeConfig *config, Error *err) {
        const Invocation *invocation = userdata;
        const char *path = invocation_string(invocation, "VirtualMachinePath");
        uint64_t maximum = invocation_unsigned(invocation, "MaximumVirtualMachineMigrations", config->moves.maximum);

        if (maximum < 1 || maximum > MOVE_MIGRATIONS_MAX)
                return error_set(err, ERROR_INVALID, 0,
                                 "MaximumVirtualMachineMigrations must be a number from 1 to %d; Disable-VMMigration "
                                 "forbids moves altogether", MOVE_MIGRATIONS_MAX);
        if (path && ((*path && strncmp(path, "\\\\", 2) != 0) || strlen(path) >= sizeof config->virtual_machine_path))
                return error_set(err, ERROR_INVALID, 0,
                                 "VirtualMachinePath must be a UNC path such as \\\\fs1.example.com\\vms: virtual "
                                 "machines of this host lie on SMB shares");
        config->moves.maximum = (unsigned)maximum;
        if (path)
                (void)memcpy(config->virtual_machine_path, path, strlen(path) + 1);
        if (invocation_has(invocation, "UseAnyNetworkForMigration"))
                config->moves.any_network = invocation_switch(invocation, "UseAnyNetworkForMigration");
        return 0;
}

static int set_vmhost(Invocation *invocation, Error *err) {
        Node *node = invocation_userdata(invocation);
        MoveSettings moves;

        if (check_fixed(invocation, err) < 0)
                return -1;
        if (!invocation_should_process(invocation, "this host", "Set-VMHost"))
                return 0;
        if (node_configure(node, edit_host, invocation, err) < 0)
                return -1;
        node_moves(node, &moves);
        if (!moves.any_network && moves.network_count == 0)
                invocation_warning(invocation, "This host receives no virtual machines: it has no migration network; add "
                                   "one with Add-VMMigrationNetwork.");
        return passthru(invocation, err);
}

const Command command_set_vmhost = {
        .name = "Set-VMHost",
        .module = "Hyper-V",
        .synopsis = "Sets how this host migrates virtual machines and where it makes new ones; kept over restarts.",
        .role = ROLE_ADMINISTRATOR,
        .confirm = true,
        .output = "Microsoft.HyperV.PowerShell.VMHost",
        .parameters =
                (const Parameter[]){
                        { "MaximumVirtualMachineMigrations", "UInt32", NULL, 0, NULL,
                          "How many moves may run at once, outgoing and incoming each; 1 to 16." },
                        { "VirtualMachineMigrationAuthenticationType", "MigrationAuthenticationType", NULL, 0,
                          "CredSSP,Kerberos", "Kerberos; there is nothing else." },
                        { "VirtualMachineMigrationPerformanceOption", "VMMigrationPerformance", NULL, 0,
                          "TCPIP,Compression,SMB", "TCPIP; there is nothing else, and it is always encrypted." },
                        { "UseAnyNetworkForMigration", "Boolean", NULL, 0, NULL,
                          "$false: incoming moves only over the networks that Get-VMMigrationNetwork shows." },
                        { "VirtualMachinePath", "String", NULL, 0, NULL,
                          "The UNC folder in which New-VM makes machines when it is given none." },
                        { "Passthru", "SwitchParameter", NULL, 0, NULL, PASSTHRU_HELP },
                        PARAMETER_COMPUTER_NAME,
                        { .name = NULL } },
        .sets = (const ParameterSet[]){ { "ComputerName", "", "",
                                          "MaximumVirtualMachineMigrations,VirtualMachineMigrationAuthenticationType,"
                                          "VirtualMachineMigrationPerformanceOption,UseAnyNetworkForMigration,"
                                          "VirtualMachinePath,Passthru,ComputerName" },
                                        { .name = NULL } },
        .refused = "MaximumStorageMigrations,ResourceMeteringSaveInterval,VirtualHardDiskPath,MacAddressMaximum,"
                   "MacAddressMinimum,FibreChannelWwnn,FibreChannelWwpnMaximum,FibreChannelWwpnMinimum,"
                   "NumaSpanningEnabled,EnableEnhancedSessionMode," ELSEWHERE,
        .run = set_vmhost,
};

/* ---- Enable-VMMigration, Disable-VMMigration ---- */

static int edit_enabled(void *userdata, NodeConfig *config, Error *err) {
        (void)err;
        config->moves.enabled = *(const bool *)userdata;
        return 0;
}

static int switch_migration(Invocation *invocation, bool enabled, Error *err) {
        Node *node = invocation_userdata(invocation);

        if (!invocation_should_process(invocation, "this host", enabled ? "Enable-VMMigration" : "Disable-VMMigration"))
                return 0;
        if (node_configure(node, edit_enabled, &enabled, err) < 0)
                return -1;
        if (enabled && !node_serving(node))
                invocation_warning(invocation, "Migration is allowed, but no other host can reach this one yet: it is not "
                                   "a member of a domain, or no domain controller answered; see Get-VMHost.");
        return passthru(invocation, err);
}

static int enable_vmmigration(Invocation *invocation, Error *err) { return switch_migration(invocation, true, err); }
static int disable_vmmigration(Invocation *invocation, Error *err) { return switch_migration(invocation, false, err); }

#define SWITCH_ROW(verb, text, function)                                                                            \
        {                                                                                                           \
                .name = verb "-VMMigration", .module = "Hyper-V", .synopsis = text, .role = ROLE_ADMINISTRATOR,     \
                .confirm = true, .output = "Microsoft.HyperV.PowerShell.VMHost",                                    \
                .parameters =                                                                                       \
                        (const Parameter[]){ { "Passthru", "SwitchParameter", NULL, 0, NULL, PASSTHRU_HELP },       \
                                             PARAMETER_COMPUTER_NAME, { .name = NULL } },                           \
                .sets = (const ParameterSet[]){ { "ComputerName", "", "", "Passthru,ComputerName" },                \
                                        { .name = NULL } },                                                         \
                .refused = ELSEWHERE, .run = function,                                                              \
        }

const Command command_enable_vmmigration =
        SWITCH_ROW("Enable", "Lets virtual machines be moved from and to this host.", enable_vmmigration);
const Command command_disable_vmmigration =
        SWITCH_ROW("Disable", "Refuses new moves from and to this host; those under way go on.", disable_vmmigration);
