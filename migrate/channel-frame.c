#include "migrate/channel-frame.h"

#include <assert.h>

#include "appliance/base/cleanup.h"

/* What each type may look like.  A type that is not here is a protocol error. */
static const struct {
        bool known, hello, stream;
        uint32_t min, max;
} shapes[FRAME_TYPE_COUNT] = {
        [FRAME_TOKEN] = { true, true, false, 1, FRAME_HELLO_MAX },
        [FRAME_PROOF] = { true, true, false, 1, 4096 },
        [FRAME_WELCOME] = { true, true, false, 0, 4096 },
        [FRAME_REFUSED] = { true, true, false, 2, 4096 },
        [FRAME_CALL] = { true, false, true, 2, FRAME_PAYLOAD_MAX },
        [FRAME_REPLY] = { true, false, true, 2, FRAME_PAYLOAD_MAX },
        [FRAME_ERROR] = { true, false, true, 2, 4096 },
        [FRAME_OPEN] = { true, false, true, 1, 255 },
        [FRAME_OPENED] = { true, false, true, 0, 0 },
        [FRAME_DATA] = { true, false, true, 1, FRAME_PAYLOAD_MAX },
        [FRAME_WINDOW] = { true, false, true, 4, 4 },
        [FRAME_CLOSE] = { true, false, true, 1, 1 },
        [FRAME_PING] = { true, false, false, 0, 0 },
        [FRAME_PONG] = { true, false, false, 0, 0 },
};

int frame_decode(const uint8_t *data, size_t size, bool hello, Frame *ret, size_t *ret_used, Error *err) {
        if (size < FRAME_HEADER_SIZE)
                return 0;

        Reader r = reader_of(data, size);
        uint32_t payload = read_u32(&r);
        uint8_t type = read_u8(&r);
        uint32_t stream = read_u32(&r);

        if (type >= ARRAY_SIZE(shapes) || !shapes[type].known)
                return error_set(err, ERROR_PROTOCOL, 0, "a frame has the unknown type %u", type);
        if (shapes[type].hello != hello)
                return error_set(err, ERROR_PROTOCOL, 0, "a frame of type %u came %s the hello was over", type,
                                 hello ? "before" : "after");
        if (payload < shapes[type].min || payload > shapes[type].max)
                return error_set(err, ERROR_PROTOCOL, 0, "a frame of type %u has %u bytes", type, payload);
        if ((stream != 0) != shapes[type].stream)
                return error_set(err, ERROR_PROTOCOL, 0, "a frame of type %u has stream %u", type, stream);
        if (size - FRAME_HEADER_SIZE < payload)
                return 0;
        *ret = (Frame){ .type = (FrameType)type, .stream = stream, .payload = read_span(&r, payload) };
        *ret_used = FRAME_HEADER_SIZE + payload;
        return 1;
}

void frame_header(FrameType type, uint32_t stream, size_t payload_size, uint8_t to[static FRAME_HEADER_SIZE]) {
        assert(type < FRAME_TYPE_COUNT && shapes[type].known);
        assert(payload_size >= shapes[type].min && payload_size <= shapes[type].max);
        Writer w = writer_of(to, FRAME_HEADER_SIZE);
        write_u32(&w, (uint32_t)payload_size);
        write_u8(&w, (uint8_t)type);
        write_u32(&w, stream);
        assert(writer_ok(&w));
}

Window window_new(void) {
        return (Window){ .may_send = WINDOW_SIZE, .may_receive = WINDOW_SIZE };
}

void window_sent(Window *window, size_t size) {
        assert(size <= window->may_send);
        window->may_send -= (uint32_t)size;
}

int window_granted(Window *window, uint32_t size, Error *err) {
        if (size > WINDOW_SIZE - window->may_send)
                return error_set(err, ERROR_PROTOCOL, 0, "a stream was granted %u bytes more than its window",
                                 size);
        window->may_send += size;
        return 0;
}

int window_received(Window *window, size_t size, Error *err) {
        if (size > window->may_receive)
                return error_set(err, ERROR_PROTOCOL, 0, "a stream received more bytes than it had granted");
        window->may_receive -= (uint32_t)size;
        return 0;
}

uint32_t window_taken(Window *window, size_t size) {
        assert(size <= WINDOW_SIZE - window->may_receive - window->taken);
        window->taken += (uint32_t)size;
        if (window->taken < WINDOW_GRANT_MIN)
                return 0;
        uint32_t grant = window->taken;
        window->taken = 0;
        window->may_receive += grant;
        return grant;
}
