/* vm-target.h — what the VM cmdlets have in common: which machines they are about, and what they give back
 */
#pragma once

#include "appliance/command/command.h"
#include "appliance/node/node.h"
#include "migrate/host.h"

/* -Name (with wildcards), -Id or -VM of @invocation; without any of them every machine of this host.  @act is
 * called for each; its failure, and a name that is none, becomes an error record and the others go on.  -1 only
 * when the pipeline itself is over. */
int vm_targets(Invocation *invocation, int (*act)(Invocation *invocation, const VmInfo *info, Error *err),
               Error *err) FAILS;

/* The same, with the names in another parameter: -VMName. */
int vm_targets_of(Invocation *invocation, const char *names, int (*act)(Invocation *invocation, const VmInfo *info, Error *err),
                  Error *err) FAILS;

/* The same for one machine, by its name or id. */
int vm_target(Invocation *invocation, const char *name_or_id,
              int (*act)(Invocation *invocation, const VmInfo *info, Error *err), Error *err) FAILS;

/* Looks once more and emits the machine. */
int vm_emit(Invocation *invocation, const char *id, Error *err) FAILS;
/* The same, when -Passthru was given. */
int vm_passthru(Invocation *invocation, const char *id, Error *err) FAILS;
VmHost *vm_host_of(const Invocation *invocation);
