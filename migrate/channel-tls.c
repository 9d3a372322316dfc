#include "migrate/channel-tls.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "appliance/base/clock.h"

enum {
        TLS_IN_SIZE = 272 * 1024,        /* a piece of 256 KiB with its records around it */
        TLS_OUT_MAX = 32 * 1024 * 1024, /* a peer that asks and never reads is cut off here */
};

#define TLS_PRIORITY \
        "NONE:+VERS-TLS1.3:+AES-256-GCM:+AES-128-GCM:+CHACHA20-POLY1305:+AEAD:+GROUP-X25519:+GROUP-SECP256R1:" \
        "+SIGN-ECDSA-SECP256R1-SHA256:+CTYPE-X509"
#define TLS_ALPN "holdfast/1"   /* the version of everything above TLS, too */

struct TlsIdentity {
        gnutls_certificate_credentials_t credentials;
};

struct Tls {
        int fd;
        gnutls_session_t session;
        gnutls_certificate_credentials_t nobody;        /* the connecting side's: no key, trusts no one */
        bool ended;                                     /* the socket gave its last byte */
        uint8_t *in;
        size_t in_at, in_size;
        uint8_t *out;
        size_t out_at, out_size, out_capacity;
};

/* The one place where GnuTLS's errors become ours. */
static int tls_error(Error *err, int code, const char *what) {
        ErrorKind kind = ERROR_PROTOCOL;
        if (code == GNUTLS_E_MEMORY_ERROR)
                kind = ERROR_LIMIT;
        else if (code == GNUTLS_E_PUSH_ERROR || code == GNUTLS_E_PULL_ERROR ||
                 code == GNUTLS_E_PREMATURE_TERMINATION)
                kind = ERROR_UNREACHABLE;
        return error_set(err, kind, code, "%s: %s", what, gnutls_strerror(code));
}

static void crt_deinitp(gnutls_x509_crt_t *crt) {
        if (*crt)
                gnutls_x509_crt_deinit(*crt);
}

static void key_deinitp(gnutls_x509_privkey_t *key) {
        if (*key)
                gnutls_x509_privkey_deinit(*key);
}

static int certificate_make(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key) {
        static const char name[] = "holdfast channel";
        uint8_t serial[16];
        time_t now = time(NULL);

        int r = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof serial);
        if (r < 0)
                return r;
        serial[0] &= 0x7F;      /* a serial number is positive, RFC 5280 4.1.2.2 */
        serial[0] |= 0x40;
        if ((r = gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                              GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0)) < 0 ||
            (r = gnutls_x509_crt_set_version(crt, 3)) < 0 ||
            (r = gnutls_x509_crt_set_serial(crt, serial, sizeof serial)) < 0 ||
            (r = gnutls_x509_crt_set_activation_time(crt, now - 86400)) < 0 ||
            (r = gnutls_x509_crt_set_expiration_time(crt, now + 10LL * 365 * 86400)) < 0 ||
            (r = gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, name,
                                               sizeof name - 1)) < 0 ||
            (r = gnutls_x509_crt_set_key(crt, key)) < 0)
                return r;
        return gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0);
}

int tls_identity_new(TlsIdentity **ret, Error *err) {
        auto_(key_deinitp) gnutls_x509_privkey_t key = NULL;
        auto_(crt_deinitp) gnutls_x509_crt_t crt = NULL;
        auto_(tls_identity_freep) TlsIdentity *identity = calloc(1, sizeof *identity);
        int r;

        if (!identity)
                return error_oom(err);
        if ((r = gnutls_x509_privkey_init(&key)) < 0 || (r = gnutls_x509_crt_init(&crt)) < 0 ||
            (r = certificate_make(crt, key)) < 0 ||
            (r = gnutls_certificate_allocate_credentials(&identity->credentials)) < 0 ||
            (r = gnutls_certificate_set_x509_key(identity->credentials, &crt, 1, key)) < 0)
                return tls_error(err, r, "cannot make the certificate of the channel");
        *ret = take_ptr(identity);
        return 0;
}

void tls_identity_free(TlsIdentity *identity) {
        if (!identity)
                return;
        if (identity->credentials)
                gnutls_certificate_free_credentials(identity->credentials);
        free(identity);
}

/* Waits until the socket has something, or takes something when bytes wait. */
static int wait_socket(Tls *tls, uint64_t deadline_us, Error *err) {
        uint64_t now = clock_us(CLOCK_MONOTONIC);
        if (now >= deadline_us)
                return error_set(err, ERROR_TIMEOUT, 0, "no answer came in time");
        struct pollfd p = { .fd = tls->fd, .events = (short)(POLLIN | (tls_waiting(tls) ? POLLOUT : 0)) };
        if (poll(&p, 1, (int)((deadline_us - now + 999) / 1000)) < 0 && errno != EINTR)
                return error_set(err, ERROR_INTERNAL, errno, "cannot wait for a socket");
        return 0;
}

/* ---- GnuTLS's transport: memory on both sides ------------------------------------------------- */

static ssize_t push(gnutls_transport_ptr_t userdata, const void *data, size_t size) {
        Tls *tls = userdata;

        if (tls->out_at == tls->out_size)
                tls->out_at = tls->out_size = 0;
        if (size > tls->out_capacity - tls->out_size) {
                size_t wanted = tls->out_size + size + tls->out_capacity / 2;
                uint8_t *grown = tls->out_size + size <= TLS_OUT_MAX ? realloc(tls->out, wanted) : NULL;
                if (!grown) {
                        gnutls_transport_set_errno(tls->session, ENOMEM);
                        return -1;
                }
                tls->out = grown;
                tls->out_capacity = wanted;
        }
        (void)memcpy(tls->out + tls->out_size, data, size);
        tls->out_size += size;
        return (ssize_t)size;
}

static ssize_t pull(gnutls_transport_ptr_t userdata, void *to, size_t size) {
        Tls *tls = userdata;

        if (tls->in_at == tls->in_size) {
                ssize_t n = recv(tls->fd, tls->in, TLS_IN_SIZE, MSG_DONTWAIT);
                if (n <= 0) {
                        tls->ended |= n == 0;
                        gnutls_transport_set_errno(tls->session, n < 0 ? errno : 0);
                        return n;
                }
                tls->in_at = 0;
                tls->in_size = (size_t)n;
        }
        size_t n = tls->in_size - tls->in_at < size ? tls->in_size - tls->in_at : size;
        (void)memcpy(to, tls->in + tls->in_at, n);
        tls->in_at += n;
        return (ssize_t)n;
}

static int handshake(Tls *tls, uint64_t deadline_us, Error *err) {
        for (;;) {
                int r = gnutls_handshake(tls->session);
                if (tls_flush(tls, err) < 0)
                        return -1;
                if (r == GNUTLS_E_SUCCESS)
                        return 0;
                if (r == GNUTLS_E_AGAIN || r == GNUTLS_E_INTERRUPTED) {
                        if (wait_socket(tls, deadline_us, err) < 0)
                                return -1;
                } else if (gnutls_error_is_fatal(r))
                        return tls_error(err, r, "TLS 1.3 could not be agreed");
        }
}

int tls_new(int consumed_fd, const TlsIdentity *identity, uint64_t timeout_us, Tls **ret, Error *err) {
        auto_fd int fd = consumed_fd;
        auto_(tls_freep) Tls *tls = calloc(1, sizeof *tls);
        unsigned flags = GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS |
                         (identity ? GNUTLS_SERVER : GNUTLS_CLIENT);
        gnutls_datum_t alpn = { .data = (unsigned char[]){ TLS_ALPN }, .size = sizeof TLS_ALPN - 1 };
        uint64_t deadline_us = clock_us(CLOCK_MONOTONIC) + timeout_us;
        int r;

        if (!tls)
                return error_oom(err);
        tls->fd = take_fd(fd);
        tls->in = malloc(TLS_IN_SIZE);
        if (!tls->in)
                return error_oom(err);
        if ((r = gnutls_init(&tls->session, flags)) < 0 ||
            (r = gnutls_priority_set_direct(tls->session, TLS_PRIORITY, NULL)) < 0 ||
            (r = gnutls_alpn_set_protocols(tls->session, &alpn, 1, GNUTLS_ALPN_MANDATORY)) < 0 ||
            (!identity && (r = gnutls_certificate_allocate_credentials(&tls->nobody)) < 0) ||
            (r = gnutls_credentials_set(tls->session, GNUTLS_CRD_CERTIFICATE,
                                        identity ? identity->credentials : tls->nobody)) < 0)
                return tls_error(err, r, "cannot prepare TLS");
        gnutls_transport_set_ptr(tls->session, tls);
        gnutls_transport_set_push_function(tls->session, push);
        gnutls_transport_set_pull_function(tls->session, pull);
        if (handshake(tls, deadline_us, err) < 0)
                return -1;
        *ret = take_ptr(tls);
        return 0;
}

void tls_free(Tls *tls) {
        if (!tls)
                return;
        if (tls->session)
                gnutls_deinit(tls->session);
        if (tls->nobody)
                gnutls_certificate_free_credentials(tls->nobody);
        if (tls->fd >= 0)
                (void)close(tls->fd);
        free(tls->in);
        free(tls->out);
        free(tls);
}

int tls_fd(const Tls *tls) {
        return tls->fd;
}

void tls_cipher(const Tls *tls, char *to, size_t size) {
        (void)snprintf(to, size, "%s-%s", gnutls_protocol_get_name(gnutls_protocol_get_version(tls->session)),
                       gnutls_cipher_get_name(gnutls_cipher_get(tls->session)));
}

static void datum_freep(gnutls_datum_t *datum) {
        gnutls_free(datum->data);
}

int tls_exporter(const Tls *tls, uint8_t to[static TLS_EXPORTER_SIZE], Error *err) {
        auto_(datum_freep) gnutls_datum_t binding = { 0 };
        int r = gnutls_session_channel_binding(tls->session, GNUTLS_CB_TLS_EXPORTER, &binding);
        if (r < 0)
                return tls_error(err, r, "TLS gives no channel binding");
        if (binding.size != TLS_EXPORTER_SIZE)
                return error_set(err, ERROR_INTERNAL, 0, "the channel binding has %u bytes", binding.size);
        (void)memcpy(to, binding.data, TLS_EXPORTER_SIZE);
        return 0;
}

int tls_send(Tls *tls, const void *data, size_t size, Error *err) {
        for (const uint8_t *at = data; size;) {
                ssize_t n = gnutls_record_send(tls->session, at, size);
                if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
                        continue;       /* push() never says so; a key update may */
                if (n < 0)
                        return tls_error(err, (int)n, "cannot send");
                at += n;
                size -= (size_t)n;
        }
        return 0;
}

size_t tls_waiting(const Tls *tls) {
        return tls->out_size - tls->out_at;
}

int tls_flush(Tls *tls, Error *err) {
        while (tls->out_at < tls->out_size) {
                ssize_t n = send(tls->fd, tls->out + tls->out_at, tls->out_size - tls->out_at,
                                 MSG_NOSIGNAL | MSG_DONTWAIT);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        break;
                if (n < 0)
                        return error_set(err, ERROR_UNREACHABLE, errno, "the connection broke (%s)",
                                         strerror(errno));
                tls->out_at += (size_t)n;
        }
        return 0;
}

int tls_receive(Tls *tls, void *to, size_t size, size_t *ret_size, Error *err) {
        size_t got = 0;

        while (got < size) {
                ssize_t n = gnutls_record_recv(tls->session, (uint8_t *)to + got, size - got);
                if (n > 0) {
                        got += (size_t)n;
                        continue;
                }
                if (n == GNUTLS_E_INTERRUPTED)
                        continue;
                if (n == GNUTLS_E_AGAIN || got)
                        break;          /* an end after some bytes shows again at the next call */
                if (n == 0 || tls->ended)
                        return error_set(err, ERROR_UNREACHABLE, 0, "the other side closed the connection");
                if (gnutls_error_is_fatal((int)n))
                        return tls_error(err, (int)n, "cannot receive");
        }
        *ret_size = got;
        return 0;
}

bool tls_has_input(const Tls *tls) {
        return tls->in_at < tls->in_size || gnutls_record_check_pending(tls->session) > 0;
}

void tls_bye(Tls *tls, uint64_t timeout_us) {
        uint64_t deadline_us = clock_us(CLOCK_MONOTONIC) + timeout_us;
        Error ignored;

        (void)gnutls_bye(tls->session, GNUTLS_SHUT_WR);
        while (tls_flush(tls, &ignored) == 0 && tls_waiting(tls) && wait_socket(tls, deadline_us, &ignored) == 0)
                ;
}
