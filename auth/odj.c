#include "auth/odj.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/bytes.h"
#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"

enum {
        FORMAT_WIN7 = 1,
        FORMAT_WIN8 = 2,
        BLOBS_MAX = 16,
        PARTS_MAX = 64,
        GUID_SIZE = 16,
        SID_SUBS_MAX = 15,
};

/* {631c7621-5289-4321-bc9e-80f843f868c3}: a part that is an ODJ_WIN7BLOB */
static const uint8_t join_provider[GUID_SIZE] = { 0x21, 0x76, 0x1C, 0x63, 0x89, 0x52, 0x21, 0x43,
                                                  0xBC, 0x9E, 0x80, 0xF8, 0x43, 0xF8, 0x68, 0xC3 };

void odj_erase(OfflineJoin *join) { explicit_bzero(join, sizeof *join); }

static int damaged(Error *err) {
        return error_set(err, ERROR_INVALID, 0,
                         "this is no blob of djoin /provision, or it is damaged; make a new one, and bring it here whole");
}

/* ---- NDR, as far as these structures use it ------------------------------------------------------------- */

static void align4(Reader *r) {
        while (r->at % 4 && reader_ok(r))
                read_skip(r, 1);
}

/* [MS-RPCE] 2.2.6.1 and .2: little-endian, version 1, then as many bytes as it says. */
static bool open_serialized(Span data, Reader *ret) {
        static const uint8_t common[8] = { 1, 0x10, 8, 0, 0xCC, 0xCC, 0xCC, 0xCC };
        Reader r = reader_of(data.data, data.size);
        Span head = read_span(&r, sizeof common);
        uint32_t size = read_u32(&r);

        read_skip(&r, 4);
        if (!reader_ok(&r) || memcmp(head.data, common, sizeof common) != 0)
                return false;
        Span body = read_span(&r, size);
        *ret = reader_of(body.data, body.size);
        return reader_ok(&r);
}

typedef struct Blob {
        uint32_t size;
        bool there;
} Blob;

static Blob read_blob(Reader *r) {
        Blob b = { .size = read_u32(r) };
        b.there = read_u32(r) != 0;
        return b;
}

/* What a blob's pointer leads to. */
static Span read_blob_bytes(Reader *r, Blob blob) {
        if (!blob.there)
                return (Span){ NULL, 0 };
        uint32_t count = read_u32(r);
        if (count != blob.size)
                r->failed = true;
        Span bytes = read_span(r, count);
        align4(r);
        return bytes;
}

/* A conformant and varying array of UTF-16 units. */
static Span read_units(Reader *r) {
        uint32_t most = read_u32(r), offset = read_u32(r), count = read_u32(r);
        if (offset != 0 || count > most || count > UINT32_MAX / 2)
                r->failed = true;
        Span units = read_span(r, reader_ok(r) ? (size_t)count * 2 : 0);
        align4(r);
        return units;
}

/* ---- text ------------------------------------------------------------------------------------------------- */

/* A machine's password may be random units: a lone surrogate counts as U+FFFD in its key, as controllers do it. */
static bool to_utf8(Span units, char *to, size_t size) {
        size_t bytes = units.size;
        bool mended;
        Error ignored;

        if (bytes >= 2 && units.data[bytes - 2] == 0 && units.data[bytes - 1] == 0)
                bytes -= 2;             /* the terminator */
        return bytes > 0 && text_from_utf16_mended(units.data, bytes, to, size, &mended, &ignored) == 0;
}

/* ---- the structures ----------------------------------------------------------------------------------------- */

typedef struct Win7 {
        bool name, dns_name, forest, sid, dc_name;      /* pointers that lead somewhere */
} Win7;

static bool read_header(Reader *r, Win7 *ret) {
        /* the structure's own pointer, then domain, machine name, password */
        for (unsigned i = 0; i < 4; i++)
                if (read_u32(r) == 0)
                        return false;
        bool *names[] = { &ret->name, &ret->dns_name, &ret->forest };
        for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
                read_skip(r, 4);        /* lengths: the array says them again */
                *names[i] = read_u32(r) != 0;
        }
        read_skip(r, GUID_SIZE);
        ret->sid = read_u32(r) != 0;
        ret->dc_name = read_u32(r) != 0;
        /* address, its type, GUID, domain, forest, flags, two sites, options: not needed, but they must be there */
        read_skip(r, 4 + 4 + GUID_SIZE + 4 + 4 + 4 + 4 + 4 + 4);
        return reader_ok(r);
}

static void skip_sid(Reader *r) {
        uint32_t count = read_u32(r);

        if (count > SID_SUBS_MAX)
                r->failed = true;
        read_skip(r, reader_ok(r) ? 8 + 4 * (size_t)count : 0);
}

static bool take_server(Span units, char to[static ODJ_NAME_MAX]) {
        char name[ODJ_NAME_MAX + 2];
        if (!to_utf8(units, name, sizeof name))
                return false;
        const char *plain = name + strspn(name, "\\");
        if (strlen(plain) >= ODJ_NAME_MAX)
                return false;
        memcpy(to, plain, strlen(plain) + 1);
        return true;
}

static bool decode_win7(Span data, OfflineJoin *to) {
        Reader r;
        Win7 has = { 0 };

        if (!open_serialized(data, &r) || !read_header(&r, &has))
                return false;
        Span domain = read_units(&r), computer = read_units(&r), password = read_units(&r);
        if (has.name)
                (void)read_units(&r);
        Span dns_name = has.dns_name ? read_units(&r) : (Span){ NULL, 0 };
        if (has.forest)
                (void)read_units(&r);
        if (has.sid)
                skip_sid(&r);
        Span server = has.dc_name ? read_units(&r) : (Span){ NULL, 0 };
        if (!reader_ok(&r))
                return false;
        /* the name the administrator typed may be the short one */
        return to_utf8(has.dns_name && dns_name.size > 0 ? dns_name : domain, to->domain, sizeof to->domain) &&
               to_utf8(computer, to->computer, sizeof to->computer) &&
               to_utf8(password, to->password, sizeof to->password) &&
               (server.size == 0 || take_server(server, to->server));
}

/* OP_PACKAGE_PART_COLLECTION: the first part that is an account. */
static bool decode_parts(Span data, OfflineJoin *to) {
        Reader r;
        struct { bool account; Blob part, extension; } parts[PARTS_MAX];

        if (!open_serialized(data, &r) || read_u32(&r) == 0)
                return false;
        uint32_t count = read_u32(&r), pointer = read_u32(&r);
        Blob extension = read_blob(&r);
        if (!reader_ok(&r) || count == 0 || count > PARTS_MAX || pointer == 0 || read_u32(&r) != count)
                return false;
        (void)extension;        /* comes last: not needed */
        for (uint32_t i = 0; i < count; i++) {
                Span type = read_span(&r, GUID_SIZE);
                parts[i].account = type.size == GUID_SIZE && memcmp(type.data, join_provider, GUID_SIZE) == 0;
                read_skip(&r, 4);
                parts[i].part = read_blob(&r);
                parts[i].extension = read_blob(&r);
        }
        for (uint32_t i = 0; i < count && reader_ok(&r); i++) {
                Span part = read_blob_bytes(&r, parts[i].part);
                (void)read_blob_bytes(&r, parts[i].extension);
                if (reader_ok(&r) && parts[i].account)
                        return decode_win7(part, to);
        }
        return false;
}

/* OP_PACKAGE */
static bool decode_package(Span data, OfflineJoin *to) {
        static const uint8_t plain[GUID_SIZE] = { 0 };
        Reader r;

        if (!open_serialized(data, &r) || read_u32(&r) == 0)
                return false;
        Span encryption = read_span(&r, GUID_SIZE);
        Blob context = read_blob(&r), wrapped = read_blob(&r);
        read_skip(&r, 4);
        (void)read_blob(&r);
        if (!reader_ok(&r) || memcmp(encryption.data, plain, GUID_SIZE) != 0)
                return false;
        (void)read_blob_bytes(&r, context);
        Span parts = read_blob_bytes(&r, wrapped);
        return reader_ok(&r) && decode_parts(parts, to);
}

static bool decode(Span data, OfflineJoin *to) {
        Reader r;
        struct { uint32_t format; Blob blob; } blobs[BLOBS_MAX];

        if (!open_serialized(data, &r) || read_u32(&r) == 0)
                return false;
        uint32_t version = read_u32(&r), count = read_u32(&r), pointer = read_u32(&r);
        if (!reader_ok(&r) || version != 1 || count == 0 || count > BLOBS_MAX || pointer == 0 || read_u32(&r) != count)
                return false;
        for (uint32_t i = 0; i < count; i++) {
                blobs[i].format = read_u32(&r);
                blobs[i].blob = read_blob(&r);
        }
        for (uint32_t i = 0; i < count && reader_ok(&r); i++) {
                Span bytes = read_blob_bytes(&r, blobs[i].blob);
                if (!reader_ok(&r))
                        return false;
                if ((blobs[i].format == FORMAT_WIN7 && decode_win7(bytes, to)) ||
                    (blobs[i].format == FORMAT_WIN8 && decode_package(bytes, to)))
                        return true;
        }
        return false;
}

int odj_decode(const uint8_t *data, size_t size, OfflineJoin *ret, Error *err) {
        auto_(odj_erase) OfflineJoin to = { .domain = "" };

        if (size > ODJ_TEXT_MAX || !decode((Span){ data, size }, &to))
                return damaged(err);
        *ret = to;
        return 0;
}

/* ---- the file ------------------------------------------------------------------------------------------------ */

static int digit(uint32_t c) {
        static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const char *at = c > 0 && c < 0x80 ? strchr(letters, (int)c) : NULL;
        return at ? (int)(at - letters) : -1;
}

/* Base64, white space and an end of zeroes left out; the size of what is in @to, or 0 when it is none.  @step: bytes of a
 * character. */
static size_t unbase64(const uint8_t *text, size_t size, size_t step, uint8_t *to) {
        size_t n = 0, padding = 0;
        uint32_t bits = 0;
        unsigned have = 0;

        for (size_t i = 0; i + step <= size; i += step) {
                uint32_t c = step == 2 ? (uint32_t)(text[i] | text[i + 1] << 8) : text[i];
                if (c == 0 || c == ' ' || c == '\r' || c == '\n' || c == '\t')
                        continue;
                if (c == '=') {
                        padding++;
                        continue;
                }
                int value = digit(c);
                if (value < 0 || padding > 0)
                        return 0;
                bits = bits << 6 | (uint32_t)value;
                have += 6;
                if (have >= 8) {
                        have -= 8;
                        to[n++] = (uint8_t)(bits >> have);
                }
        }
        bits = 0;
        return padding > 2 ? 0 : n;
}

typedef struct Buffer {
        uint8_t *data;
        size_t size;
} Buffer;

static void buffer_done(Buffer *b) {
        if (b->data)
                explicit_bzero(b->data, b->size);
        free(b->data);
}

int odj_read(const void *text, size_t size, OfflineJoin *ret, Error *err) {
        const uint8_t *bytes = text;
        bool wide = size >= 2 && ((bytes[0] == 0xFF && bytes[1] == 0xFE) || bytes[1] == 0);
        size_t skip = wide && bytes[0] == 0xFF ? 2 : size >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;

        if (size == 0 || size > ODJ_TEXT_MAX)
                return damaged(err);
        auto_(buffer_done) Buffer data = { .data = malloc(size), .size = size };
        if (!data.data)
                return error_oom(err);
        size_t n = unbase64(bytes + skip, size - skip, wide ? 2 : 1, data.data);
        return n > 0 ? odj_decode(data.data, n, ret, err) : damaged(err);
}
