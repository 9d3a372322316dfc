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
extern const Command command_foreach_object, command_get_member;                /* utility-member.c */
extern const Command command_out_default, command_out_null, command_out_string; /* utility-out.c */
extern const Command command_write_output, command_write_host, command_write_information;
extern const Command command_write_warning, command_write_verbose, command_write_error;
extern const Command command_get_formatdata, command_clear_host, command_exit_pssession; /* utility-remote.c */
extern const Command command_tabexpansion;

/* Every row of this header, for a table: UTILITY_ROWS, NULL */
#define UTILITY_ROWS \
        &command_where_object, &command_select_object, &command_sort_object, &command_measure_object, \
        &command_foreach_object, &command_get_member, &command_format_table, &command_format_list, \
        &command_convertto_json, &command_out_default, &command_out_null, &command_out_string, \
        &command_write_output, &command_write_host, &command_write_information, &command_write_warning, \
        &command_write_verbose, &command_write_error, &command_get_formatdata, &command_clear_host, \
        &command_exit_pssession, &command_tabexpansion, &command_get_command, &command_get_help
