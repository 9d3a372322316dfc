/* locate.h — where the domain controllers are: DNS SRV records, and whether they answer
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "appliance/base/error.h"

enum {
        LOCATE_HOST_MAX = 254,          /* RFC 1035: 253 and a NUL */
        LOCATE_CONTROLLERS_MAX = 16,    /* more answers are ignored: sixteen dead ones mean a dead domain */
};

typedef struct Controller {
        char host[LOCATE_HOST_MAX];     /* dc1.lab.test, lower case, no trailing dot */
        uint16_t port, priority, weight;
} Controller;

typedef struct Controllers {
        Controller list[LOCATE_CONTROLLERS_MAX];        /* best first */
        size_t count;
} Controllers;

/* Asks for _ldap._tcp.dc._msdcs.@domain.  Blocks at most ~8 s.  ERROR_NOT_FOUND (no such records) and
 * ERROR_UNREACHABLE (no DNS server answered) name the question and the DNS servers asked. */
int locate_controllers(const char *domain, Controllers *ret, Error *err) FAILS;

/* The records of one DNS answer, sorted by priority and then weight; the random choice among equals of
 * RFC 2782 is left out, so that the nodes of a small site agree on one controller's view.
 * Pure; @answer is untrusted.  ERROR_PROTOCOL, or ERROR_NOT_FOUND when it holds no usable record. */
int locate_decode(const uint8_t *answer, size_t size, Controllers *ret, Error *err) FAILS;

/* Leaves in @all those whose port takes a connection, in their order: all are asked at once, so that many dead ones
 * cost no more than one.  Blocks at most @timeout_us, and on DNS for their addresses.  ERROR_UNREACHABLE: none does. */
int locate_answering(Controllers *all, uint64_t timeout_us, Error *err) FAILS;

/* Connects to @host:@port and closes again.  @ret_local receives our own address of that connection as
 * text when it is not NULL.  ERROR_UNREACHABLE. */
enum { LOCATE_ADDRESS_MAX = 64 };
int locate_probe(const char *host, uint16_t port, uint64_t timeout_us, char *ret_local, Error *err) FAILS;
/* Our own address towards @host, as the routes are now; nothing is sent to it.  ERROR_UNREACHABLE: no route, no name. */
int locate_own_address(const char *host, char to[static LOCATE_ADDRESS_MAX], Error *err) FAILS;

/* ---- addresses of one name (locate-name.c) ------------------------------------------------------------ */

enum { LOCATE_ADDRESSES_MAX = 8 };

typedef struct LocateAddresses {
        char list[LOCATE_ADDRESSES_MAX][LOCATE_ADDRESS_MAX];    /* as text; more are left out */
        size_t count;
} LocateAddresses;

/* What DNS (not /etc/hosts) gives for @host, IPv4 and IPv6; none is an answer.  Blocks at most ~8 s.
 * ERROR_UNREACHABLE: nobody answered. */
int locate_addresses(const char *host, LocateAddresses *ret, Error *err) FAILS;
/* Whether @address, as text, is among them.  False also when nobody answers. */
bool locate_has_address(const char *host, const char *address);
/* The addresses of one DNS answer of @type (ns_t_a, ns_t_aaaa), added to @all.  Pure; @answer is untrusted. */
int locate_decode_addresses(const uint8_t *answer, size_t size, int type, LocateAddresses *all, Error *err) FAILS;
/* Whether @address, as text, is one of this host's own, loopback excepted. */
bool locate_is_own(const char *address);
