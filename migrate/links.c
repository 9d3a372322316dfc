#include "migrate/links.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"

enum { ANSWER_MAX = 64 * 1024, MAC_BYTES = 6 };

static const void *payload(const struct rtattr *a) { return RTA_DATA(a); }

static void text(const struct rtattr *a, char *to, size_t size) {
        size_t n = RTA_PAYLOAD(a);
        (void)snprintf(to, size, "%.*s", (int)strnlen(payload(a), n), (const char *)payload(a));
}

static void take_kind(const struct rtattr *info, Link *l) {
        int left = (int)RTA_PAYLOAD(info);

        for (const struct rtattr *a = payload(info); RTA_OK(a, left); a = RTA_NEXT(a, left))
                if (a->rta_type == IFLA_INFO_KIND)
                        text(a, l->kind, sizeof l->kind);
}

static Link take(const struct nlmsghdr *h) {
        const struct ifinfomsg *m = NLMSG_DATA(h);
        Link l = { .index = m->ifi_index, .loopback = m->ifi_flags & IFF_LOOPBACK };
        int left = (int)IFLA_PAYLOAD(h);

        for (const struct rtattr *a = IFLA_RTA(m); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
                const uint8_t *b = payload(a);
                if (a->rta_type == IFLA_IFNAME)
                        text(a, l.name, sizeof l.name);
                else if (a->rta_type == IFLA_MASTER && RTA_PAYLOAD(a) == sizeof l.master)
                        (void)memcpy(&l.master, b, sizeof l.master);
                else if (a->rta_type == IFLA_ADDRESS && RTA_PAYLOAD(a) == MAC_BYTES)
                        (void)snprintf(l.mac, sizeof l.mac, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4],
                                       b[5]);
                else if ((a->rta_type & NLA_TYPE_MASK) == IFLA_LINKINFO)
                        take_kind(a, &l);
        }
        return l;
}

/* One datagram.  1: there is more to come; 0: that was all. */
static int take_all(const char *answer, int size, Link *list, size_t *count, Error *err) {
        for (const struct nlmsghdr *h = (const void *)answer; NLMSG_OK(h, size); h = NLMSG_NEXT(h, size)) {
                if (h->nlmsg_type == NLMSG_DONE)
                        return 0;
                if (h->nlmsg_type == NLMSG_ERROR)
                        return error_set(err, ERROR_INTERNAL, -((const struct nlmsgerr *)NLMSG_DATA(h))->error,
                                         "the kernel does not list the network devices of this host");
                if (h->nlmsg_type == RTM_NEWLINK && h->nlmsg_len >= NLMSG_LENGTH(sizeof(struct ifinfomsg)) &&
                    *count < LINKS_MAX)
                        list[(*count)++] = take(h);
        }
        return 1;
}

int links_list(Link **ret, size_t *ret_count, Error *err) {
        struct { struct nlmsghdr h; struct ifinfomsg m; } ask = {
                { .nlmsg_len = sizeof ask, .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
                { .ifi_family = AF_UNSPEC } };
        auto_free char *answer = malloc(ANSWER_MAX);
        auto_free Link *list = calloc(LINKS_MAX, sizeof *list);
        size_t count = 0;
        int r = 1;

        if (!answer || !list)
                return error_oom(err);
        auto_fd int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
        if (fd < 0 || send(fd, &ask, sizeof ask, 0) < 0)
                return error_set(err, ERROR_INTERNAL, errno, "cannot ask the kernel for the network devices of this host: %m");
        while (r > 0) {
                ssize_t n = recv(fd, answer, ANSWER_MAX, 0);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return error_set(err, ERROR_INTERNAL, errno, "the kernel does not list the network devices of this "
                                         "host: %m");
                r = take_all(answer, (int)n, list, &count, err);
        }
        if (r < 0)
                return -1;
        *ret = take_ptr(list);
        *ret_count = count;
        return 0;
}
