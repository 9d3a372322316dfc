/* job-commands.h — the rows of PowerShell's commands about jobs: those that -AsJob began in the caller's session
 */
#pragma once

#include "appliance/command/command.h"

extern const Command command_get_job, command_wait_job, command_stop_job, command_remove_job;  /* job-commands.c */
extern const Command command_receive_job;                                       /* job-receive-commands.c */
