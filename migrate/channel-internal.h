/* channel-internal.h — a channel's insides, shared by the channel*.c files
 *
 *      caller threads ──▶ outbox, waiters ─┐                        ┌─▶ handler threads (≤ WORKERS_MAX)
 *                                          ▼                        │
 *      forwards (unix sockets) ──▶ the loop's thread: frames ⇄ TLS ─┘
 *                              ◀──  streams (connected sockets)
 *
 * The loop's thread owns the socket, the streams and the frame buffers.  Everything others touch is
 * below `lock`, which is never held while anything blocks.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "migrate/channel-frame.h"
#include "migrate/channel-tls.h"
#include "migrate/channel.h"

enum {
        STREAMS_MAX = 32,
        FORWARDS_MAX = 8,
        OPENINGS_MAX = 16,              /* streams that the loop has still to begin */
        WORKERS_MAX = 16,               /* calls and opens of the peer served at once */
        WAITERS_MAX = 64,               /* calls of ours under way at once */
        PIECE_SIZE = 256 * 1024,        /* of a stream, in one frame */
        WAITING_MAX = 1024 * 1024,      /* encrypted and not sent: beyond it streams are not read */
        HEARTBEAT_US = 2 * 1000000,
        HEARTBEAT_MISSES = 3,
        LOCAL_BUFFER = 256 * 1024, /* towards the local end of a stream */
        SERVICE_MAX = 255,
        ACCEPT_PAUSE_US = 1000000,      /* out of descriptors: do not spin on accept() */
};

typedef struct Stream {
        uint32_t id;                    /* 0: the slot is free */
        int fd;                         /* -1 until both sides opened it */
        bool opening;                   /* ours, and the peer has not said OPENED: nothing is read */
        bool local_ended, remote_ended, shut;
        Window window;
        uint8_t *pending;               /* received, and not taken by fd yet */
        size_t pending_at, pending_size, pending_capacity;
} Stream;

typedef struct Forward {
        int fd;                         /* listening */
        char path[108];
        char service[SERVICE_MAX + 1];
} Forward;

typedef struct Opening {
        int fd;                         /* the loop's end */
        char service[SERVICE_MAX + 1];
} Opening;

typedef struct Message {
        struct Message *next;
        size_t size;
        uint8_t frame[];
} Message;

typedef struct Waiter {                 /* on the stack of a thread in channel_call() */
        struct Waiter *next;
        uint32_t id;
        bool done;
        char *reply;
        Error error;                    /* filled when reply is NULL */
} Waiter;

typedef struct Worker {
        enum { WORKER_FREE, WORKER_RUNNING, WORKER_FINISHED } state;
        Channel *channel;
        pthread_t thread;
        uint32_t id;
        FrameType type;                 /* FRAME_CALL or FRAME_OPEN */
        uint8_t *payload;
        size_t size;
        int fd;                         /* of a served OPEN, until the loop takes it */
        Error error;
} Worker;

struct Channel {
        Tls *tls;
        ChannelPeer peer;
        ChannelHandlers handlers;
        bool initiator, threaded;
        pthread_t thread;
        int wake_fd;
        _Atomic uint64_t stream_bytes;

        pthread_mutex_t lock;           /* guards what follows up to the loop's own */
        pthread_cond_t answered;        /* CLOCK_MONOTONIC */
        Message *out_first, **out_last;
        Waiter *waiters;
        unsigned waiter_count;
        uint32_t next_id;
        Forward forwards[FORWARDS_MAX];
        unsigned forward_count;
        Opening openings[OPENINGS_MAX];
        unsigned opening_count;
        Worker workers[WORKERS_MAX];
        bool stopping, ended;
        Error why;

        /* the loop's thread only */
        Stream streams[STREAMS_MAX];
        uint8_t *in, *piece;
        size_t in_size;
        uint64_t heard_us, pinged_us, paused_until_us;
};

/* channel.c */
/* Takes over @consumed_tls, also on failure. */
int channel_new(Tls *consumed_tls, bool initiator, const ChannelPeer *peer, const ChannelHandlers *handlers,
                Channel **ret, Error *err) FAILS;
int channel_post(Channel *channel, FrameType type, uint32_t id, const void *payload, size_t size,
                 Error *err) FAILS;
void channel_wake(Channel *channel);
/* Frees what is not running any more. */
void channel_destroy(Channel *channel);

/* channel-loop.c: until the channel ends; calls handlers.closed */
void channel_run(Channel *channel);
int channel_write(Channel *channel, FrameType type, uint32_t id, const void *payload, size_t size,
                  Error *err) FAILS;

/* channel-work.c */
int channel_work(Channel *channel, const Frame *frame, Error *err) FAILS;
/* Joins finished workers and takes what they bring; @all waits for the running ones too. */
int channel_reap(Channel *channel, bool all, Error *err) FAILS;

/* channel-stream.c: all on the loop's thread */
Stream *stream_find(Channel *channel, uint32_t id);
Stream *stream_new(Channel *channel, uint32_t id);
void stream_attach(Stream *stream, int consumed_fd);
void stream_drop(Stream *stream);
/* What poll() should look for; 0 when nothing. */
short stream_events(const Channel *channel, const Stream *stream);
int stream_poll(Channel *channel, Stream *stream, short revents, Error *err) FAILS;
int stream_frame(Channel *channel, const Frame *frame, Error *err) FAILS;
int stream_accept(Channel *channel, const Forward *forward, Error *err) FAILS;
/* What channel_open() asked for. */
int stream_open_all(Channel *channel, Error *err) FAILS;
