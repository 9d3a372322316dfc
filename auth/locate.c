#include "auth/locate.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <resolv.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"

enum { ANSWER_MAX = 8192, TRY_S = 1, TRIES = 3 };

static void copy_lower(char to[static LOCATE_HOST_MAX], const char *from) {
        size_t i = 0;
        for (; i + 1 < LOCATE_HOST_MAX && from[i]; i++)
                to[i] = (char)(from[i] >= 'A' && from[i] <= 'Z' ? from[i] + ('a' - 'A') : from[i]);
        while (i > 0 && to[i - 1] == '.')
                i--;
        to[i] = '\0';
}

static bool before(const Controller *a, const Controller *b) {
        if (a->priority != b->priority)
                return a->priority < b->priority;
        if (a->weight != b->weight)
                return a->weight > b->weight;
        return strcmp(a->host, b->host) < 0;
}

static void insert(Controllers *all, const Controller *c) {
        size_t at = 0;
        if (all->count == LOCATE_CONTROLLERS_MAX)
                return;
        while (at < all->count && before(&all->list[at], c))
                at++;
        memmove(&all->list[at + 1], &all->list[at], (all->count - at) * sizeof *c);
        all->list[at] = *c;
        all->count++;
}

/* False for records of another type, the "no service" target "." and names that are none. */
static bool decode_record(ns_msg *message, int at, Controller *ret) {
        char name[NS_MAXDNAME];
        ns_rr record;

        if (ns_parserr(message, ns_s_an, at, &record) < 0 || ns_rr_type(record) != ns_t_srv ||
            ns_rr_rdlen(record) < 7)
                return false;
        const uint8_t *data = ns_rr_rdata(record);
        ret->priority = (uint16_t)ns_get16(data);
        ret->weight = (uint16_t)ns_get16(data + 2);
        ret->port = (uint16_t)ns_get16(data + 4);
        if (ns_name_uncompress(ns_msg_base(*message), ns_msg_end(*message), data + 6, name, sizeof name) < 0)
                return false;
        if (strlen(name) >= sizeof ret->host || ret->port == 0)
                return false;
        copy_lower(ret->host, name);
        return ret->host[0] &&
               strspn(ret->host, "abcdefghijklmnopqrstuvwxyz0123456789-._") == strlen(ret->host);
}

int locate_decode(const uint8_t *answer, size_t size, Controllers *ret, Error *err) {
        Controllers all = { .count = 0 };
        ns_msg message;

        if (size > INT32_MAX || ns_initparse(answer, (int)size, &message) < 0)
                return error_set(err, ERROR_PROTOCOL, 0, "the DNS server's answer is damaged");
        for (int i = 0; i < ns_msg_count(message, ns_s_an); i++) {
                Controller c = { .port = 0 };
                if (decode_record(&message, i, &c))
                        insert(&all, &c);
        }
        if (all.count == 0)
                return error_set(err, ERROR_NOT_FOUND, 0, "the DNS answer names no domain controller");
        *ret = all;
        return 0;
}

/* "192.0.2.1, 192.0.2.2": where the question went. */
static void name_servers(res_state state, char *to, size_t size) {
        size_t at = 0;
        to[0] = '\0';
        for (int i = 0; i < state->nscount && i < MAXNS && at < size; i++) {
                char text[INET6_ADDRSTRLEN] = "?";
                if (state->nsaddr_list[i].sin_family == AF_INET)
                        (void)inet_ntop(AF_INET, &state->nsaddr_list[i].sin_addr, text, sizeof text);
                else if (state->_u._ext.nsaddrs[i])
                        (void)inet_ntop(AF_INET6, &state->_u._ext.nsaddrs[i]->sin6_addr, text, sizeof text);
                int n = snprintf(to + at, size - at, "%s%s", at ? ", " : "", text);
                at += n > 0 ? (size_t)n : 0;
        }
        if (!to[0])
                (void)snprintf(to, size, "none configured");
}

static void state_done(struct __res_state *state) { res_nclose(state); }

static int ask(const char *domain, const char *question, Controllers *ret, Error *err) {
        uint8_t answer[ANSWER_MAX];
        char servers[160];
        auto_(state_done) struct __res_state state = { 0 };

        if (res_ninit(&state) < 0)
                return error_set(err, ERROR_INTERNAL, errno, "cannot read /etc/resolv.conf");
        state.retrans = TRY_S;
        state.retry = TRIES;
        name_servers(&state, servers, sizeof servers);

        int size = res_nquery(&state, question, ns_c_in, ns_t_srv, answer, sizeof answer);
        if (size < 0 && (state.res_h_errno == HOST_NOT_FOUND || state.res_h_errno == NO_DATA))
                return error_set(
                        err, ERROR_NOT_FOUND, 0,
                        "the DNS server %s knows no %s (SRV); let this host ask a DNS "
                        "server of the domain %s (nameserver in /etc/resolv.conf), or check the domain's name",
                        servers, question, domain);
        if (size < 0)
                return error_set(err, ERROR_UNREACHABLE, 0,
                                 "no answer from the DNS server %s when asked for %s (SRV); "
                                 "check nameserver in /etc/resolv.conf and the network",
                                 servers, question);
        if (locate_decode(answer, (size_t)size < sizeof answer ? (size_t)size : sizeof answer, ret, err) < 0)
                return error_wrap(err, "%s (SRV) from %s", question, servers);
        return 0;
}

int locate_controllers(const char *domain, Controllers *ret, Error *err) {
        char question[LOCATE_HOST_MAX + 32];

        (void)snprintf(question, sizeof question, "_ldap._tcp.dc._msdcs.%s", domain);
        return ask(domain, question, ret, err);
}

int locate_site_controllers(const char *domain, const char *site, Controllers *ret, Error *err) {
        char question[LOCATE_SITE_MAX + LOCATE_HOST_MAX + 40];

        (void)snprintf(question, sizeof question, "_ldap._tcp.%s._sites.dc._msdcs.%s", site, domain);
        return ask(domain, question, ret, err);
}

/* ---- does it answer? ------------------------------------------------------------------------------- */

static int connect_within(const struct addrinfo *to, uint64_t timeout_us, int *ret) {
        auto_fd int fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        int failed = 0;
        socklen_t size = sizeof failed;

        if (fd < 0)
                return errno;
        if (connect(fd, to->ai_addr, to->ai_addrlen) < 0) {
                struct pollfd p = { .fd = fd, .events = POLLOUT };
                if (errno != EINPROGRESS)
                        return errno;
                if (poll(&p, 1, (int)(timeout_us / 1000)) <= 0)
                        return ETIMEDOUT;
                if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &size) < 0 || failed)
                        return failed ? failed : errno;
        }
        *ret = take_fd(fd);
        return 0;
}

static int local_address(int fd, char *to, Error *err) {
        struct sockaddr_storage own;
        socklen_t size = sizeof own;

        if (getsockname(fd, (struct sockaddr *)&own, &size) < 0 ||
            getnameinfo((struct sockaddr *)&own, size, to, LOCATE_ADDRESS_MAX, NULL, 0, NI_NUMERICHOST) != 0)
                return error_set(err, ERROR_INTERNAL, errno, "cannot learn this host's own address");
        return 0;
}

int locate_connect(const char *host, uint16_t port, uint64_t timeout_us, int *ret_fd, Error *err) {
        struct addrinfo *found = NULL, wanted = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
        char service[8];
        auto_fd int fd = -1;
        int r = EHOSTUNREACH;

        (void)snprintf(service, sizeof service, "%u", port);
        int problem = getaddrinfo(host, service, &wanted, &found);
        if (problem)
                return error_set(err, ERROR_UNREACHABLE, 0,
                                 "the name %s has no address (%s); check the DNS server in "
                                 "/etc/resolv.conf",
                                 host, gai_strerror(problem));
        for (const struct addrinfo *a = found; a && fd < 0; a = a->ai_next)
                r = connect_within(a, timeout_us, &fd);
        freeaddrinfo(found);
        if (fd < 0) {
                char reason[128];
                return error_set(err, ERROR_UNREACHABLE, r,
                                 "TCP port %u of %s does not answer (%s); check that it runs "
                                 "and that no firewall is in between",
                                 port, host, strerror_r(r, reason, sizeof reason));
        }
        *ret_fd = take_fd(fd);
        return 0;
}

int locate_probe(const char *host, uint16_t port, uint64_t timeout_us, char *ret_local, Error *err) {
        auto_fd int fd = -1;

        if (locate_connect(host, port, timeout_us, &fd, err) < 0)
                return -1;
        return ret_local ? local_address(fd, ret_local, err) : 0;
}

int locate_own_address(const char *host, char to[static LOCATE_ADDRESS_MAX], Error *err) {
        struct addrinfo *found = NULL, wanted = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM };
        auto_fd int fd = -1;

        int problem = getaddrinfo(host, "389", &wanted, &found);
        if (problem)
                return error_set(err, ERROR_UNREACHABLE, 0, "the name %s has no address (%s)", host,
                                 gai_strerror(problem));
        for (const struct addrinfo *a = found; a && fd < 0; a = a->ai_next) {
                fd = socket(a->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
                if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) < 0)      /* UDP: only a route is looked up */
                        (void)close(take_fd(fd));
        }
        freeaddrinfo(found);
        if (fd < 0)
                return error_set(err, ERROR_UNREACHABLE, errno, "there is no route to %s", host);
        return local_address(fd, to, err);
}
