#include "smb/disk/nbd-wire.h"

#include <byteswap.h>
#include <errno.h>
#include <string.h>

#define GREETING_MAGIC UINT64_C(0x4e42444d41474943)     /* "NBDMAGIC" */
#define OPTION_MAGIC UINT64_C(0x49484156454f5054)       /* "IHAVEOPT" */
#define OPTION_REPLY_MAGIC UINT64_C(0x0003e889045565a9)
#define REQUEST_MAGIC 0x25609513u
#define SIMPLE_REPLY_MAGIC 0x67446698u
#define CHUNK_MAGIC 0x668e33efu

enum { NAME_MAX_BYTES = 4096, ERROR_WORDS_MAX = 256, QUERIES_MAX = 256 };

static uint16_t get_u16(Reader *r) { return bswap_16(read_u16(r)); }
static uint32_t get_u32(Reader *r) { return bswap_32(read_u32(r)); }
static uint64_t get_u64(Reader *r) { return bswap_64(read_u64(r)); }
static void put_u16(Writer *w, uint16_t v) { write_u16(w, bswap_16(v)); }
static void put_u32(Writer *w, uint32_t v) { write_u32(w, bswap_32(v)); }
static void put_u64(Writer *w, uint64_t v) { write_u64(w, bswap_64(v)); }

void nbd_u32_encode(Writer *w, uint32_t value) { put_u32(w, value); }

static int malformed(Error *err, const char *what) {
        return error_set(err, ERROR_PROTOCOL, 0, "the NBD client sent %s", what);
}

/* ---- haggling ---------------------------------------------------------------------------------- */

void nbd_greeting_encode(Writer *w) {
        put_u64(w, GREETING_MAGIC);
        put_u64(w, OPTION_MAGIC);
        put_u16(w, NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES);
}

int nbd_client_flags_decode(Span data, uint32_t *ret_flags, Error *err) {
        Reader r = reader_of(data.data, data.size);
        uint32_t flags = get_u32(&r);
        if (!reader_done(&r) || (flags & ~(uint32_t)(NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES)))
                return malformed(err, "handshake flags that this server does not know");
        *ret_flags = flags;
        return 0;
}

int nbd_option_decode(Span data, NbdOption *ret, Error *err) {
        Reader r = reader_of(data.data, data.size);
        uint64_t magic = get_u64(&r);
        ret->code = get_u32(&r);
        ret->size = get_u32(&r);
        return !reader_done(&r) || magic != OPTION_MAGIC ? malformed(err, "something that is no option") : 0;
}

static Span get_string(Reader *r) {
        uint32_t size = get_u32(r);
        if (size > NAME_MAX_BYTES)
                r->failed = true;
        return read_span(r, size);
}

int nbd_info_decode(Span data, bool *ret_wants_block_size, Error *err) {
        Reader r = reader_of(data.data, data.size);
        bool wants = false;

        (void)get_string(&r);
        for (unsigned left = get_u16(&r); left > 0 && reader_ok(&r); left--)
                wants |= get_u16(&r) == NBD_INFO_BLOCK_SIZE && reader_ok(&r);
        if (!reader_done(&r))
                return malformed(err, "a malformed question about the export");
        *ret_wants_block_size = wants;
        return 0;
}

static bool equals(Span text, const char *word) {
        return text.size == strlen(word) && memcmp(text.data, word, text.size) == 0;
}

int nbd_contexts_decode(Span data, bool lists, NbdContexts *ret, Error *err) {
        Reader r = reader_of(data.data, data.size);
        NbdContexts c = { 0 };

        (void)get_string(&r);
        c.queries = get_u32(&r);
        if (c.queries > QUERIES_MAX)
                return malformed(err, "too many metadata contexts");
        for (uint32_t left = c.queries; left > 0 && reader_ok(&r); left--) {
                Span query = get_string(&r);
                if (reader_ok(&r) && (equals(query, NBD_ALLOCATION) || (lists && equals(query, "base:"))))
                        c.allocation = true;
        }
        if (!reader_done(&r))
                return malformed(err, "malformed metadata contexts");
        *ret = c;
        return 0;
}

void nbd_option_reply_encode(Writer *w, uint32_t code, uint32_t type, size_t size) {
        put_u64(w, OPTION_REPLY_MAGIC);
        put_u32(w, code);
        put_u32(w, type);
        put_u32(w, (uint32_t)size);
}

void nbd_option_refusal_encode(Writer *w, uint32_t code, uint32_t type, const char *why) {
        size_t size = strlen(why);
        nbd_option_reply_encode(w, code, type, size);
        write_bytes(w, why, size);
}

void nbd_info_encode(Writer *w, uint32_t code, const NbdExport *facts, bool block_size) {
        nbd_option_reply_encode(w, code, NBD_REP_INFO, 12);
        put_u16(w, NBD_INFO_EXPORT);
        put_u64(w, facts->size_bytes);
        put_u16(w, facts->flags);
        if (block_size) {
                nbd_option_reply_encode(w, code, NBD_REP_INFO, 14);
                put_u16(w, NBD_INFO_BLOCK_SIZE);
                put_u32(w, facts->block_minimum);
                put_u32(w, facts->block_preferred);
                put_u32(w, facts->request_maximum);
        }
        nbd_option_reply_encode(w, code, NBD_REP_ACK, 0);
}

void nbd_old_export_encode(Writer *w, const NbdExport *facts, bool zeroes) {
        put_u64(w, facts->size_bytes);
        put_u16(w, facts->flags);
        write_zero(w, zeroes ? NBD_OLD_ZEROES : 0);
}

void nbd_context_encode(Writer *w, uint32_t code, uint32_t id, const char *name) {
        nbd_option_reply_encode(w, code, NBD_REP_META_CONTEXT, 4 + strlen(name));
        put_u32(w, id);
        write_bytes(w, name, strlen(name));
}

void nbd_list_encode(Writer *w) {
        nbd_option_reply_encode(w, NBD_OPT_LIST, NBD_REP_SERVER, 4);
        put_u32(w, 0);
        nbd_option_reply_encode(w, NBD_OPT_LIST, NBD_REP_ACK, 0);
}

/* ---- requests and replies ----------------------------------------------------------------------- */

int nbd_request_decode(const uint8_t data[static NBD_REQUEST_SIZE], NbdRequest *ret, Error *err) {
        Reader r = reader_of(data, NBD_REQUEST_SIZE);
        uint32_t magic = get_u32(&r);
        NbdRequest q = { .flags = get_u16(&r) };

        q.command = get_u16(&r);
        q.cookie = get_u64(&r);
        q.offset = get_u64(&r);
        q.size = get_u32(&r);
        *ret = q;
        return magic == REQUEST_MAGIC ? 0 : malformed(err, "something that is no request");
}

static uint32_t error_number(int error) {
        switch (error) {
        case 0:
                return 0;
        case EPERM:
        case EROFS:
                return 1;
        case ENOMEM:
                return 12;
        case EINVAL:
                return 22;
        case ENOSPC:
        case EDQUOT:
        case EFBIG:
                return 28;
        case EOVERFLOW:
                return 75;
        case EOPNOTSUPP:
                return 95;
        case ESHUTDOWN:
                return 108;
        default:
                return 5;
        }
}

void nbd_simple_reply_encode(Writer *w, int error, uint64_t cookie) {
        put_u32(w, SIMPLE_REPLY_MAGIC);
        put_u32(w, error_number(error));
        put_u64(w, cookie);
}

void nbd_chunk_encode(Writer *w, uint16_t type, uint64_t cookie, size_t size) {
        put_u32(w, CHUNK_MAGIC);
        put_u16(w, NBD_REPLY_FLAG_DONE);
        put_u16(w, type);
        put_u64(w, cookie);
        put_u32(w, (uint32_t)size);
}

void nbd_data_chunk_encode(Writer *w, uint64_t cookie, uint64_t offset, size_t data_size) {
        nbd_chunk_encode(w, NBD_REPLY_OFFSET_DATA, cookie, 8 + data_size);
        put_u64(w, offset);
}

void nbd_error_chunk_encode(Writer *w, int error, uint64_t cookie, const char *why) {
        size_t size = strnlen(why, ERROR_WORDS_MAX);
        nbd_chunk_encode(w, NBD_REPLY_ERROR, cookie, 6 + size);
        put_u32(w, error_number(error));
        put_u16(w, (uint16_t)size);
        write_bytes(w, why, size);
}

void nbd_descriptor_encode(Writer *w, uint32_t size, uint32_t state) {
        put_u32(w, size);
        put_u32(w, state);
}
