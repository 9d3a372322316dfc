/* directory.h — what lies in a folder ([MS-SMB2] 2.2.33 QUERY_DIRECTORY)
 *
 * Each request brings the next piece of the listing, until one brings nothing.
 */
#pragma once

#include <stdbool.h>

#include "appliance/base/bytes.h"
#include "smb/engine/smb.h"

enum { DIRECTORY_NAME_MAX = 255 * 3 }; /* UTF-8 bytes of 255 UTF-16 units, [MS-FSCC] 2.1.5 */

typedef struct DirectoryEntry { /* FileDirectoryInformation, [MS-FSCC] 2.4.10 */
        char name[DIRECTORY_NAME_MAX + 1];
        bool unnamable; /* NTFS keeps any 16 bits: the name held half a character, now U+FFFD, and cannot be opened */
        uint64_t size_bytes;
        uint32_t attributes; /* 0x10: a folder */
} DirectoryEntry;

/* @folder was opened with SMB_READ_DATA.  done gets a piece for directory_next(); of size 0 at the end. */
int smb_query_directory(SmbFile *folder, uint32_t out_max, SmbDataDone done, void *userdata, Error *err) FAILS;

/* Reads the entry at *at of a @piece and moves *at to the one behind it.  *ret_more is false, and *ret untouched,
 * when there is none left.  ERROR_PROTOCOL for anything a server must not send, names with separators among it. */
int directory_next(Span piece, size_t *at, DirectoryEntry *ret, bool *ret_more, Error *err) FAILS;
