/* utility.h — the rows of the utility commands: what stands between Get-VM and the eye
 *
 * They know objects only through object.h and types.h, and have no side effects.
 */
#pragma once

#include "appliance/command/command.h"

extern const Command command_where_object, command_select_object;               /* utility-select.c */
extern const Command command_sort_object, command_measure_object;               /* utility-sort.c */
extern const Command command_format_table, command_format_list, command_convertto_json; /* utility-format.c */
extern const Command command_get_command, command_get_help;                     /* utility-help.c */
