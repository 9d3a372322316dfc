#include "appliance/psrp/session-key.h"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/bytes.h"
#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"

enum {
        BLOB_HEAD = 20, /* PUBLICKEYSTRUC and RSAPUBKEY */
        CALG_RSA_KEYX = 0xA400,
        CALG_AES_256 = 0x6610,
        RSA_BITS_MIN = 2048,
        RSA_BITS_MAX = 8192,
        SECRET_MAX = 64 * 1024, /* bytes of one encrypted SecureString */
};

static void datum_free(gnutls_datum_t *d) {
        if (d->data)
                gnutls_memset(d->data, 0, d->size);
        gnutls_free(d->data);
        d->data = NULL;
}

static int foreign(Error *err, int code, const char *what) {
        return error_set(err, ERROR_PROTOCOL, code, "%s: %s", what, gnutls_strerror(code));
}

static int from_base64(const char *text, size_t max, gnutls_datum_t *ret, Error *err) {
        gnutls_datum_t in = { (unsigned char *)(uintptr_t)text, (unsigned)strlen(text) };
        if (strlen(text) > max)
                return error_set(err, ERROR_LIMIT, 0, "a key or secret of the client is too long");
        int r = gnutls_base64_decode2(&in, ret);
        return r < 0 ? foreign(err, r, "a key or secret of the client is no base64") : 0;
}

static void reverse(uint8_t *data, size_t size) {
        for (size_t i = 0; i < size / 2; i++) {
                uint8_t t = data[i];
                data[i] = data[size - 1 - i];
                data[size - 1 - i] = t;
        }
}

static void pubkey_deinitp(gnutls_pubkey_t *key) {
        if (*key)
                gnutls_pubkey_deinit(*key);
}

static int import_public(const gnutls_datum_t *blob, gnutls_pubkey_t *ret, Error *err) {
        Reader r = reader_of(blob->data, blob->size);
        uint8_t type = read_u8(&r), version = read_u8(&r), magic[4], modulus[RSA_BITS_MAX / 8], exponent[4];
        read_skip(&r, 2);
        uint32_t algorithm = read_u32(&r);
        read_bytes(&r, magic, sizeof magic);
        uint32_t bits = read_u32(&r);

        if (type != 6 || version != 2 || algorithm != CALG_RSA_KEYX || memcmp(magic, "RSA1", 4) != 0 ||
            bits < RSA_BITS_MIN || bits > RSA_BITS_MAX || bits % 8 != 0)
                return error_set(err, ERROR_PROTOCOL, 0, "the client's public key is no RSA key of %d to %d bit",
                                 RSA_BITS_MIN, RSA_BITS_MAX);
        read_bytes(&r, exponent, sizeof exponent);
        read_bytes(&r, modulus, bits / 8);
        if (!reader_done(&r))
                return error_set(err, ERROR_PROTOCOL, 0, "the client's public key has the wrong length");
        reverse(exponent, sizeof exponent);
        reverse(modulus, bits / 8);
        gnutls_datum_t m = { modulus, bits / 8 }, e = { exponent, sizeof exponent };
        int code = gnutls_pubkey_init(ret);
        if (code >= 0)
                code = gnutls_pubkey_import_rsa_raw(*ret, &m, &e);
        return code < 0 ? foreign(err, code, "the client's public key cannot be used") : 0;
}

int session_key_make(const char *public_key, SessionKey *key, char **ret, Error *err) {
        static const uint8_t head[12] = { 1, 2, 0, 0, CALG_AES_256 & 0xFF, CALG_AES_256 >> 8, 0, 0, 0, 0xA4, 0, 0 };
        auto_(datum_free) gnutls_datum_t blob = { 0 }, encrypted = { 0 }, text = { 0 };
        auto_(pubkey_deinitp) gnutls_pubkey_t rsa = NULL;
        uint8_t out[sizeof head + RSA_BITS_MAX / 8];
        SessionKey made = { .known = true };

        if (from_base64(public_key, 8192, &blob, err) < 0 || import_public(&blob, &rsa, err) < 0)
                return -1;
        int code = gnutls_rnd(GNUTLS_RND_KEY, made.bytes, sizeof made.bytes);
        gnutls_datum_t plain = { made.bytes, sizeof made.bytes };
        if (code >= 0)
                code = gnutls_pubkey_encrypt_data(rsa, 0, &plain, &encrypted);
        if (code < 0 || encrypted.size > RSA_BITS_MAX / 8)
                return foreign(err, code, "the session key cannot be encrypted");
        reverse(encrypted.data, encrypted.size);
        memcpy(out, head, sizeof head);
        memcpy(out + sizeof head, encrypted.data, encrypted.size);
        gnutls_datum_t all = { out, (unsigned)(sizeof head + encrypted.size) };
        code = gnutls_base64_encode2(&all, &text);
        if (code < 0 || !(*ret = strndup((const char *)text.data, text.size)))
                return error_oom(err);
        *key = made;
        session_key_clear(&made);
        return 0;
}

static void cipher_deinitp(gnutls_cipher_hd_t *cipher) {
        if (*cipher)
                gnutls_cipher_deinit(*cipher);
}

int session_key_decrypt(const SessionKey *key, const char *base64, char **ret, Error *err) {
        auto_(datum_free) gnutls_datum_t data = { 0 };
        auto_(cipher_deinitp) gnutls_cipher_hd_t cipher = NULL;
        uint8_t zero[16] = { 0 };
        gnutls_datum_t k = { (unsigned char *)(uintptr_t)key->bytes, sizeof key->bytes },
                       iv = { zero, sizeof zero };

        if (!key->known)
                return error_set(err, ERROR_PROTOCOL, 0, "the client sent a secret before keys were exchanged");
        if (from_base64(base64, SECRET_MAX, &data, err) < 0)
                return -1;
        if (data.size == 0 || data.size % 16 != 0)
                return error_set(err, ERROR_PROTOCOL, 0, "a secret of the client has the wrong length");
        int code = gnutls_cipher_init(&cipher, GNUTLS_CIPHER_AES_256_CBC, &k, &iv);
        if (code >= 0)
                code = gnutls_cipher_decrypt(cipher, data.data, data.size);
        if (code < 0)
                return foreign(err, code, "a secret of the client cannot be decrypted");
        uint8_t padding = data.data[data.size - 1];
        if (padding == 0 || padding > 16)
                return error_set(err, ERROR_PROTOCOL, 0, "a secret of the client was encrypted with another key");
        size_t size = data.size - padding, room = size / 2 * 3 + 1;
        auto_(cleanup_freep) char *text = malloc(room);
        if (!text)
                return error_oom(err);
        if (size == 0)
                text[0] = '\0';
        else if (text_from_utf16(data.data, size, text, room, err) < 0) {
                explicit_bzero(text, room);
                return -1;
        }
        *ret = take_ptr(text);
        return 0;
}

void session_text_free(char *text) {
        if (text)
                explicit_bzero(text, strlen(text));
        free(text);
}

void session_key_clear(SessionKey *key) {
        explicit_bzero(key, sizeof *key);
}
