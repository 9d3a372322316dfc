/* locate.h — where the domain controllers are: DNS SRV records, and whether they answer
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "appliance/base/error.h"

enum {
        LOCATE_HOST_MAX = 254,          /* RFC 1035: 253 and a NUL */
        LOCATE_SITE_MAX = 256,          /* a label of 63 bytes, each escaped as \DDD */
        LOCATE_ADDRESS_MAX = 64,        /* an address as text */
        LOCATE_CONTROLLERS_MAX = 16,    /* more answers are ignored: sixteen dead ones mean a dead domain */
};

typedef struct Controller {
        char host[LOCATE_HOST_MAX];     /* dc1.lab.test, lower case, no trailing dot */
        uint16_t port, priority, weight;
        /* only after it was asked: */
        bool near;                      /* it said that it is of our site */
        char address[LOCATE_ADDRESS_MAX];       /* at which it took a connection; a name would be looked up again */
} Controller;

typedef struct Controllers {
        Controller list[LOCATE_CONTROLLERS_MAX];        /* best first */
        size_t count, silent;           /* so many more follow the first @count; these did not answer locate_nearest() */
} Controllers;

/* Asks for _ldap._tcp.dc._msdcs.@domain.  Blocks at most ~9 s.  ERROR_NOT_FOUND (no such records) and
 * ERROR_UNREACHABLE (no DNS server answered) name the question and the DNS servers asked. */
int locate_controllers(const char *domain, Controllers *ret, Error *err) FAILS;

/* The records of one DNS answer, sorted by priority and then weight; the random choice among equals of
 * RFC 2782 is left out, so that the nodes of a small site agree on one controller's view.
 * Pure; @answer is untrusted.  ERROR_PROTOCOL, or ERROR_NOT_FOUND when it holds no usable record. */
int locate_decode(const uint8_t *answer, size_t size, Controllers *ret, Error *err) FAILS;

/* The same of one site of the domain, which locate_answering() names. */
int locate_site_controllers(const char *domain, const char *site, Controllers *ret, Error *err) FAILS;

/* The controllers of @domain that answer, best first: those of this host's site (AD's sites and subnets say which that
 * is), then the others, at last those that take a connection and leave an LDAP ping unanswered (stuck, or behind a
 * firewall that drops UDP).  All are asked at once, so that many dead ones cost no more than one.  Blocks at most twice
 * @timeout_us, an eighth of it once one answers, and on DNS.  Errors of locate_controllers(), and ERROR_UNREACHABLE. */
int locate_nearest(const char *domain, uint64_t timeout_us, Controllers *ret, Error *err) FAILS;
/* One step of that: leaves in @all those that answer, in that order.  @ret_site: where this host is, or "". */
int locate_answering(const char *domain, Controllers *all, uint64_t timeout_us, char ret_site[static LOCATE_SITE_MAX],
                     Error *err) FAILS;

/* Connects to @host:@port and closes again.  @ret_local receives our own address of that connection as
 * text when it is not NULL.  ERROR_UNREACHABLE. */
int locate_probe(const char *host, uint16_t port, uint64_t timeout_us, char *ret_local, Error *err) FAILS;
/* The same, and leaves the connection open. */
int locate_connect(const char *host, uint16_t port, uint64_t timeout_us, int *ret_fd, Error *err) FAILS;
/* Our own address towards @host, as the routes are now; nothing is sent to it.  ERROR_UNREACHABLE: no route, no name. */
int locate_own_address(const char *host, char to[static LOCATE_ADDRESS_MAX], Error *err) FAILS;

/* ---- addresses of one name (locate-name.c) ------------------------------------------------------------ */

enum { LOCATE_ADDRESSES_MAX = 8 };

typedef struct LocateAddresses {
        char list[LOCATE_ADDRESSES_MAX][LOCATE_ADDRESS_MAX];    /* as text; more are left out */
        size_t count;
} LocateAddresses;

/* What DNS (not /etc/hosts) gives for @host, IPv4 and IPv6; none is an answer.  Blocks at most ~9 s.
 * ERROR_UNREACHABLE: nobody answered. */
int locate_addresses(const char *host, LocateAddresses *ret, Error *err) FAILS;
/* Whether @address, as text, is among them.  False also when nobody answers. */
bool locate_has_address(const char *host, const char *address);
/* The addresses of one DNS answer of @type (ns_t_a, ns_t_aaaa), added to @all.  Pure; @answer is untrusted. */
int locate_decode_addresses(const uint8_t *answer, size_t size, int type, LocateAddresses *all, Error *err) FAILS;
/* Whether @address, as text, is one of this host's own, loopback excepted. */
bool locate_is_own(const char *address);
