/* help.h — a row of the command table as text for people: Get-Help, the man page
 */
#pragma once

#include <stdio.h>

#include "appliance/command/command.h"

/* "Move-VM [-Name] <String> [-DestinationHost] <String> [-Passthru] [-WhatIf] [-Confirm] [<CommonParameters>]" */
void help_syntax(FILE *to, const Command *command, const ParameterSet *set);
/* NAME, SYNOPSIS, SYNTAX, PARAMETERS … as Get-Help prints them. */
void help_write(FILE *to, const Command *command);
