#include "smb/share/rpc.h"

#include <string.h>

#include "appliance/base/cleanup.h"

enum {
        TYPE_REQUEST = 0,
        TYPE_RESPONSE = 2,
        TYPE_FAULT = 3,
        TYPE_BIND = 11,
        TYPE_BIND_ACK = 12,
        TYPE_BIND_NAK = 13
};
enum { FLAG_FIRST = 1, FLAG_LAST = 2, HEADER_SIZE = 16, SIZE_AT = 8, ACCESS_DENIED = 5 };

static const RpcInterface transfer_ndr = {
        /* C706 14, version 2 */
        { 0x04, 0x5d, 0x88, 0x8a, 0xeb, 0x1c, 0xc9, 0x11, 0x9f, 0xe8, 0x08, 0x00, 0x2b, 0x10, 0x48, 0x60 },
        2,
};

static void begin(Writer *w, uint8_t type, uint32_t call_id) {
        write_u8(w, 5); /* version 5.0 */
        write_u8(w, 0);
        write_u8(w, type);
        write_u8(w, FLAG_FIRST | FLAG_LAST);
        write_u32(w, 0x10); /* little-endian, ASCII, IEEE */
        write_u16(w, 0);
        write_u16(w, 0); /* no authentication */
        write_u32(w, call_id);
}

static void end(Writer *w) {
        write_u16_at(w, SIZE_AT, (uint16_t)w->at);
}

static void write_syntax(Writer *w, const RpcInterface *interface) {
        write_bytes(w, interface->uuid, sizeof interface->uuid);
        write_u32(w, interface->version);
}

void rpc_bind_encode(Writer *w, const RpcInterface *interface, uint32_t call_id) {
        begin(w, TYPE_BIND, call_id);
        write_u16(w, RPC_FRAGMENT_MAX);
        write_u16(w, RPC_FRAGMENT_MAX);
        write_u32(w, 0); /* a new association */
        write_u32(w, 1); /* one context … */
        write_u16(w, 0); /* … called 0 … */
        write_u16(w, 1); /* … with one way to write values */
        write_syntax(w, interface);
        write_syntax(w, &transfer_ndr);
        end(w);
}

static int damaged(const char *what, Error *err) {
        return error_set(err, ERROR_PROTOCOL, 0, "the file server's answer to a remote call is damaged: %s", what);
}

/* Leaves @r behind the header. */
static int read_header(Reader *r, size_t size, uint32_t call_id, uint8_t *ret_type, uint8_t *ret_flags,
                       Error *err) {
        uint8_t version = read_u8(r);

        (void)read_u8(r);
        *ret_type = read_u8(r);
        *ret_flags = read_u8(r);
        uint8_t order = read_u8(r);
        read_skip(r, 3);
        uint16_t length = read_u16(r), authentication = read_u16(r);
        uint32_t id = read_u32(r);
        if (!reader_ok(r) || version != 5 || order != 0x10)
                return damaged("its header", err);
        if (length != size || authentication != 0 || id != call_id)
                return damaged("its length or its number", err);
        return 0;
}

int rpc_bind_reply_decode(const uint8_t *data, size_t size, uint32_t call_id, Error *err) {
        Reader r = reader_of(data, size);
        uint8_t type, flags;

        if (read_header(&r, size, call_id, &type, &flags, err) < 0)
                return -1;
        if (type == TYPE_BIND_NAK)
                return error_set(err, ERROR_UNSUPPORTED, 0,
                                 "the file server refuses remote calls about its shares");
        if (type != TYPE_BIND_ACK)
                return damaged("it is no answer to a bind", err);
        read_skip(&r, 8);            /* fragment sizes, association */
        read_skip(&r, read_u16(&r)); /* the pipe's name */
        read_skip(&r, (4 - (r.at & 3)) & 3);
        uint8_t results = read_u8(&r);
        read_skip(&r, 3);
        uint16_t result = read_u16(&r);
        if (!reader_ok(&r) || results != 1)
                return damaged("its list of results", err);
        if (result != 0)
                return error_set(err, ERROR_UNSUPPORTED, result,
                                 "the file server does not offer remote calls about its "
                                 "shares");
        return 0;
}

void rpc_request_begin(Writer *w, uint16_t operation, uint32_t call_id) {
        begin(w, TYPE_REQUEST, call_id);
        write_u32(w, 0); /* AllocHint: none given */
        write_u16(w, 0);
        write_u16(w, operation);
}

void rpc_request_end(Writer *w) {
        end(w);
}

static int fault(Reader *r, Error *err) {
        read_skip(r, 8);
        uint32_t status = read_u32(r);
        bool denied = status == ACCESS_DENIED;

        if (!reader_ok(r))
                return damaged("its fault", err);
        return error_set(err, denied ? ERROR_DENIED : ERROR_UNSUPPORTED, (int)status,
                         denied ? "the file server does not let this account ask that (error 5, access denied)"
                                : "the file server could not do the remote call (fault 0x%08X)",
                         status);
}

int rpc_response_decode(const uint8_t *data, size_t size, uint32_t call_id, Span *ret, Error *err) {
        Reader r = reader_of(data, size);
        uint8_t type, flags;

        if (read_header(&r, size, call_id, &type, &flags, err) < 0)
                return -1;
        if (type == TYPE_FAULT)
                return fault(&r, err);
        if (type != TYPE_RESPONSE)
                return damaged("it is no answer to a request", err);
        if ((flags & (FLAG_FIRST | FLAG_LAST)) != (FLAG_FIRST | FLAG_LAST))
                return error_set(err, ERROR_LIMIT, 0,
                                 "the file server's answer is too long to be read in one piece");
        read_skip(&r, 8); /* AllocHint, context, cancels */
        Span results = read_span(&r, reader_left(&r));
        if (!reader_ok(&r))
                return damaged("its head", err);
        *ret = results;
        return 0;
}
