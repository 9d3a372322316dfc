/* device-commands.h — the rows of drives, network adapters and switches
 */
#pragma once

#include "appliance/command/command.h"

extern const Command command_get_vmharddiskdrive, command_add_vmharddiskdrive, command_set_vmharddiskdrive,
        command_remove_vmharddiskdrive; /* drive-commands.c */
extern const Command command_get_vmdvddrive, command_add_vmdvddrive, command_set_vmdvddrive,
        command_remove_vmdvddrive;      /* dvd-commands.c */
extern const Command command_get_vmnetworkadapter, command_add_vmnetworkadapter, command_set_vmnetworkadapter,
        command_remove_vmnetworkadapter, command_rename_vmnetworkadapter;       /* adapter-commands.c */
extern const Command command_get_vmswitch, command_new_vmswitch, command_set_vmswitch, command_remove_vmswitch;       /* switch-commands.c */
extern const Command command_connect_vmnetworkadapter, command_disconnect_vmnetworkadapter;     /* connect-commands.c */
