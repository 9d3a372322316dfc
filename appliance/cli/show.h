/* show.h — records on the user's terminal: tables and lists, errors as PowerShell prints them, a progress
 * line; or JSON
 */
#pragma once

#include <stdbool.h>
#include <systemd/sd-json.h>

#include "appliance/base/error.h"
#include "appliance/command/batch.h"

typedef struct Show Show;

/* @json: objects as one JSON array to standard output, everything else as JSON lines to standard error. */
int show_new(bool json, Show **ret, Error *err) FAILS;
int show_record(Show *show, RecordStream stream, sd_json_variant *value, Error *err) FAILS;
/* What is held back for a table, before somebody is asked. */
int show_flush(Show *show, Error *err) FAILS;
/* Everything still held back. */
int show_end(Show *show, Error *err) FAILS;
void show_free(Show *show);
/* Columns of the terminal, 0 when output goes to a file or pipe. */
unsigned show_width(void);
