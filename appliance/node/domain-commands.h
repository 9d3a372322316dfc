/* domain-commands.h — the row of Add-Computer
 */
#pragma once

#include "appliance/command/command.h"

extern const Command command_add_computer;
