/* vm-target.h — what the VM cmdlets have in common: which machines they are about, and what they give back
 */
#pragma once

#include "appliance/command/command.h"
#include "appliance/node/node.h"
#include "migrate/host.h"

typedef int (*VmAct)(Invocation *invocation, const VmInfo *info, Error *err);

/* -Name or -VMName (with wildcards), -Id, -VM, -VMMemory, -VMProcessor or -VMFirmware of @invocation; without any of them
 * every machine of this host.  @act is called for each; its failure, and a name that is none, becomes an error record and
 * the others go on.  -1 only when the pipeline itself is over. */
int vm_targets(Invocation *invocation, VmAct act, Error *err) FAILS;

/* The same, with the names in another parameter. */
int vm_targets_of(Invocation *invocation, const char *names, VmAct act, Error *err) FAILS;

/* The same for one machine, by its name or id. */
int vm_target(Invocation *invocation, const char *name_or_id, VmAct act, Error *err) FAILS;

/* VmUnreadable of a command: an error record, and the others go on. */
void vm_unreadable(void *invocation, const char *name, const Error *why);
/* Hyper-V's warning when there is nothing to do. */
void vm_already(Invocation *invocation);
/* VmWait.cancelled of a command: its userdata is the Invocation. */
bool vm_caller_gone(void *userdata);
/* vmhost_start() and vmhost_save() with progress, the warning and -Passthru: several commands do them. */
int vm_start(Invocation *invocation, const char *id, const char *name, Error *err) FAILS;
int vm_save(Invocation *invocation, const char *id, const char *name, Error *err) FAILS;

/* Looks once more and emits the machine. */
int vm_emit(Invocation *invocation, const char *id, Error *err) FAILS;
/* The same, when -Passthru was given. */
int vm_passthru(Invocation *invocation, const char *id, Error *err) FAILS;
VmHost *vm_host_of(const Invocation *invocation);
