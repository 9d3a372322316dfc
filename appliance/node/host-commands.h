/* host-commands.h — this host and how it migrates: rows of the command table
 */
#pragma once

#include "appliance/command/command.h"

extern const Command command_get_vmhost, command_set_vmhost, command_enable_vmmigration, command_disable_vmmigration;
/* network-commands.c */
extern const Command command_add_vmmigrationnetwork, command_get_vmmigrationnetwork, command_set_vmmigrationnetwork,
        command_remove_vmmigrationnetwork;
