/* clixml-read.h — CLIXML from a client → JSON values ([MS-PSRP] 2.2.5)
 *
 *   S, G, URI, Version, SBK, XD, BA, DT, D   string, as it stands (_xHHHH_ decoded)      C  string of one character
 *   TS  string as PowerShell prints it: [-][d.]hh:mm:ss[.fffffff]         B  boolean      Nil  null
 *   By, SB, U16 … I64, Sg, Db                number; what JSON cannot hold (NaN) is null
 *   LST, IE, STK, QUE   array                DCT  object; keys as text
 *   Obj of properties   object; "$type" is its first type name without "Deserialized."
 *   Obj around one value that value; an enumeration is the string of its name
 *   SS  {"$type": "System.Security.SecureString", "$encrypted": base64}, sensitive
 *
 * Names that begin with $ are ours: a client's are dropped.  No DTD, no entities, no network; depth, count and
 * expanded size are bounded, so that <Ref> cannot make a small text large.
 */
#pragma once

#include <stddef.h>
#include <systemd/sd-json.h>

#include "appliance/base/error.h"

enum {
        CLIXML_DEPTH_MAX = 64,          /* open elements */
        CLIXML_VALUES_MAX = 200000,     /* values, those behind <Ref> counted each time */
        CLIXML_TEXT_MAX = 16 * 1024 * 1024,     /* bytes of all strings, counted the same */
        CLIXML_ATTRIBUTES_MAX = 8,
};

/* The one value of @text; of an <Objs> the array of them.  Blank text is null.  ERROR_PROTOCOL, ERROR_LIMIT. */
int clixml_read(const char *text, size_t size, sd_json_variant **ret, Error *err) FAILS;
