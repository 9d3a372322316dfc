/* join.h — becoming (and ceasing to be) a member of the domain, by running adcli
 *
 * Checks that need no credential come first (name length, DNS SRV records, reachable KDC and LDAP,
 * clock against the DC), so a doomed join sends no password anywhere.
 */
#pragma once

#include <stdbool.h>

#include "appliance/base/error.h"

typedef struct JoinRequest {
        const char *domain;             /* lab.test */
        const char *server;             /* a domain controller, or NULL */
        const char *ou;                 /* "OU=Nodes,DC=lab,DC=test", or NULL */
        const char *user;               /* delegated user, or NULL for a pre-staged account */
        const char *secret;             /* password, or the one-time password; never logged, passed on stdin */
        const char *computer_name;      /* NULL: the host name; ≤ 15 of [A-Za-z0-9-] */
} JoinRequest;

/* Blocks up to two minutes.  On failure nothing of ours is left behind on this node (an account made in
 * the directory is named in the error).  ERROR_CONFLICT: already a member. */
int join_domain(const JoinRequest *request, Error *err) FAILS;
