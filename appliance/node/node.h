/* node.h — what a command handler may ask holdfastd for
 *
 * All functions may be called from pool threads.  The Node lives as long as the process serves.
 */
#pragma once

#include <stdbool.h>

#include "appliance/base/error.h"
#include "appliance/command/command.h"
#include "appliance/node/jobs.h"
#include "auth/directory.h"
#include "auth/machine.h"
#include "migrate/networks.h"

typedef struct Node Node;
typedef struct VmHost VmHost;           /* migrate/host.h: libvirt and the VMs of this node */
typedef struct Live Live;               /* migrate/live.h: live migrations, outgoing and incoming */

enum { NODE_PATH_MAX = 1024, NODE_GROUPS_MAX = 8, NODE_GROUP_NAME_MAX = 256 };

typedef struct NodeConfig {             /* /etc/holdfast/node.json; unknown keys are refused */
        bool allow_emulation;           /* AllowEmulation: run VMs without hardware virtualization */
        char virtual_machine_path[NODE_PATH_MAX];       /* VirtualMachinePath: UNC folder for new VMs; "" none */
        /* VirtualMachineMigrationEnabled, UseAnyNetworkForMigration (both default true),
         * MaximumVirtualMachineMigrations (2), VirtualMachineMigrationNetworks (none) */
        MoveSettings moves;
        /* ReaderGroups, OperatorGroups, AdministratorGroups, by Role: names or SIDs of the domain's groups, up to the
         * first that is "" */
        char groups[ROLE_ADMINISTRATOR + 1][NODE_GROUPS_MAX][NODE_GROUP_NAME_MAX];
        unsigned password_days;         /* MaximumMachinePasswordAge: days, default 30; 0: never by itself */
        int peer_role;                  /* MaximumPeerRole: the most another host may vouch for, a Role; -1: nothing */
        bool strict_binding;            /* RemoteChannelBinding is "Strict": over TLS, a sign-in must be bound to it */
} NodeConfig;

/* What only a restart changes; not virtual_machine_path and not moves. */
const NodeConfig *node_config(const Node *node);
/* Copies of what commands change. */
void node_machine_path(Node *node, char ret[static NODE_PATH_MAX]);
void node_moves(Node *node, MoveSettings *ret);
/* Reads the file anew, lets @edit change virtual_machine_path and moves, writes it and acts by it from now on: moves
 * under way go on.  -1 of @edit leaves everything as it was.  One caller at a time; blocks on the disk. */
int node_configure(Node *node, int (*edit)(void *userdata, NodeConfig *config, Error *err), void *userdata,
                   Error *err) FAILS;
/* A copy of who we are; ERROR_NOT_FOUND with the Add-Computer sentence when not joined. */
int node_machine(Node *node, Machine *ret, Error *err) FAILS;
/* Shared and thread-safe; belongs to the node. */
int node_directory(Node *node, Directory **ret, Error *err) FAILS;
Jobs *node_jobs(Node *node);
VmHost *node_vms(Node *node);
Live *node_live(Node *node);
/* Joined, and other hosts can reach us on 6600. */
bool node_serving(Node *node);
/* After Add-Computer: load the keytab, get tickets, start listening on 6600. */
int node_identity_changed(Node *node, Error *err) FAILS;

/* A new password for this host's account (auth/rotate.h); @server may be NULL. */
int node_rotate(Node *node, const char *server, Error *err) FAILS;
/* A refusal may only mean that this host's ticket is older than its groups.  True when @err (then cleared) was one and
 * there are fresh tickets now: try once more.  Blocks on the KDC. */
bool node_denied(Node *node, Error *err);

/* A parameter of most rows. */
#define PARAMETER_COMPUTER_NAME \
        { "ComputerName", "String[]", NULL, PARAMETER_COMPUTERS, NULL, NODE_COMPUTER_NAME_HELP }
#define NODE_COMPUTER_NAME_HELP "Hosts on which the command runs, by their names; without it, this one."

/* The rows of every command of the product (appliance/node/table.c). */
extern const CommandTable node_commands;
