/* join-offline.h — becoming a member with an account that an administrator has made beforehand, and its password in a blob
 *
 * Nobody's credential comes to this host, and the join writes nothing into the domain: keys are made from the password and
 * proven to a controller.  As with join_domain() nothing is left when a step fails.  The account still has the blob's
 * password afterwards: a new one (auth/rotate.h) makes every copy of the blob worthless.
 */
#pragma once

#include "auth/join.h"
#include "auth/odj.h"

/* @with is not erased here.  Blocks up to a minute.  ERROR_CONFLICT: already a member; ERROR_DENIED: the blob was used
 * before, the account was reset or is disabled, clock; ERROR_INVALID: a name; ERROR_NOT_FOUND, ERROR_UNREACHABLE: the domain.
 * @ret_computer: the name it joined under, "HV1", which this host should have. */
int join_offline(const OfflineJoin *with, Machine *ret, char ret_computer[static JOIN_NAME_MAX + 1], Error *err) FAILS;
