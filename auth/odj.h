/* odj.h — what an administrator's `djoin /provision` (or Samba's `net offlinejoin provision`) has made for a host: pure
 *
 * The data is ODJ_PROVISION_DATA of the offline domain join IDL: structures in type serialization version 1
 * ([MS-RPCE] 2.2.6), nested.  The account is taken from its ODJ_WIN7BLOB, which is a blob of its own or a part of an
 * OP_PACKAGE.  Encrypted packages, certificates and policies are for Windows alone.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "appliance/base/error.h"

enum {
        ODJ_TEXT_MAX = 128 * 1024,      /* bytes: a blob with policies is some 50 KiB */
        ODJ_NAME_MAX = 254,
        ODJ_PASSWORD_MAX = 1024,        /* bytes of UTF-8: Windows' have 120 characters, Samba's up to 255 */
};

typedef struct OfflineJoin {
        char domain[ODJ_NAME_MAX];      /* lab.test; not checked here, nor are the other names */
        char computer[ODJ_NAME_MAX];    /* HV1 */
        char server[ODJ_NAME_MAX];      /* the controller that made the account, or "" */
        char password[ODJ_PASSWORD_MAX];        /* secret: odj_erase() */
} OfflineJoin;

/* A file of djoin: base64 as UTF-16 or as plain text.  ERROR_INVALID: it is none, or is damaged; never says what it held. */
int odj_read(const void *text, size_t size, OfflineJoin *ret, Error *err) FAILS;
/* The data itself. */
int odj_decode(const uint8_t *data, size_t size, OfflineJoin *ret, Error *err) FAILS;
void odj_erase(OfflineJoin *join);
