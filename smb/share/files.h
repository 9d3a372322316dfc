/* files.h — small files, folders and names on an SMB 3 share
 *
 * The control plane: VM definitions, ledgers, receipts, listings.  Authenticates as the machine
 * account from the process's credential cache (KRB5CCNAME), SMB 3 only, sealed, never anonymous,
 * never NTLM.  All calls block and may be used from several threads at once, each call standing
 * alone.  Paths are UNC (\\host\share\a\b); forward slashes are accepted.
 *
 * Over our own engine: Debian's libsmbclient exports no way to make it thread-safe, cannot flush, replaces a
 * file by deleting it before the rename, and refuses a credential cache that a group may read.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "appliance/base/error.h"

enum { FILES_SIZE_MAX = 4 * 1024 * 1024, FILES_LIST_MAX = 65536 };

/* The whole file, NUL-terminated behind its last byte.  The caller frees. */
int files_read(const char *unc, size_t size_max, char **ret, size_t *ret_size, Error *err) FAILS;
/* Atomic: a reader sees the old content or the new, never a part (temporary name, flush, rename over). */
int files_write(const char *unc, const void *data, size_t size, Error *err) FAILS;
/* A connection that was made for something else and is kept until there is something to write; of one thread at a time. */
typedef struct ShareLink FilesLink;
void files_link_end(FilesLink *link);                           /* frees it; accepts NULL */
/* As files_write() or files_write_new(), over @link, a connection to the same share; over one of its own when that has ended,
 * or is NULL. */
int files_write_over(FilesLink *link, const char *unc, const void *data, size_t size, bool replace, Error *err) FAILS;
/* As files_write(), but ERROR_CONFLICT when the name exists. */
int files_write_new(const char *unc, const void *data, size_t size, Error *err) FAILS;
/* Makes the folder and its missing parents below the share. */
int files_make_folder(const char *unc, Error *err) FAILS;
int files_remove(const char *unc, Error *err) FAILS;            /* one file; missing is ERROR_NOT_FOUND */
int files_remove_folder(const char *unc, Error *err) FAILS;     /* must be empty */
int files_exists(const char *unc, bool *ret, bool *ret_is_folder, Error *err) FAILS;

typedef struct FilesEntry {
        char name[256 * 3 + 1];
        bool is_folder;
        uint64_t size_bytes;
} FilesEntry;
/* Without . and ..; half a character in a name shows as U+FFFD.  The caller frees *ret.  More than FILES_LIST_MAX entries: ERROR_LIMIT. */
int files_list(const char *unc, FilesEntry **ret, size_t *ret_count, Error *err) FAILS;
