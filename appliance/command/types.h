/* types.h — the types of the objects that commands emit: properties and default views
 *
 * One row per type; formatting, Select-Object, CLIXML and help read it.  A property not in the row
 * may still be emitted and is shown by Format-List *.
 */
#pragma once

#include <stddef.h>

typedef struct Property {
        const char *name;
        const char *type;               /* PowerShell's: "String", "UInt64", "TimeSpan", "VMState" … */
} Property;

typedef struct Column {
        const char *label;              /* header; NULL: the property's name */
        const char *property;
        const char *unit;               /* NULL; "MB": the byte count divided by 1 MiB; "ms", "s": a DateTime or
                                         * TimeSpan down to that */
} Column;

typedef struct Type {
        const char *name;               /* in full: "Microsoft.HyperV.PowerShell.VirtualMachine" */
        const Property *properties;     /* ends with a NULL name */
        const Column *table;            /* default table view, ends with a NULL property; or NULL */
        const char *list; /* default list view, "Name,State"; shown by default when there is no table */
        const char *text;               /* property that stands for the object inside a cell, or NULL */
} Type;

extern const Type *const types[];       /* ends with NULL */

/* By full name or last part, without case; "Selected." in front is skipped.  NULL when unknown. */
const Type *type_find(const char *name);
const Property *type_property(const Type *type, const char *name);
