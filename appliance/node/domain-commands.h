/* domain-commands.h — the rows of Add-Computer, Reset-ComputerMachinePassword, Remove-Computer and
 * Test-ComputerSecureChannel
 */
#pragma once

#include "appliance/command/command.h"

extern const Command command_add_computer;
extern const Command command_reset_computer_machine_password;
extern const Command command_remove_computer;
extern const Command command_test_computer_secure_channel;
