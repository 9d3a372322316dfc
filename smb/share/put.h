/* put.h — a small file written as a whole or not at all
 *
 * Over our own SMB 3 engine: libsmbclient cannot flush, and its rename over an existing file is a delete and a
 * rename, between which there is no file.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "appliance/base/error.h"

/* Temporary name in the same folder, write, flush, rename.  Without @replace an existing name is ERROR_CONFLICT.
 * Blocks; a failure leaves the old content and, unless the connection broke, no temporary file. */
int share_put(const char *unc, const void *data, size_t size, bool replace, Error *err) FAILS;

/* A name that share_put() makes: left behind by a host that died in the middle; nobody's file. */
bool share_is_temporary(const char *name);
