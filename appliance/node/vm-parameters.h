/* vm-parameters.h — the parameters that the VM cmdlets share, as entries of their rows
 */
#pragma once

#include "appliance/command/command.h"
#include "appliance/node/node.h"

#define VM_NAME_HELP "Names of virtual machines; wildcards are allowed."
#define VM_OBJECT_HELP "Virtual machines, as Get-VM returns them."

#define PARAMETER_NAMES                                                                                            \
        { "Name", "String[]", "VMName", PARAMETER_PIPELINE_BY_VALUE | PARAMETER_WILDCARD, NULL, VM_NAME_HELP }
/* Of the cmdlets about a part of a machine: there -Name would be the part's. */
#define PARAMETER_VMNAMES                                                                                          \
        { "VMName", "String[]", NULL, PARAMETER_PIPELINE_BY_VALUE | PARAMETER_WILDCARD, NULL, VM_NAME_HELP }
#define PARAMETER_VM                                                                                               \
        { "VM", "VirtualMachine[]", NULL, PARAMETER_PIPELINE_BY_VALUE | PARAMETER_PLACED, NULL, VM_OBJECT_HELP }
#define PARAMETER_PASSTHRU { "Passthru", "SwitchParameter", NULL, 0, NULL, "Returns what was changed." }

/* Hyper-V's, for doing it on other hosts. */
#define VM_ELSEWHERE "Credential,CimSession"
