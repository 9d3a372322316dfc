/* directory-sids.h — the groups of an account, and the names of SIDs, from the directory
 *
 * Blocks as directory.h says; answers are kept for DIRECTORY_CACHE_US.  SIDs are bytes here ([MS-DTYP] 2.4.2.2):
 * what they mean is for who computes access.
 */
#pragma once

#include "auth/directory.h"

enum {
        DIRECTORY_SID_MAX = 68,         /* bytes: 8 + 15 sub-authorities of 4 */
        DIRECTORY_TOKEN_MAX = 1100,     /* SIDs of one account; a ticket carries 1,015 groups at most */
        DIRECTORY_PRINCIPAL_MAX = 256,
};

typedef struct DirectorySid {
        uint8_t bytes[DIRECTORY_SID_MAX];
        size_t size;
} DirectorySid;

/* The account itself and all its groups, nested ones and the primary one included (tokenGroups): what its ticket
 * will show to a file server.  @account "HV1$"; @again: not from the cache.  The caller frees *ret.  ERROR_DENIED:
 * the domain does not let this host read the groups of that one. */
int directory_groups(Directory *directory, const char *account, bool again, DirectorySid **ret, size_t *ret_count,
                     Error *err) FAILS;

/* The same for the enabled user account of that SID; ERROR_NOT_FOUND: the domain has none. */
int directory_user_groups(Directory *directory, const DirectorySid *sid, DirectorySid **ret, size_t *ret_count,
                          Error *err) FAILS;

/* "LAB\Holdfast Hosts"; ERROR_NOT_FOUND when the domain has nothing with this SID. */
int directory_sid_name(Directory *directory, const DirectorySid *sid, char to[static DIRECTORY_PRINCIPAL_MAX],
                       Error *err) FAILS;
/* The enabled user account whose sAMAccountName is @account; asks every time.  ERROR_NOT_FOUND when there is none. */
int directory_user(Directory *directory, const char *account, Sid *ret, Error *err) FAILS;
/* The domain's own; asked once. */
int directory_domain_sid(Directory *directory, Sid *ret, Error *err) FAILS;
/* The fabric group's. */
int directory_fabric_sid(Directory *directory, DirectorySid *ret, Error *err) FAILS;
