/* batch.h — a command text, parsed and bound, and its execution
 *
 * batch_new() does everything that can fail without effect: grammar, unknown commands, unknown or
 * missing parameters, conversions, roles; for commands that take what others in front of them give (variables,
 * parentheses) grammar, commands and roles.  batch_run() executes on the calling thread and hands
 * every record to a sink, in order.  No I/O of its own.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-json.h>

#include "appliance/command/command.h"
#include "appliance/command/record.h"

typedef struct Batch Batch;

typedef enum RecordStream {
        STREAM_OUTPUT,                  /* an object, or a string */
        STREAM_ERROR,                   /* record.h */
        STREAM_WARNING, STREAM_VERBOSE, STREAM_INFORMATION,     /* a string */
        STREAM_PROGRESS,                /* {"Activity", "StatusDescription", "PercentComplete", "Completed"} */
        STREAM_STATE,                   /* {"Variable": name, "Value": …}: the text set it; {"Exit": code}: it ended so */
        STREAM_PROMPT,                  /* {"Id", "Message"}: the caller is asked; what he says comes by its Id */
        STREAM_COUNT,
} RecordStream;

/* "output", "error" … and back; STREAM_COUNT for an unknown name. */
const char *stream_name(RecordStream stream);
RecordStream stream_from_name(const char *name);

/* A password a parameter needs and the text cannot hold. */
typedef struct SecretNeed {
        char key[RECORD_NAME_MAX];      /* how batch_run() asks for it */
        const char *command, *parameter, *user; /* borrowed from the Batch */
} SecretNeed;

/* One command for one other host. */
typedef struct BatchCall {
        const char *host;               /* as typed, or as an object says */
        const char *text;               /* the command in this language; its values are $variables */
        sd_json_variant *variables;     /* object, or NULL */
} BatchCall;

typedef struct BatchCalls {
        const BatchCall *list;
        size_t count;
        /* Once, when the others are under way: what is to run on this host.  May be NULL. */
        void (*here)(void *userdata);
        /* One record of call @i.  -1: stop them all.  @record comes from another host: it may be anything. */
        int (*record)(void *userdata, size_t i, RecordStream stream, sd_json_variant *record);
        /* Call @i has ended; @why has ERROR_NONE when it came to its end. */
        void (*ended)(void *userdata, size_t i, const Error *why);
        void *userdata;
} BatchCalls;

/* What can be said to a question; its choices always are these, in this order. */
typedef enum BatchAnswer { ANSWER_NOBODY = -1, ANSWER_YES, ANSWER_YES_TO_ALL, ANSWER_NO, ANSWER_NO_TO_ALL } BatchAnswer;

/* How commands reach other hosts. */
typedef struct BatchElsewhere {
        bool (*is_here)(void *sink, const char *host);
        /* Runs all calls side by side and blocks until each has ended; everything is called on this thread. */
        void (*run)(void *sink, const BatchCalls *calls);
        /* Call @i asked, by STREAM_PROMPT with this id; from inside record(). */
        void (*answer)(void *sink, const BatchCalls *calls, size_t i, const char *id, BatchAnswer answer);
} BatchElsewhere;

/* A command with -AsJob. */
typedef struct BatchJob {
        const char *text;               /* in this language, without -AsJob; its values are $variables */
        sd_json_variant *variables;     /* object, or NULL */
        const char *shown;              /* for people: "Move-VM -Name web01 -DestinationHost hv2" */
        const char *location;           /* "localhost", or the hosts it names */
} BatchJob;

typedef struct BatchText {
        const char *text;
        sd_json_variant *variables;     /* object: values of the text's variables, or NULL */
        bool has_input;                 /* BatchRun.input will be piped in: where $input stands, else into the first command */
        Role role;                      /* what the caller may do */
        bool from_host;                 /* another host brings it: only commands with -ComputerName are taken */
} BatchText;

/* @table and its rows outlive the Batch. */
int batch_new(const CommandTable *table, const BatchText *source, Batch **ret, ErrorRecord *record) FAILS;
void batch_free(Batch *batch);
/* The i-th secret; false when there are fewer. */
bool batch_secret(const Batch *batch, size_t i, SecretNeed *ret);

typedef struct BatchRun {
        void *userdata;                 /* invocation_userdata() */
        const char *caller;             /* "root", "LAB\\anna" */
        unsigned width;                 /* of the caller's terminal; 0: no limit */
        sd_json_variant *input;         /* array, when the text was made with has_input */
        const atomic_bool *cancelled;   /* set from any thread: stop soon */
        /* The secret for a key of batch_secret(), or NULL.  May be NULL when there are none. */
        const char *(*secret)(void *sink, const char *key);
        const BatchElsewhere *elsewhere; /* NULL: commands run on this host only */
        /* Asks the caller and blocks until he has answered; ANSWER_NOBODY: he cannot be asked.  NULL: nobody can. */
        BatchAnswer (*ask)(void *sink, const char *message);
        /* Starts @job and returns at once with the object that stands for it.  NULL: no jobs for this caller. */
        int (*start_job)(void *sink, const BatchJob *job, sd_json_variant **ret_object, Error *err);
        void *jobs;                     /* invocation_jobs(); may be NULL */
        /* One record; @record is borrowed and must be turned into something of its own before another
         * thread sees it.  May block.  -1: the caller is gone, stop. */
        int (*record)(void *sink, RecordStream stream, sd_json_variant *record, Error *err);
        /* A command of the text has ended: for the audit log.  @failure NULL: without any error; @stopped: it was
         * cancelled under way, and gave up.  Not for one that started a job: that comes to an end of its own. */
        void (*ended)(void *sink, const Command *command, const ErrorRecord *failure, bool stopped);
        void *sink;
} BatchRun;

/* Returns whether any error record was written (or the run was cancelled). */
bool batch_run(Batch *batch, const BatchRun *run);
