#include "smb/disk/nbd.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "smb/disk/nbd-state.h"

enum { IN_SIZE = 128 * 1024, IOV_BATCH = 64, BACKLOG = 32 };
static const uint64_t ACCEPT_AGAIN_US = 1000000;

struct Nbd {
        sd_event *event;
        int fd;                         /* listening; -1: none */
        sd_event_source *listener, *again;
        const NbdBackend *backend;
        void *userdata;
        unsigned connection_count;
        LIST_HEAD(, NbdConnection) connections;
};

void nbd_submit(NbdConnection *c, Request *request) { c->nbd->backend->submit(c->nbd->userdata, request); }

void nbd_complain(NbdConnection *c, const Error *why) { c->nbd->backend->complain(c->nbd->userdata, why); }

/* ---- slots ------------------------------------------------------------------------------------- */

static void slot_free(NbdSlot *slot) {
        free(slot->memory);
        free(slot);
}

NbdSlot *slot_new(NbdConnection *c, size_t size) {
        NbdSlot *slot = TAILQ_FIRST(&c->spare);
        if (slot)
                TAILQ_REMOVE(&c->spare, slot, link);
        else if (!(slot = calloc(1, sizeof *slot)))
                return NULL;
        slot->connection = c;
        slot->refused = 0;
        slot->in_flight = false;
        slot->data_size = size;
        if (!slot->memory || slot->room < size) {
                free(slot->memory);
                slot->room = size < 8192 ? 8192 : size;
                slot->memory = malloc(NBD_SLOT_HEAD + slot->room);
                if (!slot->memory) {
                        free(slot);
                        return NULL;
                }
        }
        return slot;
}

void slot_drop(NbdSlot *slot) {
        if (slot->room > NBD_SLOT_KEEPS) {
                free(slot->memory);
                slot->memory = NULL;
                slot->room = 0;
        }
        TAILQ_INSERT_HEAD(&slot->connection->spare, slot, link);
}

void slot_send(NbdSlot *slot, uint8_t *from, size_t size) {
        slot->out = from;
        slot->out_size = size;
        TAILQ_INSERT_TAIL(&slot->connection->out, slot, link);
        if (slot->connection->state == NBD_LEAVING)     /* its socket may not be watched any more */
                nbd_turn(slot->connection);
}

/* ---- going away -------------------------------------------------------------------------------- */

void nbd_turn(NbdConnection *c) { (void)sd_event_source_set_enabled(c->turn, SD_EVENT_ONESHOT); }

static void watch(NbdConnection *c) {
        bool reads = c->state != NBD_LEAVING && c->state != NBD_AWAITING && !c->paused;
        (void)sd_event_source_set_io_events(c->io, (reads ? (uint32_t)EPOLLIN : 0) |
                                                           (c->waits_for_room ? (uint32_t)EPOLLOUT : 0));
        if (c->broken)          /* or epoll would go on telling us that the other end hung up */
                (void)sd_event_source_set_enabled(c->io, SD_EVENT_OFF);
}

/* It does not count any more among what is under way. */
static void ended(NbdSlot *slot) {
        NbdConnection *c = slot->connection;
        if (!slot->in_flight)
                return;
        slot->in_flight = false;
        c->in_flight--;
        c->bytes -= slot->data_size;
}

void nbd_leave(NbdConnection *c, const Error *why) {
        if (c->state == NBD_LEAVING)
                return;
        if (why)
                nbd_complain(c, why);
        c->state = NBD_LEAVING;
        if (c->filling) {
                ended(c->filling);
                slot_drop(take_ptr(c->filling));
        }
        watch(c);
        c->nbd->backend->withdraw(c->nbd->userdata, c);
        nbd_turn(c);
}

static void drop_all(NbdConnection *c) {
        for (NbdSlot *slot; (slot = TAILQ_FIRST(&c->out));) {
                TAILQ_REMOVE(&c->out, slot, link);
                slot_free(slot);
        }
        for (NbdSlot *slot; (slot = TAILQ_FIRST(&c->spare));) {
                TAILQ_REMOVE(&c->spare, slot, link);
                slot_free(slot);
        }
}

static void connection_free(NbdConnection *c) {
        if (!c)
                return;
        Nbd *nbd = c->nbd;

        LIST_REMOVE(c, link);
        nbd->connection_count--;
        drop_all(c);
        if (c->filling)
                slot_free(c->filling);
        (void)sd_event_source_disable_unref(c->io);
        (void)sd_event_source_disable_unref(c->turn);
        cleanup_closep(&c->fd);
        free(c->in);
        free(c);
        if (nbd->listener)
                (void)sd_event_source_set_enabled(nbd->listener, SD_EVENT_ON);
}

/* ---- sending ----------------------------------------------------------------------------------- */

static void sent(NbdConnection *c, size_t size) {
        for (NbdSlot *slot; (slot = TAILQ_FIRST(&c->out));) {
                size_t n = size < slot->out_size ? size : slot->out_size;
                slot->out += n;
                slot->out_size -= n;
                size -= n;
                if (slot->out_size > 0)
                        return;
                TAILQ_REMOVE(&c->out, slot, link);
                ended(slot);
                slot_drop(slot);
        }
}

static void send_out(NbdConnection *c) {
        bool wait = false;

        while (!c->broken && !wait && !TAILQ_EMPTY(&c->out)) {
                struct iovec iov[IOV_BATCH];
                struct msghdr m = { .msg_iov = iov };
                NbdSlot *slot;
                TAILQ_FOREACH(slot, &c->out, link) {
                        if (m.msg_iovlen == IOV_BATCH)
                                break;
                        iov[m.msg_iovlen++] = (struct iovec){ slot->out, slot->out_size };
                }
                ssize_t n = sendmsg(c->fd, &m, MSG_NOSIGNAL);
                if (n >= 0)
                        sent(c, (size_t)n);
                else if (errno == EAGAIN)
                        wait = true;
                else if (errno != EINTR)
                        c->broken = true;
        }
        if (c->broken) {
                nbd_leave(c, NULL);
                for (NbdSlot *slot; (slot = TAILQ_FIRST(&c->out));)
                        sent(c, slot->out_size);
        }
        if (wait != c->waits_for_room) {
                c->waits_for_room = wait;
                watch(c);
        }
}

/* ---- receiving --------------------------------------------------------------------------------- */

/* Everything that is whole.  Stops where something must wait; turn() comes back here when it need not any more. */
static void take(NbdConnection *c) {
        for (;;) {
                const uint8_t *data = c->in + c->in_start;
                size_t size = c->in_end - c->in_start, n;
                if (c->filling && c->state == NBD_SERVING) {
                        n = c->filling->data_size - c->filled;
                        n = n < size ? n : size;
                        (void)memcpy(slot_data(c->filling) + c->filled, data, n);
                        c->filled += n;
                        c->in_start += n;
                        if (c->filled < c->filling->data_size)
                                break;
                        serve_filled(c);
                        continue;
                }
                if (c->state == NBD_LEAVING || c->state == NBD_AWAITING)
                        break;
                n = c->state == NBD_SERVING ? serve_take(c, data, size) : haggle_take(c, data, size);
                if (n == 0)
                        break;
                c->in_start += n;
        }
        if (c->in_start > 0 && c->in_end > c->in_start)
                (void)memmove(c->in, c->in + c->in_start, c->in_end - c->in_start);
        c->in_end -= c->in_start;
        c->in_start = 0;
}

static void receive(NbdConnection *c) {
        struct iovec iov[2];
        int count = 0;
        size_t rest = c->filling ? c->filling->data_size - c->filled : 0;

        if (rest > 0)
                iov[count++] = (struct iovec){ slot_data(c->filling) + c->filled, rest };
        iov[count++] = (struct iovec){ c->in + c->in_end, IN_SIZE - c->in_end };
        ssize_t n = readv(c->fd, iov, count);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n <= 0) {
                c->broken = n < 0;
                nbd_leave(c, NULL);
                return;
        }
        size_t first = (size_t)n < rest ? (size_t)n : rest;
        c->filled += first;
        c->in_end += (size_t)n - first;
        if (rest > 0 && first == rest)
                serve_filled(c);
        take(c);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        NbdConnection *c = userdata;
        bool gone = revents & (EPOLLHUP | EPOLLERR);

        if (gone && c->state == NBD_LEAVING)
                c->broken = true;
        else if (gone && c->paused)
                nbd_leave(c, NULL);
        else if (gone || (revents & EPOLLIN))
                receive(c);
        if (revents & EPOLLOUT)
                send_out(c);
        if (c->broken || (revents & EPOLLOUT))
                nbd_turn(c);
        watch(c);
        return 0;
}

/* Before the loop sleeps or does the next thing: answers that came together go together. */
static int on_prepare(sd_event_source *source, void *userdata) {
        NbdConnection *c = userdata;

        if (TAILQ_EMPTY(&c->out))
                return 0;
        send_out(c);
        if (c->state != NBD_SERVING || c->paused)
                nbd_turn(c);
        return 0;
}

static int on_turn(sd_event_source *source, void *userdata) {
        NbdConnection *c = userdata;

        send_out(c);
        if (c->hang_up)
                nbd_leave(c, NULL);
        c->paused = false;      /* take() finds out whether it still must be */
        take(c);
        watch(c);
        if (c->state == NBD_LEAVING && c->in_flight == 0 && (c->broken || TAILQ_EMPTY(&c->out)))
                connection_free(c);
        return 0;
}

/* ---- listening --------------------------------------------------------------------------------- */

DEFINE_FREEP(NbdConnection, connection_free);

int nbd_adopt(Nbd *nbd, int consumed_fd, Error *err) {
        auto_fd int fd = consumed_fd;
        int on = 1;

        NbdConnection *c = calloc(1, sizeof *c);
        if (!c)
                return error_oom(err);
        c->nbd = nbd;
        c->fd = take_fd(fd);
        TAILQ_INIT(&c->spare);
        TAILQ_INIT(&c->out);
        LIST_INSERT_HEAD(&nbd->connections, c, link);
        nbd->connection_count++;
        auto_(connection_freep) NbdConnection *guard = c;
        (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);      /* where it is one */
        c->in = malloc(IN_SIZE);
        if (!c->in)
                return error_oom(err);
        int r = sd_event_add_defer(nbd->event, &c->turn, on_turn, c);
        if (r >= 0)
                r = sd_event_add_io(nbd->event, &c->io, c->fd, EPOLLIN, on_io, c);
        if (r >= 0)
                r = sd_event_source_set_prepare(c->io, on_prepare);
        if (r < 0)
                return error_set(err, ERROR_INTERNAL, -r, "cannot watch an NBD connection: %s", strerror(-r));
        guard = NULL;
        haggle_begin(c);
        return 0;
}

static int on_connect(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Nbd *nbd = userdata;
        Error err = { 0 };

        if (nbd->connection_count >= NBD_CONNECTIONS_MAX) {
                (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);        /* until one ends */
                return 0;
        }
        int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (client < 0 && (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED))
                return 0;
        if (client >= 0 && nbd_adopt(nbd, client, &err) == 0)
                return 0;
        if (client < 0)
                (void)error_set(&err, ERROR_LIMIT, errno, "cannot accept an NBD client, trying again in a second: %m");
        nbd->backend->complain(nbd->userdata, &err);
        (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
        (void)sd_event_source_set_time_relative(nbd->again, ACCEPT_AGAIN_US);
        (void)sd_event_source_set_enabled(nbd->again, SD_EVENT_ONESHOT);
        return 0;
}

static int on_again(sd_event_source *source, uint64_t usec, void *userdata) {
        Nbd *nbd = userdata;
        (void)sd_event_source_set_enabled(nbd->listener, SD_EVENT_ON);
        return 0;
}

int nbd_listen(const char *path, Error *err) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        struct stat st;

        if (strlen(path) >= sizeof address.sun_path)
                return error_set(err, ERROR_INVALID, 0, "the path of the NBD socket is too long: %s", path);
        (void)strcpy(address.sun_path, path);
        auto_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return error_set(err, ERROR_INTERNAL, errno, "cannot make a socket: %m");
        if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
                (void)unlink(path);
        /* Nobody can connect before listen(), so the mode is in time. */
        if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || chmod(path, 0660) < 0 ||
            listen(fd, BACKLOG) < 0)
                return error_set(err, ERROR_INTERNAL, errno, "cannot listen on the NBD socket %s: %m", path);
        return take_fd(fd);
}

DEFINE_FREEP(Nbd, nbd_free);

int nbd_new(sd_event *event, int consumed_fd, const NbdBackend *backend, void *userdata, Nbd **ret, Error *err) {
        auto_fd int fd = consumed_fd;
        auto_(nbd_freep) Nbd *nbd = calloc(1, sizeof *nbd);
        if (!nbd)
                return error_oom(err);
        nbd->event = sd_event_ref(event);
        nbd->fd = -1;
        nbd->backend = backend;
        nbd->userdata = userdata;
        LIST_INIT(&nbd->connections);
        int r = sd_event_add_time_relative(event, &nbd->again, CLOCK_MONOTONIC, 0, 0, on_again, nbd);
        if (r >= 0)
                r = sd_event_source_set_enabled(nbd->again, SD_EVENT_OFF);
        if (r >= 0 && fd >= 0)
                r = sd_event_add_io(event, &nbd->listener, fd, EPOLLIN, on_connect, nbd);
        if (r < 0)
                return error_set(err, ERROR_INTERNAL, -r, "cannot watch the NBD socket: %s", strerror(-r));
        nbd->fd = take_fd(fd);
        *ret = take_ptr(nbd);
        return 0;
}

void nbd_free(Nbd *nbd) {
        if (!nbd)
                return;
        nbd->listener = sd_event_source_disable_unref(nbd->listener);
        for (NbdConnection *c; (c = LIST_FIRST(&nbd->connections));) {
                send_out(c);
                connection_free(c);
        }
        (void)sd_event_source_disable_unref(nbd->again);
        cleanup_closep(&nbd->fd);
        (void)sd_event_unref(nbd->event);
        free(nbd);
}
