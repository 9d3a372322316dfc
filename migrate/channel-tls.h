/* channel-tls.h — TLS 1.3 over a connected socket, in large pieces, for one thread
 *
 * Certificates prove nothing here: the server's is made when the process starts and nobody looks at
 * it.  Trust comes from GSSAPI bound to this connection by tls_exporter().  GnuTLS writes and reads
 * records of 16 KiB; the socket sees many of them at once (QEMU's one system call and one record a
 * page is what makes native migration TLS ten times slower).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/error.h"

typedef struct Tls Tls;
typedef struct TlsIdentity TlsIdentity;         /* the throw-away key and certificate; thread-safe to use */

enum { TLS_EXPORTER_SIZE = 32 };

int tls_identity_new(TlsIdentity **ret, Error *err) FAILS;
void tls_identity_free(TlsIdentity *identity);
DEFINE_FREEP(TlsIdentity, tls_identity_free);

/* Takes over the connected @consumed_fd, also on failure, and does the handshake within @timeout_us.
 * @identity  the server's, which must outlive the Tls; NULL for the side that connected. */
int tls_new(int consumed_fd, const TlsIdentity *identity, uint64_t timeout_us, Tls **ret, Error *err) FAILS;
void tls_free(Tls *tls);
DEFINE_FREEP(Tls, tls_free);

int tls_fd(const Tls *tls);
void tls_cipher(const Tls *tls, char *to, size_t size);
/* Channel binding of type tls-exporter, RFC 9266. */
int tls_exporter(const Tls *tls, uint8_t to[static TLS_EXPORTER_SIZE], Error *err) FAILS;

/* Encrypts all of @data behind what waits already; never blocks.  tls_flush() carries it away. */
int tls_send(Tls *tls, const void *data, size_t size, Error *err) FAILS;
/* Bytes that wait for the socket. */
size_t tls_waiting(const Tls *tls);
/* Writes until nothing waits or the socket is full. */
int tls_flush(Tls *tls, Error *err) FAILS;
/* Up to @size decrypted bytes; *ret_size 0 when nothing is there now.  ERROR_UNREACHABLE at the end. */
int tls_receive(Tls *tls, void *to, size_t size, size_t *ret_size, Error *err) FAILS;
/* Decrypted or undecrypted bytes are in memory, so that poll() would not tell. */
bool tls_has_input(const Tls *tls);

/* Sends the rest and the closing alert within @timeout_us; best effort. */
void tls_bye(Tls *tls, uint64_t timeout_us);
