/* order.h — comparing values as PowerShell's -eq and -lt do: by the left side's type, text without case
 */
#pragma once

#include <stdbool.h>
#include <systemd/sd-json.h>

/* <0, 0, >0.  @type is the PowerShell type of the left side where known ("TimeSpan"), or NULL.  Absent or
 * null values come first. */
int order_values(sd_json_variant *left, sd_json_variant *right, const char *type);
/* PowerShell's idea of true: not null, not false, not 0, not empty. */
bool order_is_true(sd_json_variant *value);
/* The PowerShell type of a property of @object by the types table, or NULL. */
const char *order_property_type(sd_json_variant *object, const char *name);
