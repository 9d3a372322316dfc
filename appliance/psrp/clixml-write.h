/* clixml-write.h — our values → CLIXML ([MS-PSRP] 2.2.5)
 *
 * One Clixml writes one message; RefIds and type names are numbered afresh, so every message stands alone.  Nothing
 * fails before clixml_end(), which tells whether memory was enough.  Names and texts are escaped here.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <systemd/sd-json.h>

#include "appliance/base/error.h"

enum { CLIXML_TYPES_MAX = 24, CLIXML_OBJECT_DEPTH_MAX = 12 };

typedef struct Clixml {
        FILE *to;
        char *text;
        size_t size;
        unsigned objects;               /* RefIds given */
        unsigned types;                 /* type lists written; the first CLIXML_TYPES_MAX are remembered by name */
        char names[CLIXML_TYPES_MAX][160];
} Clixml;

int clixml_begin(Clixml *c, Error *err) FAILS;
/* *ret is freed by the caller.  Ends the Clixml in any case. */
int clixml_end(Clixml *c, char **ret, size_t *ret_size, Error *err) FAILS;
void clixml_clear(Clixml *c);           /* gives up; also after clixml_end() */

/* <Obj N= RefId=> with its type names, most derived first, "A,B"; NULL: none.  @name NULL: no N. */
void clixml_object(Clixml *c, const char *name, const char *types);
void clixml_object_end(Clixml *c);
void clixml_open(Clixml *c, const char *element);       /* MS, Props, LST, DCT, En */
void clixml_close(Clixml *c, const char *element);

void clixml_string(Clixml *c, const char *name, const char *text);      /* NULL: Nil */
void clixml_plain(Clixml *c, const char *element, const char *name, const char *text);  /* <Version N=>text */
void clixml_boolean(Clixml *c, const char *name, bool value);
void clixml_i32(Clixml *c, const char *name, int32_t value);
void clixml_i64(Clixml *c, const char *name, int64_t value);
void clixml_u32(Clixml *c, const char *name, uint32_t value);
void clixml_nil(Clixml *c, const char *name);
/* An enumeration: type names, the name, the number. */
void clixml_enum(Clixml *c, const char *name, const char *type, const char *text, int32_t number);
void clixml_tostring(Clixml *c, const char *text);

/* A value as object.h writes it.  @type: its PowerShell type where known ("TimeSpan", "VMState[]"), or NULL. */
void clixml_value(Clixml *c, const char *name, sd_json_variant *value, const char *type);
