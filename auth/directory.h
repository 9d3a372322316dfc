/* directory.h — questions to Active Directory, over LDAP sealed with the machine's own ticket
 *
 * Never a simple bind, never an unsealed connection.  Calls block (at most some 30 s, when every
 * domain controller is dead); the cache makes a repeated question cost nothing for
 * DIRECTORY_CACHE_US.  One connection is kept and renewed; controllers fail over in the order of
 * their DNS SRV records.  Errors of the way there are ERROR_UNREACHABLE, ERROR_TIMEOUT, ERROR_DENIED.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/error.h"
#include "auth/machine.h"
#include "auth/pac.h"

#define DIRECTORY_FABRIC_GROUP "Holdfast Hosts"
#define DIRECTORY_CACHE_US (60 * 1000000ULL)

enum { DIRECTORY_FABRIC_MAX = 1024 };   /* hosts in one fabric */

typedef struct Directory Directory;     /* thread-safe */

/* Connects at the first question, not here. */
int directory_new(const Machine *machine, Directory **ret, Error *err) FAILS;
void directory_free(Directory *directory);
DEFINE_FREEP(Directory, directory_free);

typedef struct DirectoryComputer {
        char account[MACHINE_NAME_MAX];         /* HV1$ */
        char host[MACHINE_NAME_MAX];            /* dNSHostName */
        bool enabled;
        bool in_fabric;                         /* enabled, and transitively in the fabric group */
} DirectoryComputer;

/* @account e.g. "HV1$", in any case.  ERROR_NOT_FOUND when the domain has no such computer. */
int directory_computer(Directory *directory, const char *account, DirectoryComputer *ret, Error *err) FAILS;
/* By short name ("hv1") or by full name, as an administrator types it.  A full name is looked up by the
 * SPN host/NAME: the account found is the one whose key proves that name to Kerberos. */
int directory_computer_by_host(Directory *directory, const char *host, DirectoryComputer *ret, Error *err) FAILS;
/* The rule every peer must meet, and its one wording.  A cached "no" is asked again before it is said.
 * ERROR_DENIED: not in the group, or disabled, with the command that mends it.  ERROR_NOT_FOUND: no such
 * computer, or no such group. */
int directory_require_fabric(Directory *directory, const char *account, DirectoryComputer *ret, Error *err) FAILS;
int directory_require_fabric_host(Directory *directory, const char *host, DirectoryComputer *ret, Error *err) FAILS;
/* Whether @account is enabled and in the group, asked now.  ERROR_NOT_FOUND: no such computer, or no such group. */
int directory_in_fabric(Directory *directory, const char *account, bool *ret, Error *err) FAILS;
/* All members of the fabric group that are enabled computers; the caller frees *ret. */
int directory_fabric(Directory *directory, DirectoryComputer **ret, size_t *ret_count, Error *err) FAILS;
/* The SID of the group whose sAMAccountName is @name; asks every time.  ERROR_NOT_FOUND when there is none. */
int directory_group(Directory *directory, const char *name, Sid *ret, Error *err) FAILS;
/* Forget cached answers (after a group change). */
void directory_forget(Directory *directory);
/* How many times the domain controller was asked; a warm check asks it nothing. */
uint64_t directory_questions(Directory *directory);
