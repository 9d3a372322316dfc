/* invocation.h — the inside of a running command (batch.c, invocation.c, utility commands)
 */
#pragma once

#include "appliance/command/bind.h"
#include "appliance/command/batch.h"

typedef enum Action { ACTION_CONTINUE, ACTION_SILENT, ACTION_STOP } Action;

typedef enum Impact { IMPACT_LOW = 1, IMPACT_MEDIUM, IMPACT_HIGH, IMPACT_BEYOND } Impact;     /* BEYOND: never asks */

typedef struct Execution {
        const CommandTable *table;
        const BatchRun *run;
        unsigned enough;                /* stages below this index need not go on (Select-Object -First) */
        bool stopped;                   /* a terminating error was written, or the caller is gone */
        bool stop_all;                  /* -ErrorAction Stop: also the statements behind this one */
        bool had_errors;
        bool captures;                  /* what comes out is kept for a variable, not written */
        sd_json_variant *captured;      /* array, or NULL: nothing yet */
} Execution;

struct Invocation {
        const Command *command;
        Binding binding;
        Execution *execution;           /* while running */
        Invocation *next;               /* the command behind the pipe, or NULL */
        unsigned index;                 /* in its pipeline */
        unsigned number;                /* in the whole text: keys of secrets */
        sd_json_variant **collected;
        size_t collected_count;
        uint64_t counter;               /* for the command's own use: objects seen so far */
        Action errors, warnings, progress;
        bool verbose;
        Impact confirms;                /* $ConfirmPreference: what is at least so grave is asked about */
        BatchAnswer to_all[2];          /* of should_process and should_continue: "to all" was said */
        bool quiet;                     /* 2> $null */
        bool started_job;
        bool gave_up;                   /* because the run was cancelled */
        ErrorRecord failure;            /* the first; its id is empty when there was none */
};

/* Bind and run for one pipeline object; -1 when the pipeline must stop. */
int invocation_feed(Invocation *invocation, sd_json_variant *object, Error *err) FAILS;
/* Run once; a failure is written as a terminating error and stops the pipeline by itself. */
int invocation_call(Invocation *invocation, int (*fn)(Invocation *, Error *), Error *err);
/* Hands @record to the sink; a caller who is gone stops the pipeline by itself. */
int invocation_record(Invocation *invocation, RecordStream stream, sd_json_variant *record, Error *err);
void invocation_report(Invocation *invocation, const ErrorRecord *record, bool terminating);
/* A record that was kept or sent, with a stream of its own, goes on from here as if @invocation had made it; whatever it
 * holds gives something that can be shown.  -1: stop working, as invocation_emit(). */
int invocation_replay(Invocation *invocation, RecordStream stream, sd_json_variant *record, Error *err) FAILS;
/* as-job.c: the command as a job; its object is what comes out. */
int invocation_start_job(Invocation *invocation, Error *err) FAILS;
/* Commands in front of this one may stop: everything wanted is there. */
void invocation_enough(Invocation *invocation);
/* A line of the warning, verbose or information stream, as far as the caller wants it. */
void invocation_say(Invocation *invocation, RecordStream stream, const char *text);
const CommandTable *invocation_table(const Invocation *invocation);
/* Reads -ErrorAction and its like from the bound common parameters, else $ErrorActionPreference and its like. */
void invocation_preferences(Invocation *invocation, sd_json_variant *variables);
/* confirm.c: $ConfirmPreference of @variables. */
Impact confirm_preference(sd_json_variant *variables);
/* Asks the caller for a command on another host. */
BatchAnswer confirm_for_host(Invocation *invocation, const char *message);
void secret_key(const Invocation *invocation, const char *parameter, char to[static RECORD_NAME_MAX]);
