#include "auth/join-checks.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "appliance/base/text.h"
#include "auth/kerberos.h"
#include "auth/ldap-link.h"

enum { KERBEROS_PORT = 88, LDAP_PORT_PLAIN = 389, PROBE_US = 3 * 1000000, CONTROLLERS_TRIED = 4 };

int join_check_not_member(Error *err) {
        Machine m;
        Error why;

        if (machine_load(&m, &why) < 0) {
                if (why.kind == ERROR_NOT_FOUND)
                        return 0;
                *err = why;
                return -1;
        }
        if (machine_check(&m, &why) == 0)
                return error_set(err, ERROR_CONFLICT, 0,
                                 "this host is already a member of %s as %s; to join anew, remove "
                                 "%s first",
                                 m.domain, m.account, m.keytab);
        if (why.kind == ERROR_DENIED && why.cause != KRB5KRB_AP_ERR_SKEW)
                return 0;       /* the domain knows this key no more: joining again is the cure */
        *err = why;
        return error_wrap(err, "this host has an account in %s (%s) that cannot be checked now", m.domain,
                          m.account);
}

int join_check_clock(const char *server, int64_t theirs_s, int64_t ours_s, Error *err) {
        int64_t off = ours_s - theirs_s, size = off < 0 ? -off : off;
        char now[32] = "";
        time_t right = (time_t)theirs_s;
        struct tm tm;

        if (size <= KERBEROS_CLOCK_SKEW_S)
                return 0;
        if (gmtime_r(&right, &tm))
                (void)strftime(now, sizeof now, "%Y-%m-%d %H:%M:%S", &tm);
        return error_set(err, ERROR_DENIED, 0,
                         "the clock of this host is %lld minutes %s that of %s and Kerberos allows "
                         "5; set it with: timedatectl set-time '%s UTC', then repeat the command",
                         (long long)(size / 60), off < 0 ? "behind" : "ahead of", server, now);
}

bool join_base_is(const char *base, const char *domain) {
        char wanted[LDAP_LINK_DN_MAX];
        size_t at = 0;

        for (const char *label = domain; *label;) {
                size_t n = strcspn(label, ".");
                int wrote = snprintf(wanted + at, sizeof wanted - at, "%sDC=%.*s", at ? "," : "", (int)n, label);
                if (wrote < 0 || (size_t)wrote >= sizeof wanted - at)
                        return false;
                at += (size_t)wrote;
                label += n + (label[n] == '.');
        }
        return at > 0 && text_equal_nocase(base, wanted);
}

bool join_check_server(const char *name) {
        size_t n = strlen(name);
        return n > 0 && n < LOCATE_HOST_MAX && name[0] != '-' && name[0] != '.' &&
               strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") == n;
}

static int check_one(const char *domain, const char *host, JoinTarget *ret, Error *err) {
        LdapRoot root;
        JoinTarget target = { .server = "" };

        if (locate_probe(host, KERBEROS_PORT, PROBE_US, NULL, err) < 0 ||
            locate_probe(host, LDAP_PORT_PLAIN, PROBE_US, target.address, err) < 0 ||
            ldap_link_root(host, &root, err) < 0)
                return -1;
        if (!join_base_is(root.base, domain))
                return error_set(err, ERROR_INVALID, 0, "%s is a domain controller of %s, not of %s", host,
                                 root.base, domain);
        if (!join_check_server(root.server))
                return error_set(err, ERROR_PROTOCOL, 0, "%s answers LDAP with a name that is none", host);
        memcpy(target.server, root.server, strlen(root.server) + 1);
        if (join_check_clock(target.server, root.time_s, (int64_t)time(NULL), err) < 0)
                return -1;
        *ret = target;
        return 0;
}

int join_check_target(const JoinRequest *request, JoinTarget *ret, Error *err) {
        Controllers all;

        /* also with a named server: the node needs these records every day after */
        if (locate_controllers(request->domain, &all, err) < 0)
                return -1;
        if (request->server)
                return check_one(request->domain, request->server, ret, err);
        for (size_t i = 0; i < all.count && i < CONTROLLERS_TRIED; i++) {
                if (check_one(request->domain, all.list[i].host, ret, err) == 0)
                        return 0;
                if (err->kind != ERROR_UNREACHABLE && err->kind != ERROR_TIMEOUT)
                        return -1;
        }
        return -1;
}
