/* directory.h — questions to Active Directory, over LDAP sealed with the machine's own ticket
 *
 * Never a simple bind, never an unsealed connection.  Calls block; the cache makes a repeated
 * question cost nothing for DIRECTORY_CACHE_US.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "appliance/base/error.h"
#include "auth/machine.h"

#define DIRECTORY_FABRIC_GROUP "Holdfast Hosts"
#define DIRECTORY_CACHE_US (60 * 1000000ULL)

typedef struct Directory Directory;     /* thread-safe */

int directory_new(const Machine *machine, Directory **ret, Error *err) FAILS;
void directory_free(Directory *directory);

typedef struct DirectoryComputer {
        char account[MACHINE_NAME_MAX];         /* HV1$ */
        char host[MACHINE_NAME_MAX];            /* dNSHostName */
        bool enabled;
        bool in_fabric;                         /* transitively in the fabric group */
} DirectoryComputer;

/* @account e.g. "HV1$".  ERROR_NOT_FOUND when the domain has no such computer. */
int directory_computer(Directory *directory, const char *account, DirectoryComputer *ret, Error *err) FAILS;
/* By short or full host name, as an administrator types it. */
int directory_computer_by_host(Directory *directory, const char *host, DirectoryComputer *ret, Error *err) FAILS;
/* Forget cached answers (after a group change, or before refusing somebody). */
void directory_forget(Directory *directory);
