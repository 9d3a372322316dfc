/* roles.h — which role the domain's groups give to somebody who signed in
 *
 * Groups are configured by name (or SID) and compared by SID.  The directory is asked once per ROLES_FRESH_US, so a
 * sign-in with a warm cache asks nobody; when no controller answers, what was known before goes on being true.
 */
#pragma once

#include "appliance/node/node.h"
#include "auth/pac.h"

#define ROLES_FRESH_US (600 * 1000000ULL)

typedef struct Roles Roles;             /* thread-safe */

/* @config outlives it. */
int roles_new(const NodeConfig *config, Roles **ret, Error *err) FAILS;
void roles_free(Roles *roles);          /* accepts NULL */
/* The highest role of @logon.  @directory NULL: not reachable now.  ERROR_DENIED: in none of the groups; the error
 * names them.  May block on the directory. */
int roles_judge(Roles *roles, Directory *directory, const PacLogon *logon, Role *ret, Error *err) FAILS;
const char *role_name(Role role);       /* "reader", "operator", "administrator" */
