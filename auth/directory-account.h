/* directory-account.h — one computer account as the directory has it, for who keeps it in order
 *
 * Blocks as directory.h says.  Nothing here is kept: whoever asks wants to know what is so now.
 */
#pragma once

#include "auth/directory.h"
#include "auth/ldap-link.h"

enum {
        DIRECTORY_SPN_MAX = 256,        /* bytes of one name, and its NUL */
        DIRECTORY_SPNS_MAX = 128,       /* more of one account are left out */
};

typedef struct DirectoryAccount {       /* large: not for the stack of a deep call */
        char dn[LDAP_LINK_DN_MAX];
        char account[MACHINE_NAME_MAX];         /* HV1$ */
        char host[MACHINE_NAME_MAX];            /* dNSHostName, or "" */
        bool enabled;
        unsigned key_version;                   /* of its newest key; 0: not told */
        char spns[DIRECTORY_SPNS_MAX][DIRECTORY_SPN_MAX];
        size_t spn_count;
} DirectoryAccount;

/* @account e.g. "HV1$".  ERROR_NOT_FOUND when the domain has no such computer. */
int directory_account(Directory *directory, const char *account, DirectoryAccount *ret, Error *err) FAILS;
/* Whether @account has @spn, in any case. */
bool directory_account_has(const DirectoryAccount *account, const char *spn);
/* The account that has @spn; "" when none has. */
int directory_spn_holder(Directory *directory, const char *spn, char ret[static MACHINE_NAME_MAX], Error *err) FAILS;

/* What a computer may write of its own account ("validated writes", [MS-ADTS] 3.1.1.5.3.1.1): names that are its own.
 * ERROR_DENIED, ERROR_CONFLICT (another account has that name). */
int directory_add_spn(Directory *directory, const DirectoryAccount *own, const char *spn, Error *err) FAILS;
int directory_set_host(Directory *directory, const DirectoryAccount *own, const char *host, Error *err) FAILS;
