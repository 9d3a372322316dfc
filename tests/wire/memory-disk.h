/* memory-disk.h — a disk behind the NBD server that is only memory, for tests and fuzzing
 *
 * Refuses nothing that lies inside it, and aborts on anything that does not.
 */
#pragma once

#include "smb/disk/nbd.h"

enum { MEMORY_DISK_SIZE = 1024 * 1024, MEMORY_DISK_GRAIN = 64 * 1024 };

typedef struct MemoryDisk {
        uint8_t data[MEMORY_DISK_SIZE];
        int error;                      /* what every request is answered with */
        bool holds;                     /* keeps requests in @held */
        RequestList held;
        unsigned held_count, withdrawn, flushes, fua, complaints;
        bool knows_nothing;             /* extents: an answer that covers nothing */
        bool fast;                      /* of the last ZERO */
} MemoryDisk;

void memory_disk_init(MemoryDisk *disk);
/* Lets go what was held, and holds no more. */
void memory_disk_release(MemoryDisk *disk);
extern const NbdBackend memory_disk_backend;
