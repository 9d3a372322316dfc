/* sid.h — security identifiers: who a permission is for ([MS-DTYP] 2.4.2)
 *
 * Pure values without pointers; compare with sid_equal().  Also the identifiers that mean the same in every domain,
 * with their names and their two letters in SDDL.
 */
#pragma once

#include <stdbool.h>

#include "appliance/base/bytes.h"
#include "appliance/base/error.h"

enum {
        SID_PARTS_MAX = 15,             /* sub-authorities, [MS-DTYP] 2.4.2.2 */
        SID_BYTES_MAX = 8 + 4 * SID_PARTS_MAX,
        SID_TEXT_MAX = 190,             /* S-1-0x… with fifteen numbers of ten digits, and a NUL */
};

typedef struct Sid {
        uint64_t authority;             /* 48 bits; 5: Windows */
        uint32_t parts[SID_PARTS_MAX];
        uint8_t count;                  /* of parts */
} Sid;

/* Reads one identifier; a reader that failed or a revision other than 1 gives false. */
bool sid_read(Reader *r, Sid *ret);
void sid_write(Writer *w, const Sid *sid);
static inline size_t sid_size(const Sid *sid) { return 8 + 4 * (size_t)sid->count; }

bool sid_equal(const Sid *a, const Sid *b);
/* S-1-5-21-… */
void sid_text(const Sid *sid, char to[static SID_TEXT_MAX]);
/* The whole of @text as S-1-…; false when it is no identifier. */
bool sid_parse(const char *text, Sid *ret);
/* Its domain and last number taken apart: S-1-5-21-a-b-c and RID.  False for what belongs to no domain. */
bool sid_split(const Sid *sid, Sid *ret_domain, uint32_t *ret_rid);
/* @domain with one number more. */
Sid sid_in_domain(const Sid *domain, uint32_t rid);

/* Identifiers of every computer. */
extern const Sid sid_everyone, sid_authenticated_users, sid_network, sid_owner_rights, sid_creator_owner,
        sid_this_organization, sid_asserted, sid_administrators, sid_users;

/* "Everyone", "BUILTIN\\Administrators"; NULL when it is not one of every computer. */
const char *sid_well_known_name(const Sid *sid);

/* Two letters of SDDL ([MS-DTYP] 2.5.1.1).  Those relative to a domain ("DA") need @domain; NULL or false without
 * one. */
const char *sid_letters(const Sid *sid, const Sid *domain);
bool sid_from_letters(const char letters[static 2], const Sid *domain, Sid *ret);
