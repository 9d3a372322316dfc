/* The addresses of one name, by DNS. */
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "auth/locate.h"

enum { ANSWER_MAX = 8192, TRY_S = 1, TRIES = 3 };

static void state_done(struct __res_state *state) { res_nclose(state); }

int locate_decode_addresses(const uint8_t *answer, size_t size, int type, LocateAddresses *all, Error *err) {
        size_t length = type == ns_t_aaaa ? 16 : 4;
        ns_msg message;

        if (size > INT32_MAX || ns_initparse(answer, (int)size, &message) < 0)
                return error_set(err, ERROR_PROTOCOL, 0, "the DNS server's answer is damaged");
        for (int i = 0; i < ns_msg_count(message, ns_s_an); i++) {
                ns_rr record;
                if (ns_parserr(&message, ns_s_an, i, &record) < 0)
                        return error_set(err, ERROR_PROTOCOL, 0, "the DNS server's answer is damaged");
                if ((int)ns_rr_type(record) != type || ns_rr_rdlen(record) != length ||
                    all->count == LOCATE_ADDRESSES_MAX)
                        continue;
                if (inet_ntop(type == ns_t_aaaa ? AF_INET6 : AF_INET, ns_rr_rdata(record), all->list[all->count],
                              LOCATE_ADDRESS_MAX))
                        all->count++;
        }
        return 0;
}

static int ask(const char *host, int type, LocateAddresses *all, Error *err) {
        uint8_t answer[ANSWER_MAX];
        auto_(state_done) struct __res_state state = { 0 };

        if (res_ninit(&state) < 0)
                return error_set(err, ERROR_INTERNAL, errno, "cannot read /etc/resolv.conf");
        state.retrans = TRY_S;
        state.retry = TRIES;
        int size = res_nquery(&state, host, ns_c_in, type, answer, sizeof answer);
        if (size < 0 && (state.res_h_errno == HOST_NOT_FOUND || state.res_h_errno == NO_DATA))
                return 0;
        if (size < 0)
                return error_set(err, ERROR_UNREACHABLE, 0, "no DNS server answered when asked for %s", host);
        return locate_decode_addresses(answer, (size_t)size < sizeof answer ? (size_t)size : sizeof answer, type, all,
                                       err);
}

int locate_addresses(const char *host, LocateAddresses *ret, Error *err) {
        LocateAddresses all = { .count = 0 };

        if (ask(host, ns_t_a, &all, err) < 0 || ask(host, ns_t_aaaa, &all, err) < 0)
                return -1;
        *ret = all;
        return 0;
}

/* Two spellings of one address are one. */
static bool same(const char *a, const char *b) {
        uint8_t x[16], y[16];
        int family = strchr(a, ':') ? AF_INET6 : AF_INET;
        return inet_pton(family, a, x) == 1 && inet_pton(family, b, y) == 1 &&
               memcmp(x, y, family == AF_INET6 ? 16 : 4) == 0;
}

bool locate_has_address(const char *host, const char *address) {
        LocateAddresses all = { .count = 0 };
        Error ignored;
        bool has = false;

        if (ask(host, strchr(address, ':') ? ns_t_aaaa : ns_t_a, &all, &ignored) < 0)
                return false;
        for (size_t i = 0; i < all.count; i++)
                has |= same(all.list[i], address);
        return has;
}

bool locate_is_own(const char *address) {
        struct ifaddrs *list = NULL;
        bool own = false;

        if (getifaddrs(&list) < 0)
                return false;
        for (const struct ifaddrs *i = list; i && !own; i = i->ifa_next) {
                char text[INET6_ADDRSTRLEN];
                if (!i->ifa_addr || (i->ifa_flags & IFF_LOOPBACK))
                        continue;
                const void *bytes =
                        i->ifa_addr->sa_family == AF_INET
                                ? (const void *)&((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr
                        : i->ifa_addr->sa_family == AF_INET6
                                ? (const void *)&((const struct sockaddr_in6 *)(const void *)i->ifa_addr)->sin6_addr
                                : NULL;
                own = bytes && inet_ntop(i->ifa_addr->sa_family, bytes, text, sizeof text) && same(text, address);
        }
        freeifaddrs(list);
        return own;
}
