/* Which of many controllers answer, and which of them are near. */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "auth/locate-ping.h"

enum { ADDRESSES_EACH = 2, DOORS_MAX = 2 * LOCATE_CONTROLLERS_MAX * ADDRESSES_EACH };

/* Each controller is knocked at twice: TCP shows that we reach it, the ping that somebody is awake there. */
typedef struct Doors {
        struct pollfd polls[DOORS_MAX];
        size_t of[DOORS_MAX];                   /* index of the controller */
        bool ping[DOORS_MAX];
        size_t count;
        bool open[LOCATE_CONTROLLERS_MAX], awake[LOCATE_CONTROLLERS_MAX], near[LOCATE_CONTROLLERS_MAX];
        char site[LOCATE_SITE_MAX], address[LOCATE_CONTROLLERS_MAX][LOCATE_ADDRESS_MAX];
} Doors;

static void doors_done(Doors *doors) {
        for (size_t i = 0; i < doors->count; i++)
                if (doors->polls[i].fd >= 0)
                        (void)close(doors->polls[i].fd);
}

static void knock_at(Doors *doors, const struct addrinfo *a, size_t at, const uint8_t *question, size_t size) {
        auto_fd int fd = socket(a->ai_family, (question ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0 || doors->count == DOORS_MAX || (connect(fd, a->ai_addr, a->ai_addrlen) < 0 && errno != EINPROGRESS) ||
            (question && send(fd, question, size, MSG_NOSIGNAL) < 0))
                return;
        doors->polls[doors->count] = (struct pollfd){ .fd = take_fd(fd), .events = question ? POLLIN : POLLOUT };
        doors->ping[doors->count] = question != NULL;
        doors->of[doors->count++] = at;
}

static void knock(Doors *doors, const Controller *c, size_t at, const uint8_t *question, size_t size) {
        struct addrinfo *found = NULL, wanted = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
        char service[8];

        (void)snprintf(service, sizeof service, "%u", c->port);
        if (getaddrinfo(c->host, service, &wanted, &found) != 0)
                return;
        unsigned n = 0;
        for (const struct addrinfo *a = found; a && n < ADDRESSES_EACH; a = a->ai_next, n++) {
                knock_at(doors, a, at, NULL, 0);
                knock_at(doors, a, at, question, size);
        }
        freeaddrinfo(found);
}

static void opened(Doors *doors, int fd, size_t at) {
        struct sockaddr_storage there;
        socklen_t size = sizeof there;

        doors->open[at] = true;
        if (!doors->address[at][0] && (getpeername(fd, (struct sockaddr *)&there, &size) < 0 ||
                                       getnameinfo((struct sockaddr *)&there, size, doors->address[at], LOCATE_ADDRESS_MAX,
                                                   NULL, 0, NI_NUMERICHOST) != 0))
                doors->address[at][0] = '\0';
}

static void hear(Doors *doors, size_t i) {
        uint8_t answer[PING_ANSWER_MAX];
        size_t at = doors->of[i];
        PingAnswer told;
        Error ignored;
        int failed = 0;
        socklen_t size = sizeof failed;

        if (!doors->ping[i]) {
                if (getsockopt(doors->polls[i].fd, SOL_SOCKET, SO_ERROR, &failed, &size) == 0 && failed == 0)
                        opened(doors, doors->polls[i].fd, at);
                return;
        }
        ssize_t n = recv(doors->polls[i].fd, answer, sizeof answer, 0);
        if (n <= 0 || ping_decode(answer, (size_t)n, &told, &ignored) < 0)
                return;
        doors->awake[at] = true;
        doors->near[at] |= told.near;
        if (!doors->site[0])
                memcpy(doors->site, told.site, sizeof doors->site);
}

/* Takes the answers that are there.  False when nobody is waited for any more. */
static bool listen_for(Doors *doors, int wait_ms) {
        bool waiting = false;

        (void)poll(doors->polls, doors->count, wait_ms);
        for (size_t i = 0; i < doors->count; i++) {
                struct pollfd *p = &doors->polls[i];
                if (p->fd < 0)
                        continue;
                if (p->revents == 0) {
                        waiting = true;
                        continue;
                }
                hear(doors, i);
                (void)close(take_fd(p->fd));
        }
        return waiting;
}

/* How good the best answer is so far: 0 none, 1 a connection, 2 one of somebody awake. */
static unsigned best(const Doors *doors, size_t count) {
        unsigned rank = 0;

        for (size_t i = 0; i < count; i++)
                if (doors->open[i] && rank < 1u + doors->awake[i])
                        rank = 1u + doors->awake[i];
        return rank;
}

/* Where one is there the others get a moment more, to keep their order, not the whole time. */
static void wait_for(Doors *doors, size_t count, uint64_t timeout_us) {
        uint64_t end = clock_us(CLOCK_MONOTONIC) + timeout_us;
        unsigned had = 0;

        for (uint64_t now = clock_us(CLOCK_MONOTONIC); doors->count > 0 && now < end; now = clock_us(CLOCK_MONOTONIC)) {
                if (!listen_for(doors, (int)((end - now) / 1000) + 1))
                        return;
                unsigned has = best(doors, count);
                uint64_t soon = clock_us(CLOCK_MONOTONIC) + (has == 2 ? timeout_us / 8 : timeout_us / 2);
                if (has > had && soon < end)
                        end = soon;
                had = has;
        }
}

int locate_answering(const char *domain, Controllers *all, uint64_t timeout_us, char ret_site[static LOCATE_SITE_MAX],
                     Error *err) {
        auto_(doors_done) Doors doors = { .count = 0 };
        uint8_t question[PING_QUESTION_MAX];
        Controllers left = { .count = 0 };
        size_t size = ping_question(domain, question);

        for (size_t i = 0; i < all->count; i++)
                knock(&doors, &all->list[i], i, question, size);
        wait_for(&doors, all->count, timeout_us);
        for (unsigned rank = 0; rank < 3; rank++)       /* near, awake, only open */
                for (size_t i = 0; i < all->count; i++) {
                        unsigned his = !doors.awake[i] ? 2 : !doors.near[i];
                        if (!doors.open[i] || his != rank)
                                continue;
                        Controller *c = &left.list[left.count++];
                        *c = all->list[i];
                        c->near = rank == 0;
                        memcpy(c->address, doors.address[i], sizeof c->address);
                }
        if (left.count == 0)
                return error_set(err, ERROR_UNREACHABLE, 0,
                                 "no domain controller answers on its LDAP port (%zu known: %s%s); check that they run "
                                 "and that no firewall is in between",
                                 all->count, all->count > 0 ? all->list[0].host : "none", all->count > 1 ? ", …" : "");
        for (size_t i = 0; i < all->count; i++)
                if (!doors.open[i])
                        left.list[left.count + left.silent++] = all->list[i];
        *all = left;
        memcpy(ret_site, doors.site, sizeof doors.site);
        return 0;
}

static bool has(const Controllers *all, const Controller *c) {
        for (size_t i = 0; i < all->count; i++)
                if (strcmp(all->list[i].host, c->host) == 0)
                        return true;
        return false;
}

/* Those of @site that were not among @asked, when they answer, before the others of @all. */
static void add_site(const char *domain, const char *site, uint64_t timeout_us, const Controllers *asked, Controllers *all) {
        Controllers there, more = { .count = 0 };
        char ignored_site[LOCATE_SITE_MAX];
        Error ignored;

        if (locate_site_controllers(domain, site, &there, &ignored) < 0)
                return;
        for (size_t i = 0; i < there.count; i++)
                if (!has(asked, &there.list[i]))
                        more.list[more.count++] = there.list[i];
        if (more.count == 0 || locate_answering(domain, &more, timeout_us, ignored_site, &ignored) < 0)
                return;
        more.silent = 0;
        for (size_t i = 0; i < all->count && more.count < LOCATE_CONTROLLERS_MAX; i++)
                more.list[more.count++] = all->list[i];
        *all = more;
}

int locate_nearest(const char *domain, uint64_t timeout_us, Controllers *ret, Error *err) {
        Controllers asked, all;
        char site[LOCATE_SITE_MAX];

        if (locate_controllers(domain, &asked, err) < 0)
                return -1;
        all = asked;
        if (locate_answering(domain, &all, timeout_us, site, err) < 0)
                return -1;
        /* a domain of many: more than are looked at, or some whose records are in their sites alone */
        if (!all.list[0].near && *site)
                add_site(domain, site, timeout_us, &asked, &all);
        *ret = all;
        return 0;
}
