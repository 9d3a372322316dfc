#include "smb/engine/seal.h"

#include <assert.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "smb/engine/negotiate.h"
#include "smb/engine/wire.h"

enum { KEY_MAX = 32, GMAC_NONCE_SIZE = 12 };
/* Far below the 2^64 where the counter would wrap, and never reached by honest traffic. */
static const uint64_t counter_max = UINT64_C(1) << 62;

struct Seal {
        uint16_t cipher, signing;
        uint8_t signing_key[16], seal_key[KEY_MAX], open_key[KEY_MAX];
        size_t nonce_size;
        uint64_t counter;
        gnutls_aead_cipher_hd_t sealer, opener;
        gnutls_aead_cipher_hd_t gmac; /* GMAC is GCM over nothing with everything as associated data */
        gnutls_hmac_hd_t cmac;
};

static int failed(int r, const char *what, Error *err) {
        return error_set(err, ERROR_INTERNAL, r, "cannot %s: %s", what, gnutls_strerror(r));
}

int seal_hash(uint8_t hash[static SEAL_HASH_SIZE], const void *message, size_t size, Error *err) {
        gnutls_hash_hd_t h;
        int r = gnutls_hash_init(&h, GNUTLS_DIG_SHA512);
        if (r < 0)
                return failed(r, "compute SHA-512", err);
        if ((r = gnutls_hash(h, hash, SEAL_HASH_SIZE)) >= 0)
                r = gnutls_hash(h, message, size);
        gnutls_hash_deinit(h, hash);
        return r < 0 ? failed(r, "compute SHA-512", err) : 0;
}

int seal_derive(const uint8_t *key, size_t key_size, const void *label, size_t label_size, const void *context,
                size_t context_size, uint8_t *to, size_t size, Error *err) {
        uint8_t digest[32], first[4] = { 0, 0, 0, 1 }, zero = 0;
        uint8_t bits[4] = { 0, 0, (uint8_t)(size * 8 >> 8), (uint8_t)(size * 8) };
        assert(size <= sizeof digest);
        gnutls_hmac_hd_t h;
        int r = gnutls_hmac_init(&h, GNUTLS_MAC_SHA256, key, key_size);
        if (r < 0)
                return failed(r, "derive a key", err);
        const struct {
                const void *data;
                size_t size;
        } parts[] = {
                { first, sizeof first },   { label, label_size }, { &zero, 1 },
                { context, context_size }, { bits, sizeof bits },
        };
        for (size_t i = 0; i < ARRAY_SIZE(parts) && r >= 0; i++)
                r = gnutls_hmac(h, parts[i].data, parts[i].size);
        gnutls_hmac_deinit(h, digest);
        if (r >= 0)
                memcpy(to, digest, size);
        gnutls_memset(digest, 0, sizeof digest);
        return r < 0 ? failed(r, "derive a key", err) : 0;
}

typedef struct Derivation {
        const char *label, *context_300; /* context NULL: the pre-authentication hash */
        size_t label_size, context_size;
} Derivation;

#define LABEL(label, context) { label, context, sizeof(label), sizeof(context) }
#define LABEL_311(label) { label, NULL, sizeof(label), SEAL_HASH_SIZE }
enum { FOR_SIGNING, FOR_SEALING, FOR_OPENING };
/* [MS-SMB2] 3.2.5.3.1; sizes count the terminating zero */
static const Derivation derivations_300[] = {
        LABEL("SMB2AESCMAC", "SmbSign"),
        LABEL("SMB2AESCCM", "ServerIn "),
        LABEL("SMB2AESCCM", "ServerOut"),
};
static const Derivation derivations_311[] = {
        LABEL_311("SMBSigningKey"),
        LABEL_311("SMBC2SCipherKey"),
        LABEL_311("SMBS2CCipherKey"),
};

static int derive(const SealConfig *config, int purpose, const uint8_t *key, size_t key_size, uint8_t *to,
                  size_t size, Error *err) {
        const Derivation *d =
                config->dialect == DIALECT_311 ? &derivations_311[purpose] : &derivations_300[purpose];
        const void *context = d->context_300 ? (const void *)d->context_300 : config->preauth_hash;
        return seal_derive(key, key_size, d->label, d->label_size, context, d->context_size, to, size, err);
}

static gnutls_cipher_algorithm_t algorithm(uint16_t cipher) {
        switch (cipher) {
        case CIPHER_AES_128_CCM:
                return GNUTLS_CIPHER_AES_128_CCM;
        case CIPHER_AES_128_GCM:
                return GNUTLS_CIPHER_AES_128_GCM;
        case CIPHER_AES_256_CCM:
                return GNUTLS_CIPHER_AES_256_CCM;
        case CIPHER_AES_256_GCM:
                return GNUTLS_CIPHER_AES_256_GCM;
        default:
                return GNUTLS_CIPHER_UNKNOWN;
        }
}

static int open_handles(Seal *seal, size_t key_size, Error *err) {
        gnutls_datum_t sign = { seal->signing_key, sizeof seal->signing_key };
        int r = seal->signing == SIGNING_AES_GMAC
                        ? gnutls_aead_cipher_init(&seal->gmac, GNUTLS_CIPHER_AES_128_GCM, &sign)
                        : gnutls_hmac_init(&seal->cmac, GNUTLS_MAC_AES_CMAC_128, sign.data, sign.size);
        if (r < 0)
                return failed(r, "prepare signing", err);
        if (seal->cipher == CIPHER_NONE)
                return 0;
        gnutls_datum_t out = { seal->seal_key, (unsigned)key_size }, in = { seal->open_key, (unsigned)key_size };
        if ((r = gnutls_aead_cipher_init(&seal->sealer, algorithm(seal->cipher), &out)) < 0 ||
            (r = gnutls_aead_cipher_init(&seal->opener, algorithm(seal->cipher), &in)) < 0)
                return failed(r, "prepare encryption", err);
        return 0;
}

DEFINE_FREEP(Seal, seal_free);

int seal_new(const SealConfig *config, Seal **ret, Error *err) {
        uint8_t short_key[16] = { 0 }; /* Session.SessionKey: the first 16 bytes, padded with zeros */
        bool wide = config->cipher == CIPHER_AES_256_CCM || config->cipher == CIPHER_AES_256_GCM;
        bool ccm = config->cipher == CIPHER_AES_128_CCM || config->cipher == CIPHER_AES_256_CCM;
        auto_(seal_freep) Seal *seal = calloc(1, sizeof *seal);
        if (!seal)
                return error_oom(err);
        if (config->session_key_size == 0 || (wide && config->session_key_size < KEY_MAX))
                return error_set(err, ERROR_UNSUPPORTED, 0,
                                 "the Kerberos session key is too short for 256-bit "
                                 "encryption; let the accounts use AES-256 Kerberos keys");
        size_t n = config->session_key_size < sizeof short_key ? config->session_key_size : sizeof short_key;
        memcpy(short_key, config->session_key, n);
        seal->cipher = config->cipher;
        seal->signing = config->signing;
        seal->nonce_size = ccm ? 11 : 12;
        size_t size = wide ? 32 : 16;
        const uint8_t *key = wide ? config->session_key : short_key;
        size_t key_size = wide ? config->session_key_size : sizeof short_key;
        int r = derive(config, FOR_SIGNING, short_key, sizeof short_key, seal->signing_key, 16, err);
        if (r == 0)
                r = derive(config, FOR_SEALING, key, key_size, seal->seal_key, size, err);
        if (r == 0)
                r = derive(config, FOR_OPENING, key, key_size, seal->open_key, size, err);
        gnutls_memset(short_key, 0, sizeof short_key);
        if (r < 0 || open_handles(seal, size, err) < 0)
                return -1;
        *ret = take_ptr(seal);
        return 0;
}

void seal_free(Seal *seal) {
        if (!seal)
                return;
        if (seal->sealer)
                gnutls_aead_cipher_deinit(seal->sealer);
        if (seal->opener)
                gnutls_aead_cipher_deinit(seal->opener);
        if (seal->gmac)
                gnutls_aead_cipher_deinit(seal->gmac);
        if (seal->cmac)
                gnutls_hmac_deinit(seal->cmac, NULL);
        gnutls_memset(seal, 0, sizeof *seal);
        free(seal);
}

static int sign_gmac(Seal *seal, const SealSigned *what, uint8_t *signature, Error *err) {
        uint8_t nonce[GMAC_NONCE_SIZE]; /* 3.1.4.1 */
        Writer w = writer_of(nonce, sizeof nonce);
        write_u64(&w, what->message_id);
        write_u32(&w, (what->from_server ? 1u : 0) | (what->cancel ? 2u : 0));
        size_t size = SEAL_SIGNATURE_SIZE;
        int r = gnutls_aead_cipher_encryptv2(seal->gmac, nonce, sizeof nonce, what->parts, what->count, NULL, 0,
                                             signature, &size);
        return r < 0 ? failed(r, "sign a message", err) : 0;
}

int seal_sign(Seal *seal, const SealSigned *what, uint8_t signature[static SEAL_SIGNATURE_SIZE], Error *err) {
        if (seal->signing == SIGNING_AES_GMAC)
                return sign_gmac(seal, what, signature, err);
        for (int i = 0; i < what->count; i++) {
                int r = gnutls_hmac(seal->cmac, what->parts[i].iov_base, what->parts[i].iov_len);
                if (r < 0)
                        return failed(r, "sign a message", err);
        }
        gnutls_hmac_output(seal->cmac, signature); /* also starts afresh */
        return 0;
}

int seal_verify(Seal *seal, const SealSigned *what, const uint8_t signature[static SEAL_SIGNATURE_SIZE],
                Error *err) {
        uint8_t expected[SEAL_SIGNATURE_SIZE];
        if (seal_sign(seal, what, expected, err) < 0)
                return -1;
        if (gnutls_memcmp(expected, signature, sizeof expected) != 0)
                return error_set(err, ERROR_DENIED, 0,
                                 "a message from the file server has a wrong signature; somebody on "
                                 "the network may be changing it, so the connection was ended");
        return 0;
}

bool seal_can_encrypt(const Seal *seal) {
        return seal->cipher != CIPHER_NONE;
}

/* What is authenticated but not hidden: the transform header from the nonce on (2.2.41). */
static giovec_t associated(uint8_t *transform) {
        return (giovec_t){ transform + 20, WIRE_TRANSFORM_SIZE - 20 };
}

int seal_encrypt(Seal *seal, uint64_t session_id, const struct iovec *parts, int count, uint8_t *to, Error *err) {
        if (seal->counter >= counter_max)
                return error_set(err, ERROR_LIMIT, 0,
                                 "the encryption key of this connection is used up; connect again");
        WireTransform t = { .session_id = session_id };
        Writer nonce = writer_of(t.nonce, sizeof t.nonce);
        write_u64(&nonce, seal->counter++);
        size_t size = 0;
        for (int i = 0; i < count; i++)
                size += parts[i].iov_len;
        t.size = (uint32_t)size;
        wire_transform_encode(to, &t);
        giovec_t with = associated(to);
        size_t sealed_size = size + SEAL_SIGNATURE_SIZE;
        int r = gnutls_aead_cipher_encryptv(seal->sealer, t.nonce, seal->nonce_size, &with, 1, SEAL_SIGNATURE_SIZE,
                                            parts, count, to + WIRE_TRANSFORM_SIZE, &sealed_size);
        if (r < 0)
                return failed(r, "encrypt a message", err);
        memcpy(to + 4, to + WIRE_TRANSFORM_SIZE + size, SEAL_SIGNATURE_SIZE);
        return 0;
}

int seal_decrypt(Seal *seal, uint64_t session_id, uint8_t *data, size_t size, Error *err) {
        WireTransform t;
        if (wire_transform_decode(data, size, &t, err) < 0)
                return -1;
        if (t.session_id != session_id)
                return error_set(err, ERROR_PROTOCOL, 0, "the file server sealed a message for another session");
        giovec_t with = associated(data), in_place = { data + WIRE_TRANSFORM_SIZE, t.size };
        int r = gnutls_aead_cipher_decryptv2(seal->opener, t.nonce, seal->nonce_size, &with, 1, &in_place, 1,
                                             t.signature, SEAL_SIGNATURE_SIZE);
        if (r == GNUTLS_E_DECRYPTION_FAILED)
                return error_set(err, ERROR_DENIED, r,
                                 "a sealed message from the file server does not decrypt; somebody on "
                                 "the network may be changing it, so the connection was ended");
        return r < 0 ? failed(r, "decrypt a message", err) : 0;
}

void seal_play_server(Seal *seal) {
        gnutls_aead_cipher_hd_t t = seal->sealer;
        seal->sealer = seal->opener;
        seal->opener = t;
}

void seal_set_counter(Seal *seal, uint64_t counter) {
        seal->counter = counter;
}
