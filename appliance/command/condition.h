/* condition.h — { $_.Property -op value -and … }: the one kind of script block there is
 *
 * As JSON, {"$type": "System.Management.Automation.ScriptBlock", "Terms": [term, …]}; a term is
 * {"Join": "and"|"or" (not in the first), "Not": bool, "Path": "A.B" (empty: $_ itself), "Operator": "eq" (absent: is
 * it true?), "Value": …}, or one with "Terms" instead of "Path".  Terms are taken from left to right.
 */
#pragma once

#include <stdbool.h>
#include <systemd/sd-json.h>

/* Whether @object fulfils it. */
bool condition_holds(sd_json_variant *block, sd_json_variant *object);
/* The property of a block that is nothing but $_.A.B; NULL when it is more than that.  Borrowed. */
const char *condition_path(sd_json_variant *block);
/* @object's property A.B, borrowed, or NULL; an empty @path is the object itself. */
sd_json_variant *condition_property(sd_json_variant *object, const char *path);
/* "eq", "like" …: how the left side may stand to the right one; false for an unknown name. */
bool condition_compare(const char *operator, sd_json_variant *left, sd_json_variant *right, const char *type);
