/* using.h — the values of $using:, as clients send them with a script's text
 */
#pragma once

#include <systemd/sd-json.h>

/* @table: an object keyed by base64(UTF-16LE("$using:name", lower case)).  Adds "using:name" fields to *variables.
 * -1: not as clients send it, or no memory. */
int using_variables(sd_json_variant *table, sd_json_variant **variables) __attribute__((warn_unused_result));
