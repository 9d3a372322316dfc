/* channel-dial.h — TCP to a named host, with the options a channel wants
 */
#pragma once

#include <netinet/in.h>
#include <stdint.h>

#include "appliance/base/error.h"

/* Tries every address of @host until @deadline_us (monotonic).  ERROR_NOT_FOUND: the name does not
 * resolve; ERROR_UNREACHABLE: nothing answers there. */
int dial_host(const char *host, uint16_t port, uint64_t deadline_us, int *ret_fd, Error *err) FAILS;
/* One address; @host is who should be there, for the sentence. */
int dial_at(const char *host, const struct in6_addr *address, uint16_t port, uint64_t deadline_us, int *ret_fd,
            Error *err) FAILS;
/* No delay, and a silent peer breaks the connection after the heartbeat's time. */
void dial_prepare(int fd);
