#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "appliance/base/clock.h"
#include "migrate/channel-internal.h"

Stream *stream_find(Channel *channel, uint32_t id) {
        for (size_t i = 0; i < STREAMS_MAX; i++)
                if (channel->streams[i].id == id)
                        return &channel->streams[i];
        return NULL;
}

Stream *stream_new(Channel *channel, uint32_t id) {
        Stream *stream = stream_find(channel, 0);
        if (stream)
                *stream = (Stream){ .id = id, .fd = -1, .window = window_new() };
        return stream;
}

void stream_attach(Stream *stream, int consumed_fd) {
        int size = LOCAL_BUFFER;        /* the kernel takes as much of it as net.core.wmem_max allows */

        stream->fd = consumed_fd;
        (void)setsockopt(consumed_fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
        (void)fcntl(consumed_fd, F_SETFL, fcntl(consumed_fd, F_GETFL) | O_NONBLOCK);
}

void stream_drop(Stream *stream) {
        if (stream->fd >= 0)
                (void)close(stream->fd);
        free(stream->pending);
        *stream = (Stream){ .fd = -1 };
}

static int stream_close(Channel *channel, Stream *stream, uint8_t broken, Error *err) {
        stream->local_ended = true;
        return channel_write(channel, FRAME_CLOSE, stream->id, &broken, 1, err);
}

/* The local side is gone: what the peer still sends for this stream is ignored by its number. */
static int stream_break(Channel *channel, Stream *stream, Error *err) {
        int r = stream_close(channel, stream, 1, err);
        stream_drop(stream);
        return r;
}

/* Bytes reached the local side. */
static int delivered(Channel *channel, Stream *stream, size_t size, Error *err) {
        uint32_t grant = window_taken(&stream->window, size);
        if (!grant)
                return 0;
        uint8_t payload[4];
        Writer w = writer_of(payload, sizeof payload);
        write_u32(&w, grant);
        return channel_write(channel, FRAME_WINDOW, stream->id, payload, sizeof payload, err);
}

/* How much @fd took of @data; -1 when it never will take any. */
static ssize_t offer(int fd, const uint8_t *data, size_t size) {
        size_t taken = 0;
        while (taken < size) {
                ssize_t n = send(fd, data + taken, size - taken, MSG_NOSIGNAL | MSG_DONTWAIT);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        break;
                if (n < 0)
                        return -1;
                taken += (size_t)n;
        }
        return (ssize_t)taken;
}

/* When both directions are over the stream is. */
static void stream_settle(Stream *stream) {
        if (stream->remote_ended && !stream->shut && stream->pending_at == stream->pending_size) {
                (void)shutdown(stream->fd, SHUT_WR);
                stream->shut = true;
        }
        if (stream->shut && stream->local_ended)
                stream_drop(stream);
}

static int keep_pending(Stream *stream, const uint8_t *data, size_t size, Error *err) {
        if (stream->pending_at == stream->pending_size)
                stream->pending_at = stream->pending_size = 0;
        if (stream->pending_at && size > stream->pending_capacity - stream->pending_size) {
                size_t held = stream->pending_size - stream->pending_at;
                (void)memmove(stream->pending, stream->pending + stream->pending_at, held);
                stream->pending_at = 0;
                stream->pending_size = held;
        }
        if (size > stream->pending_capacity - stream->pending_size) {
                /* at most WINDOW_SIZE is held: window_received() was asked before */
                size_t wanted = stream->pending_size + size + PIECE_SIZE;
                uint8_t *grown = realloc(stream->pending, wanted);
                if (!grown)
                        return error_oom(err);
                stream->pending = grown;
                stream->pending_capacity = wanted;
        }
        (void)memcpy(stream->pending + stream->pending_size, data, size);
        stream->pending_size += size;
        return 0;
}

/* What waits, before what comes. */
static int offer_pending(Channel *channel, Stream *stream, Error *err) {
        ssize_t n = offer(stream->fd, stream->pending + stream->pending_at,
                          stream->pending_size - stream->pending_at);
        if (n < 0)
                return stream_break(channel, stream, err);
        stream->pending_at += (size_t)n;
        return delivered(channel, stream, (size_t)n, err);
}

static int stream_data(Channel *channel, Stream *stream, Span data, Error *err) {
        ssize_t n = 0;

        if (window_received(&stream->window, data.size, err) < 0)
                return -1;
        if (stream->fd < 0 || stream->remote_ended)
                return error_set(err, ERROR_PROTOCOL, 0, "data came for a stream that is not open");
        (void)atomic_fetch_add_explicit(&channel->stream_bytes, data.size, memory_order_relaxed);
        if (stream->pending_at < stream->pending_size && offer_pending(channel, stream, err) < 0)
                return -1;
        if (!stream->id)
                return 0;
        if (stream->pending_at == stream->pending_size) {
                n = offer(stream->fd, data.data, data.size);
                if (n < 0)
                        return stream_break(channel, stream, err);
                if (delivered(channel, stream, (size_t)n, err) < 0)
                        return -1;
        }
        if ((size_t)n == data.size)
                return 0;
        return keep_pending(stream, data.data + n, data.size - (size_t)n, err);
}

int stream_frame(Channel *channel, const Frame *frame, Error *err) {
        Stream *stream = stream_find(channel, frame->stream);
        Reader r = reader_of(frame->payload.data, frame->payload.size);

        if (!stream)
                return 0;       /* frames cross: we have given this one up, the peer does not know yet */
        switch (frame->type) {
        case FRAME_DATA:
                return stream_data(channel, stream, frame->payload, err);
        case FRAME_WINDOW:
                return window_granted(&stream->window, read_u32(&r), err);
        case FRAME_CLOSE:
                if (read_u8(&r) || stream->fd < 0) {
                        stream_drop(stream);
                        return 0;
                }
                stream->remote_ended = true;
                stream_settle(stream);
                return 0;
        default:
                return error_set(err, ERROR_PROTOCOL, 0, "a stream cannot have a frame of type %d", frame->type);
        }
}

short stream_events(const Channel *channel, const Stream *stream) {
        short events = 0;
        if (!stream->id || stream->fd < 0)
                return 0;
        if (!stream->opening && !stream->local_ended && stream->window.may_send &&
            tls_waiting(channel->tls) < WAITING_MAX)
                events |= POLLIN;
        if (stream->pending_at < stream->pending_size)
                events |= POLLOUT;
        return events;
}

static int stream_read(Channel *channel, Stream *stream, Error *err) {
        size_t room = stream->window.may_send < PIECE_SIZE ? stream->window.may_send : PIECE_SIZE;
        ssize_t n = recv(stream->fd, channel->piece + FRAME_HEADER_SIZE, room, MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n < 0)
                return stream_break(channel, stream, err);
        if (n == 0) {
                if (stream_close(channel, stream, 0, err) < 0)
                        return -1;
                stream_settle(stream);
                return 0;
        }
        window_sent(&stream->window, (size_t)n);
        (void)atomic_fetch_add_explicit(&channel->stream_bytes, (uint64_t)n, memory_order_relaxed);
        frame_header(FRAME_DATA, stream->id, (size_t)n, channel->piece);
        return tls_send(channel->tls, channel->piece, FRAME_HEADER_SIZE + (size_t)n, err);
}

int stream_poll(Channel *channel, Stream *stream, short revents, Error *err) {
        if (stream->pending_at < stream->pending_size && (revents & (POLLOUT | POLLERR | POLLHUP))) {
                if (offer_pending(channel, stream, err) < 0)
                        return -1;
                if (stream->id)
                        stream_settle(stream);
                if (!stream->id)
                        return 0;
        }
        if ((revents & (POLLIN | POLLHUP | POLLERR)) && (stream_events(channel, stream) & POLLIN))
                return stream_read(channel, stream, err);
        return 0;
}

/* A stream of ours from now on; without a place for it its local side sees an end. */
static int begin(Channel *channel, int consumed_fd, const char *service, Error *err) {
        (void)pthread_mutex_lock(&channel->lock);
        uint32_t id = channel->next_id;
        channel->next_id += 2;
        (void)pthread_mutex_unlock(&channel->lock);
        Stream *stream = stream_new(channel, id);
        if (!stream) {
                (void)close(consumed_fd);
                return 0;
        }
        stream_attach(stream, consumed_fd);
        stream->opening = true;
        return channel_write(channel, FRAME_OPEN, id, service, strlen(service), err);
}

int stream_open_all(Channel *channel, Error *err) {
        Opening openings[OPENINGS_MAX];
        int r = 0;

        (void)pthread_mutex_lock(&channel->lock);
        unsigned count = channel->opening_count;
        (void)memcpy(openings, channel->openings, count * sizeof *openings);
        channel->opening_count = 0;
        (void)pthread_mutex_unlock(&channel->lock);
        for (unsigned i = 0; i < count; i++) {
                if (r == 0)
                        r = begin(channel, openings[i].fd, openings[i].service, err);
                else
                        (void)close(openings[i].fd);
        }
        return r;
}

int stream_accept(Channel *channel, const Forward *forward, Error *err) {
        auto_fd int fd = accept4(forward->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
                if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
                        channel->paused_until_us = clock_us(CLOCK_MONOTONIC) + ACCEPT_PAUSE_US;
                return 0;
        }

        return begin(channel, take_fd(fd), forward->service, err);
}
