#include "appliance/gateway/seal.h"

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "appliance/base/text.h"

#define BOUNDARY "--Encrypted Boundary"
#define OCTETS "Content-Type: application/octet-stream\r\n"

enum {
        LENGTH_SIZE = 4, /* of the token's length, little-endian */
        TOKEN_MAX = 4096,
        WRAP_TOKEN_SIZE = 16, /* RFC 4121 4.2.6.2 */
        PADDING_MAX = 16,
};

struct Seal {
        gss_ctx_id_t context;
        bool any;
        uint64_t sequence; /* of the last message */
};

static const char *const protocols[] = {
        [SEAL_SPNEGO] = "application/HTTP-SPNEGO-session-encrypted",
        [SEAL_KERBEROS] = "application/HTTP-Kerberos-session-encrypted",
};

const char *seal_content_type(SealProtocol protocol) {
        static const char *const types[] = {
                [SEAL_SPNEGO] = "multipart/encrypted;protocol=\"application/HTTP-SPNEGO-session-encrypted\";"
                                "boundary=\"Encrypted Boundary\"",
                [SEAL_KERBEROS] = "multipart/encrypted;protocol=\"application/HTTP-Kerberos-session-encrypted\";"
                                  "boundary=\"Encrypted Boundary\"",
        };
        return types[protocol];
}

/* ---- framing -------------------------------------------------------------------------------------- */

bool seal_announced(const char *content_type) {
        return content_type && text_starts_nocase(content_type, "multipart/");
}

static int find_protocol(const char *content_type, SealProtocol *ret, Error *err) {
        for (unsigned i = 0; i < ARRAY_SIZE(protocols); i++)
                if (strcasestr(content_type, protocols[i])) {
                        *ret = (SealProtocol)i;
                        return 0;
                }
        return error_set(err, ERROR_PROTOCOL, 0,
                         "the message encryption '%.100s' is not supported; use Kerberos (Negotiate) encryption",
                         content_type);
}

/* The last boundary, from the end: what is sealed may hold anything. */
static const uint8_t *find_end(const uint8_t *from, const uint8_t *to) {
        static const char closing[] = BOUNDARY "--";
        const size_t n = sizeof closing - 1;
        for (const uint8_t *at = to - n; at >= from && to - at < 64; at--)
                if (memcmp(at, closing, n) == 0)
                        return at;
        return NULL;
}

static bool find_length(const char *head, size_t size, size_t *ret) {
        const char *at = memmem(head, size, "Length=", 7);
        size_t value = 0, digits = 0;
        for (at = at ? at + 7 : NULL; at && at < head + size && *at >= '0' && *at <= '9' && digits < 9;
             at++, digits++)
                value = value * 10 + (size_t)(*at - '0');
        *ret = value;
        return digits > 0;
}

int seal_parse(const char *content_type, const void *body, size_t size, SealedPart *ret, Error *err) {
        SealedPart part = { 0 };
        const uint8_t *start = body;

        if (find_protocol(content_type, &part.protocol, err) < 0)
                return -1;
        const uint8_t *octets = size > 0 ? memmem(start, size, OCTETS, sizeof OCTETS - 1) : NULL;
        const uint8_t *data = octets ? octets + sizeof OCTETS - 1 : NULL;
        const uint8_t *end =
                data && start + size - data > (ptrdiff_t)sizeof BOUNDARY + 1 ? find_end(data, start + size) : NULL;
        if (!end || memcmp(start, BOUNDARY, sizeof BOUNDARY - 1) != 0 ||
            !find_length((const char *)start, (size_t)(octets - start), &part.length))
                return error_set(err, ERROR_PROTOCOL, 0, "the encrypted message is not framed as it must be");
        Reader r = reader_of(data, (size_t)(end - data));
        uint32_t token = read_u32(&r);
        if (token > TOKEN_MAX)
                return error_set(err, ERROR_PROTOCOL, 0, "the encrypted message is not framed as it must be");
        part.token = read_span(&r, token);
        part.data = read_span(&r, reader_left(&r));
        if (!reader_ok(&r) || part.token.size < WRAP_TOKEN_SIZE)
                return error_set(err, ERROR_PROTOCOL, 0, "the encrypted message is cut off");
        *ret = part;
        return 0;
}

/* ---- sealing -------------------------------------------------------------------------------------- */

int seal_new(const void *exported, size_t size, Seal **ret, Error *err) {
        OM_uint32 minor;
        gss_buffer_desc token = { size, (void *)(uintptr_t)exported };
        auto_(seal_freep) Seal *seal = calloc(1, sizeof *seal);

        if (!seal)
                return error_oom(err);
        if (GSS_ERROR(gss_import_sec_context(&minor, &token, &seal->context)))
                return error_set(err, ERROR_INTERNAL, (int)minor,
                                 "the sign-in cannot be taken over from holdfastd");
        *ret = take_ptr(seal);
        return 0;
}

void seal_free(Seal *seal) {
        OM_uint32 minor;
        if (!seal)
                return;
        (void)gss_delete_sec_context(&minor, &seal->context, GSS_C_NO_BUFFER);
        free(seal);
}

/* SND_SEQ of a wrap token (RFC 4121 4.2.6.2); authentic once the token has been unwrapped. */
static uint64_t sequence_of(Span token) {
        uint64_t value = 0;
        for (unsigned i = 8; i < WRAP_TOKEN_SIZE; i++)
                value = value << 8 | token.data[i];
        return value;
}

static int take_plain(Seal *seal, const SealedPart *part, OM_uint32 major, int sealed, gss_buffer_t plain,
                      uint8_t **ret, Error *err) {
        uint64_t sequence = sequence_of(part->token);

        if (GSS_ERROR(major) || !sealed)
                return error_set(err, ERROR_DENIED, 0,
                                 "the encrypted message was changed on the way, or is not "
                                 "encrypted for this connection");
        if ((major & (GSS_S_DUPLICATE_TOKEN | GSS_S_OLD_TOKEN | GSS_S_UNSEQ_TOKEN)) ||
            (seal->any && sequence <= seal->sequence))
                return error_set(err, ERROR_DENIED, 0, "the encrypted message is a repetition, or out of order");
        if (part->length < plain->length || part->length > plain->length + PADDING_MAX)
                return error_set(err, ERROR_PROTOCOL, 0, "the encrypted message has another length than it says");
        uint8_t *copy = malloc(plain->length + 1);
        if (!copy)
                return error_oom(err);
        memcpy(copy, plain->value, plain->length);
        copy[plain->length] = '\0';
        seal->any = true;
        seal->sequence = sequence;
        *ret = copy;
        return 0;
}

int seal_open(Seal *seal, const SealedPart *part, uint8_t **ret, size_t *ret_size, Error *err) {
        OM_uint32 minor, ignored;
        int sealed = 0;
        gss_buffer_desc plain = GSS_C_EMPTY_BUFFER;
        size_t size = part->token.size + part->data.size;
        auto_free uint8_t *whole = malloc(size);

        if (!whole)
                return error_oom(err);
        memcpy(whole, part->token.data, part->token.size);
        if (part->data.size > 0)
                memcpy(whole + part->token.size, part->data.data, part->data.size);
        gss_buffer_desc in = { size, whole };
        OM_uint32 major = gss_unwrap(&minor, seal->context, &in, &plain, &sealed, NULL);
        int r = take_plain(seal, part, major, sealed, &plain, ret, err);
        if (r == 0)
                *ret_size = plain.length;
        if (plain.length > 0)
                explicit_bzero(plain.value, plain.length);
        (void)gss_release_buffer(&ignored, &plain);
        return r;
}

static int frame(SealProtocol protocol, size_t length, const gss_iov_buffer_desc iov[static 3], uint8_t **ret,
                 size_t *ret_size, Error *err) {
        char head[512];
        static const char closing[] = BOUNDARY "--\r\n";
        size_t token = iov[0].buffer.length, data = iov[1].buffer.length, padding = iov[2].buffer.length;

        int n = snprintf(head, sizeof head,
                         BOUNDARY
                         "\r\n\tContent-Type: %s\r\n"
                         "\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length=%zu\r\n" BOUNDARY
                         "\r\n\t" OCTETS,
                         protocols[protocol], length + padding);
        size_t size = (size_t)n + LENGTH_SIZE + token + data + padding + sizeof closing - 1;
        uint8_t *body = malloc(size);
        if (!body)
                return error_oom(err);
        Writer w = writer_of(body, size);
        write_bytes(&w, head, (size_t)n);
        write_u32(&w, (uint32_t)token);
        write_bytes(&w, iov[0].buffer.value, token);
        write_bytes(&w, iov[1].buffer.value, data);
        if (padding > 0)
                write_bytes(&w, iov[2].buffer.value, padding);
        write_bytes(&w, closing, sizeof closing - 1);
        *ret = body;
        *ret_size = size;
        return 0;
}

int seal_close(Seal *seal, SealProtocol protocol, const void *plain, size_t size, uint8_t **ret, size_t *ret_size,
               Error *err) {
        OM_uint32 minor;
        int sealed = 0;
        auto_free void *data = malloc(size ? size : 1);

        if (!data)
                return error_oom(err);
        memcpy(data, plain, size);
        gss_iov_buffer_desc iov[3] = {
                { .type = GSS_IOV_BUFFER_TYPE_HEADER | GSS_IOV_BUFFER_FLAG_ALLOCATE },
                { .type = GSS_IOV_BUFFER_TYPE_DATA, .buffer = { size, data } },
                { .type = GSS_IOV_BUFFER_TYPE_PADDING | GSS_IOV_BUFFER_FLAG_ALLOCATE },
        };
        OM_uint32 major = gss_wrap_iov(&minor, seal->context, 1, GSS_C_QOP_DEFAULT, &sealed, iov, 3);
        int r = GSS_ERROR(major) || !sealed
                        ? error_set(err, ERROR_INTERNAL, (int)minor, "the reply cannot be encrypted")
                        : frame(protocol, size, iov, ret, ret_size, err);
        (void)gss_release_iov_buffer(&minor, iov, 3);
        return r;
}
