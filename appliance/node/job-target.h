/* job-target.h — which jobs a command is about, and waiting for them
 */
#pragma once

#include "appliance/node/background.h"

#define JOB_MODULE "Microsoft.PowerShell.Core"
#define JOB_TYPE "Microsoft.HyperV.PowerShell.VMJob"
#define PARAMETER_JOB_IDS { "Id", "Int32[]", NULL, 0, NULL, "Numbers of jobs of this session, as Get-Job shows them." }
#define PARAMETER_JOB_NAMES { "Name", "String[]", NULL, PARAMETER_WILDCARD, NULL, "Names of jobs; wildcards are allowed." }
#define PARAMETER_JOB_INSTANCES { "InstanceId", "Guid[]", NULL, 0, NULL, "What identifies jobs for good." }
#define PARAMETER_JOB_STATE \
        { "State", "JobState", NULL, 0, "NotStarted,Running,Completed,Failed,Stopped,Stopping", "Jobs in this state." }
#define PARAMETER_JOBS { "Job", "VMJob[]", NULL, PARAMETER_PIPELINE_BY_VALUE, NULL, "Jobs, as Get-Job returns them." }

enum { JOB_LOOK_MS = 200 };     /* between two looks for the caller's Ctrl+C */

/* Calls @act with each job that the parameters above name, all of the session when none does; one that is named and not
 * there is a non-terminating error in PowerShell's words.  -1 when @act gave it. */
int job_targets(Invocation *invocation, int (*act)(Invocation *invocation, uint32_t id, Error *err), Error *err) FAILS;
/* Has the job come out of the command, as it is now; one that has been removed does not. */
int job_emit(Invocation *invocation, uint32_t id, Error *err) FAILS;
/* Blocks until job @id has ended (or is gone); ERROR_CANCELLED with the caller. */
int job_wait_end(Invocation *invocation, uint32_t id, Error *err) FAILS;
bool job_running(Invocation *invocation, uint32_t id);
