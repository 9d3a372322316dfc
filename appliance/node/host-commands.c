#include "appliance/node/host-commands.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
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

static int get_vmhost(Invocation *invocation, Error *err) {
        Node *node = invocation_userdata(invocation);
        const NodeConfig *config = node_config(node);
        sd_json_variant *object = NULL;
        char full[MACHINE_NAME_MAX], name[MACHINE_NAME_MAX];
        bool joined;

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
                    SD_JSON_BUILD_PAIR_STRING("VirtualHardDiskPath", config->virtual_machine_path),
                    SD_JSON_BUILD_PAIR_STRING("VirtualMachinePath", config->virtual_machine_path),
                    SD_JSON_BUILD_PAIR_UNSIGNED("MaximumVirtualMachineMigrations", config->maximum_migrations),
                    SD_JSON_BUILD_PAIR_BOOLEAN("VirtualMachineMigrationEnabled", node_serving(node)),
                    SD_JSON_BUILD_PAIR_STRING("VirtualMachineMigrationAuthenticationType", "Kerberos"),
                    SD_JSON_BUILD_PAIR_STRING("VirtualMachineMigrationPerformanceOption", "TCPIP"),
                    SD_JSON_BUILD_PAIR_BOOLEAN("UseAnyNetworkForMigration", true),
                    SD_JSON_BUILD_PAIR_BOOLEAN("EnableEnhancedSessionMode", false),
                    SD_JSON_BUILD_PAIR_BOOLEAN("HardwareVirtualization", access("/dev/kvm", R_OK | W_OK) == 0),
                    SD_JSON_BUILD_PAIR_BOOLEAN("EmulationAllowed", config->allow_emulation),
                    SD_JSON_BUILD_PAIR_BOOLEAN("DomainMember", joined),
                    SD_JSON_BUILD_PAIR_BOOLEAN("IsDeleted", false))) < 0)
                return error_oom(err);
        return invocation_emit(invocation, object, err);
}

const Command command_get_vmhost = {
        .name = "Get-VMHost",
        .module = "Hyper-V",
        .synopsis = "Gets this host: its processors, memory, paths and settings for live migration.",
        .role = ROLE_READER,
        .output = "Microsoft.HyperV.PowerShell.VMHost",
        .parameters = (const Parameter[]){ { NULL } },
        .sets = (const ParameterSet[]){ { .name = "ComputerName" }, { NULL } },
        .refused = "ComputerName,Credential,CimSession",
        .run = get_vmhost,
};
