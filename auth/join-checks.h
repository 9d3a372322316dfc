/* join-checks.h — what can be known about a join before any credential is sent
 */
#pragma once

#include "appliance/base/error.h"
#include "auth/join.h"
#include "auth/locate.h"

typedef struct JoinTarget {
        char server[LOCATE_HOST_MAX];           /* the domain controller everything is done with */
        char address[LOCATE_ADDRESS_MAX];       /* our own address towards it */
} JoinTarget;

/* DNS records of the domain, a controller that answers on TCP 88 and 389, that it is one of this domain,
 * and that its clock and ours agree within five minutes.  Blocks up to ~30 s. */
int join_check_target(const JoinRequest *request, JoinTarget *ret, Error *err) FAILS;
/* ERROR_CONFLICT when this host is a member of a domain that still accepts its key. */
int join_check_not_member(Error *err) FAILS;
/* The comparison of the two clocks, both in seconds since 1970. */
int join_check_clock(const char *server, int64_t theirs_s, int64_t ours_s, Error *err) FAILS;
/* A name that goes on into other programs' arguments and scripts: it comes from an answer that nobody has signed. */
bool join_check_server(const char *name);
/* Whether the naming context "DC=lab,DC=test" is that of "lab.test". */
bool join_base_is(const char *base, const char *domain);
