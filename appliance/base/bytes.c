#include "appliance/base/bytes.h"

#include <string.h>

static const uint8_t *take(Reader *r, size_t size) {
        if (r->failed || size > r->size - r->at) {
                r->failed = true;
                return NULL;
        }
        const uint8_t *p = r->data + r->at;
        r->at += size;
        return p;
}

static uint64_t read_le(Reader *r, size_t width) {
        const uint8_t *p = take(r, width);
        uint64_t v = 0;
        for (size_t i = 0; p && i < width; i++)
                v |= (uint64_t)p[i] << (8 * i);
        return v;
}

uint8_t read_u8(Reader *r) { return (uint8_t)read_le(r, 1); }
uint16_t read_u16(Reader *r) { return (uint16_t)read_le(r, 2); }
uint32_t read_u32(Reader *r) { return (uint32_t)read_le(r, 4); }
uint64_t read_u64(Reader *r) { return read_le(r, 8); }

void read_bytes(Reader *r, void *to, size_t size) {
        const uint8_t *p = take(r, size);
        if (size == 0)
                return;
        if (p)
                memcpy(to, p, size);
        else
                memset(to, 0, size);
}

void read_skip(Reader *r, size_t size) { (void)take(r, size); }

Span read_span(Reader *r, size_t size) {
        const uint8_t *p = take(r, size);
        return p ? (Span){ p, size } : (Span){ NULL, 0 };
}

Span read_span_at(Reader *r, size_t offset, size_t size) {
        if (r->failed || offset > r->size || size > r->size - offset) {
                r->failed = true;
                return (Span){ NULL, 0 };
        }
        return (Span){ r->data + offset, size };
}

static uint8_t *room(Writer *w, size_t size) {
        if (w->failed || size > w->size - w->at) {
                w->failed = true;
                return NULL;
        }
        uint8_t *p = w->data + w->at;
        w->at += size;
        return p;
}

static void put_le(uint8_t *p, uint64_t v, size_t width) {
        for (size_t i = 0; p && i < width; i++)
                p[i] = (uint8_t)(v >> (8 * i));
}

void write_u8(Writer *w, uint8_t v) { put_le(room(w, 1), v, 1); }
void write_u16(Writer *w, uint16_t v) { put_le(room(w, 2), v, 2); }
void write_u32(Writer *w, uint32_t v) { put_le(room(w, 4), v, 4); }
void write_u64(Writer *w, uint64_t v) { put_le(room(w, 8), v, 8); }

void write_bytes(Writer *w, const void *from, size_t size) {
        uint8_t *p = room(w, size);
        if (p && size)
                memcpy(p, from, size);
}

void write_zero(Writer *w, size_t size) {
        uint8_t *p = room(w, size);
        if (p && size)
                memset(p, 0, size);
}

void write_align(Writer *w, size_t align) {
        write_zero(w, (align - (w->at & (align - 1))) & (align - 1));
}

static void put_at(Writer *w, size_t at, uint64_t v, size_t width) {
        if (at > w->at || width > w->at - at)
                w->failed = true;
        if (!w->failed)
                put_le(w->data + at, v, width);
}

void write_u16_at(Writer *w, size_t at, uint16_t v) { put_at(w, at, v, 2); }
void write_u32_at(Writer *w, size_t at, uint32_t v) { put_at(w, at, v, 4); }
