/* command.h — the command table: one row per capability, and what a handler sees
 *
 * A row is a Hyper-V style cmdlet.  Binding, completion, help, the man page, CLIXML metadata and the
 * REST face are made from the rows; a handler only reads bound arguments and emits objects.
 *
 * Objects are sd_json_variant objects whose field "$type" names the PowerShell type; types.h says
 * which properties a type has, their PowerShell types and the default view.  sd_json_variant is not
 * thread-safe: a handler runs on one pool thread, and what it emits is handed over, not shared.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-json.h>

#include "appliance/base/error.h"

typedef enum Role { ROLE_READER, ROLE_OPERATOR, ROLE_ADMINISTRATOR } Role;

enum {                                  /* Parameter.flags */
        PARAMETER_PIPELINE_BY_VALUE = 1,
        PARAMETER_PIPELINE_BY_NAME = 2,
        PARAMETER_WILDCARD = 4,
        PARAMETER_SECRET = 8,           /* SecureString, PSCredential: never logged */
};

typedef struct Parameter {
        const char *name;
        const char *type;               /* PowerShell's name: String, String[], UInt64, SwitchParameter, Guid … */
        const char *aliases;            /* "VMName,Foo" or NULL */
        unsigned flags;
        const char *values;             /* "Fixed,Dynamic" for an enumeration, or NULL */
        const char *help;               /* one sentence */
} Parameter;

typedef struct ParameterSet {
        const char *name;
        const char *mandatory;          /* "Name,DestinationHost" */
        const char *positional;         /* in order from position 0: "Name,DestinationHost" */
        const char *optional;           /* the rest; -WhatIf -Confirm where the row has confirm */
} ParameterSet;

typedef struct Invocation Invocation;

typedef struct Command {
        const char *name;               /* "Move-VM" */
        const char *module;             /* "Hyper-V" */
        const char *aliases;            /* or NULL */
        const char *synopsis;           /* one sentence */
        Role role;
        bool confirm;                   /* SupportsShouldProcess: takes -WhatIf and -Confirm */
        const char *output;             /* output type name, or NULL */
        const Parameter *parameters;    /* ends with a NULL name */
        const ParameterSet *sets;       /* ends with a NULL name; the first is the default */
        const char *refused;            /* parameters Hyper-V has and we do not (yet): refused by name */
        /* Called once per pipeline input (or once without input) on a pool thread.  -1 ends the pipeline
         * (a terminating error); a failure of one object of many is invocation_error(). */
        int (*run)(Invocation *invocation, Error *err);
} Command;

typedef struct CommandTable {
        const Command *const *rows;     /* ends with NULL */
} CommandTable;

const Command *command_find(const CommandTable *table, const char *name);

/* ---- what a handler may do ------------------------------------------------------------------- */

void *invocation_userdata(const Invocation *invocation);        /* the Node */
const char *invocation_set(const Invocation *invocation);       /* name of the parameter set chosen */
bool invocation_has(const Invocation *invocation, const char *parameter);
bool invocation_switch(const Invocation *invocation, const char *parameter);
/* NULL when not bound (or not a string); arrays are sd_json arrays in invocation_value(). */
const char *invocation_string(const Invocation *invocation, const char *parameter);
uint64_t invocation_unsigned(const Invocation *invocation, const char *parameter, uint64_t otherwise);
sd_json_variant *invocation_value(const Invocation *invocation, const char *parameter); /* borrowed */
/* Who asked: "LAB\\anna", "root"; for audit and receipts. */
const char *invocation_caller(const Invocation *invocation);

/* Takes the reference. */
int invocation_emit(Invocation *invocation, sd_json_variant *consumed_object, Error *err) FAILS;
void invocation_warning(Invocation *invocation, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void invocation_verbose(Invocation *invocation, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* @percent 0…100, or -1 when unknown.  @done ends the bar. */
void invocation_progress(Invocation *invocation, const char *activity, const char *status, int percent, bool done);
/* A non-terminating error about @target; @id e.g. "InvalidParameter,Microsoft.HyperV.PowerShell.Commands.GetVM". */
void invocation_error(Invocation *invocation, const Error *error, const char *target, const char *id);
/* -WhatIf: prints PowerShell's "What if: Performing the operation "…" on target "…"." and returns false. */
bool invocation_should_process(Invocation *invocation, const char *target, const char *operation);
/* The caller went away or pressed Ctrl+C. */
bool invocation_cancelled(const Invocation *invocation);
