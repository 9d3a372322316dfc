/* space.h — how much room a file server has for this host's account on a share
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "appliance/base/error.h"

typedef struct Space {
        uint64_t free_bytes;            /* for this account: a quota counts */
        uint64_t total_bytes;           /* the same */
} Space;

/* Where the file or folder @unc lies.  Nothing is written.  Blocks. */
int space_read(const char *unc, Space *ret, Error *err) FAILS;

/* FileFsFullSizeInformation ([MS-FSCC] 2.5.4) → bytes.  Pure; ERROR_PROTOCOL. */
int space_decode(const uint8_t *data, size_t size, Space *ret, Error *err) FAILS;
