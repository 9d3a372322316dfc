/* The session key, with a client made of GnuTLS' other half: what it encrypts is read, anything else is refused. */
#include "tests/unit/test.h"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/psrp/session-key.h"

typedef struct Client {
        gnutls_privkey_t rsa;
        char *blob;                     /* base64 of its PUBLICKEYBLOB */
        uint8_t key[32];
} Client;

static void reversed(uint8_t *to, const uint8_t *from, size_t size) {
        for (size_t i = 0; i < size; i++)
                to[i] = from[size - 1 - i];
}

static char *base64(const void *data, size_t size) {
        gnutls_datum_t in = { (unsigned char *)(uintptr_t)data, (unsigned)size }, out = { 0 };
        assert_true(gnutls_base64_encode2(&in, &out) >= 0);
        char *text = strndup((char *)out.data, out.size);
        gnutls_free(out.data);
        return text;
}

static void client_make(Client *c, unsigned bits) {
        gnutls_datum_t m, e;
        uint8_t blob[20 + 1024] = { 6, 2, 0, 0, 0, 0xA4, 0, 0, 'R', 'S', 'A', '1' };

        assert_true(gnutls_privkey_init(&c->rsa) >= 0);
        assert_true(gnutls_privkey_generate(c->rsa, GNUTLS_PK_RSA, bits, 0) >= 0);
        assert_true(gnutls_privkey_export_rsa_raw2(c->rsa, &m, &e, NULL, NULL, NULL, NULL, NULL, NULL, GNUTLS_EXPORT_FLAG_NO_LZ) >= 0);
        blob[12] = (uint8_t)bits;
        blob[13] = (uint8_t)(bits >> 8);
        reversed(blob + 16, e.data, e.size);
        reversed(blob + 20, m.data, m.size);
        c->blob = base64(blob, 20 + bits / 8);
        gnutls_free(m.data);
        gnutls_free(e.data);
}

/* What came back, as the client opens it. */
static void client_open(Client *c, const char *text) {
        gnutls_datum_t in = { (unsigned char *)(uintptr_t)text, (unsigned)strlen(text) }, blob = { 0 }, key = { 0 };
        uint8_t cipher[1024];

        assert_true(gnutls_base64_decode2(&in, &blob) >= 0);
        assert_memory_equal(blob.data, "\x01\x02\x00\x00\x10\x66\x00\x00\x00\xA4\x00\x00", 12);
        reversed(cipher, blob.data + 12, blob.size - 12);
        gnutls_datum_t encrypted = { cipher, blob.size - 12 };
        assert_true(gnutls_privkey_decrypt_data(c->rsa, 0, &encrypted, &key) >= 0);
        assert_int_equal(key.size, 32);
        memcpy(c->key, key.data, 32);
        gnutls_free(key.data);
        gnutls_free(blob.data);
}

static char *client_encrypt(const Client *c, const char *text) {
        uint8_t data[512], iv[16] = { 0 };
        size_t size;
        Error err = { 0 };
        gnutls_cipher_hd_t cipher;
        gnutls_datum_t key = { (unsigned char *)(uintptr_t)c->key, 32 }, zero = { iv, 16 };

        assert_int_equal(text_to_utf16(text, data, sizeof data, &size, &err), 0);
        uint8_t padding = (uint8_t)(16 - size % 16);
        memset(data + size, padding, padding);
        assert_true(gnutls_cipher_init(&cipher, GNUTLS_CIPHER_AES_256_CBC, &key, &zero) >= 0);
        assert_true(gnutls_cipher_encrypt(cipher, data, size + padding) >= 0);
        gnutls_cipher_deinit(cipher);
        return base64(data, size + padding);
}

static void client_clear(Client *c) {
        gnutls_privkey_deinit(c->rsa);
        free(c->blob);
}

static void test_exchange(void **state) {
        static const char *const words[] = { "Passw0rd.lab", "", "pässwörd \xF0\x9F\x94\x91", "exactly8" };
        auto_(client_clear) Client c = { 0 };
        auto_(session_key_clear) SessionKey key = { 0 };
        auto_free char *answer = NULL;
        Error err = { 0 };

        client_make(&c, 2048);
        assert_int_equal(session_key_make(c.blob, &key, &answer, &err), 0);
        client_open(&c, answer);
        for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
                auto_free char *sent = client_encrypt(&c, words[i]);
                char *read = NULL;
                if (session_key_decrypt(&key, sent, &read, &err) < 0)
                        fail_msg("%s", err.text);
                assert_string_equal(read, words[i]);
                session_text_free(read);
        }
}

static void test_refused(void **state) {
        auto_(client_clear) Client weak = { 0 };
        auto_(session_key_clear) SessionKey key = { 0 };
        char *answer = NULL, *read = NULL;
        Error err = { 0 };
        static const char *const blobs[] = { "", "!!", "AAAA", "BgIAAACkAABSU0ExAAgAAAEAAQA=" };
        static const char *const secrets[] = { "", "!!", "AAAA", "AAAAAAAAAAAAAAAAAAAAAA==" };

        for (size_t i = 0; i < ARRAY_SIZE(blobs); i++)
                assert_int_equal(session_key_make(blobs[i], &key, &answer, &err), -1);
        client_make(&weak, 1024);
        assert_int_equal(session_key_make(weak.blob, &key, &answer, &err), -1);
        assert_non_null(strstr(err.text, "2048"));
        assert_false(key.known);
        assert_int_equal(session_key_decrypt(&key, secrets[3], &read, &err), -1);
        assert_non_null(strstr(err.text, "before keys"));
        key.known = true;
        for (size_t i = 0; i < ARRAY_SIZE(secrets); i++)
                assert_int_equal(session_key_decrypt(&key, secrets[i], &read, &err), -1);
        assert_null(read);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_exchange), cmocka_unit_test(test_refused) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
