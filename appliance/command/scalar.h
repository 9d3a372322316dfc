/* scalar.h — one value → one PowerShell scalar type (used by convert.c)
 */
#pragma once

#include "appliance/command/convert.h"
#include "appliance/command/object.h"

typedef struct Source {
        const Command *command;
        const Parameter *parameter;     /* its element type is wanted */
        sd_json_variant *json;          /* the value */
        const char *text;               /* the value as text, as typed for a bare number; NULL: not text */
        ErrorRecord *record;
} Source;

int scalar_convert(const Source *source, sd_json_variant **ret) FAILS;
/* An array where one value is wanted. */
int scalar_refuse_list(const Source *source);
bool type_is_integer(const char *type);         /* Byte, Int16 … UInt64 */
