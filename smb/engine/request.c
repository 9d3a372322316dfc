#include "smb/engine/request.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"

enum {
        SPARE_MAX = 256,                     /* requests kept for reuse */
        BUFFER_BYTES_MAX = 32 * 1024 * 1024, /* sealing buffers kept for reuse */
        BUFFER_CLASS_MAX = 31,
        SIGNATURE_AT = 48,
};

struct Buffer {
        Buffer *next;
        size_t class;
        uint8_t data[];
};

static uint8_t *buffer_take(Connection *c, size_t size) {
        size_t class = 9;
        while ((size_t)1 << class < size)
                class ++;
        assert(class <= BUFFER_CLASS_MAX);
        Buffer *b = c->buffers[class];
        if (b) {
                c->buffers[class] = b->next;
                c->buffer_bytes -= (size_t)1 << class;
                return b->data;
        }
        b = malloc(sizeof *b + ((size_t)1 << class));
        if (!b)
                return NULL;
        b->class = class;
        return b->data;
}

static void buffer_give(Connection *c, uint8_t *data) {
        Buffer *b = (Buffer *)(void *)(data - offsetof(Buffer, data));
        size_t size = (size_t)1 << b->class;
        if (c->buffer_bytes + size > BUFFER_BYTES_MAX) {
                free(b);
                return;
        }
        b->next = c->buffers[b->class];
        c->buffers[b->class] = b;
        c->buffer_bytes += size;
}

Request *request_new(Connection *c, uint16_t command, size_t size, Writer *w, Error *err) {
        Request *r = c->spare;
        if (r) {
                c->spare = r->bucket_next;
                c->spare_count--;
        } else if (!(r = malloc(sizeof *r))) {
                (void)error_oom(err);
                return NULL;
        }
        memset(r, 0, offsetof(Request, plain_inline));
        r->command = command;
        r->plain = r->plain_inline;
        r->plain_room = REQUEST_INLINE;
        if (size > REQUEST_INLINE) {
                r->plain = malloc(WIRE_LENGTH_SIZE + size);
                r->plain_room = size;
                if (!r->plain) {
                        request_drop(c, r);
                        (void)error_oom(err);
                        return NULL;
                }
        }
        *w = writer_of(r->plain + WIRE_LENGTH_SIZE, r->plain_room);
        return r;
}

void request_forget_sealed(Connection *c, Request *r) {
        if (r->sealed && r->sealed != r->sealed_inline)
                buffer_give(c, r->sealed);
        r->sealed = NULL;
}

void request_drop(Connection *c, Request *r) {
        if (r->state != REQUEST_IDLE) /* its done() has handed it in again */
                return;
        request_forget_sealed(c, r);
        free(take_ptr(r->owner.how));
        if (r->plain != r->plain_inline)
                free(r->plain);
        r->plain = NULL;
        if (c->spare_count >= SPARE_MAX) {
                free(r);
                return;
        }
        r->bucket_next = c->spare;
        c->spare = r;
        c->spare_count++;
}

void request_memory_free(Connection *c) {
        while (c->spare) {
                Request *r = c->spare;
                c->spare = r->bucket_next;
                free(r);
        }
        for (size_t i = 0; i < ARRAY_SIZE(c->buffers); i++)
                while (c->buffers[i]) {
                        Buffer *b = c->buffers[i];
                        c->buffers[i] = b->next;
                        free(b);
                }
        c->spare_count = 0;
        c->buffer_bytes = 0;
}

static void put_length(uint8_t *at, size_t size) {
        at[0] = 0;
        at[1] = (uint8_t)(size >> 16);
        at[2] = (uint8_t)(size >> 8);
        at[3] = (uint8_t)size;
}

static size_t size_of(const struct iovec *parts, int count) {
        size_t size = 0;
        for (int i = 0; i < count; i++)
                size += parts[i].iov_len;
        return size;
}

int request_parts(Request *r, Span padding, struct iovec *parts) {
        const Span more[] = { r->payload, padding };
        int count = 0;
        parts[count++] = (struct iovec){ r->plain + WIRE_LENGTH_SIZE, r->plain_size };
        for (size_t i = 0; i < ARRAY_SIZE(more); i++) {
                union {
                        const uint8_t *in;
                        uint8_t *out;
                } data = { .in = more[i].data }; /* iovec knows no const */
                if (more[i].size > 0)
                        parts[count++] = (struct iovec){ data.out, more[i].size };
        }
        return count;
}

int request_sign(Connection *c, Request *r, WireHeader *h, const struct iovec *parts, int count, Error *err) {
        uint8_t *message = r->plain + WIRE_LENGTH_SIZE;
        r->was_sealed = c->protect == PROTECT_SEAL && c->seal;
        r->was_signed = !r->was_sealed && c->seal && (c->protect == PROTECT_SIGN || r->must_sign);
        if (r->was_signed)
                h->flags |= WIRE_SIGNED;
        wire_header_encode(message, h);
        if (!r->was_signed)
                return 0;
        SealSigned what = { parts, count, h->message_id, false, h->command == SMB2_CANCEL };
        uint8_t signature[SEAL_SIGNATURE_SIZE];
        if (seal_sign(c->seal, &what, signature, err) < 0)
                return -1;
        memcpy(message + SIGNATURE_AT, signature, sizeof signature);
        return 0;
}

int request_seal(Connection *c, Request *r, const struct iovec *parts, int count, Error *err) {
        size_t size = size_of(parts, count);
        size_t room = WIRE_LENGTH_SIZE + WIRE_TRANSFORM_SIZE + size + SEAL_SIGNATURE_SIZE;
        r->sealed = room <= sizeof r->sealed_inline ? r->sealed_inline : buffer_take(c, room);
        if (!r->sealed)
                return error_oom(err);
        if (seal_encrypt(c->seal, c->session_id, parts, count, r->sealed + WIRE_LENGTH_SIZE, err) < 0)
                return -1;
        put_length(r->sealed, WIRE_TRANSFORM_SIZE + size);
        r->out.parts[0] = (struct iovec){ r->sealed, WIRE_LENGTH_SIZE + WIRE_TRANSFORM_SIZE + size };
        r->out.count = 1;
        return 0;
}

int request_join(Connection *c, Request *r, const struct iovec *parts, int count, Error *err) {
        size_t size = size_of(parts, count), at = WIRE_LENGTH_SIZE;
        r->sealed = buffer_take(c, WIRE_LENGTH_SIZE + size);
        if (!r->sealed)
                return error_oom(err);
        put_length(r->sealed, size);
        for (int i = 0; i < count; i++) {
                memcpy(r->sealed + at, parts[i].iov_base, parts[i].iov_len);
                at += parts[i].iov_len;
        }
        r->out.parts[0] = (struct iovec){ r->sealed, at };
        r->out.count = 1;
        return 0;
}

int request_protect(Connection *c, Request *r, WireHeader *h, Error *err) {
        struct iovec parts[REQUEST_PARTS];
        size_t size = r->plain_size + r->payload.size;
        if (size > WIRE_MESSAGE_SIZE_MAX - WIRE_TRANSFORM_SIZE)
                return error_set(err, ERROR_LIMIT, 0, "a message is too long for SMB");
        int count = request_parts(r, (Span){ 0 }, parts);
        if (request_sign(c, r, h, parts, count, err) < 0)
                return -1;
        if (r->was_sealed)
                return request_seal(c, r, parts, count, err);
        put_length(r->plain, size);
        r->out.parts[0] = (struct iovec){ r->plain, WIRE_LENGTH_SIZE + r->plain_size };
        r->out.parts[1] = count > 1 ? parts[1] : (struct iovec){ 0 };
        r->out.count = count;
        return 0;
}

int request_verify(Connection *c, uint8_t *data, size_t size, uint8_t *placed, const WireHeader *h, Error *err) {
        struct iovec parts[2] = { { data, placed ? (size_t)TRANSPORT_HEAD : size },
                                  { placed, size - TRANSPORT_HEAD } };
        SealSigned what = { parts, placed ? 2 : 1, h->message_id, true, false };
        memset(data + SIGNATURE_AT, 0, SEAL_SIGNATURE_SIZE);
        return seal_verify(c->seal, &what, h->signature, err);
}
