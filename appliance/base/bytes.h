/* bytes.h — reading and writing little-endian wire formats without ever leaving the buffer
 *
 * A Reader remembers that it failed: after the first read past its end every further read gives
 * zero, and reader_ok() is false.  So a decoder reads all fields and asks once.  A Writer does
 * the same for a full buffer.  Neither allocates.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Span {           /* bytes that belong to somebody else */
        const uint8_t *data;
        size_t size;
} Span;

typedef struct Reader {
        const uint8_t *data;
        size_t size, at;
        bool failed;
} Reader;

static inline Reader reader_of(const void *data, size_t size) {
        return (Reader){ .data = data, .size = size };
}
static inline bool reader_ok(const Reader *r) { return !r->failed; }
/* Everything was read and nothing was missing. */
static inline bool reader_done(const Reader *r) { return !r->failed && r->at == r->size; }
static inline size_t reader_left(const Reader *r) { return r->failed ? 0 : r->size - r->at; }

uint8_t read_u8(Reader *r);
uint16_t read_u16(Reader *r);
uint32_t read_u32(Reader *r);
uint64_t read_u64(Reader *r);
/* Copies @size bytes, or zeroes @to when they are not there. */
void read_bytes(Reader *r, void *to, size_t size);
void read_skip(Reader *r, size_t size);
/* The next @size bytes in place; {NULL, 0} when they are not there. */
Span read_span(Reader *r, size_t size);
/* Bytes at an absolute @offset of the buffer, as SMB2's offset/length pairs name them.  Does not
 * move the reader; an offset or size outside fails it. */
Span read_span_at(Reader *r, size_t offset, size_t size);

typedef struct Writer {
        uint8_t *data;
        size_t size, at;
        bool failed;
} Writer;

static inline Writer writer_of(void *data, size_t size) {
        return (Writer){ .data = data, .size = size };
}
static inline bool writer_ok(const Writer *w) { return !w->failed; }

void write_u8(Writer *w, uint8_t v);
void write_u16(Writer *w, uint16_t v);
void write_u32(Writer *w, uint32_t v);
void write_u64(Writer *w, uint64_t v);
void write_bytes(Writer *w, const void *from, size_t size);
void write_zero(Writer *w, size_t size);
/* Zero-fills up to the next multiple of @align (a power of two) counted from the buffer start. */
void write_align(Writer *w, size_t align);
/* Overwrites a field written earlier; @at + its width must already be written. */
void write_u16_at(Writer *w, size_t at, uint16_t v);
void write_u32_at(Writer *w, size_t at, uint32_t v);
