/* transport.h — length-prefixed messages over a non-blocking stream socket ([MS-SMB2] 2.1)
 *
 * Knows sockets and lengths, nothing of what the messages say.  Outgoing pieces are queued and go
 * out many per system call, from where they lie.  Incoming small messages are handed over from
 * the receive buffer; for a large one the owner may name the memory that its payload belongs in,
 * so that it is received there and never copied.
 *
 * Callbacks may call transport_close(); the Transport's memory must last until leave().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/uio.h>
#include <systemd/sd-event.h>

#include "appliance/base/error.h"

enum {
        TRANSPORT_PARTS = 2,
        TRANSPORT_HEAD = 80,            /* bytes of a large message shown to place() */
        TRANSPORT_LARGE = 16 * 1024,    /* messages above are offered to place() */
};

/* A message on its way out.  The bytes must stay until written() has named it. */
typedef struct TransportOut {
        TAILQ_ENTRY(TransportOut) link;
        struct iovec parts[TRANSPORT_PARTS];    /* length prefix included; consumed while sending */
        int count;
        size_t size_left;
} TransportOut;

typedef struct TransportOps {
        /* A large message of @size bytes begins with @head.  Returns memory for the size -
         * TRANSPORT_HEAD bytes behind the head, or NULL to have it all in one piece in message(). */
        uint8_t *(*place)(void *userdata, const uint8_t head[static TRANSPORT_HEAD], size_t size);
        /* A whole message.  @placed NULL: all of it is at @data, which may be changed.  Else @data has
         * the head and the rest is at @placed. */
        void (*message)(void *userdata, uint8_t *data, size_t size, uint8_t *placed);
        void (*written)(void *userdata, TransportOut *out);
        /* Around every turn of the loop; the Transport may go away in leave(). */
        void (*enter)(void *userdata);
        void (*leave)(void *userdata);
        /* The stream ended; called at most once, the transport is closed already. */
        void (*broken)(void *userdata, const Error *why);
} TransportOps;

typedef struct Transport {
        int fd;                         /* -1: closed */
        sd_event_source *source;
        const TransportOps *ops;
        void *userdata;
        size_t message_max;             /* bytes; a longer announcement ends the stream */
        TAILQ_HEAD(, TransportOut) out;
        size_t out_size;                /* bytes queued */
        bool waits_for_room;
        uint8_t *in;                    /* received, not yet taken: [in_start, in_end) */
        size_t in_start, in_end;
        size_t size, have;              /* of the large message being received; 0: none */
        uint8_t head[TRANSPORT_HEAD];
        uint8_t *placed, *big;
        size_t big_size;
} Transport;

void transport_init(Transport *t, const TransportOps *ops, void *userdata);
/* Takes the connected socket @consumed_fd over, also on failure. */
int transport_start(Transport *t, sd_event *event, int consumed_fd, Error *err) FAILS;
/* Closes and forgets what is queued; idempotent. */
void transport_close(Transport *t);
/* Closes and frees the buffers. */
void transport_done(Transport *t);

void transport_queue(Transport *t, TransportOut *out);
/* Sends as much as the socket takes; the rest goes when it takes more. */
void transport_flush(Transport *t);
