#include "smb/share/srvsvc.h"

#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"

const RpcInterface srvsvc_interface = {
        { 0xc8, 0x4f, 0x32, 0x4b, 0x70, 0x16, 0xd3, 0x01, 0x12, 0x78, 0x5a, 0x47, 0xbf, 0x6e, 0xe1, 0x88 },
        3,
};

enum {
        SHARE_GET_INFO = 16,
        SHARE_SET_INFO = 17,
        LEVEL_WITH_LIST = 502,
        LEVEL_LIST_ONLY = 1501,
        NAME_UNITS_MAX = 300,
        STRING_UNITS_MAX = 32768,
        REFERENT = 0x20000
};

/* ---- writing ------------------------------------------------------------------------------------- */

/* [string] wchar_t*: maximum, offset, count, and the units with their zero (C706 14.3.4.2). */
static int write_string(Writer *w, const char *text, Error *err) {
        uint8_t wide[2 * NAME_UNITS_MAX];
        size_t size;

        if (text_to_utf16(text, wide, sizeof wide, &size, err) < 0)
                return -1;
        uint32_t units = (uint32_t)(size / 2) + 1;
        write_u32(w, units);
        write_u32(w, 0);
        write_u32(w, units);
        write_bytes(w, wide, size);
        write_u16(w, 0);
        write_align(w, 4);
        return 0;
}

static int begin(Writer *w, uint16_t operation, const char *server, const char *share, uint32_t level,
                 uint32_t call_id, Error *err) {
        rpc_request_begin(w, operation, call_id);
        write_u32(w, REFERENT); /* ServerName: [unique] */
        if (write_string(w, server, err) < 0 || write_string(w, share, err) < 0)
                return error_wrap(err, "cannot ask about the share '%.100s'", share);
        write_u32(w, level);
        return 0;
}

static int finish(Writer *w, Error *err) {
        rpc_request_end(w);
        return writer_ok(w) ? 0 : error_set(err, ERROR_LIMIT, 0, "a question about a share is too long");
}

int srvsvc_get_encode(Writer *w, const char *server, const char *share, uint32_t call_id, Error *err) {
        if (begin(w, SHARE_GET_INFO, server, share, LEVEL_WITH_LIST, call_id, err) < 0)
                return -1;
        return finish(w, err);
}

int srvsvc_set_encode(Writer *w, const char *server, const char *share, Span descriptor, uint32_t call_id,
                      Error *err) {
        if (begin(w, SHARE_SET_INFO, server, share, LEVEL_LIST_ONLY, call_id, err) < 0)
                return -1;
        write_u32(w, LEVEL_LIST_ONLY); /* which arm of the union … */
        write_u32(w, REFERENT + 4);    /* … and its structure: SHARE_INFO_1501_I, 2.2.4.29 */
        write_u32(w, (uint32_t)descriptor.size);
        write_u32(w, REFERENT + 8);
        write_u32(w, (uint32_t)descriptor.size);
        write_bytes(w, descriptor.data, descriptor.size);
        write_align(w, 4);
        write_u32(w, 0); /* ParmErr: not wanted */
        return finish(w, err);
}

/* ---- reading ------------------------------------------------------------------------------------- */

static int damaged(Error *err) {
        return error_set(err, ERROR_PROTOCOL, 0, "the file server's answer about a share is damaged");
}

static void align(Reader *r) {
        read_skip(r, (4 - (r->at & 3)) & 3);
}

/* A string that nobody asked for. */
static void skip_string(Reader *r, uint32_t referent) {
        if (referent == 0)
                return;
        uint32_t maximum = read_u32(r), offset = read_u32(r), units = read_u32(r);
        if (offset != 0 || units > maximum || units > STRING_UNITS_MAX) {
                r->failed = true;
                return;
        }
        read_skip(r, 2 * (size_t)units);
        align(r);
}

/* [MS-SRVS] 2.2.2.10 and winerror.h; the ones that mean something here. */
static int verdict(uint32_t code, Error *err) {
        static const struct {
                uint32_t code;
                ErrorKind kind;
                const char *sentence;
        } codes[] = {
                { 5, ERROR_DENIED,
                  "the file server shows and changes a share's own permissions for its administrators only" },
                { 2310, ERROR_NOT_FOUND,
                  "the file server has no share of this name; check it with Get-SmbShare there" },
                { 124, ERROR_UNSUPPORTED, "the file server does not tell a share's own permissions" },
                { 50, ERROR_UNSUPPORTED, "the file server does not tell a share's own permissions" },
                { 87, ERROR_INVALID, "the file server finds the question about the share wrong" },
        };

        if (code == 0)
                return 0;
        for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
                if (codes[i].code == code)
                        return error_set(err, codes[i].kind, (int)code, "%s (error %u)", codes[i].sentence, code);
        return error_set(err, ERROR_INTERNAL, (int)code,
                         "the file server answered a question about a share with error %u; "
                         "look it up in its log",
                         code);
}

int srvsvc_get_decode(Span results, Span *ret_descriptor, Error *err) {
        Reader r = reader_of(results.data, results.size);
        Span descriptor = { NULL, 0 };

        uint32_t level = read_u32(&r), structure = read_u32(&r);
        if (structure != 0) { /* SHARE_INFO_502_I, 2.2.4.26 */
                uint32_t name = read_u32(&r);
                (void)read_u32(&r); /* type */
                uint32_t remark = read_u32(&r);
                read_skip(&r, 12); /* permissions, limits */
                uint32_t path = read_u32(&r), password = read_u32(&r), size = read_u32(&r), list = read_u32(&r);
                skip_string(&r, name);
                skip_string(&r, remark);
                skip_string(&r, path);
                skip_string(&r, password);
                if (list != 0) {
                        if (read_u32(&r) != size || size > SRVSVC_DESCRIPTOR_MAX)
                                return damaged(err);
                        descriptor = read_span(&r, size);
                        align(&r);
                }
        }
        uint32_t code = read_u32(&r);
        if (!reader_done(&r) || level != LEVEL_WITH_LIST)
                return damaged(err);
        if (verdict(code, err) < 0)
                return -1;
        if (structure == 0)
                return damaged(err);
        *ret_descriptor = descriptor;
        return 0;
}

int srvsvc_set_decode(Span results, Error *err) {
        Reader r = reader_of(results.data, results.size);

        if (read_u32(&r) != 0) /* ParmErr came although it was not wanted */
                (void)read_u32(&r);
        uint32_t code = read_u32(&r);
        if (!reader_done(&r))
                return damaged(err);
        return verdict(code, err);
}
