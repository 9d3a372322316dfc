#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "appliance/base/clock.h"
#include "migrate/channel-dial.h"
#include "migrate/channel-hello.h"
#include "migrate/channel-internal.h"

enum {
        CHANNELS_MAX = 64,
        STRANGERS_MAX = 16,     /* connections that have not proven who they are yet */
};

typedef struct Guest {
        enum { GUEST_FREE, GUEST_STRANGER, GUEST_KNOWN, GUEST_GONE } state;
        ChannelServer *server;
        pthread_t thread;
        int fd;                 /* until TLS has it */
        int door;               /* a duplicate of it, to break off a hello that takes too long */
        Channel *channel;       /* known */
} Guest;

struct ChannelServer {
        Machine machine;
        Directory *directory;
        ChannelHandlers handlers;
        int listen_fd, wake_fd;
        pthread_t thread;
        bool threaded;
        pthread_mutex_t lock;   /* guards what is below */
        Guest guests[CHANNELS_MAX];
        TlsIdentity *identity;  /* NULL until the first guest comes */
        bool stopping;
};

static void server_wake(ChannelServer *server) {
        uint64_t one = 1;
        (void)!write(server->wake_fd, &one, sizeof one);
}

/* Borrowed from the server.  A host that is never asked holds neither a key nor the library's code that makes it. */
static const TlsIdentity *identity_of(ChannelServer *server, Error *err) {
        (void)pthread_mutex_lock(&server->lock);
        if (!server->identity && tls_identity_new(&server->identity, err) < 0)
                server->identity = NULL;
        const TlsIdentity *identity = server->identity;
        (void)pthread_mutex_unlock(&server->lock);
        return identity;
}

static int welcome(Guest *guest, Channel **ret, Error *err) {
        ChannelServer *server = guest->server;
        uint64_t deadline_us = clock_us(CLOCK_MONOTONIC) + HELLO_TIMEOUT_US;
        auto_(tls_freep) Tls *tls = NULL;
        ChannelPeer peer;

        auto_fd int fd = take_fd(guest->fd);
        const TlsIdentity *identity = identity_of(server, err);
        if (!identity)
                return -1;
        dial_prepare(fd);
        if (tls_new(take_fd(fd), identity, HELLO_TIMEOUT_US, &tls, err) < 0 ||
            hello_run(tls, &server->machine, server->directory, NULL, deadline_us, &peer, err) < 0)
                return -1;
        return channel_new(take_ptr(tls), false, &peer, &server->handlers, ret, err);
}

static void *guest_run(void *userdata) {
        Guest *guest = userdata;
        ChannelServer *server = guest->server;
        Channel *channel = NULL;
        Error err = { 0 };

        if (welcome(guest, &channel, &err) == 0) {
                (void)pthread_mutex_lock(&server->lock);
                guest->channel = channel;
                guest->state = GUEST_KNOWN;
                channel->stopping = server->stopping;   /* nobody else can have it yet */
                (void)pthread_mutex_unlock(&server->lock);
                channel_run(channel);
        } else if (server->handlers.refused)
                server->handlers.refused(server->handlers.userdata, &err);
        (void)pthread_mutex_lock(&server->lock);
        guest->channel = NULL;
        (void)close(guest->door);
        guest->state = GUEST_GONE;
        (void)pthread_mutex_unlock(&server->lock);
        if (channel)
                channel_destroy(channel);
        server_wake(server);
        return NULL;
}

/* Joins those who are gone; with @all the others, too, who have been told to stop. */
static void reap(ChannelServer *server, bool all) {
        for (size_t i = 0; i < CHANNELS_MAX; i++) {
                Guest *guest = &server->guests[i];
                (void)pthread_mutex_lock(&server->lock);
                int state = guest->state;
                (void)pthread_mutex_unlock(&server->lock);
                if (state == GUEST_FREE || (state != GUEST_GONE && !all))
                        continue;
                (void)pthread_join(guest->thread, NULL);
                (void)pthread_mutex_lock(&server->lock);
                guest->state = GUEST_FREE;
                (void)pthread_mutex_unlock(&server->lock);
        }
}

/* A free place, unless too many strangers are at the door. */
static Guest *place(ChannelServer *server) {
        Guest *found = NULL;
        unsigned strangers = 0;

        (void)pthread_mutex_lock(&server->lock);
        for (size_t i = 0; i < CHANNELS_MAX; i++) {
                if (server->guests[i].state == GUEST_FREE && !found)
                        found = &server->guests[i];
                strangers += server->guests[i].state == GUEST_STRANGER;
        }
        if (strangers >= STRANGERS_MAX)
                found = NULL;
        (void)pthread_mutex_unlock(&server->lock);
        return found;
}

static void admit(ChannelServer *server, int consumed_fd) {
        auto_fd int fd = consumed_fd;
        Guest *guest = place(server);

        if (!guest)
                return;
        (void)pthread_mutex_lock(&server->lock);
        *guest = (Guest){ .state = GUEST_STRANGER, .server = server, .fd = fd,
                          .door = fcntl(fd, F_DUPFD_CLOEXEC, 3) };
        if (guest->door >= 0 && pthread_create(&guest->thread, NULL, guest_run, guest) == 0) {
                (void)take_fd(fd);
        } else {
                if (guest->door >= 0)
                        (void)close(guest->door);
                guest->state = GUEST_FREE;
        }
        (void)pthread_mutex_unlock(&server->lock);
}

static bool must_stop(ChannelServer *server) {
        (void)pthread_mutex_lock(&server->lock);
        bool stop = server->stopping;
        (void)pthread_mutex_unlock(&server->lock);
        return stop;
}

static void *server_run(void *userdata) {
        ChannelServer *server = userdata;
        bool paused = false;

        while (!must_stop(server)) {
                struct pollfd fds[2] = { { .fd = server->wake_fd, .events = POLLIN },
                                         { .fd = paused ? -1 : server->listen_fd, .events = POLLIN } };
                uint64_t count;
                (void)poll(fds, 2, paused ? ACCEPT_PAUSE_US / 1000 : -1);
                paused = false;
                if (fds[0].revents)
                        (void)!read(server->wake_fd, &count, sizeof count);
                reap(server, false);
                if (!fds[1].revents)
                        continue;
                int fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
                if (fd >= 0)
                        admit(server, fd);
                else
                        paused = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
        }
        return NULL;
}

static void server_freep(ChannelServer **server) {
        channel_server_free(*server);
}

int channel_server_new(const Machine *machine, Directory *directory, int consumed_listen_fd,
                       const ChannelHandlers *handlers, ChannelServer **ret, Error *err) {
        auto_fd int fd = consumed_listen_fd;
        auto_(server_freep) ChannelServer *server = calloc(1, sizeof *server);

        if (!server)
                return error_oom(err);
        (void)pthread_mutex_init(&server->lock, NULL);
        server->machine = *machine;
        server->directory = directory;
        server->handlers = *handlers;
        server->listen_fd = take_fd(fd);
        server->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (server->wake_fd < 0)
                return error_set(err, ERROR_INTERNAL, errno, "cannot make an eventfd");
        if (pthread_create(&server->thread, NULL, server_run, server) != 0)
                return error_set(err, ERROR_LIMIT, errno, "there are no threads left for the channel's listener");
        server->threaded = true;
        *ret = take_ptr(server);
        return 0;
}

void channel_server_free(ChannelServer *server) {
        if (!server)
                return;
        (void)pthread_mutex_lock(&server->lock);
        server->stopping = true;
        for (size_t i = 0; i < CHANNELS_MAX; i++) {
                if (server->guests[i].state == GUEST_KNOWN)
                        channel_end(server->guests[i].channel);
                if (server->guests[i].state == GUEST_STRANGER)
                        (void)shutdown(server->guests[i].door, SHUT_RDWR);
        }
        (void)pthread_mutex_unlock(&server->lock);
        server_wake(server);
        if (server->threaded)
                (void)pthread_join(server->thread, NULL);
        reap(server, true);
        if (server->listen_fd >= 0)
                (void)close(server->listen_fd);
        if (server->wake_fd >= 0)
                (void)close(server->wake_fd);
        tls_identity_free(server->identity);
        (void)pthread_mutex_destroy(&server->lock);
        free(server);
}
