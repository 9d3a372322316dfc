/* program.h — a command text, parsed and bound, and its execution
 *
 * program_new() does everything that can fail without effect: grammar, unknown commands, unknown or
 * missing parameters, conversions, roles.  program_run() executes on the calling thread and hands
 * every record to a sink, in order.  No I/O of its own.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-json.h>

#include "appliance/command/command.h"
#include "appliance/command/record.h"

typedef struct Program Program;

typedef enum RecordStream {
        STREAM_OUTPUT,                  /* an object, or a string */
        STREAM_ERROR,                   /* record.h */
        STREAM_WARNING, STREAM_VERBOSE, STREAM_INFORMATION,     /* a string */
        STREAM_PROGRESS,                /* {"Activity", "StatusDescription", "PercentComplete", "Completed"} */
        STREAM_COUNT,
} RecordStream;

/* "output", "error" … and back; STREAM_COUNT for an unknown name. */
const char *stream_name(RecordStream stream);
RecordStream stream_from_name(const char *name);

/* A password a parameter needs and the text cannot hold. */
typedef struct SecretNeed {
        char key[RECORD_NAME_MAX];      /* how program_run() asks for it */
        const char *command, *parameter, *user; /* borrowed from the Program */
} SecretNeed;

/* @role: what the caller may do.  @table and its rows outlive the Program. */
int program_new(const CommandTable *table, const char *text, Role role, Program **ret, ErrorRecord *record) FAILS;
void program_free(Program *program);
/* The i-th secret; false when there are fewer. */
bool program_secret(const Program *program, size_t i, SecretNeed *ret);

typedef struct ProgramRun {
        void *userdata;                 /* invocation_userdata() */
        const char *caller;             /* "root", "LAB\\anna" */
        unsigned width;                 /* of the caller's terminal; 0: no limit */
        const atomic_bool *cancelled;   /* set from any thread: stop soon */
        /* The secret for a key of program_secret(), or NULL.  May be NULL when there are none. */
        const char *(*secret)(void *sink, const char *key);
        /* One record; @record is borrowed and must be turned into something of its own before another
         * thread sees it.  May block.  -1: the caller is gone, stop. */
        int (*record)(void *sink, RecordStream stream, sd_json_variant *record, Error *err);
        /* A command of the text has ended: for the audit log.  @failure NULL: without any error. */
        void (*ended)(void *sink, const Command *command, const ErrorRecord *failure);
        void *sink;
} ProgramRun;

/* Returns whether any error record was written (or the run was cancelled). */
bool program_run(Program *program, const ProgramRun *run);
