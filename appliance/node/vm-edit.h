/* vm-edit.h — what the Set- cmdlets of machines have in common: arguments into a definition
 */
#pragma once

#include "appliance/command/command.h"
#include "migrate/host.h"

/* One parameter whose value cannot be anything but what it is. */
typedef struct VmFixed {
        const char *parameter, *only;   /* "true", "false" for a Boolean or a switch */
        const char *why;                /* "-AutomaticStartAction can only be Nothing: <why>" */
} VmFixed;

/* ERROR_UNSUPPORTED for the first that was given another value.  @fixed ends with a NULL parameter. */
int vm_check_fixed(const Invocation *invocation, const VmFixed *fixed, Error *err) FAILS;

/* *ret when the parameter was given, untouched otherwise; ERROR_INVALID outside of @min … @max. */
int vm_take_number(const Invocation *invocation, const char *parameter, uint64_t min, uint64_t max, uint64_t *ret,
                   Error *err) FAILS;

/* vmhost_edit() with the invocation as userdata. */
int vm_edit(Invocation *invocation, const VmInfo *info, VmEdit edit, Error *err) FAILS;
