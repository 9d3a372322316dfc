/* record.h — PowerShell's error record, as scripts see it in $Error[0]
 *
 * Message, FullyQualifiedErrorId and category are what people search for and scripts branch on, so
 * parser and binder fill them in PowerShell's words.  A value like Error: fixed size, caller-owned.
 */
#pragma once

#include <systemd/sd-json.h>

#include "appliance/base/error.h"
#include "appliance/command/command.h"

enum { RECORD_MESSAGE_MAX = 1024, RECORD_ID_MAX = 192, RECORD_TARGET_MAX = 256, RECORD_NAME_MAX = 96 };

typedef struct ErrorRecord {
        ErrorKind kind;
        int cause;
        const char *category;                   /* "InvalidArgument"; a constant */
        const char *exception; /* "System.Management.Automation.ParentContainsErrorRecordException" … */
        char message[RECORD_MESSAGE_MAX];
        char id[RECORD_ID_MAX];                 /* FullyQualifiedErrorId */
        char target[RECORD_TARGET_MAX];         /* the object it is about, as text; may be "" */
        char activity[RECORD_NAME_MAX];         /* the command, or "" */
} ErrorRecord;

/* Each fills *record and returns -1. */
int record_syntax(ErrorRecord *record, const char *id, const char *fmt, ...)
        __attribute__((nonnull(1, 2, 3), format(printf, 3, 4)));
int record_binding(ErrorRecord *record, const Command *command, const char *id, const char *fmt, ...)
        __attribute__((nonnull(1, 2, 3, 4), format(printf, 4, 5)));
int record_not_a_command(ErrorRecord *record, const char *name);
/* A handler's Error. @id may be NULL or lack the command's type; @target may be NULL. */
int record_error(ErrorRecord *record, const Command *command, const Error *error, const char *target,
                 const char *id);

/* "Microsoft.HyperV.PowerShell.Commands.MoveVM" */
void command_type_name(const Command *command, char to[static RECORD_NAME_MAX]);

/* The inverse, for a record that another host sent: bounded, and whatever it holds gives a record that can be shown.
 * @activity: the command it is about. */
void record_from_json(sd_json_variant *json, const char *activity, ErrorRecord *ret);
/* {"$type": "System.Management.Automation.ErrorRecord", …}; NULL when memory is gone. */
sd_json_variant *record_json(const ErrorRecord *record);
