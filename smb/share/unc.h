/* unc.h — the address of a file or folder on an SMB share: \\host\share\folder\file
 *
 * Pure text: no socket is opened and no name is resolved here.  One spelling comes out, so that
 * two hosts that are told the same path mean the same bytes: backslashes, the host in lower case, no empty,
 * "." or ".." parts, no part that Windows would silently shorten (a dot or a blank at its end).
 */
#pragma once

#include <stddef.h>

#include "appliance/base/error.h"

enum {
        UNC_HOST_MAX = 253,     /* bytes, RFC 1035 name, no trailing dot */
        UNC_SHARE_MAX = 80,     /* bytes, [MS-FSCC] 2.1.6 counts characters */
        UNC_PATH_MAX = 1024,    /* bytes below the share */
        UNC_PART_MAX = 255,     /* UTF-16 units of one name, [MS-FSCC] 2.1.5 */
        UNC_TEXT_MAX = 2 + UNC_HOST_MAX + 1 + UNC_SHARE_MAX + 1 + UNC_PATH_MAX,
};

typedef struct Unc {
        char host[UNC_HOST_MAX + 1];    /* lower case, never an IP literal: Kerberos needs a name */
        char share[UNC_SHARE_MAX + 1];  /* as typed; compare without case */
        char path[UNC_PATH_MAX + 1];    /* below the share, '\\' between parts; empty: the share itself */
} Unc;

/* @ret  filled on success, untouched on failure; holds no pointers.
 * Returns 0, or -1 with ERROR_INVALID naming the first wrong part.  Never blocks, never allocates. */
int unc_parse(const char *text, Unc *ret, Error *err) FAILS;

/* \\host\share\path, into @to of UNC_TEXT_MAX + 1 bytes. */
void unc_text(const Unc *unc, char to[static UNC_TEXT_MAX + 1]);

/* Cuts the last part off @unc->path.  False when it is already the share itself. */
_Bool unc_to_parent(Unc *unc);

/* Its last part, pointing into @unc; the share's name when there is no path. */
const char *unc_name(const Unc *unc);
