#include "migrate/channel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include "appliance/base/clock.h"
#include "migrate/channel-dial.h"
#include "migrate/channel-hello.h"
#include "migrate/channel-internal.h"
#include "migrate/channel-message.h"
#include "migrate/networks.h"

enum { DIAL_AT_US = 3 * 1000000 };

void channel_wake(Channel *channel) {
        uint64_t one = 1;
        (void)!write(channel->wake_fd, &one, sizeof one);
}

/* An end that has no such address (a test's socket pair) stays ::, which is in no network. */
static struct in6_addr end_of(int (*get)(int fd, struct sockaddr *address, socklen_t *size), int fd) {
        struct sockaddr_storage storage = { 0 };
        socklen_t size = sizeof storage;
        struct in6_addr ret = IN6ADDR_ANY_INIT;
        char text[INET_ADDRSTRLEN];

        if (get(fd, (struct sockaddr *)&storage, &size) < 0)
                return ret;
        if (storage.ss_family == AF_INET6)
                return ((struct sockaddr_in6 *)&storage)->sin6_addr;
        if (storage.ss_family == AF_INET &&
            inet_ntop(AF_INET, &((struct sockaddr_in *)&storage)->sin_addr, text, sizeof text))
                (void)address_parse(text, &ret);
        return ret;
}

static void destroyp(Channel **channel) {
        if (*channel)
                channel_destroy(*channel);
}

int channel_new(Tls *consumed_tls, bool initiator, const ChannelPeer *peer, const ChannelHandlers *handlers,
                Channel **ret, Error *err) {
        auto_(tls_freep) Tls *tls = consumed_tls;
        auto_(destroyp) Channel *channel = calloc(1, sizeof *channel);
        pthread_condattr_t attr;

        if (!channel)
                return error_oom(err);
        channel->tls = take_ptr(tls);
        channel->initiator = initiator;
        channel->next_id = initiator ? 1 : 2;
        channel->peer = *peer;
        channel->peer.here = end_of(getsockname, tls_fd(channel->tls));
        channel->peer.there = end_of(getpeername, tls_fd(channel->tls));
        channel->handlers = *handlers;
        channel->out_last = &channel->out_first;
        for (size_t i = 0; i < STREAMS_MAX; i++)
                channel->streams[i].fd = -1;
        (void)pthread_mutex_init(&channel->lock, NULL);
        (void)pthread_condattr_init(&attr);
        (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        (void)pthread_cond_init(&channel->answered, &attr);
        (void)pthread_condattr_destroy(&attr);
        channel->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        channel->in = malloc(FRAME_HEADER_SIZE + FRAME_PAYLOAD_MAX);
        channel->piece = malloc(FRAME_HEADER_SIZE + PIECE_SIZE);
        if (channel->wake_fd < 0)
                return error_set(err, ERROR_INTERNAL, errno, "cannot make an eventfd");
        if (!channel->in || !channel->piece)
                return error_oom(err);
        *ret = take_ptr(channel);
        return 0;
}

void channel_destroy(Channel *channel) {
        for (unsigned i = 0; i < channel->forward_count; i++) {
                (void)close(channel->forwards[i].fd);
                (void)unlink(channel->forwards[i].path);
        }
        while (channel->out_first) {
                Message *next = channel->out_first->next;
                free(channel->out_first);
                channel->out_first = next;
        }
        tls_free(channel->tls);
        if (channel->wake_fd >= 0)
                (void)close(channel->wake_fd);
        free(channel->in);
        free(channel->piece);
        (void)pthread_cond_destroy(&channel->answered);
        (void)pthread_mutex_destroy(&channel->lock);
        free(channel);
}

static void *run(void *userdata) {
        channel_run(userdata);
        return NULL;
}

/* @address NULL: whatever the DNS says. */
static int dial(const Machine *machine, Directory *directory, const char *host, const struct in6_addr *address,
                ChannelPeer *ret_peer, Tls **ret, Error *err) {
        uint64_t deadline_us = clock_us(CLOCK_MONOTONIC) + HELLO_TIMEOUT_US;
        auto_(tls_freep) Tls *tls = NULL;
        int fd;

        if ((address ? dial_at(host, address, CHANNEL_PORT, clock_us(CLOCK_MONOTONIC) + DIAL_AT_US, &fd, err)
                     : dial_host(host, CHANNEL_PORT, deadline_us, &fd, err)) < 0)
                return -1;
        uint64_t now = clock_us(CLOCK_MONOTONIC);
        if (tls_new(fd, NULL, deadline_us > now ? deadline_us - now : 1, &tls, err) < 0 ||
            hello_run(tls, machine, directory, host, deadline_us, ret_peer, err) < 0)
                return error_wrap(err, "Failed to establish a connection with host %s", host);
        *ret = take_ptr(tls);
        return 0;
}

/* A ticket that we keep for a host which has joined anew since is refused there for as long as we keep it. */
static int dial_with_fresh_ticket(const Machine *machine, Directory *directory, const char *host,
                                  const struct in6_addr *address, ChannelPeer *ret_peer, Tls **ret, Error *err) {
        uint64_t renew_us;
        Error ignored;

        if (dial(machine, directory, host, address, ret_peer, ret, err) == 0)
                return 0;
        if (err->kind != ERROR_DENIED || machine_refresh(machine, &renew_us, &ignored) < 0)
                return -1;
        return dial(machine, directory, host, address, ret_peer, ret, &ignored);         /* the first "no" is the one to tell */
}

int channel_connect_at(const Machine *machine, Directory *directory, const char *host, const struct in6_addr *address,
                       const ChannelHandlers *handlers, Channel **ret, Error *err) {
        auto_(destroyp) Channel *channel = NULL;
        auto_(tls_freep) Tls *tls = NULL;
        DirectoryComputer computer;
        ChannelPeer peer;

        if (hello_lookup(machine, directory, host, &computer, err) < 0 ||
            dial_with_fresh_ticket(machine, directory, computer.host, address, &peer, &tls, err) < 0)
                return -1;
        if (channel_new(take_ptr(tls), true, &peer, handlers, &channel, err) < 0)
                return -1;
        if (pthread_create(&channel->thread, NULL, run, channel) != 0)
                return error_set(err, ERROR_LIMIT, errno, "there are no threads left for a channel");
        channel->threaded = true;
        *ret = take_ptr(channel);
        return 0;
}

int channel_connect(const Machine *machine, Directory *directory, const char *host,
                    const ChannelHandlers *handlers, Channel **ret, Error *err) {
        return channel_connect_at(machine, directory, host, NULL, handlers, ret, err);
}

void channel_end(Channel *channel) {
        (void)pthread_mutex_lock(&channel->lock);
        channel->stopping = true;
        (void)pthread_mutex_unlock(&channel->lock);
        channel_wake(channel);
}

void channel_free(Channel *channel) {
        if (!channel)
                return;
        channel_end(channel);
        if (channel->threaded)
                (void)pthread_join(channel->thread, NULL);
        channel_destroy(channel);
}

const ChannelPeer *channel_peer(const Channel *channel) {
        return &channel->peer;
}

uint64_t channel_stream_bytes(const Channel *channel) {
        return atomic_load_explicit(&channel->stream_bytes, memory_order_relaxed);
}

int channel_post(Channel *channel, FrameType type, uint32_t id, const void *payload, size_t size, Error *err) {
        Message *message = malloc(sizeof *message + FRAME_HEADER_SIZE + size);
        if (!message)
                return error_oom(err);
        message->next = NULL;
        message->size = FRAME_HEADER_SIZE + size;
        frame_header(type, id, size, message->frame);
        (void)memcpy(message->frame + FRAME_HEADER_SIZE, payload, size);

        (void)pthread_mutex_lock(&channel->lock);
        *channel->out_last = message;
        channel->out_last = &message->next;
        (void)pthread_mutex_unlock(&channel->lock);
        channel_wake(channel);
        return 0;
}

/* ---- calls ------------------------------------------------------------------------------------ */

static int waiter_enter(Channel *channel, Waiter *waiter, Error *err) {
        int r = 0;
        (void)pthread_mutex_lock(&channel->lock);
        if (channel->ended) {
                *err = channel->why;
                r = -1;
        } else if (channel->waiter_count == WAITERS_MAX) {
                r = error_set(err, ERROR_LIMIT, 0, "too many requests to %s are under way", channel->peer.host);
        } else {
                waiter->id = channel->next_id;
                channel->next_id += 2;
                waiter->next = channel->waiters;
                channel->waiters = waiter;
                channel->waiter_count++;
        }
        (void)pthread_mutex_unlock(&channel->lock);
        return r;
}

/* Waits for the answer and leaves the list, whatever happened. */
static void waiter_leave(Channel *channel, Waiter *waiter, uint64_t timeout_us) {
        uint64_t until_us = clock_us(CLOCK_MONOTONIC) + timeout_us;
        struct timespec until = { .tv_sec = (time_t)(until_us / 1000000),
                                  .tv_nsec = (long)(until_us % 1000000) * 1000 };

        (void)pthread_mutex_lock(&channel->lock);
        while (!waiter->done)
                if (pthread_cond_timedwait(&channel->answered, &channel->lock, &until) == ETIMEDOUT)
                        break;
        Waiter **link = &channel->waiters;
        while (*link != waiter)
                link = &(*link)->next;
        *link = waiter->next;
        channel->waiter_count--;
        (void)pthread_mutex_unlock(&channel->lock);
}

int channel_call(Channel *channel, const char *method, sd_json_variant *parameters, uint64_t timeout_us,
                 sd_json_variant **ret, Error *err) {
        auto_free char *text = NULL;
        Waiter waiter = { 0 };

        if (message_call(method, parameters, &text, err) < 0 || waiter_enter(channel, &waiter, err) < 0)
                return -1;
        int posted = channel_post(channel, FRAME_CALL, waiter.id, text, strlen(text), err);
        waiter_leave(channel, &waiter, posted < 0 ? 0 : timeout_us);
        auto_free char *reply = waiter.reply;
        if (posted < 0)
                return -1;
        if (!waiter.done)
                return error_set(err, ERROR_TIMEOUT, 0, "%s did not answer \"%s\" within %llu seconds",
                                 channel->peer.host, method, (unsigned long long)timeout_us / 1000000);
        if (!reply) {
                *err = waiter.error;
                return -1;
        }
        if (!ret)
                return 0;
        return message_value_parse((Span){ (const uint8_t *)reply, strlen(reply) }, ret, err);
}

int channel_open(Channel *channel, const char *service, int *ret_fd, Error *err) {
        int pair[2], r = 0;

        if (strlen(service) > SERVICE_MAX || !*service)
                return error_set(err, ERROR_INVALID, 0, "the name of a service is too long");
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                return error_set(err, ERROR_INTERNAL, errno, "cannot make a socket");
        auto_fd int ours = pair[0], theirs = pair[1];
        (void)pthread_mutex_lock(&channel->lock);
        if (channel->ended) {
                *err = channel->why;
                r = -1;
        } else if (channel->opening_count == OPENINGS_MAX) {
                r = error_set(err, ERROR_LIMIT, 0, "too many requests to %s are under way", channel->peer.host);
        } else {
                Opening *opening = &channel->openings[channel->opening_count++];
                opening->fd = take_fd(theirs);
                (void)strcpy(opening->service, service);
        }
        (void)pthread_mutex_unlock(&channel->lock);
        if (r < 0)
                return -1;
        channel_wake(channel);
        *ret_fd = take_fd(ours);
        return 0;
}

int channel_forward(Channel *channel, const char *path, const char *service, Error *err) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        auto_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        int r = 0;

        if (fd < 0)
                return error_set(err, ERROR_INTERNAL, errno, "cannot make a socket");
        if (strlen(path) >= sizeof address.sun_path || strlen(service) > SERVICE_MAX || !*service)
                return error_set(err, ERROR_INVALID, 0, "the socket path %s or its service is too long", path);
        (void)strcpy(address.sun_path, path);
        (void)unlink(path);
        /* nobody can connect before listen(), so the mode is right in time */
        if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || chmod(path, 0600) < 0 ||
            listen(fd, 16) < 0)
                return error_set(err, ERROR_INTERNAL, errno, "cannot listen on %s", path);

        (void)pthread_mutex_lock(&channel->lock);
        if (channel->ended) {
                *err = channel->why;
                r = -1;
        } else if (channel->forward_count == FORWARDS_MAX) {
                r = error_set(err, ERROR_LIMIT, 0, "a channel forwards at most %d sockets", FORWARDS_MAX);
        } else {
                Forward *forward = &channel->forwards[channel->forward_count++];
                forward->fd = take_fd(fd);
                (void)strcpy(forward->path, path);
                (void)strcpy(forward->service, service);
        }
        (void)pthread_mutex_unlock(&channel->lock);
        if (r < 0)
                (void)unlink(path);
        else
                channel_wake(channel);
        return r;
}
