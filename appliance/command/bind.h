/* bind.h — arguments → parameters of one command, as PowerShell binds them
 *
 * First the command line (named, then positional), once, before anything runs; then each pipeline
 * object.  Which parameter sets are still possible is a bit per set.  Errors are PowerShell's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "appliance/command/command.h"
#include "appliance/command/record.h"
#include "appliance/command/syntax.h"

enum { BIND_PARAMETERS_MAX = 96 };      /* of a row, and common ones */

typedef struct Bound {
        sd_json_variant *value;         /* NULL: not bound */
        bool from_pipeline;
} Bound;

typedef struct Binding {
        const Command *command;
        unsigned parameters;            /* of the row; common ones follow */
        uint32_t line_sets;             /* sets that the command line allows */
        uint32_t sets;                  /* the same and the current pipeline object */
        const ParameterSet *set;        /* chosen for this run; NULL until resolved */
        Bound bound[BIND_PARAMETERS_MAX];
} Binding;

/* Binds the command line.  @has_input: another command stands in front in the pipeline. */
int bind_line(const Command *command, const Stage *stage, bool has_input, Binding *ret, ErrorRecord *record) FAILS;
/* Binds one pipeline object, forgetting the one before it. */
int bind_input(Binding *binding, sd_json_variant *object, ErrorRecord *record) FAILS;
void binding_clear(Binding *binding);

/* By its exact name; NULL when the row has no such parameter or it is not bound. */
sd_json_variant *binding_value(const Binding *binding, const char *name);
/* The i-th parameter, of the row or a common one. */
const Parameter *binding_parameter(const Binding *binding, unsigned i);

/* Verbose, ErrorAction …, and WhatIf, Confirm and AsJob where @command has them; ends with a NULL name. */
const Parameter *common_parameters(const Command *command);
bool set_has(const ParameterSet *set, const char *parameter);
