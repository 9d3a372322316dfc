#include "auth/dns-pointer.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdio.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "auth/dns-record.h"

enum { ANSWER_MAX = 8192, TRY_S = 1, TRIES = 3 };

bool dns_pointer_name(const char *address, char to[static DNS_POINTER_NAME_MAX]) {
        static const char digit[] = "0123456789abcdef";
        uint8_t b[16];

        if (inet_pton(AF_INET, address, b) == 1) {
                (void)snprintf(to, DNS_POINTER_NAME_MAX, "%u.%u.%u.%u.in-addr.arpa", b[3], b[2], b[1], b[0]);
                return true;
        }
        if (inet_pton(AF_INET6, address, b) != 1)
                return false;
        size_t at = 0;
        for (size_t i = 16; i-- > 0;) {
                to[at++] = digit[b[i] & 15];
                to[at++] = '.';
                to[at++] = digit[b[i] >> 4];
                to[at++] = '.';
        }
        memcpy(to + at, "ip6.arpa", sizeof "ip6.arpa");
        return true;
}

bool dns_pointer_decode(const uint8_t *answer, size_t size, const char *host) {
        char name[NS_MAXDNAME];
        ns_msg message;

        if (size > INT32_MAX || ns_initparse(answer, (int)size, &message) < 0)
                return false;
        for (int i = 0; i < ns_msg_count(message, ns_s_an); i++) {
                ns_rr record;
                if (ns_parserr(&message, ns_s_an, i, &record) < 0)
                        return false;
                if (ns_rr_type(record) == ns_t_ptr &&
                    ns_name_uncompress(ns_msg_base(message), ns_msg_end(message), ns_rr_rdata(record), name,
                                       sizeof name) >= 0 &&
                    text_equal_nocase(name, host))
                        return true;
        }
        return false;
}

bool dns_pointer_no_zone(const char *line) {
        static const char *const words[] = { "NOTAUTH", "NOTZONE", "NXDOMAIN", "SERVFAIL", "enclosing zone",
                                             "SOA query",
                                             /* reverse zones whose server answers updates without a signature */
                                             "tsig verify failure" };
        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (strstr(line, words[i]))
                        return true;
        return false;
}

static void state_done(struct __res_state *state) { res_nclose(state); }

static bool names_us(const Machine *machine, const char *name) {
        uint8_t answer[ANSWER_MAX];
        auto_(state_done) struct __res_state state = { 0 };

        if (res_ninit(&state) < 0)
                return false;
        state.retrans = TRY_S;
        state.retry = TRIES;
        int size = res_nquery(&state, name, ns_c_in, ns_t_ptr, answer, sizeof answer);
        return size > 0 && (size_t)size <= sizeof answer && dns_pointer_decode(answer, (size_t)size, machine->host);
}

static int change(const Machine *machine, const char *server, const char *name, const char *host, Error *err) {
        char tickets[MACHINE_NAME_MAX + 32];

        (void)snprintf(tickets, sizeof tickets, "KRB5CCNAME=FILE:%s", machine->ccache);
        return dns_record_point(server, name, host, tickets, err);
}

int dns_pointer_keep(const Machine *machine, const char *server, const char *address, bool *ret_set, Error *err) {
        char name[DNS_POINTER_NAME_MAX];

        *ret_set = false;
        /* an address of this link alone is for nobody else */
        if (strchr(address, '%') || !dns_pointer_name(address, name) || names_us(machine, name))
                return 0;
        if (change(machine, server, name, machine->host, err) < 0) {
                if (dns_pointer_no_zone(err->text))
                        return 0;
                if (strstr(err->text, "REFUSED"))
                        err->kind = ERROR_DENIED;
                return error_wrap(err, "the name of %s could not be registered in DNS", address);
        }
        *ret_set = true;
        return 0;
}

int dns_pointer_remove(const Machine *machine, const char *server, const char *address, Error *err) {
        char name[DNS_POINTER_NAME_MAX];

        if (!dns_pointer_name(address, name) || !names_us(machine, name))
                return 0;
        return change(machine, server, name, NULL, err);
}
