/* smb-commands.h — the rows that tell of file servers
 */
#pragma once

#include "appliance/command/command.h"

extern const Command command_get_smbconnection, command_get_smbopenfile, command_get_smbshare, command_get_smbshareaccess;
