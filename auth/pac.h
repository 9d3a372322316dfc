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

enum {
        SID_SIZE_MAX = 68,     /* [MS-DTYP] 2.4.2.2: 8 bytes and 15 sub-authorities */
        SID_TEXT_SIZE = 192,   /* "S-1-…" and a NUL */
        PAC_NAME_MAX = 256,    /* bytes of UTF-8 with the NUL; an account name has at most 104 characters */
        PAC_GROUPS_MAX = 2048, /* a token has at most 1015 by Windows' own limit, thrice listed at worst */
};

typedef struct Sid {
        uint8_t size;                /* 0: none */
        uint8_t bytes[SID_SIZE_MAX]; /* as in the directory's objectSid */
} Sid;

bool sid_equal(const Sid *a, const Sid *b);
void sid_text(const Sid *sid, char to[static SID_TEXT_SIZE]);
/* "S-1-5-32-544" → Sid; ERROR_INVALID. */
int sid_parse(const char *text, Sid *ret, Error *err) FAILS;

typedef struct PacLogon {
        char user[PAC_NAME_MAX];   /* EffectiveName, e.g. "anna" */
        char domain[PAC_NAME_MAX]; /* LogonDomainName, e.g. "LAB" */
        Sid sid;                   /* the user's */
        size_t group_count;
        Sid groups[]; /* enabled ones: of the domain, extra, of resources */
} PacLogon;

/* The caller frees *ret.  ERROR_PROTOCOL: not that structure; ERROR_LIMIT: too many groups. */
int pac_logon_decode(const void *data, size_t size, PacLogon **ret, Error *err) FAILS;
