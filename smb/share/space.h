/* space.h — how much room a file server has for this host's account on a share
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "smb/share/link.h"

typedef struct Space {
        uint64_t free_bytes;            /* for this account: a quota counts */
        uint64_t total_bytes;           /* the same */
} Space;

/* Where the file or folder @path of the link's share lies.  Nothing is written.  Blocks. */
int space_read(ShareLink *link, const char *path, Space *ret, Error *err) FAILS;

/* FileFsFullSizeInformation ([MS-FSCC] 2.5.4) → bytes.  Pure; ERROR_PROTOCOL. */
int space_decode(const uint8_t *data, size_t size, Space *ret, Error *err) FAILS;
