/* vm-commands.h — the rows of the life of virtual machines
 */
#pragma once

#include "appliance/command/command.h"

extern const Command command_get_vm, command_start_vm, command_stop_vm, command_remove_vm;      /* vm-commands.c */
extern const Command command_new_vm, command_import_vm; /* vm-create-commands.c */
extern const Command command_export_vm; /* vm-export-commands.c */
extern const Command command_new_vhd, command_get_vhd, command_resize_vhd, command_convert_vhd;                     /* vhd-commands.c */
extern const Command command_save_vm, command_suspend_vm, command_resume_vm, command_restart_vm, command_rename_vm,
        command_remove_vmsavedstate;    /* vm-state-commands.c */
extern const Command command_set_vm, command_get_vmmemory, command_set_vmmemory;       /* vm-settings-commands.c */
extern const Command command_get_vmprocessor, command_set_vmprocessor;                  /* vm-processor-commands.c */
extern const Command command_get_vmfirmware, command_set_vmfirmware;                    /* vm-firmware-commands.c */
extern const Command command_checkpoint_vm, command_get_vmsnapshot, command_restore_vmsnapshot,
        command_remove_vmsnapshot;      /* vm-checkpoint-commands.c: they refuse */
