/* access-memory.h — what was found at the last proof of a path, so that the next one can say what changed
 *
 * One small file per host and path below /var/lib/holdfast/access, replaced whole.  It only informs: nothing is decided
 * by it, and a damaged or lost one is an empty one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/error.h"

#define ACCESS_MEMORY_FOLDER "/var/lib/holdfast/access"

enum { ACCESS_DIGEST_SIZE = 17, ACCESS_MEMORY_SIZE_MAX = 32 * 1024 * 1024 };

typedef struct AccessMemory AccessMemory;

typedef struct AccessNote {
        unsigned layer;
        uint32_t granted;               /* of what is needed */
        char digest[ACCESS_DIGEST_SIZE];        /* of the permissions, hex; "-" when they were not known */
} AccessNote;

/* What is remembered of @account's access to @unc; nothing, when there was no proof yet. */
int access_memory_open(const char *folder, const char *account, const char *unc, AccessMemory **ret,
                       Error *err) FAILS;
void access_memory_free(AccessMemory *memory);          /* accepts NULL; what was not kept is lost */
DEFINE_FREEP(AccessMemory, access_memory_free);
/* Realtime of the last proof; 0: there was none. */
uint64_t access_memory_when(const AccessMemory *memory);
bool access_memory_find(const AccessMemory *memory, const char *path, unsigned layer, AccessNote *ret);

/* Notes a cell of the proof under way.  Paths with control characters are left out. */
int access_memory_note(AccessMemory *memory, const char *path, const AccessNote *note, Error *err) FAILS;
/* The proof under way becomes the last one. */
int access_memory_keep(AccessMemory *memory, uint64_t realtime_us, Error *err) FAILS;

/* The digest of @size bytes. */
void access_digest(const void *data, size_t size, char to[static ACCESS_DIGEST_SIZE]);
