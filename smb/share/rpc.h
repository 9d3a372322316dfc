/* rpc.h — the few messages of DCE/RPC that one call over a named pipe takes (C706 chapter 12, [MS-RPCE])
 *
 * Pure: encoders write whole messages, decoders take whole ones.  One fragment each way, little-endian, no
 * authentication of its own: the SMB session below is signed in and sealed.
 */
#pragma once

#include "appliance/base/bytes.h"
#include "appliance/base/error.h"

enum { RPC_FRAGMENT_MAX = 65528 };      /* bytes of one message that we take; a multiple of 8 below 64 KiB */

typedef struct RpcInterface {
        uint8_t uuid[16];               /* as on the wire */
        uint16_t version;
} RpcInterface;

void rpc_bind_encode(Writer *w, const RpcInterface *interface, uint32_t call_id);
/* ERROR_UNSUPPORTED when the server does not offer the interface. */
int rpc_bind_reply_decode(const uint8_t *data, size_t size, uint32_t call_id, Error *err) FAILS;

/* The head of a request whose arguments the caller writes behind it; then rpc_request_end(). */
void rpc_request_begin(Writer *w, uint16_t operation, uint32_t call_id);
void rpc_request_end(Writer *w);
/* The results, inside @data.  ERROR_PROTOCOL; a fault is ERROR_DENIED or ERROR_UNSUPPORTED; an answer in several
 * fragments is ERROR_LIMIT. */
int rpc_response_decode(const uint8_t *data, size_t size, uint32_t call_id, Span *ret, Error *err) FAILS;
