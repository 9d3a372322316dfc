/* session-key.h — the key under which a client's SecureStrings travel ([MS-PSRP] 3.2.5.4.4, 2.2.5.1.24)
 *
 * The client sends an RSA public key, we make an AES-256 key and send it back encrypted with it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "appliance/base/error.h"

typedef struct SessionKey {
        bool known;
        uint8_t bytes[32];
} SessionKey;

/* @public_key: base64 of a CAPI PUBLICKEYBLOB, 2048 to 8192 bit.  Makes a new key; *ret is base64 of the SIMPLEBLOB. */
int session_key_make(const char *public_key, SessionKey *key, char **ret, Error *err) FAILS;
/* base64(AES-256-CBC(UTF-16LE text)) → UTF-8 in memory that session_text_free() erases. */
int session_key_decrypt(const SessionKey *key, const char *base64, char **ret, Error *err) FAILS;
void session_text_free(char *text);
void session_key_clear(SessionKey *key);
