/* dns-record.h — this host's records in the domain's DNS, by secure update (RFC 3645) with nsupdate
 */
#pragma once

#include "appliance/base/error.h"

/* @server       the DNS server: a domain controller; both names were checked, they go into a script.
 * @address      IPv4 or IPv6 as text: replaces the record of its kind; NULL: both kinds go.
 * @environment  "NAME=value" that says where the tickets are.
 * Blocks at most 15 s. */
int dns_record_set(const char *server, const char *host, const char *address, const char *environment, Error *err) FAILS;
/* The same for the record that leads from an address back: @name is its name in in-addr.arpa or ip6.arpa, @host what it
 * points to; NULL: it goes. */
int dns_record_point(const char *server, const char *name, const char *host, const char *environment, Error *err) FAILS;
