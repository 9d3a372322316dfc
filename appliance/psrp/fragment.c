#include "appliance/psrp/fragment.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"

enum { FLAG_START = 1, FLAG_END = 2, TO_CLIENT = 1 };

static uint64_t big_endian(const uint8_t *p, size_t size) {
        uint64_t v = 0;
        for (size_t i = 0; i < size; i++)
                v = v << 8 | p[i];
        return v;
}

static void put_big_endian(uint8_t *p, uint64_t v, size_t size) {
        for (size_t i = size; i-- > 0; v >>= 8)
                p[i] = (uint8_t)v;
}

void fragment_reader_clear(FragmentReader *reader) {
        if (reader->data)
                explicit_bzero(reader->data, reader->size); /* keys and passwords travel in messages */
        free(reader->data);
        *reader = (FragmentReader){ 0 };
}

static int take_head(FragmentReader *r, Error *err) {
        uint64_t object = big_endian(r->head, 8), number = big_endian(r->head + 8, 8);
        uint8_t flags = r->head[16];
        size_t size = (size_t)big_endian(r->head + 17, 4);

        if (flags & ~(FLAG_START | FLAG_END))
                return error_set(err, ERROR_PROTOCOL, flags, "a PSRP fragment has unknown flags");
        if (flags & FLAG_START ? r->inside || number != 0 : !r->inside || object != r->object || number != r->next)
                return error_set(err, ERROR_PROTOCOL, 0, "PSRP fragments are out of order");
        if (size > PSRP_MESSAGE_MAX - r->size)
                return error_set(err, ERROR_LIMIT, 0, "a PSRP message is larger than %d MiB",
                                 PSRP_MESSAGE_MAX >> 20);
        r->inside = true;
        r->last = flags & FLAG_END;
        r->object = object;
        r->next = number + 1;
        r->blob_left = size;
        return 0;
}

/* Grows with what really arrived, not with what a head promises. */
static int append(FragmentReader *r, Span part, Error *err) {
        if (part.size == 0)
                return 0;
        if (r->size + part.size > r->room) {
                size_t room = r->room ? r->room : 4096;
                while (room < r->size + part.size)
                        room *= 2;
                uint8_t *more = malloc(room);
                if (!more)
                        return error_oom(err);
                if (r->size > 0) {
                        memcpy(more, r->data, r->size);
                        explicit_bzero(r->data, r->size);
                }
                free(r->data);
                r->data = more;
                r->room = room;
        }
        memcpy(r->data + r->size, part.data, part.size);
        r->size += part.size;
        r->blob_left -= part.size;
        return 0;
}

static int decode(const FragmentReader *r, Message *ret, Error *err) {
        static const uint8_t mark[] = { 0xEF, 0xBB, 0xBF };
        Reader in = reader_of(r->data, r->size);
        Message m = { .destination = read_u32(&in), .type = read_u32(&in) };

        read_bytes(&in, m.pool.bytes, sizeof m.pool.bytes);
        read_bytes(&in, m.pipeline.bytes, sizeof m.pipeline.bytes);
        if (!reader_ok(&in))
                return error_set(err, ERROR_PROTOCOL, 0, "a PSRP message is shorter than its head");
        if (reader_left(&in) >= sizeof mark && memcmp(r->data + in.at, mark, sizeof mark) == 0)
                read_skip(&in, sizeof mark);
        m.data = (const char *)r->data + in.at;
        m.size = reader_left(&in);
        *ret = m;
        return 0;
}

int fragment_read(FragmentReader *r, Span *bytes, Message *ret, Error *err) {
        if (!r->inside && r->size > 0) { /* the message given last is no longer needed */
                explicit_bzero(r->data, r->size);
                r->size = 0;
        }
        while (bytes->size > 0) {
                bool in_blob = r->head_size == sizeof r->head;
                size_t want = in_blob ? r->blob_left : sizeof r->head - r->head_size;
                Span part = { bytes->data, want < bytes->size ? want : bytes->size };

                bytes->data += part.size;
                bytes->size -= part.size;
                if (!in_blob) {
                        memcpy(r->head + r->head_size, part.data, part.size);
                        r->head_size += part.size;
                        if (r->head_size < sizeof r->head)
                                return 0;
                        if (take_head(r, err) < 0)
                                return -1;
                } else if (append(r, part, err) < 0) {
                        return -1;
                }
                if (r->head_size < sizeof r->head || r->blob_left > 0)
                        continue;
                r->head_size = 0;
                if (!r->last)
                        continue;
                r->inside = false;
                return decode(r, ret, err) < 0 ? -1 : 1;
        }
        return 0;
}

/* ---- out ---------------------------------------------------------------------------------------- */

struct OutMessage {
        OutMessage *next;
        uint64_t object, fragment;
        size_t size, at;
        uint8_t data[];
};

int outbox_put(Outbox *outbox, uint64_t object, uint32_t type, const PsrpGuid *pool, const PsrpGuid *pipeline,
               const char *clixml, size_t size, Error *err) {
        OutMessage *m = malloc(sizeof *m + MESSAGE_HEAD + size);
        if (!m)
                return error_oom(err);
        *m = (OutMessage){ .object = object, .size = MESSAGE_HEAD + size };
        Writer w = writer_of(m->data, m->size);
        write_u32(&w, TO_CLIENT);
        write_u32(&w, type);
        write_bytes(&w, pool->bytes, sizeof pool->bytes);
        write_bytes(&w, pipeline->bytes, sizeof pipeline->bytes);
        write_bytes(&w, clixml, size);
        assert(writer_ok(&w));
        if (!outbox->first)
                outbox->tail = &outbox->first;
        *outbox->tail = m;
        outbox->tail = &m->next;
        outbox->bytes += m->size;
        return 0;
}

static void drop_first(Outbox *outbox) {
        OutMessage *m = outbox->first;
        outbox->first = m->next;
        explicit_bzero(m->data, m->size);
        free(m);
}

size_t outbox_take(Outbox *outbox, void *to, size_t size) {
        OutMessage *m = outbox->first;
        uint8_t *p = to;

        assert(size > PSRP_FRAGMENT_HEAD);
        if (!m)
                return 0;
        size_t part = m->size - m->at < size - PSRP_FRAGMENT_HEAD ? m->size - m->at : size - PSRP_FRAGMENT_HEAD;
        put_big_endian(p, m->object, 8);
        put_big_endian(p + 8, m->fragment, 8);
        p[16] = (uint8_t)((m->at == 0 ? FLAG_START : 0) | (m->at + part == m->size ? FLAG_END : 0));
        put_big_endian(p + 17, part, 4);
        memcpy(p + PSRP_FRAGMENT_HEAD, m->data + m->at, part);
        m->at += part;
        m->fragment++;
        outbox->bytes -= part;
        if (m->at == m->size)
                drop_first(outbox);
        return PSRP_FRAGMENT_HEAD + part;
}

void outbox_clear(Outbox *outbox) {
        while (outbox->first)
                drop_first(outbox);
        *outbox = (Outbox){ 0 };
}
