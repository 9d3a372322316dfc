#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "appliance/base/clock.h"
#include "migrate/channel-internal.h"
#include "migrate/channel-message.h"

enum {
        FD_SOCKET, FD_WAKE, FD_FORWARDS,
        FD_STREAMS = FD_FORWARDS + FORWARDS_MAX,
        FD_COUNT = FD_STREAMS + STREAMS_MAX,
        IN_SIZE = FRAME_HEADER_SIZE + FRAME_PAYLOAD_MAX,
        /* Of the socket, before streams and callers have their turn: whoever reads a stream must not wait while
         * we decrypt far ahead of it. */
        READ_SIZE = FRAME_HEADER_SIZE + PIECE_SIZE,
};

int channel_write(Channel *channel, FrameType type, uint32_t id, const void *payload, size_t size, Error *err) {
        uint8_t header[FRAME_HEADER_SIZE];
        frame_header(type, id, size, header);
        if (tls_send(channel->tls, header, sizeof header, err) < 0)
                return -1;
        return tls_send(channel->tls, payload, size, err);
}

/* The answer to a call of ours; one that comes after its caller gave up is dropped. */
static int answer(Channel *channel, const Frame *frame, Error *err) {
        int r = 0;

        (void)pthread_mutex_lock(&channel->lock);
        Waiter *waiter = channel->waiters;
        while (waiter && waiter->id != frame->stream)
                waiter = waiter->next;
        if (waiter && !waiter->done) {
                if (frame->type == FRAME_ERROR)
                        message_error_parse(frame->payload, &waiter->error);
                else if (!(waiter->reply = strndup((const char *)frame->payload.data, frame->payload.size)))
                        r = error_oom(err);
                waiter->done = true;
                (void)pthread_cond_broadcast(&channel->answered);
        }
        (void)pthread_mutex_unlock(&channel->lock);
        return r;
}

/* OPENED, or the refusal of an OPEN or of a call. */
static int opened(Channel *channel, const Frame *frame, Error *err) {
        Stream *stream = stream_find(channel, frame->stream);

        if (!stream)
                return frame->type == FRAME_ERROR ? answer(channel, frame, err) : 0;
        if (!stream->opening)
                return error_set(err, ERROR_PROTOCOL, 0, "stream %u was opened twice", frame->stream);
        if (frame->type == FRAME_ERROR)
                stream_drop(stream);
        else
                stream->opening = false;
        return 0;
}

static int serve_frame(Channel *channel, const Frame *frame, Error *err) {
        switch (frame->type) {
        case FRAME_CALL:
        case FRAME_OPEN:
                if ((frame->stream & 1) == (channel->initiator ? 1 : 0))
                        return error_set(err, ERROR_PROTOCOL, 0, "the peer used a number of ours");
                return channel_work(channel, frame, err);
        case FRAME_REPLY:
                return answer(channel, frame, err);
        case FRAME_ERROR:
        case FRAME_OPENED:
                return opened(channel, frame, err);
        case FRAME_PING:
                return channel_write(channel, FRAME_PONG, 0, "", 0, err);
        case FRAME_PONG:
                return 0;
        default:
                return stream_frame(channel, frame, err);
        }
}

static int read_socket(Channel *channel, Error *err) {
        size_t room = IN_SIZE - channel->in_size, n, at = 0, used;
        Frame frame;
        int r;

        if (tls_receive(channel->tls, channel->in + channel->in_size, room < READ_SIZE ? room : READ_SIZE, &n, err) < 0)
                return -1;
        if (n == 0)
                return 0;
        channel->heard_us = clock_us(CLOCK_MONOTONIC);
        channel->in_size += n;
        while ((r = frame_decode(channel->in + at, channel->in_size - at, false, &frame, &used, err)) > 0) {
                if (serve_frame(channel, &frame, err) < 0)
                        return -1;
                at += used;
        }
        if (r < 0)
                return -1;
        channel->in_size -= at;
        (void)memmove(channel->in, channel->in + at, channel->in_size);
        return 0;
}

static int send_posted(Channel *channel, Error *err) {
        (void)pthread_mutex_lock(&channel->lock);
        Message *first = channel->out_first;
        channel->out_first = NULL;
        channel->out_last = &channel->out_first;
        (void)pthread_mutex_unlock(&channel->lock);

        int r = 0;
        while (first) {
                Message *message = first;
                first = message->next;
                if (r == 0)
                        r = tls_send(channel->tls, message->frame, message->size, err);
                free(message);
        }
        return r;
}

static int heartbeat(Channel *channel, Error *err) {
        uint64_t now = clock_us(CLOCK_MONOTONIC);

        if (now - channel->heard_us > HEARTBEAT_MISSES * HEARTBEAT_US)
                return error_set(err, ERROR_UNREACHABLE, ETIMEDOUT, "nothing was heard from %s for %d seconds",
                                 channel->peer.host, HEARTBEAT_MISSES * HEARTBEAT_US / 1000000);
        if (now - channel->pinged_us < HEARTBEAT_US)
                return 0;
        channel->pinged_us = now;
        return channel_write(channel, FRAME_PING, 0, "", 0, err);
}

static int wait_for_something(Channel *channel, struct pollfd fds[static FD_COUNT], Error *err) {
        uint64_t now = clock_us(CLOCK_MONOTONIC), next = channel->pinged_us + HEARTBEAT_US;
        int timeout = tls_has_input(channel->tls) ? 0 : next > now ? (int)((next - now) / 1000 + 1) : 0;

        for (size_t i = 0; i < FD_COUNT; i++)
                fds[i] = (struct pollfd){ .fd = -1 };
        fds[FD_SOCKET].fd = tls_fd(channel->tls);
        fds[FD_SOCKET].events = (short)(POLLIN | (tls_waiting(channel->tls) ? POLLOUT : 0));
        fds[FD_WAKE] = (struct pollfd){ .fd = channel->wake_fd, .events = POLLIN };
        (void)pthread_mutex_lock(&channel->lock);
        for (unsigned i = 0; i < channel->forward_count && now >= channel->paused_until_us; i++)
                fds[FD_FORWARDS + i] = (struct pollfd){ .fd = channel->forwards[i].fd, .events = POLLIN };
        (void)pthread_mutex_unlock(&channel->lock);
        for (unsigned i = 0; i < STREAMS_MAX; i++) {
                short events = stream_events(channel, &channel->streams[i]);
                if (events)
                        fds[FD_STREAMS + i] = (struct pollfd){ .fd = channel->streams[i].fd, .events = events };
        }
        if (poll(fds, FD_COUNT, timeout) < 0 && errno != EINTR)
                return error_set(err, ERROR_INTERNAL, errno, "cannot wait for the channel's sockets");
        return 0;
}

static int turn(Channel *channel, Error *err) {
        struct pollfd fds[FD_COUNT];
        uint64_t count;

        if (send_posted(channel, err) < 0 || stream_open_all(channel, err) < 0 || channel_reap(channel, false, err) < 0 ||
            heartbeat(channel, err) < 0 || tls_flush(channel->tls, err) < 0 ||
            wait_for_something(channel, fds, err) < 0)
                return -1;
        if (fds[FD_WAKE].revents)
                (void)!read(channel->wake_fd, &count, sizeof count);
        if ((fds[FD_SOCKET].revents & ~POLLOUT) || tls_has_input(channel->tls))
                if (read_socket(channel, err) < 0)
                        return -1;
        for (unsigned i = 0; i < STREAMS_MAX; i++)
                /* a slot may have changed hands while the socket was read: its new owner gets its turn */
                if (fds[FD_STREAMS + i].revents && channel->streams[i].fd == fds[FD_STREAMS + i].fd &&
                    stream_poll(channel, &channel->streams[i], fds[FD_STREAMS + i].revents, err) < 0)
                        return -1;
        for (unsigned i = 0; i < FORWARDS_MAX; i++)
                if (fds[FD_FORWARDS + i].revents & POLLIN &&
                    stream_accept(channel, &channel->forwards[i], err) < 0)
                        return -1;
        return tls_flush(channel->tls, err);
}

static bool stopping(Channel *channel) {
        (void)pthread_mutex_lock(&channel->lock);
        bool stop = channel->stopping;
        (void)pthread_mutex_unlock(&channel->lock);
        return stop;
}

static void end(Channel *channel, const Error *why) {
        Error ignored;

        (void)pthread_mutex_lock(&channel->lock);
        channel->ended = true;
        channel->why = *why;
        for (Waiter *waiter = channel->waiters; waiter; waiter = waiter->next)
                if (!waiter->done) {
                        waiter->done = true;
                        waiter->error = *why;
                }
        (void)pthread_cond_broadcast(&channel->answered);
        while (channel->opening_count > 0)
                (void)close(channel->openings[--channel->opening_count].fd);
        (void)pthread_mutex_unlock(&channel->lock);

        for (size_t i = 0; i < STREAMS_MAX; i++)
                if (channel->streams[i].id)
                        stream_drop(&channel->streams[i]);
        (void)!channel_reap(channel, true, &ignored);
        if (channel->handlers.closed)
                channel->handlers.closed(channel->handlers.userdata, channel, why);
}

void channel_run(Channel *channel) {
        Error why = { 0 };

        channel->heard_us = channel->pinged_us = clock_us(CLOCK_MONOTONIC);
        while (!stopping(channel))
                if (turn(channel, &why) < 0)
                        break;
        if (why.kind == ERROR_NONE) {
                (void)send_posted(channel, &why);
                tls_bye(channel->tls, 500 * 1000);
                (void)error_set(&why, ERROR_CANCELLED, 0, "this node closed the channel to %s",
                                channel->peer.host);
        } else
                (void)error_wrap(&why, "the channel to %s ended", channel->peer.host);
        end(channel, &why);
}
