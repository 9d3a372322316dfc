/* secret-file.h — a file that holds a secret for one use
 */
#pragma once

#include <stddef.h>

#include "appliance/base/error.h"

typedef struct SecretFile {
        char *data;
        size_t size;
        int fd;
        const char *path;
} SecretFile;

/* The whole of a plain file (no link), at most @most bytes.  @path must outlive it.  ERROR_NOT_FOUND, ERROR_INVALID. */
int secret_file_read(const char *path, size_t most, SecretFile *ret, Error *err) FAILS;
/* Overwritten and deleted: nobody can use it again.  On failure it is still there. */
int secret_file_destroy(SecretFile *file, Error *err) FAILS;
/* Only what is in memory is erased. */
void secret_file_close(SecretFile *file);
