/* object.h — PowerShell values inside JSON objects
 *
 * How each PowerShell type is written between our processes:
 *   String, Char, Uri, Version   string           Boolean, SwitchParameter  true/false
 *   Int16 … UInt64, Byte         number           Double                    number
 *   Guid      string, lower case, no braces       enumeration               string: the value's name
 *   DateTime  string, UTC "2026-04-25T10:11:12.1234560Z"
 *   TimeSpan  string, "[d.]hh:mm:ss[.fffffff]" as PowerShell prints it
 *   X[]       array                               Hashtable, PSObject       object
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-json.h>

#include "appliance/base/error.h"

enum { TIMESPAN_TEXT_SIZE = 32, DATETIME_TEXT_SIZE = 40 };

/* 00:00:00, 16:25:47.5640000, 2.11:51:59.0280000 */
void timespan_text(uint64_t duration_us, char to[static TIMESPAN_TEXT_SIZE]);
int timespan_parse(const char *text, uint64_t *ret_us, Error *err) FAILS;
/* 0 gives the empty string: not yet. */
void datetime_text(uint64_t realtime_us, char to[static DATETIME_TEXT_SIZE]);

/* "$type" by its last part ("VirtualMachine"), "" for what has none. */
const char *object_type(sd_json_variant *object);
/* Property without case; NULL when there is none.  Borrowed. */
sd_json_variant *object_property(sd_json_variant *object, const char *name);
const char *object_string(sd_json_variant *object, const char *name);   /* NULL when not a string */
uint64_t object_unsigned(sd_json_variant *object, const char *name, uint64_t otherwise);

/* @list as an array of strings.  < 0: no memory. */
int object_strings(char *const *list, size_t count, sd_json_variant **ret);
/* A copy that shares nothing with @value, so that another thread may have it: reference counts of JSON values are not
 * atomic.  The caller unrefs *ret.  -1: memory is gone. */
int object_copy(sd_json_variant *value, sd_json_variant **ret) FAILS;

/* What PowerShell's ToString() would print for a value, at most @size - 1 bytes; arrays as {a, b}. */
void object_display(sd_json_variant *value, char *to, size_t size);
