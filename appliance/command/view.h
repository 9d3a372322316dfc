/* view.h — objects as the text PowerShell's console shows
 *
 * A View collects objects and writes them when the type changes or at the end: tables are as wide as
 * their content, so the first line needs the last row.
 */
#pragma once

#include <stdio.h>
#include <systemd/sd-json.h>

#include "appliance/base/error.h"

typedef enum ViewShape { VIEW_DEFAULT, VIEW_TABLE, VIEW_LIST } ViewShape;

typedef struct View View;

/* @width  columns of the terminal, 0: no limit.
 * @properties  "Name,State" or wildcards, or NULL for the type's own view. */
int view_new(FILE *to, unsigned width, ViewShape shape, const char *properties, View **ret, Error *err) FAILS;
/* Writes what was collected if @object does not fit in the same table.  Strings and numbers are lines. */
int view_add(View *view, sd_json_variant *object, Error *err) FAILS;
int view_flush(View *view, Error *err) FAILS;
void view_free(View *view);             /* what is not flushed is lost; accepts NULL */
