#include "migrate/channel-dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "migrate/channel-internal.h"
#include "migrate/networks.h"

static void freep(struct addrinfo **list) {
        if (*list)
                freeaddrinfo(*list);
}

void dial_prepare(int fd) {
        int on = 1;
        unsigned timeout_ms = HEARTBEAT_MISSES * HEARTBEAT_US / 1000;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
}

/* 0 or an errno. */
static int dial_address(const struct addrinfo *address, uint64_t deadline_us, int *ret_fd) {
        auto_fd int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        int cause = 0;
        socklen_t size = sizeof cause;

        if (fd < 0)
                return errno;
        if (connect(fd, address->ai_addr, address->ai_addrlen) < 0 && errno != EINPROGRESS)
                return errno;
        uint64_t now = clock_us(CLOCK_MONOTONIC);
        struct pollfd p = { .fd = fd, .events = POLLOUT };
        if (now >= deadline_us || poll(&p, 1, (int)((deadline_us - now) / 1000 + 1)) == 0)
                return ETIMEDOUT;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &cause, &size) < 0 || cause)
                return cause ?: errno;
        *ret_fd = take_fd(fd);
        return 0;
}

int dial_host(const char *host, uint16_t port, uint64_t deadline_us, int *ret_fd, Error *err) {
        struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
        auto_(freep) struct addrinfo *list = NULL;
        char service[8];
        int cause = ETIMEDOUT;

        (void)snprintf(service, sizeof service, "%u", port);
        int r = getaddrinfo(host, service, &hints, &list);
        if (r != 0)
                return error_set(err, ERROR_NOT_FOUND, r,
                                 "Failed to establish a connection with host %s: its name is not in the DNS (%s); "
                                 "add an address record for it", host, gai_strerror(r));
        for (const struct addrinfo *a = list; a; a = a->ai_next) {
                cause = dial_address(a, deadline_us, ret_fd);
                if (cause == 0) {
                        dial_prepare(*ret_fd);
                        return 0;
                }
        }
        return error_set(err, ERROR_UNREACHABLE, cause,
                         "Failed to establish a connection with host %s: TCP port %u: %s; check that the host is "
                         "up and that \"systemctl status holdfastd\" there shows it running",
                         host, port, strerror(cause));
}

int dial_at(const char *host, const struct in6_addr *address, uint16_t port, uint64_t deadline_us, int *ret_fd,
            Error *err) {
        struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = *address };
        const struct addrinfo info = { .ai_family = AF_INET6, .ai_addr = (struct sockaddr *)&to,
                                       .ai_addrlen = sizeof to };
        char text[INET6_ADDRSTRLEN];

        int cause = dial_address(&info, deadline_us, ret_fd);
        if (cause != 0) {
                address_text(address, text);
                return error_set(err, ERROR_UNREACHABLE, cause,
                                 "Failed to establish a connection with host %s at its address %s: %s", host, text,
                                 strerror(cause));
        }
        dial_prepare(*ret_fd);
        return 0;
}
