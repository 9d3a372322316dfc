/* pac.h — who a Kerberos ticket says its owner is: KERB_VALIDATION_INFO ([MS-PAC] 2.5)
 *
 * Decodes the logon information of a PAC whose signature libkrb5 has verified with our key.  Pure: no
 * socket, no library, bounded.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "appliance/base/error.h"
#include "appliance/base/sid.h"

enum {
        PAC_NAME_MAX = 256,             /* bytes of UTF-8 with the NUL; an account name has at most 104 characters */
        PAC_GROUPS_MAX = 2048,          /* a token has at most 1015 by Windows' own limit, thrice listed at worst */
};

typedef struct PacLogon {
        char user[PAC_NAME_MAX];        /* EffectiveName, e.g. "anna" */
        char domain[PAC_NAME_MAX];      /* LogonDomainName, e.g. "LAB" */
        Sid sid;                        /* the user's */
        size_t group_count;
        Sid groups[];                   /* enabled ones: of the domain, extra, of resources */
} PacLogon;

/* The caller frees *ret.  ERROR_PROTOCOL: not that structure; ERROR_LIMIT: too many groups. */
int pac_logon_decode(const void *data, size_t size, PacLogon **ret, Error *err) FAILS;
