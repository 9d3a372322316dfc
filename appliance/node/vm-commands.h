/* vm-commands.h — the rows of the life of virtual machines
 */
#pragma once

#include "appliance/command/command.h"

extern const Command command_get_vm, command_start_vm, command_stop_vm, command_remove_vm;      /* vm-commands.c */
extern const Command command_new_vm, command_import_vm; /* vm-create-commands.c */
extern const Command command_export_vm; /* vm-export-commands.c */
extern const Command command_new_vhd, command_get_vhd, command_convert_vhd;                     /* vhd-commands.c */
