/* negotiate.h — NEGOTIATE and its contexts ([MS-SMB2] 2.2.3, 2.2.4): what both sides can do
 *
 * Pure functions.  Deciding is here too: which offers we make in which order, and which answers
 * are acceptable.  Nothing below 3.0 is.
 */
#pragma once

#include "appliance/base/bytes.h"
#include "appliance/base/error.h"

enum { DIALECT_300 = 0x0300, DIALECT_302 = 0x0302, DIALECT_311 = 0x0311 };
enum { CIPHER_NONE, CIPHER_AES_128_CCM, CIPHER_AES_128_GCM, CIPHER_AES_256_CCM, CIPHER_AES_256_GCM };
enum { SIGNING_HMAC_SHA256, SIGNING_AES_CMAC, SIGNING_AES_GMAC };
enum { SIGNING_ENABLED = 1, SIGNING_REQUIRED = 2 };             /* SecurityMode */
enum {
        CAP_LEASING = 0x2, CAP_LARGE_MTU = 0x4, CAP_MULTI_CHANNEL = 0x8, CAP_PERSISTENT_HANDLES = 0x10,
        CAP_ENCRYPTION = 0x40,
};

enum { NEGOTIATE_DIALECTS = 3, NEGOTIATE_SALT_SIZE = 32, NEGOTIATE_SIZE_MAX = 1024 };
extern const uint16_t negotiate_dialects[NEGOTIATE_DIALECTS];

typedef struct Negotiate {
        uint16_t security_mode;
        uint32_t capabilities;
        uint8_t client_guid[16];
        uint8_t salt[NEGOTIATE_SALT_SIZE];
        const char *host;               /* netname context */
} Negotiate;
int negotiate_encode(Writer *w, const Negotiate *offer, Error *err) FAILS;

typedef struct NegotiateReply {
        uint16_t dialect, security_mode;
        uint32_t capabilities, max_transact, max_read, max_write;
        uint8_t server_guid[16];
        uint16_t cipher, signing;       /* what holds for this connection, also for 3.0.x */
} NegotiateReply;

/* ERROR_UNSUPPORTED for a dialect below 3.0; ERROR_PROTOCOL for an answer to something we did not offer. */
int negotiate_decode(Span message, NegotiateReply *ret, Error *err) FAILS;

/* FSCTL_VALIDATE_NEGOTIATE_INFO ([MS-SMB2] 2.2.31.4, 2.2.32.6): the signed repetition for 3.0.x. */
enum { FSCTL_VALIDATE_NEGOTIATE_INFO = 0x140204, VALIDATE_SIZE = 24 + 2 * NEGOTIATE_DIALECTS, VALIDATED_SIZE = 24 };
void negotiate_validate_encode(Writer *w, const Negotiate *offer);
/* ERROR_PROTOCOL when the signed answer differs from what came unsigned: somebody changed it. */
int negotiate_validate_check(Span out, const NegotiateReply *got, Error *err) FAILS;
