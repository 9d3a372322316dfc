#include <errno.h>
#include <string.h>

#include "smb/disk/nbd-state.h"

enum {
        DESCRIPTORS_MAX = 2 * REQUEST_RANGES_MAX + 1,   /* ranges, and a hole around each */
        STATUS_ROOM = (4 + DESCRIPTORS_MAX * NBD_DESCRIPTOR_SIZE + 7) & ~7,
};

/* ---- answers ------------------------------------------------------------------------------------- */

static void answer_simply(NbdSlot *slot, int error) {
        Writer w = writer_of(slot->memory, NBD_SIMPLE_REPLY_SIZE);
        nbd_simple_reply_encode(&w, error, slot->asked.cookie);
        slot_send(slot, slot->memory, w.at);
}

static void answer_error(NbdSlot *slot, int error, const char *why) {
        bool in_chunks = slot->asked.command == NBD_CMD_READ || slot->asked.command == NBD_CMD_BLOCK_STATUS;

        if (!slot->connection->structured || !in_chunks) {
                answer_simply(slot, error);
                return;
        }
        /* A slot has room for more than this, whatever was asked for. */
        Writer w = writer_of(slot->memory, NBD_ERROR_CHUNK_MAX);
        nbd_error_chunk_encode(&w, error, slot->asked.cookie, why);
        slot_send(slot, slot->memory, w.at);
}

/* The data lies in the slot already; its head goes right before it. */
static void answer_read(NbdSlot *slot) {
        bool structured = slot->connection->structured;
        size_t head = structured ? NBD_DATA_CHUNK_SIZE : NBD_SIMPLE_REPLY_SIZE;
        uint8_t *from = slot_data(slot) - head;
        Writer w = writer_of(from, head);

        if (structured)
                nbd_data_chunk_encode(&w, slot->asked.cookie, slot->asked.offset, slot->asked.size);
        else
                nbd_simple_reply_encode(&w, 0, slot->asked.cookie);
        slot_send(slot, from, head + slot->asked.size);
}

/* Between and behind the ranges that have data there are holes, up to what the answer covers. */
static void answer_status(NbdSlot *slot) {
        const Request *r = &slot->request;
        bool one = slot->asked.flags & NBD_CMD_FLAG_REQ_ONE;
        uint64_t at = r->offset, end = r->offset + r->covered;
        uint8_t *from = slot_data(slot) - NBD_CHUNK_SIZE;
        Writer body = writer_of(slot_data(slot), STATUS_ROOM), head = writer_of(from, NBD_CHUNK_SIZE);

        nbd_u32_encode(&body, NBD_ALLOCATION_ID);
        for (size_t i = 0; i <= r->range_count && at < end && !(one && at > r->offset); i++) {
                uint64_t data = i < r->range_count ? r->ranges[i].offset : end;
                uint64_t to = i < r->range_count ? data + r->ranges[i].size_bytes : end;
                data = data < at ? at : data > end ? end : data;
                to = to < data ? data : to > end ? end : to;
                if (data > at)
                        nbd_descriptor_encode(&body, (uint32_t)(data - at), NBD_STATE_HOLE | NBD_STATE_ZERO);
                if (to > data && !(one && data > r->offset))
                        nbd_descriptor_encode(&body, (uint32_t)(to - data), 0);
                at = to;
        }
        if (body.at == 4)               /* the server's answer covers nothing: then it is all data */
                nbd_descriptor_encode(&body, slot->asked.size, 0);
        nbd_chunk_encode(&head, NBD_REPLY_BLOCK_STATUS, slot->asked.cookie, body.at);
        slot_send(slot, from, NBD_CHUNK_SIZE + body.at);
}

static void on_answered(Request *r) {
        NbdSlot *slot = (NbdSlot *)(void *)((char *)r - offsetof(NbdSlot, request));

        if (r->error != 0) {
                if (*r->why.text && r->error != EOPNOTSUPP)
                        nbd_complain(slot->connection, &r->why);
                answer_error(slot, r->error, r->why.text);
        } else if (slot->asked.command == NBD_CMD_READ) {
                answer_read(slot);
        } else if (slot->asked.command == NBD_CMD_BLOCK_STATUS) {
                answer_status(slot);
        } else {
                answer_simply(slot, 0);
        }
}

/* ---- requests ------------------------------------------------------------------------------------ */

/* What may be asked: which flags, and what lies outside the disk. */
static const struct { bool known; uint16_t flags; bool sized; } commands[] = {
        [NBD_CMD_READ] = { true, NBD_CMD_FLAG_DF, true },
        [NBD_CMD_WRITE] = { true, NBD_CMD_FLAG_FUA, true },
        [NBD_CMD_FLUSH] = { true, 0, false },
        [NBD_CMD_TRIM] = { true, NBD_CMD_FLAG_FUA, true },
        [NBD_CMD_WRITE_ZEROES] = { true, NBD_CMD_FLAG_FUA | NBD_CMD_FLAG_NO_HOLE | NBD_CMD_FLAG_FAST_ZERO, true },
        [NBD_CMD_BLOCK_STATUS] = { true, NBD_CMD_FLAG_REQ_ONE, true },
};

static int judge(const NbdConnection *c, const NbdRequest *q) {
        if (q->command >= sizeof commands / sizeof commands[0] || !commands[q->command].known ||
            (q->flags & ~commands[q->command].flags))
                return EINVAL;
        if (!commands[q->command].sized)
                return 0;
        if (q->size == 0 || (q->command == NBD_CMD_READ && q->size > NBD_REQUEST_MAX))
                return EINVAL;
        if (q->offset > c->export.size_bytes || q->size > c->export.size_bytes - q->offset)
                return q->command == NBD_CMD_WRITE || q->command == NBD_CMD_WRITE_ZEROES ? ENOSPC : EINVAL;
        if (q->command == NBD_CMD_BLOCK_STATUS && !c->allocation)
                return EINVAL;
        /* Slowly, part by part, is not what a fast zero is. */
        if (q->command == NBD_CMD_WRITE_ZEROES && (q->flags & NBD_CMD_FLAG_NO_HOLE) &&
            (q->flags & NBD_CMD_FLAG_FAST_ZERO))
                return EOPNOTSUPP;
        return 0;
}

static Request request_of(NbdSlot *slot) {
        const NbdRequest *q = &slot->asked;
        Request r = { .offset = q->offset, .size = q->size, .fua = q->flags & NBD_CMD_FLAG_FUA,
                      .client = slot->connection, .answered = on_answered };

        switch (q->command) {
        case NBD_CMD_READ:
                r.kind = REQUEST_READ;
                r.to = slot_data(slot);
                break;
        case NBD_CMD_WRITE:
                r.kind = REQUEST_WRITE;
                r.from = slot_data(slot);
                break;
        case NBD_CMD_FLUSH:
                r.kind = REQUEST_FLUSH;
                r.offset = r.size = 0;
                break;
        case NBD_CMD_TRIM:
                r.kind = REQUEST_TRIM;
                break;
        case NBD_CMD_WRITE_ZEROES:
                /* Without a hole means written: the server's zeroing may free the space. */
                r.kind = q->flags & NBD_CMD_FLAG_NO_HOLE ? REQUEST_WRITE : REQUEST_ZERO;
                r.fast = q->flags & NBD_CMD_FLAG_FAST_ZERO;
                break;
        default:
                r.kind = REQUEST_EXTENTS;
                r.ranges = (SmbRange *)(void *)(slot_data(slot) + STATUS_ROOM);
        }
        return r;
}

static size_t room_for(const NbdRequest *q, int refused) {
        if (q->command == NBD_CMD_WRITE || (q->command == NBD_CMD_READ && !refused))
                return q->size;
        return q->command == NBD_CMD_BLOCK_STATUS ? STATUS_ROOM + REQUEST_RANGES_MAX * sizeof(SmbRange) : 0;
}

static void go(NbdSlot *slot) {
        if (slot->refused) {
                answer_error(slot, slot->refused, "");
                return;
        }
        slot->request = request_of(slot);
        nbd_submit(slot->connection, &slot->request);
}

void serve_filled(NbdConnection *c) {
        NbdSlot *slot = c->filling;
        c->filling = NULL;
        go(slot);
}

size_t serve_take(NbdConnection *c, const uint8_t *data, size_t size) {
        NbdRequest q;
        Error err;

        if (size < NBD_REQUEST_SIZE)
                return 0;
        if (nbd_request_decode(data, &q, &err) < 0) {
                nbd_leave(c, &err);
                return size;
        }
        if (q.command == NBD_CMD_DISC) {
                nbd_leave(c, NULL);
                return size;
        }
        if (q.command == NBD_CMD_WRITE && q.size > NBD_REQUEST_MAX) {
                (void)error_set(&err, ERROR_LIMIT, 0, "the NBD client wants to write %u bytes at once; %u are possible",
                                q.size, NBD_REQUEST_MAX);
                nbd_leave(c, &err);
                return size;
        }
        int refused = judge(c, &q);
        size_t room = room_for(&q, refused);
        if (c->in_flight == NBD_IN_FLIGHT_MAX || (c->in_flight > 0 && c->bytes + room > NBD_BYTES_MAX)) {
                c->paused = true;
                return 0;
        }
        NbdSlot *slot = slot_new(c, room);
        if (!slot) {
                (void)error_oom(&err);
                nbd_leave(c, &err);
                return size;
        }
        slot->asked = q;
        slot->refused = refused;
        slot->in_flight = true;
        c->in_flight++;
        c->bytes += room;
        if (q.command == NBD_CMD_WRITE && q.size > 0) {
                c->filling = slot;
                c->filled = 0;
        } else {
                go(slot);
        }
        return NBD_REQUEST_SIZE;
}
