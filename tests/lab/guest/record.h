/* record.h — what the guest writes to its disk, shared by the guest and by the verifier outside
 *
 * The last part of the disk, from RECORDS_AT to its end, is a ring of 4 KiB slots; record number n (from 1) lies in
 * slot n mod slots.  A record names the highest number that was flushed before it was written, so that the disk
 * itself says what must never be missing: every number up to the highest `flushed` found on it, back to one ring.
 * All numbers are little-endian; there are no other guests than x86.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
        RECORD_BYTES = 4096,
        CONFIG_AT = 1044480,            /* bytes; text of key=value lines, 4 KiB, before the first MiB ends */
        CONFIG_BYTES = 4096,
        MODULES_AT = 24 * 1024 * 1024,  /* bytes; modules that only devices=1 wants, each behind its size */
        RECORDS_AT = 32 * 1024 * 1024,  /* bytes; before it: boot code, kernel, initrd */
};

#define RECORD_MAGIC UINT64_C(0x3130434552534648)       /* "HFSREC01" */

typedef struct Record {
        uint64_t magic;
        uint64_t number;
        uint64_t flushed;               /* highest number known to be on the disk when this was written */
        uint64_t monotonic_ns;
        uint32_t boot;                  /* random, one per start of the guest */
        uint32_t crc;                   /* CRC-32 of the whole record with this field 0 */
        uint8_t fill[RECORD_BYTES - 40];        /* derived from the number: no two records look alike */
} Record;

_Static_assert(sizeof(Record) == RECORD_BYTES, "a record is one block");

/* Four bits at a time: a table small enough to stand here. */
static inline uint32_t record_crc(const Record *r) {
        static const uint32_t table[16] = {
                0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
                0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
        };
        const uint8_t *p = (const uint8_t *)r;
        uint32_t crc = UINT32_MAX;

        for (size_t i = 0; i < RECORD_BYTES; i++) {
                crc ^= i >= offsetof(Record, crc) && i < offsetof(Record, fill) ? 0 : p[i];
                crc = table[crc & 15] ^ crc >> 4;
                crc = table[crc & 15] ^ crc >> 4;
        }
        return ~crc;
}
