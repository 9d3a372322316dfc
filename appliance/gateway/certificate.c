#include "appliance/gateway/certificate.h"

#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define BINDING_PREFIX "tls-server-end-point:"

enum { LIFE_S = 5 * 366 * 24 * 3600, SERIAL_SIZE = 16, PATH_SIZE = 512, BACKDATED_S = 24 * 3600 };

void certificate_free(Certificate *c) {
        if (!c)
                return;
        if (c->key)
                explicit_bzero(c->key, strlen(c->key));
        free(c->key);
        free(c->chain);
        free(c);
}

static int fail(Error *err, int code, const char *what) {
        return error_set(err, ERROR_INTERNAL, code, "%s: %s", what, gnutls_strerror(code));
}

static int read_file(const char *path, char **ret, Error *err) {
        gnutls_datum_t data = { 0 };
        int r = gnutls_load_file(path, &data);
        if (r < 0)
                return error_set(err, ERROR_NOT_FOUND, r, "%s cannot be read", path);
        *ret = strndup((const char *)data.data, data.size);
        explicit_bzero(data.data, data.size);
        gnutls_free(data.data);
        return *ret ? 0 : error_oom(err);
}

static int write_file(const char *path, const gnutls_datum_t *data, Error *err) {
        auto_fd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0 || write(fd, data->data, data->size) != (ssize_t)data->size || fsync(fd) < 0)
                return error_set(err, ERROR_INTERNAL, errno, "%s cannot be written: %m", path);
        return 0;
}

/* ---- a self-signed one ------------------------------------------------------------------------------- */

typedef struct Making {
        gnutls_x509_privkey_t key;
        gnutls_x509_crt_t crt;
        gnutls_datum_t key_pem, crt_pem;
} Making;

static void making_done(Making *m) {
        if (m->key_pem.data)
                explicit_bzero(m->key_pem.data, m->key_pem.size);
        gnutls_free(m->key_pem.data);
        gnutls_free(m->crt_pem.data);
        if (m->crt)
                gnutls_x509_crt_deinit(m->crt);
        if (m->key)
                gnutls_x509_privkey_deinit(m->key);
}

static int sign(Making *m, const char *host) {
        unsigned char serial[SERIAL_SIZE];
        time_t now = time(NULL);

        int r = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof serial);
        serial[0] &= 0x7F; /* RFC 5280 4.1.2.2: positive */
        if (r >= 0)
                r = gnutls_x509_crt_set_version(m->crt, 3);
        if (r >= 0)
                r = gnutls_x509_crt_set_serial(m->crt, serial, sizeof serial);
        if (r >= 0)
                r = gnutls_x509_crt_set_activation_time(m->crt, now - BACKDATED_S);
        if (r >= 0)
                r = gnutls_x509_crt_set_expiration_time(m->crt, now + LIFE_S);
        if (r >= 0)
                r = gnutls_x509_crt_set_dn_by_oid(m->crt, GNUTLS_OID_X520_COMMON_NAME, 0, host,
                                                  (unsigned)strlen(host));
        if (r >= 0)
                r = gnutls_x509_crt_set_subject_alt_name(m->crt, GNUTLS_SAN_DNSNAME, host, (unsigned)strlen(host),
                                                         0);
        if (r >= 0)
                r = gnutls_x509_crt_set_basic_constraints(m->crt, 0, -1);
        if (r >= 0)
                r = gnutls_x509_crt_set_key_usage(m->crt, GNUTLS_KEY_DIGITAL_SIGNATURE);
        if (r >= 0)
                r = gnutls_x509_crt_set_key_purpose_oid(m->crt, GNUTLS_KP_TLS_WWW_SERVER, 0);
        if (r >= 0)
                r = gnutls_x509_crt_set_key(m->crt, m->key);
        return r < 0 ? r : gnutls_x509_crt_sign2(m->crt, m->crt, m->key, GNUTLS_DIG_SHA256, 0);
}

static int make(const char *chain_path, const char *key_path, const char *host, Error *err) {
        auto_(making_done) Making m = { 0 };

        int r = gnutls_x509_privkey_init(&m.key);
        if (r >= 0)
                r = gnutls_x509_crt_init(&m.crt);
        if (r >= 0)
                r = gnutls_x509_privkey_generate(m.key, GNUTLS_PK_ECDSA,
                                                 GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
        if (r >= 0)
                r = sign(&m, host);
        if (r >= 0)
                r = gnutls_x509_privkey_export2(m.key, GNUTLS_X509_FMT_PEM, &m.key_pem);
        if (r >= 0)
                r = gnutls_x509_crt_export2(m.crt, GNUTLS_X509_FMT_PEM, &m.crt_pem);
        if (r < 0)
                return fail(err, r, "no TLS certificate can be made");
        return write_file(key_path, &m.key_pem, err) < 0 || write_file(chain_path, &m.crt_pem, err) < 0 ? -1 : 0;
}

/* ---- what a sign-in over this certificate is bound to -------------------------------------------------- */

/* RFC 5929 4.1: the hash of the certificate's own signature, SHA-256 instead of anything weaker. */
static gnutls_digest_algorithm_t hash_of(gnutls_x509_crt_t crt) {
        gnutls_digest_algorithm_t hash = gnutls_sign_get_hash_algorithm(
                (gnutls_sign_algorithm_t)gnutls_x509_crt_get_signature_algorithm(crt));
        return hash == GNUTLS_DIG_SHA384 || hash == GNUTLS_DIG_SHA512 ? hash : GNUTLS_DIG_SHA256;
}

static int bind_to(gnutls_x509_crt_t crt, Certificate *c, Error *err) {
        unsigned char data[sizeof BINDING_PREFIX + 64] = BINDING_PREFIX;
        size_t size = sizeof data - (sizeof BINDING_PREFIX - 1);
        gnutls_datum_t der = { 0 }, text = { 0 };

        int r = gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der);
        gnutls_digest_algorithm_t hash = hash_of(crt);
        if (r >= 0)
                r = gnutls_hash_fast(hash, der.data, der.size, data + sizeof BINDING_PREFIX - 1);
        size = sizeof BINDING_PREFIX - 1 + gnutls_hash_get_len(hash);
        const gnutls_datum_t raw = { data, (unsigned)size };
        if (r >= 0)
                r = gnutls_base64_encode2(&raw, &text);
        if (r >= 0)
                (void)snprintf(c->binding, sizeof c->binding, "%.*s", (int)text.size, (char *)text.data);
        gnutls_free(der.data);
        gnutls_free(text.data);
        return r < 0 ? fail(err, r, "the TLS certificate cannot be read") : 0;
}

static int bind_chain(Certificate *c, Error *err) {
        gnutls_x509_crt_t *list = NULL;
        unsigned count = 0;
        const gnutls_datum_t pem = { (unsigned char *)c->chain, (unsigned)strlen(c->chain) };

        int r = gnutls_x509_crt_list_import2(&list, &count, &pem, GNUTLS_X509_FMT_PEM, 0);
        if (r < 0 || count == 0)
                return fail(err, r, "the TLS certificate cannot be read");
        r = bind_to(list[0], c, err);
        for (unsigned i = 0; i < count; i++)
                gnutls_x509_crt_deinit(list[i]);
        gnutls_free(list);
        return r;
}

int certificate_load(const char *folder, const char *host, Certificate **ret, Error *err) {
        auto_(certificate_freep) Certificate *c = calloc(1, sizeof *c);
        char chain[PATH_SIZE], key[PATH_SIZE];

        if (!c)
                return error_oom(err);
        if (snprintf(chain, sizeof chain, "%s/tls.crt", folder) >= (int)sizeof chain ||
            snprintf(key, sizeof key, "%s/tls.key", folder) >= (int)sizeof key)
                return error_set(err, ERROR_INVALID, 0, "the path %.100s is too long", folder);
        if (access(chain, F_OK) < 0 && access(key, F_OK) < 0 && make(chain, key, host, err) < 0)
                return -1;
        if (read_file(chain, &c->chain, err) < 0 || read_file(key, &c->key, err) < 0 || bind_chain(c, err) < 0)
                return -1;
        *ret = take_ptr(c);
        return 0;
}
