/* seal.h — WinRM's message encryption: multipart/encrypted around a GSS-sealed envelope ([MS-WSMV] 2.2.9.1)
 *
 * A Seal is the gateway's half of one caller's security context, as holdfastd exported it.  Messages of one
 * connection come in order: one that repeats or goes back in the sequence is refused, whatever the client asked of
 * GSS.  One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "appliance/base/bytes.h"
#include "appliance/base/cleanup.h"
#include "appliance/base/error.h"

typedef enum SealProtocol { SEAL_SPNEGO, SEAL_KERBEROS } SealProtocol;  /* the same bytes under two names */

typedef struct SealedPart {             /* borrows from the body */
        SealProtocol protocol;
        size_t length;                  /* OriginalContent's Length */
        Span token, data;               /* header of the sealed message, and the rest */
} SealedPart;

/* Whether a Content-Type announces such a body. */
bool seal_announced(const char *content_type);
/* Takes the framing apart; pure.  ERROR_PROTOCOL. */
int seal_parse(const char *content_type, const void *body, size_t size, SealedPart *ret, Error *err) FAILS;

typedef struct Seal Seal;

/* @exported is what gss_export_sec_context() gave. */
int seal_new(const void *exported, size_t size, Seal **ret, Error *err) FAILS;
void seal_free(Seal *seal);             /* accepts NULL */
DEFINE_FREEP(Seal, seal_free);

/* The plain envelope, which the caller frees.  ERROR_DENIED: changed, repeated, or out of order. */
int seal_open(Seal *seal, const SealedPart *part, uint8_t **ret, size_t *ret_size, Error *err) FAILS;
/* A whole body around @plain, which the caller frees; and its Content-Type, a constant. */
int seal_close(Seal *seal, SealProtocol protocol, const void *plain, size_t size, uint8_t **ret, size_t *ret_size,
               Error *err) FAILS;
const char *seal_content_type(SealProtocol protocol);
