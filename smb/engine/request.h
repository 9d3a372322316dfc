/* request.h — the memory of requests and the protection of one message
 *
 * Requests and sealing buffers come from free lists of their connection: steady I/O allocates
 * nothing.
 */
#pragma once

#include "smb/engine/connection.h"

/* Writes the header @h into the request, signs or seals it as the connection demands, and fills
 * r->out.  What was encoded stays as it is, so that the request can be protected and sent again. */
int request_protect(Connection *c, Request *r, WireHeader *h, Error *err) FAILS;

/* What request_protect() is made of, for those that put several requests in one message (chain.h).
 * The bytes of @r as they go out, @padding behind them: at most REQUEST_PARTS parts; how many. */
enum { REQUEST_PARTS = 3 };
int request_parts(Request *r, Span padding, struct iovec *parts);
/* Writes the header, and signs @parts, its parts, if it must be. */
int request_sign(Connection *c, Request *r, WireHeader *h, const struct iovec *parts, int count, Error *err) FAILS;
/* Makes r->out of any @parts: sealed, or as they are. */
int request_seal(Connection *c, Request *r, const struct iovec *parts, int count, Error *err) FAILS;
int request_join(Connection *c, Request *r, const struct iovec *parts, int count, Error *err) FAILS;

/* Checks the signature of a clear message (@placed as in TransportOps).  Zeroes the field in place. */
int request_verify(Connection *c, uint8_t *data, size_t size, uint8_t *placed, const WireHeader *h,
                   Error *err) FAILS;
/* Gives the sealed copy back once it is sent. */
void request_forget_sealed(Connection *c, Request *r);
void request_memory_free(Connection *c);
