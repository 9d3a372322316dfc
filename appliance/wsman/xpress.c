#include "appliance/wsman/xpress.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/bytes.h"
#include "appliance/base/cleanup.h"

enum {
        SYMBOLS = 512,            /* 256 bytes, then matches: offset bits × 16 + length */
        CODE_MAX = 15,            /* bits of a code */
        TABLE_SIZE = SYMBOLS / 2, /* bytes: a length of 4 bits each */
        CODES = 1 << CODE_MAX,
        MATCH_LEAST = 3,
        LENGTH_ESCAPE = 15,
};

/* [MS-XCA] 2.2.4: canonical codes, as one table over all 15-bit prefixes. */
typedef struct Huffman {
        uint16_t symbol[CODES];
        uint8_t length[SYMBOLS];
} Huffman;

static bool build(Huffman *h, const uint8_t *table) {
        size_t at = 0;
        for (unsigned i = 0; i < SYMBOLS; i++)
                h->length[i] = table[i / 2] >> (i % 2 ? 4 : 0) & 0xF;
        for (unsigned bits = 1; bits <= CODE_MAX; bits++)
                for (unsigned i = 0; i < SYMBOLS; i++) {
                        if (h->length[i] != bits)
                                continue;
                        size_t count = (size_t)1 << (CODE_MAX - bits);
                        if (at + count > CODES)
                                return false;
                        for (size_t k = 0; k < count; k++)
                                h->symbol[at++] = (uint16_t)i;
                }
        return at == CODES;
}

typedef struct Bits { /* the next bits stand at the top of @next */
        Reader in;
        uint32_t next;
        int spare; /* bits in @next beyond the 16 that are always there */
} Bits;

/* An encoder ends with the last code it needs: the words read ahead of it may be missing. */
static uint32_t word(Reader *in) {
        return reader_left(in) >= 2 ? read_u16(in) : 0;
}

static void begin(Bits *b) {
        b->next = word(&b->in) << 16;
        b->next |= word(&b->in);
        b->spare = 16;
}

static void drop(Bits *b, unsigned count) {
        b->next <<= count;
        b->spare -= (int)count;
        if (b->spare < 0) {
                b->next |= word(&b->in) << -b->spare;
                b->spare += 16;
        }
}

/* The rest of a length that 4 bits cannot hold; 0: damaged. */
static size_t long_length(Bits *b) {
        size_t length = read_u8(&b->in);
        if (length == 255) {
                length = read_u16(&b->in);
                return length < LENGTH_ESCAPE ? 0 : length;
        }
        return length + LENGTH_ESCAPE;
}

/* Copies a match to @out, which holds @at of @size bytes; how many, or 0 when it cannot be. */
static size_t copy_match(Bits *b, unsigned match, uint8_t *out, size_t at, size_t size) {
        size_t length = match % 16;
        unsigned offset_bits = match / 16;

        if (length == LENGTH_ESCAPE && (length = long_length(b)) == 0)
                return 0;
        length += MATCH_LEAST;
        size_t offset = ((size_t)1 << offset_bits) + (offset_bits ? b->next >> (32 - offset_bits) : 0);
        drop(b, offset_bits);
        if (b->in.failed || offset > at || length > size - at)
                return 0;
        for (size_t i = 0; i < length; i++) /* byte by byte: a match may overlap itself */
                out[at + i] = out[at + i - offset];
        return length;
}

static bool decode_block(Huffman *h, Span coded, uint8_t *out, size_t size) {
        Bits b = { .in = reader_of(coded.data, coded.size) };
        Span table = read_span(&b.in, TABLE_SIZE);

        if (!table.data || !build(h, table.data))
                return false;
        begin(&b);
        for (size_t at = 0; at < size;) {
                unsigned symbol = h->symbol[b.next >> (32 - CODE_MAX)];
                drop(&b, h->length[symbol]);
                if (symbol < 256) {
                        out[at++] = (uint8_t)symbol;
                        continue;
                }
                size_t copied = copy_match(&b, symbol - 256, out, at, size);
                if (copied == 0)
                        return false;
                at += copied;
        }
        return true;
}

/* The decoded size of the whole chain, from its heads. */
static int measure(const void *data, size_t size, size_t most, size_t *ret, Error *err) {
        Reader r = reader_of(data, size);
        size_t total = 0;

        while (reader_left(&r) > 0) {
                total += (size_t)read_u16(&r) + 1;
                read_skip(&r, (size_t)read_u16(&r) + 1);
                if (total > most)
                        return error_set(err, ERROR_LIMIT, 0, "the compressed stream holds more than %zu bytes",
                                         most);
        }
        if (!reader_done(&r))
                return error_set(err, ERROR_PROTOCOL, 0, "the compressed stream is cut off");
        *ret = total;
        return 0;
}

int xpress_decode(const void *data, size_t size, size_t most, uint8_t **ret, size_t *ret_size, Error *err) {
        Reader r = reader_of(data, size);
        size_t total = 0, at = 0;

        if (measure(data, size, most, &total, err) < 0)
                return -1;
        auto_free uint8_t *out = malloc(total + 1);
        auto_free Huffman *h = malloc(sizeof *h);
        if (!out || !h)
                return error_oom(err);
        while (at < total) {
                size_t original = (size_t)read_u16(&r) + 1, coded = (size_t)read_u16(&r) + 1;
                Span block = read_span(&r, coded);
                if (original == coded)
                        memcpy(out + at, block.data, original);
                else if (!decode_block(h, block, out + at, original))
                        return error_set(err, ERROR_PROTOCOL, 0, "the compressed stream is damaged");
                at += original;
        }
        *ret = take_ptr(out);
        *ret_size = total;
        return 0;
}

void xpress_store_head(size_t size, uint8_t to[static XPRESS_HEAD]) {
        Writer w = writer_of(to, XPRESS_HEAD);
        write_u16(&w, (uint16_t)(size - 1));
        write_u16(&w, (uint16_t)(size - 1));
}
