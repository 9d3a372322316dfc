/* syntax.h — PowerShell command text → pipelines of commands with literal arguments
 *
 * A strict subset: statements by ; or newline, pipelines by |, commands with -Param value,
 * -Param:value, -Switch and positional arguments; 'single' and "double" quoted strings, numbers with
 * KB…PB and hex, $true/$false/$null, a,b lists, @(…) and @{A='x'}; $variables with .Property and [index], also in
 * "double quotes"; $v = pipeline, $null = pipeline; (pipeline) as a value; a value in front of the first |;
 * { $_.Property -eq value -and … }; param($a, $b) in front, filled from $args; & { … }; exit n; > $null and 2> $null.  Anything else PowerShell would accept is
 * refused by name.  The whole text is parsed before anything runs; nothing is evaluated.
 * Neither time nor memory grows more than linearly with the text and the values put into it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-json.h>

#include "appliance/command/record.h"

enum {
        SYNTAX_TEXT_MAX = 1024 * 1024,  /* bytes */
        SYNTAX_PIPELINES_MAX = 64,
        SYNTAX_STAGES_MAX = 16,         /* a pipeline */
        SYNTAX_ARGUMENTS_MAX = 256,     /* a command */
        SYNTAX_ITEMS_MAX = 4096,        /* an array or a hashtable */
};

typedef enum LiteralKind {
        LITERAL_STRING, LITERAL_NUMBER, LITERAL_TRUE, LITERAL_FALSE, LITERAL_NULL, LITERAL_ARRAY, LITERAL_HASHTABLE,
        LITERAL_VALUE,                  /* of a variable */
        LITERAL_BLOCK,                  /* { … }: its value is a condition.h object */
} LiteralKind;

typedef struct Literal {
        LiteralKind kind;
        char *text;                     /* STRING: the value.  NUMBER: as typed ("0x10", "4GB") */
        sd_json_variant *value;         /* NUMBER, VALUE, BLOCK */
        char *key;                      /* inside a HASHTABLE */
        struct Literal *items;          /* ARRAY, HASHTABLE */
        size_t count;
} Literal;

typedef struct Argument {
        char *parameter;                /* "Name" of -Name or -Name:value; NULL: positional */
        bool has_value;                 /* a value is attached by ':' or this is positional */
        Literal value;
} Argument;

typedef struct Stage {
        char *name;                     /* the command as typed */
        Argument *arguments;
        size_t count;
        bool quiet;                     /* 2> $null: its errors are not written */
} Stage;

typedef enum PipelineKind { PIPELINE_RUN, PIPELINE_EXIT } PipelineKind;

typedef struct Pipeline {
        PipelineKind kind;
        Stage *stages;
        size_t count;
        char *assign;                   /* the variable its output goes to; "": nowhere; NULL: to the caller */
        bool deferred;                  /* it names variables that pipelines before it set: syntax_again() when they have */
        size_t at;                      /* where in the text it starts */
        int code;                       /* EXIT */
} Pipeline;

typedef struct Script {
        Pipeline *pipelines;            /* a (pipeline) stands in front of the one it is a value in */
        size_t count;
        sd_json_variant *variables;     /* those given, and the text's param(…); or NULL */
} Script;

/* @text is NUL-terminated UTF-8.  Blank text gives a Script without pipelines.
 * @variables: an object, by name ("x", "using:x"), or NULL. */
int syntax_parse(const char *text, sd_json_variant *variables, Script *ret, ErrorRecord *record) FAILS;
/* The deferred pipeline at @at of the same text again, now that @variables has everything it names. */
int syntax_again(const char *text, size_t at, sd_json_variant *variables, Pipeline *ret, ErrorRecord *record) FAILS;
void pipeline_clear(Pipeline *pipeline);
void script_clear(Script *script);
void literal_clear(Literal *literal);
