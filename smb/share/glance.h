/* glance.h — what a file server lets this host do with some disks, asked and answered now
 *
 * Opens each file as a disk process opens a disk that it may only read (smb/disk/drive.h: reading, everybody else's
 * access allowed, so no owner is disturbed), hears what it is and what we may do with it (MxAc), and closes it.
 * Nothing is written and nothing is kept: each call signs in anew, so the answer holds what the server thinks of
 * this host's ticket and of its lists at this moment.  One connection per share, all at once; all files of a share in
 * one go.  Blocks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "appliance/base/error.h"

enum { GLANCE_FILES_MAX = 64 };

typedef struct GlanceFile {
        const char *unc;                /* in: borrowed */
        Error why;                      /* out: ERROR_NONE when it was opened; else the rest is zero */
        uint64_t size_bytes, last_write;        /* FILETIME, 100 ns since 1601 */
        uint8_t file_id[8], volume_id[8];       /* QFid of the server */
        uint32_t maximal_access;        /* of the file, for this host's machine account; 0: the server would not say */
        uint16_t dialect, cipher;
        bool sealed;
} GlanceFile;

/* At most GLANCE_FILES_MAX.  -1 only for what no single file is to blame for (ERROR_INTERNAL, ERROR_LIMIT). */
int glance(GlanceFile *files, size_t count, Error *err) FAILS;
