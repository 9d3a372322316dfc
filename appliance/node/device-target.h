/* device-target.h — what the cmdlets of drives and network adapters have in common: which of them they are about
 */
#pragma once

#include "appliance/command/command.h"
#include "appliance/node/node.h"
#include "migrate/device.h"

#define DEVICE_ELSEWHERE "Credential,CimSession"
#define DEVICE_VM_NAMES { "VMName", "String[]", NULL, PARAMETER_PIPELINE_BY_VALUE | PARAMETER_WILDCARD, NULL, \
                          "Names of virtual machines; wildcards are allowed." }
#define DEVICE_VM_NAME(flags) { "VMName", "String", NULL, flags, NULL, "Name of the virtual machine." }
#define DEVICE_VMS { "VM", "VirtualMachine[]", NULL, PARAMETER_PIPELINE_BY_VALUE | PARAMETER_PLACED, NULL, \
                     "Virtual machines, as Get-VM returns them." }

/* -1 when not bound. */
int64_t device_integer(const Invocation *invocation, const char *parameter);
/* Whether a drive at @slot is one of those that -ControllerType, -ControllerNumber and -ControllerLocation name. */
bool device_slot_wanted(const Invocation *invocation, VmSlot slot);
/* The place that the parameters ask for (all with a To in front when @prefix is "To"), filled up from @now: *ret_any
 * when one of them was given. */
int device_slot_to(const Invocation *invocation, VmSlot now, VmSlot *ret, bool *ret_any, Error *err) FAILS;
/* A free place as the parameters ask for; without -ControllerType @first, then, when it is off or full, SCSI. */
int device_slot_free(const Invocation *invocation, const VmInfo *info, bool dvd, VmSlot *ret, Error *err) FAILS;
/* ERROR_NOT_FOUND in Hyper-V's words. */
int device_no_drive(const Invocation *invocation, const VmInfo *info, const char *kind, Error *err);

/* Each object in -@parameter (HardDiskDrive, DvdDrive): the machine, and where the drive is. */
int device_each_drive(Invocation *invocation, const char *parameter,
                      int (*act)(Invocation *invocation, const VmInfo *info, VmSlot slot, Error *err), Error *err) FAILS;
/* Each object in -VMNetworkAdapter: the machine, and the index of the adapter in it. */
int device_each_adapter(Invocation *invocation,
                        int (*act)(Invocation *invocation, const VmInfo *info, unsigned index, Error *err),
                        Error *err) FAILS;
/* The adapters of @info that -Name names, with wildcards; all without it.  A plain name that is none is ERROR_NOT_FOUND. */
int device_each_named_adapter(Invocation *invocation, const VmInfo *info,
                              int (*act)(Invocation *invocation, const VmInfo *info, unsigned index, Error *err),
                              Error *err) FAILS;
/* One that failed: an error record, and the others go on; -1 when the pipeline is over. */
int device_failed(Invocation *invocation, const Error *why, const char *target, Error *err) FAILS;
/* Once more with fresh tickets, when a share refused us and there are such. */
bool device_again(Invocation *invocation, int result, Error *err);

/* A canonical path on a share; what is local is refused with the way out. */
int device_unc(const char *path, char ret[static DISK_UNC_MAX], Error *err) FAILS;
/* The machine as it is now; emits its drive or adapter. */
int device_emit_disk(Invocation *invocation, const char *vm, VmSlot slot, Error *err) FAILS;
int device_emit_dvd(Invocation *invocation, const char *vm, VmSlot slot, Error *err) FAILS;
int device_emit_adapter(Invocation *invocation, const char *vm, const char *mac, Error *err) FAILS;
