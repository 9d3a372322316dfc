/* seal.h — keys, signatures and sealing of SMB 3 ([MS-SMB2] 3.1.4), with GnuTLS
 *
 * A Seal holds the keys of one session and the cached cipher handles.  It is used by one thread.
 * Nonces come from a counter that starts at zero with the key and is never used twice; a key whose
 * counter is used up refuses to seal.  Keys are erased when freed and never appear in errors.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "appliance/base/error.h"

enum { SEAL_HASH_SIZE = 64, SEAL_SIGNATURE_SIZE = 16, SEAL_SESSION_KEY_MAX = 64 };

typedef struct Seal Seal;

/* hash = SHA-512(hash || message): pre-authentication integrity, 3.1.4.4 */
int seal_hash(uint8_t hash[static SEAL_HASH_SIZE], const void *message, size_t size, Error *err) FAILS;

/* SP800-108 counter mode with HMAC-SHA256, r = 32.  Label and context are used as given, so the
 * terminating zero that [MS-SMB2] counts is part of their size.  @size: 16 or 32. */
int seal_derive(const uint8_t *key, size_t key_size, const void *label, size_t label_size, const void *context,
                size_t context_size, uint8_t *to, size_t size, Error *err) FAILS;

typedef struct SealConfig {
        uint16_t dialect, cipher, signing;      /* negotiate.h */
        const uint8_t *session_key;             /* from GSS, whole ("FullSessionKey") */
        size_t session_key_size;
        const uint8_t *preauth_hash;            /* 3.1.1: of the session, SEAL_HASH_SIZE bytes */
} SealConfig;
int seal_new(const SealConfig *config, Seal **ret, Error *err) FAILS;
void seal_free(Seal *seal);

/* The signature over @parts, whose first part starts with the message header, signature field
 * zero.  @message_id, @from_server and @cancel enter the GMAC nonce. */
typedef struct SealSigned {
        const struct iovec *parts;
        int count;
        uint64_t message_id;
        bool from_server, cancel;
} SealSigned;
int seal_sign(Seal *seal, const SealSigned *what, uint8_t signature[static SEAL_SIGNATURE_SIZE], Error *err) FAILS;
/* In constant time.  ERROR_DENIED when it differs. */
int seal_verify(Seal *seal, const SealSigned *what, const uint8_t signature[static SEAL_SIGNATURE_SIZE],
                Error *err) FAILS;

bool seal_can_encrypt(const Seal *seal);
/* Seals @parts into @to, which starts with room for the transform header and has room for 16
 * bytes more than the parts' sum behind it (the cipher writes its tag there before it moves into the header). */
int seal_encrypt(Seal *seal, uint64_t session_id, const struct iovec *parts, int count, uint8_t *to,
                 Error *err) FAILS;
/* Opens a sealed message of @size bytes, transform header included, in place: the message starts
 * at data + WIRE_TRANSFORM_SIZE.  ERROR_DENIED when it was not sealed by the server with our key. */
int seal_decrypt(Seal *seal, uint64_t session_id, uint8_t *data, size_t size, Error *err) FAILS;

/* For tests that play the server: swaps the two directions. */
void seal_play_server(Seal *seal);
/* For tests: the counter that the next sealed message uses. */
void seal_set_counter(Seal *seal, uint64_t counter);
