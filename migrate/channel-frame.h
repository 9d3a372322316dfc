/* channel-frame.h — the frames of a channel and the credit of its streams; pure, no I/O
 *
 * A frame is {u32 payload size, u8 type, u32 stream}, little-endian, then the payload.  `stream`
 * numbers both calls and byte streams: odd numbers belong to the side that connected, even ones to
 * the side that listened, so both may begin one at the same moment.
 *
 * Credit: a sender may have WINDOW_SIZE bytes of a stream under way; the receiver grants what its
 * local socket has taken.  So one slow guest never fills the memory of the other node, and little is
 * under way when a guest stops: what is, has to arrive before it runs again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "appliance/base/bytes.h"
#include "appliance/base/error.h"

enum {
        FRAME_HEADER_SIZE = 9,
        FRAME_PAYLOAD_MAX = 1024 * 1024,
        FRAME_HELLO_MAX = 64 * 1024,            /* before the peer has proven who it is */
        WINDOW_SIZE = 1024 * 1024,
        WINDOW_GRANT_MIN = WINDOW_SIZE / 8,     /* smaller grants would only cost frames */
};

typedef enum FrameType {
        FRAME_TOKEN = 1,        /* hello: a GSS token */
        FRAME_PROOF,            /* hello: MIC over the TLS exporter and the sender's role */
        FRAME_WELCOME,          /* hello: the sender accepts its peer */
        FRAME_REFUSED,          /* hello: the sender does not; an error as JSON */
        FRAME_CALL,             /* {"method", "parameters"} */
        FRAME_REPLY,            /* the result */
        FRAME_ERROR,            /* of a call, or of an OPEN: an error as JSON */
        FRAME_OPEN,             /* a service's name */
        FRAME_OPENED,
        FRAME_DATA,
        FRAME_WINDOW,           /* u32: bytes granted */
        FRAME_CLOSE,            /* u8: 0 no more data from here, 1 the stream is broken */
        FRAME_PING,
        FRAME_PONG,
        FRAME_TYPE_COUNT,
} FrameType;

typedef struct Frame {
        FrameType type;
        uint32_t stream;
        Span payload;           /* into the caller's buffer */
} Frame;

/* Decodes the first frame of @data.
 *
 * @hello  only frames of the hello are allowed, and the rest only after it.
 * Returns 1 with *ret and *ret_used (the bytes it took), 0 when more bytes are needed, -1 with
 * ERROR_PROTOCOL when no continuation could make it a frame; sizes are judged by the header alone. */
int frame_decode(const uint8_t *data, size_t size, bool hello, Frame *ret, size_t *ret_used, Error *err) FAILS;

/* @payload_size must be within the bounds of @type (our own mistake otherwise). */
void frame_header(FrameType type, uint32_t stream, size_t payload_size, uint8_t to[static FRAME_HEADER_SIZE]);

typedef struct Window {
        uint32_t may_send;      /* bytes the peer still takes */
        uint32_t may_receive;   /* bytes the peer may still send */
        uint32_t taken;         /* received and delivered, not granted again yet */
} Window;

Window window_new(void);
/* We sent @size ≤ may_send bytes. */
void window_sent(Window *window, size_t size);
/* The peer granted more.  ERROR_PROTOCOL beyond WINDOW_SIZE. */
int window_granted(Window *window, uint32_t size, Error *err) FAILS;
/* The peer sent @size bytes.  ERROR_PROTOCOL when it had no credit for them. */
int window_received(Window *window, size_t size, Error *err) FAILS;
/* @size of them were delivered: returns what to grant now, 0 for not yet. */
uint32_t window_taken(Window *window, size_t size);
