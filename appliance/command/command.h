/* command.h — the command table: one row per capability, and what a handler sees
 *
 * A row is a Hyper-V style cmdlet.  Binding, completion, help, the man page, CLIXML metadata and the
 * REST face are made from the rows; a handler only reads bound arguments and emits objects.
 *
 * Objects are sd_json_variant objects whose field "$type" names the PowerShell type, in full or by its
 * last part ("VirtualMachine"); types.h says which properties a type has, how each is written in JSON
 * (object.h has the writers) and what the default view is.  sd_json_variant is not thread-safe: a
 * handler runs on one pool thread, and what it emits is turned into text before it leaves that thread.
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
        PARAMETER_REMAINING = 16,       /* takes all positional arguments: Write-Host a b c */
        PARAMETER_COMPUTERS = 32,       /* names hosts: the command runs on each of them (elsewhere.h) */
        PARAMETER_PLACED = 64,          /* objects whose ComputerName says on which host the command runs */
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
        const char *optional;           /* the rest, without those that many rows have (common_parameters()) */
} ParameterSet;

typedef struct Invocation Invocation;

typedef struct Command {
        const char *name;               /* "Move-VM" */
        const char *module;             /* "Hyper-V" */
        const char *aliases;            /* or NULL */
        const char *synopsis;           /* one sentence */
        Role role;
        bool confirm;                   /* SupportsShouldProcess: takes -WhatIf and -Confirm */
        bool as_job;                    /* takes -AsJob, too; only where confirm is, and no PSCredential */
        const char *output;             /* output type name, or NULL */
        const Parameter *parameters;    /* ends with a NULL name */
        const ParameterSet *sets;       /* ends with a NULL name; the first is the default */
        const char *refused;            /* parameters Hyper-V has and we do not (yet): refused by name, "A,B" */
        /* Called once per pipeline input (or once without input) on a pool thread.  -1 ends the pipeline
         * (a terminating error); a failure of one object of many is invocation_error(). */
        int (*run)(Invocation *invocation, Error *err);
        /* NULL, or called once after the last run (also when there was no input at all).  For commands that
         * need everything first; they collect with invocation_collect(). */
        int (*end)(Invocation *invocation, Error *err);
} Command;

typedef struct CommandTable {
        const Command *const *rows;     /* ends with NULL */
} CommandTable;

/* By name or alias, without case; NULL when there is none. */
const Command *command_find(const CommandTable *table, const char *name);

/* ---- what a handler may do ------------------------------------------------------------------- */

void *invocation_userdata(const Invocation *invocation);        /* the Node */
const char *invocation_set(const Invocation *invocation);       /* name of the parameter set chosen */

/* Reading bound arguments; names as in the row.  Values are already of the parameter's type:
 * an array type (String[]) is always an array, also for one value; enumerations have the row's spelling;
 * Int…, UInt… are in range; a Guid is lower case. */
bool invocation_has(const Invocation *invocation, const char *parameter);
bool invocation_switch(const Invocation *invocation, const char *parameter);    /* also Boolean */
/* NULL when not bound (or not a string). */
const char *invocation_string(const Invocation *invocation, const char *parameter);
uint64_t invocation_unsigned(const Invocation *invocation, const char *parameter, uint64_t otherwise);
sd_json_variant *invocation_value(const Invocation *invocation, const char *parameter); /* borrowed, or NULL */
/* A parameter as a list, scalar or array: how many (0 when not bound), and the i-th (borrowed). */
size_t invocation_count(const Invocation *invocation, const char *parameter);
sd_json_variant *invocation_item(const Invocation *invocation, const char *parameter, size_t i);
/* The user name of a PSCredential, or NULL; *ret_password is borrowed, NULL for a bare SecureString's user. */
const char *invocation_credential(const Invocation *invocation, const char *parameter, const char **ret_password);
/* Who asked: "LAB\\anna", "root"; for audit and receipts. */
const char *invocation_caller(const Invocation *invocation);
/* The jobs of the caller's session: whatever the maker of the run keeps them in; NULL: he has none. */
void *invocation_jobs(const Invocation *invocation);
/* Columns of the caller's terminal, 0 when there is no limit; for commands that make text. */
unsigned invocation_width(const Invocation *invocation);

/* Hands an object to the next command or to the caller.  Takes the reference, also on failure.  May block
 * while the caller reads slowly.  -1: stop working and return -1 (the pipeline ended; says why by itself). */
int invocation_emit(Invocation *invocation, sd_json_variant *consumed_object, Error *err) FAILS;
/* Keeps @object (a new reference) until end(); at most COLLECT_MAX. */
int invocation_collect(Invocation *invocation, sd_json_variant *object, Error *err) FAILS;
sd_json_variant **invocation_collected(const Invocation *invocation, size_t *ret_count);
void invocation_warning(Invocation *invocation, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void invocation_verbose(Invocation *invocation, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* @percent 0…100, or -1 when unknown.  @done ends the bar. */
void invocation_progress(Invocation *invocation, const char *activity, const char *status, int percent, bool done);
/* A non-terminating error about @target; @id e.g. "InvalidParameter,Microsoft.HyperV.PowerShell.Commands.GetVM",
 * or "InvalidParameter" alone (the command's own type is added), or NULL (made from the error's kind). */
void invocation_error(Invocation *invocation, const Error *error, const char *target, const char *id);
/* Before changing something (rows with confirm).  -WhatIf: prints PowerShell's "What if: Performing the operation
 * "…" on target "…"." and gives false; -Confirm, and a $ConfirmPreference of Medium or Low, ask the caller and give his
 * answer.  A caller who cannot be asked gets PowerShell's error, and the pipeline ends.  Blocks while he thinks. */
bool invocation_should_process(Invocation *invocation, const char *target, const char *operation);
/* For what Hyper-V asks about even without -Confirm (Remove-VM): true with -Force, -Confirm:$false or $ConfirmPreference
 * None, else what the caller answers to @question. */
bool invocation_should_continue(Invocation *invocation, const char *target, const char *question);
/* The caller went away or pressed Ctrl+C. */
bool invocation_cancelled(const Invocation *invocation);

enum { COLLECT_MAX = 100000 };
