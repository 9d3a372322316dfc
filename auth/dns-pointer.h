/* dns-pointer.h — the record that leads from this host's address back to its name (PTR), where the domain's DNS has a zone
 * for such records
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/machine.h"

enum { DNS_POINTER_NAME_MAX = 80 };     /* 64 nibbles and dots, "ip6.arpa" */

/* "10.77.0.21" → "21.0.77.10.in-addr.arpa", and IPv6 by nibbles (RFC 3596 2.5).  False when it is no address. */
bool dns_pointer_name(const char *address, char to[static DNS_POINTER_NAME_MAX]);
/* Whether the DNS answer @answer names @host.  Pure; @answer is untrusted, and a damaged one names nobody. */
bool dns_pointer_decode(const uint8_t *answer, size_t size, const char *host);
/* What nsupdate's last line says: there is no zone for such records here, or one that cannot be written at all. */
bool dns_pointer_no_zone(const char *line);

/* @address has a record that names this host; @server is a domain controller.  No zone for it is no error.  By secure
 * update with the machine's tickets; what another account has made is not replaced: the domain refuses that.
 * @ret_set: a record was made.  Blocks up to ~25 s.  ERROR_DENIED: the domain does not let us. */
int dns_pointer_keep(const Machine *machine, const char *server, const char *address, bool *ret_set, Error *err) FAILS;
/* The record of @address goes, if it names this host. */
int dns_pointer_remove(const Machine *machine, const char *server, const char *address, Error *err) FAILS;
