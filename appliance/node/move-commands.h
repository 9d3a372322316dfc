/* move-commands.h — the rows of live migration
 */
#pragma once

#include "appliance/command/command.h"

extern const Command command_move_vm, command_compare_vm;                       /* move-commands.c */
extern const Command command_get_vmmigration, command_stop_vmmigration;         /* migration-commands.c */
