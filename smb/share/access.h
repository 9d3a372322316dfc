/* access.h — what a descriptor lets somebody do, and which entry says so ([MS-DTYP] 2.5.3.2)
 *
 * Pure: a descriptor and a token in, a mask out, the same for everybody who calls it.  The computation explains and
 * predicts; what a file server itself says (MaximalAccess) is the proof and stands where the two differ.
 */
#pragma once

#include "smb/share/descriptor.h"
#include "smb/share/rights.h"

enum {
        TOKEN_SIDS_MAX = 1280,          /* a Kerberos ticket carries 1,015 groups at most, and ours are added */
        TOKEN_PERHAPS_MAX = 4,
        ACCESS_BITS = 21,               /* standard and specific rights: bits 0 … 20 */
};

typedef struct Token {
        Sid sids[TOKEN_SIDS_MAX];       /* the account itself first */
        size_t count;
        Sid perhaps[TOKEN_PERHAPS_MAX]; /* what one server adds and another does not */
        size_t perhaps_count;
} Token;

/* ERROR_LIMIT when it is full.  A second one of the same is left out. */
int token_add(Token *token, const Sid *sid, Error *err) FAILS;
/* What every file server adds for an account that comes over the network with a ticket of a controller since 2012:
 * Everyone, NETWORK, Authenticated Users, asserted identity.  And, perhaps, This Organization and BUILTIN\Users:
 * Windows does, Samba does not.  In which other groups of its own a file server has an account nobody else can
 * know; it counts as if it were in none. */
int token_add_network(Token *token, Error *err) FAILS;
bool token_has(const Token *token, const Sid *sid);

enum {  /* Access.by[], where no entry decided */
        ACCESS_BY_NOBODY = -1,          /* nothing grants it: refused */
        ACCESS_BY_OWNERSHIP = -2,       /* owners may read and change permissions */
        ACCESS_BY_NO_LIST = -3,         /* a NULL list refuses nothing */
        ACCESS_BY_PARENT = -4,          /* the folder above grants it */
};

typedef struct Access {
        uint32_t granted;               /* certainly */
        uint32_t unclear;               /* only the server can judge: conditions, unknown types, its own groups */
        int by[ACCESS_BITS];            /* per bit: the entry of the list that decided, or ACCESS_BY_* */
} Access;

/* MAXIMUM_ALLOWED for @token.  Generic bits of entries count as what they mean for files. */
void access_compute(const Descriptor *d, const Token *token, Access *ret);

/* What lies in a folder may be looked at by who may list the folder, and deleted by who may delete from the folder
 * ([MS-FSA] 2.1.5.1.2.1): adds to @access what @parent gives. */
void access_add_parent(Access *access, uint32_t parent_granted);
