/* host-commands.h — the rows about this host
 */
#pragma once

#include "appliance/command/command.h"

extern const Command command_get_vmhost;
