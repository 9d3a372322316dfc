/* xpress.h — the compression of a shell's streams ([MS-WSMV] 3.1.4.1.31.6; [MS-XCA] 2.2, LZ77+Huffman)
 *
 * A stream is a chain of blocks: original size − 1 and coded size − 1, 16 bits each, then the coded bytes; equal sizes
 * mean that the bytes stand there as they are.  We read all of it and write stored blocks only.  Pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "appliance/base/error.h"

enum {
        XPRESS_BLOCK_MAX = 64 * 1024, /* bytes of one block, decoded */
        XPRESS_HEAD = 4,              /* bytes before each block */
};

/* Decodes a whole chain into memory the caller frees.  ERROR_PROTOCOL: damaged; ERROR_LIMIT: more than @most bytes. */
int xpress_decode(const void *data, size_t size, size_t most, uint8_t **ret, size_t *ret_size, Error *err) FAILS;
/* The four bytes before @size (1…XPRESS_BLOCK_MAX) stored bytes. */
void xpress_store_head(size_t size, uint8_t to[static XPRESS_HEAD]);
