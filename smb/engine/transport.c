#include "smb/engine/transport.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "appliance/base/cleanup.h"

enum {
        IN_SIZE = 64 * 1024,
        LENGTH_SIZE = 4,
        IOV_BATCH = 64,
        TURN_BYTES = 4 * 1024 * 1024, /* received per turn of the loop, so that others have theirs */
        MESSAGE_MIN = 52 + 1,
};

void transport_init(Transport *t, const TransportOps *ops, void *userdata) {
        *t = (Transport){ .fd = -1, .ops = ops, .userdata = userdata, .message_max = 128 * 1024 };
        TAILQ_INIT(&t->out);
}

void transport_close(Transport *t) {
        t->source = sd_event_source_disable_unref(t->source);
        cleanup_closep(&t->fd);
        t->fd = -1;
        TAILQ_INIT(&t->out);
        t->out_size = 0;
        t->size = t->have = t->in_start = t->in_end = 0;
        t->placed = NULL;
        t->waits_for_room = false;
}

void transport_done(Transport *t) {
        transport_close(t);
        free(t->in);
        free(t->big);
        t->in = t->big = NULL;
        t->big_size = 0;
}

static void broken(Transport *t, ErrorKind kind, int cause, const char *text) {
        Error err = { 0 };
        if (cause)
                (void)error_set(&err, kind, cause, "%s: %s", text, strerror(cause));
        else
                (void)error_set(&err, kind, 0, "%s", text);
        transport_close(t);
        t->ops->broken(t->userdata, &err);
}

/* ---- receiving ------------------------------------------------------------------------------- */

static void deliver_large(Transport *t) {
        size_t size = t->size;
        uint8_t *placed = t->placed;
        t->size = t->have = 0;
        t->placed = NULL;
        t->ops->message(t->userdata, placed ? t->head : t->big, size, placed);
}

/* The @have bytes at @data are the beginning of a message of @size. */
static int begin_large(Transport *t, const uint8_t *data, size_t have, size_t size) {
        uint8_t *placed = t->ops->place(t->userdata, data, size);
        if (t->fd < 0)
                return -1;
        if (placed) {
                memcpy(t->head, data, TRANSPORT_HEAD);
                memcpy(placed, data + TRANSPORT_HEAD, have - TRANSPORT_HEAD);
        } else {
                if (t->big_size < size) {
                        free(t->big);
                        t->big = malloc(size);
                        t->big_size = t->big ? size : 0;
                }
                if (!t->big) {
                        broken(t, ERROR_INTERNAL, ENOMEM, "cannot receive a message");
                        return -1;
                }
                memcpy(t->big, data, have);
        }
        t->placed = placed;
        t->size = size;
        t->have = have;
        return 0;
}

/* Hands over every message that is complete in the buffer.  -1: the transport was closed. */
static int take_messages(Transport *t) {
        while (t->size == 0 && t->in_end - t->in_start >= LENGTH_SIZE) {
                const uint8_t *p = t->in + t->in_start;
                size_t size = (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
                size_t have = t->in_end - t->in_start - LENGTH_SIZE;
                if (p[0] != 0 || size < MESSAGE_MIN || size > t->message_max) {
                        broken(t, ERROR_PROTOCOL, 0, "the file server sent a message of an impossible length");
                        return -1;
                }
                if (have >= size) {
                        uint8_t *data = t->in + t->in_start + LENGTH_SIZE;
                        t->in_start += LENGTH_SIZE + size;
                        t->ops->message(t->userdata, data, size, NULL);
                        if (t->fd < 0)
                                return -1;
                        continue;
                }
                if (size <= TRANSPORT_LARGE || have < TRANSPORT_HEAD)
                        break;
                if (begin_large(t, p + LENGTH_SIZE, have, size) < 0)
                        return -1;
                t->in_start = t->in_end;
        }
        if (t->in_start > 0) {
                memmove(t->in, t->in + t->in_start, t->in_end - t->in_start);
                t->in_end -= t->in_start;
                t->in_start = 0;
        }
        return 0;
}

/* One read, of the rest of a large message and of what follows it.  Bytes read; 0: nothing there or closed. */
static size_t receive_once(Transport *t) {
        struct iovec iov[2];
        int count = 0;
        size_t rest = t->size - t->have;
        if (t->size > 0)
                iov[count++] =
                        (struct iovec){ t->placed ? t->placed + (t->have - TRANSPORT_HEAD) : t->big + t->have,
                                        rest };
        /* Little beyond a large message: another one that follows should be placed, not copied. */
        size_t room = t->size > 0 ? (size_t)TRANSPORT_LARGE : IN_SIZE - t->in_end;
        iov[count++] = (struct iovec){ t->in + t->in_end, room };
        ssize_t n = readv(t->fd, iov, count);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n <= 0) {
                broken(t, ERROR_UNREACHABLE, n < 0 ? errno : 0,
                       n < 0 ? "the connection broke" : "the file server closed the connection");
                return 0;
        }
        size_t got = (size_t)n, first = t->size > 0 ? (got < rest ? got : rest) : 0;
        t->have += first;
        t->in_end += got - first;
        if (t->size > 0 && t->have == t->size)
                deliver_large(t);
        if (t->fd < 0 || (t->size == 0 && take_messages(t) < 0))
                return 0;
        return got < rest + room ? 0 : got;
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        (void)source;
        (void)fd;
        Transport *t = userdata;
        t->ops->enter(t->userdata);
        if (revents & EPOLLOUT)
                transport_flush(t);
        bool readable = revents & (EPOLLIN | EPOLLHUP | EPOLLERR);
        for (size_t total = 0, n = 1; readable && n > 0 && t->fd >= 0 && total < TURN_BYTES; total += n)
                n = receive_once(t);
        t->ops->leave(t->userdata);
        return 0;
}

int transport_start(Transport *t, sd_event *event, int consumed_fd, Error *err) {
        auto_fd int fd = consumed_fd;
        int on = 1;
        /* Best effort: a socket pair has no such options. */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
        if (!t->in && !(t->in = malloc(IN_SIZE)))
                return error_oom(err);
        int r = sd_event_add_io(event, &t->source, fd, EPOLLIN, on_io, t);
        if (r < 0)
                return error_set(err, ERROR_INTERNAL, -r, "cannot watch a socket: %s", strerror(-r));
        t->fd = take_fd(fd);
        return 0;
}

/* ---- sending --------------------------------------------------------------------------------- */

void transport_queue(Transport *t, TransportOut *out) {
        out->size_left = 0;
        for (int i = 0; i < out->count; i++)
                out->size_left += out->parts[i].iov_len;
        t->out_size += out->size_left;
        TAILQ_INSERT_TAIL(&t->out, out, link);
}

static int gather(const Transport *t, struct iovec *iov) {
        int n = 0;
        for (const TransportOut *out = TAILQ_FIRST(&t->out); out; out = TAILQ_NEXT(out, link))
                for (int i = 0; i < out->count; i++) {
                        if (n == IOV_BATCH)
                                return n;
                        if (out->parts[i].iov_len > 0)
                                iov[n++] = out->parts[i];
                }
        return n;
}

static void consume(TransportOut *out, size_t size) {
        out->size_left -= size;
        for (int i = 0; i < out->count && size > 0; i++) {
                struct iovec *part = &out->parts[i];
                size_t n = size < part->iov_len ? size : part->iov_len;
                part->iov_base = (uint8_t *)part->iov_base + n;
                part->iov_len -= n;
                size -= n;
        }
}

static void sent(Transport *t, size_t size) {
        t->out_size -= size;
        while (size > 0) {
                TransportOut *out = TAILQ_FIRST(&t->out);
                size_t n = size < out->size_left ? size : out->size_left;
                consume(out, n);
                size -= n;
                if (out->size_left > 0)
                        return;
                TAILQ_REMOVE(&t->out, out, link);
                t->ops->written(t->userdata, out);
        }
}

static void wait_for_room(Transport *t, bool wait) {
        if (wait == t->waits_for_room)
                return;
        t->waits_for_room = wait;
        (void)sd_event_source_set_io_events(t->source, EPOLLIN | (wait ? (uint32_t)EPOLLOUT : 0));
}

void transport_flush(Transport *t) {
        while (t->fd >= 0 && !TAILQ_EMPTY(&t->out)) {
                struct iovec iov[IOV_BATCH];
                struct msghdr m = { .msg_iov = iov, .msg_iovlen = (size_t)gather(t, iov) };
                ssize_t n = sendmsg(t->fd, &m, MSG_NOSIGNAL);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN) {
                        wait_for_room(t, true);
                        return;
                }
                if (n < 0) {
                        broken(t, ERROR_UNREACHABLE, errno, "the connection broke");
                        return;
                }
                sent(t, (size_t)n);
        }
        if (t->fd >= 0)
                wait_for_room(t, false);
}
