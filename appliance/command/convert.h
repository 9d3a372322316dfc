/* convert.h — a value as typed, or from the pipeline, → a parameter's PowerShell type
 *
 * Follows PowerShell's LanguagePrimitives for the types our rows use: numbers from text and back,
 * enumerations by name or unique prefix, one value where an array is wanted.
 */
#pragma once

#include <stdbool.h>
#include <systemd/sd-json.h>

#include "appliance/command/command.h"
#include "appliance/command/record.h"
#include "appliance/command/syntax.h"

/* The value's own type already is the parameter's: nothing would be converted. */
bool literal_fits(const Literal *literal, const Parameter *parameter);
bool object_fits(sd_json_variant *object, const Parameter *parameter);

/* *ret is a new reference.  On failure *record has PowerShell's text about @parameter of @command. */
int convert_literal(const Command *command, const Parameter *parameter, const Literal *literal,
                    sd_json_variant **ret, ErrorRecord *record) FAILS;
int convert_object(const Command *command, const Parameter *parameter, sd_json_variant *object,
                   sd_json_variant **ret, ErrorRecord *record) FAILS;

/* The literal as plain JSON, for parameters that take anything.  NULL when memory is gone. */
sd_json_variant *literal_json(const Literal *literal);

bool type_is_anything(const char *type);        /* Object, PSObject */
bool type_is_array(const char *type);           /* "String[]" */
bool type_is(const char *type, const char *name);       /* the element's type, in full or by last part */
static inline bool type_is_switch(const char *type) { return type_is(type, "SwitchParameter"); }
/* "System.Int32", "Microsoft.HyperV.PowerShell.VirtualMachine[]" */
void type_full_name(const char *type, char to[static RECORD_NAME_MAX]);
