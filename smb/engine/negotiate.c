#include "smb/engine/negotiate.h"

#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "smb/engine/wire.h"

enum { CONTEXT_PREAUTH = 1, CONTEXT_ENCRYPTION = 2, CONTEXT_NETNAME = 5, CONTEXT_SIGNING = 8 }; /* 2.2.3.1 */
enum { HASH_SHA512 = 1, CONTEXTS_MAX = 16 };

const uint16_t negotiate_dialects[NEGOTIATE_DIALECTS] = { DIALECT_300, DIALECT_302, DIALECT_311 };

/* GCM before CCM: one pass over the data instead of two, and no serial chain, so about four times
 * faster.  128 before 256 bit: ten rounds instead of fourteen, and Windows prefers it as well; an
 * administrator who wants 256 bit says so on the server, whose choice it is. */
static const uint16_t ciphers[] = { CIPHER_AES_128_GCM, CIPHER_AES_256_GCM, CIPHER_AES_128_CCM,
                                    CIPHER_AES_256_CCM };
/* GMAC runs in parallel, CMAC is a serial chain.  HMAC-SHA256 belongs to SMB 2 and is never used. */
static const uint16_t signings[] = { SIGNING_AES_GMAC, SIGNING_AES_CMAC };

typedef struct ContextList {
        Writer *w;
        size_t size_at;
} ContextList;

static void context_begin(ContextList *list, uint16_t type) {
        write_align(list->w, 8);
        write_u16(list->w, type);
        list->size_at = list->w->at;
        write_u16(list->w, 0);
        write_u32(list->w, 0);
}

static void context_end(ContextList *list) {
        write_u16_at(list->w, list->size_at, (uint16_t)(list->w->at - list->size_at - 6));
}

static void write_list(Writer *w, const uint16_t *values, size_t count) {
        for (size_t i = 0; i < count; i++)
                write_u16(w, values[i]);
}

int negotiate_encode(Writer *w, const Negotiate *offer, Error *err) {
        uint8_t name[512];
        size_t name_size = 0;
        if (text_to_utf16(offer->host, name, sizeof name, &name_size, err) < 0)
                return error_wrap(err, "host name");
        write_zero(w, WIRE_HEADER_SIZE);
        write_u16(w, 36);
        write_u16(w, NEGOTIATE_DIALECTS);
        write_u16(w, offer->security_mode);
        write_u16(w, 0);
        write_u32(w, offer->capabilities);
        write_bytes(w, offer->client_guid, 16);
        size_t offset_at = w->at;
        write_u32(w, 0);
        write_u16(w, 4); /* NegotiateContextCount */
        write_u16(w, 0);
        write_list(w, negotiate_dialects, NEGOTIATE_DIALECTS);
        write_align(w, 8);
        write_u32_at(w, offset_at, (uint32_t)w->at);

        ContextList list = { .w = w };
        context_begin(&list, CONTEXT_PREAUTH);
        write_u16(w, 1);
        write_u16(w, NEGOTIATE_SALT_SIZE);
        write_u16(w, HASH_SHA512);
        write_bytes(w, offer->salt, NEGOTIATE_SALT_SIZE);
        context_end(&list);
        context_begin(&list, CONTEXT_ENCRYPTION);
        write_u16(w, ARRAY_SIZE(ciphers));
        write_list(w, ciphers, ARRAY_SIZE(ciphers));
        context_end(&list);
        context_begin(&list, CONTEXT_SIGNING);
        write_u16(w, ARRAY_SIZE(signings));
        write_list(w, signings, ARRAY_SIZE(signings));
        context_end(&list);
        context_begin(&list, CONTEXT_NETNAME);
        write_bytes(w, name, name_size);
        context_end(&list);
        return 0;
}

static int damaged(const char *what, Error *err) {
        return error_set(err, ERROR_PROTOCOL, 0, "the file server's NEGOTIATE reply %s", what);
}

static bool offered(const uint16_t *values, size_t count, uint16_t value) {
        for (size_t i = 0; i < count; i++)
                if (values[i] == value)
                        return true;
        return false;
}

/* A reply context holds exactly one choice ([MS-SMB2] 3.2.5.2). */
static int take_context(uint16_t type, Span data, NegotiateReply *reply, Error *err) {
        Reader r = reader_of(data.data, data.size);
        uint16_t count = read_u16(&r);
        if (type == CONTEXT_PREAUTH)
                (void)read_u16(&r); /* SaltLength */
        uint16_t value = read_u16(&r);
        if (!reader_ok(&r) || count != 1)
                return damaged("has a malformed context", err);
        if (type == CONTEXT_PREAUTH && value != HASH_SHA512)
                return damaged("chooses an integrity hash that was not offered", err);
        if (type == CONTEXT_ENCRYPTION) {
                if (value != CIPHER_NONE && !offered(ciphers, ARRAY_SIZE(ciphers), value))
                        return damaged("chooses a cipher that was not offered", err);
                reply->cipher = value;
        }
        if (type == CONTEXT_SIGNING) {
                if (!offered(signings, ARRAY_SIZE(signings), value))
                        return damaged("chooses a signing algorithm that was not offered", err);
                reply->signing = value;
        }
        return 0;
}

static int take_contexts(Span message, uint32_t offset, uint16_t count, NegotiateReply *reply, Error *err) {
        unsigned seen = 0;
        if (count > CONTEXTS_MAX || offset < WIRE_HEADER_SIZE + 64 || offset > message.size)
                return damaged("has a malformed context list", err);
        Reader r = reader_of(message.data, message.size);
        r.at = offset;
        for (uint16_t i = 0; i < count; i++) {
                if (i > 0)
                        read_skip(&r, (8 - (r.at & 7)) & 7);
                uint16_t type = read_u16(&r), size = read_u16(&r);
                (void)read_u32(&r);
                Span data = read_span(&r, size);
                if (!reader_ok(&r))
                        return damaged("has a context list that leaves the message", err);
                if (type != CONTEXT_PREAUTH && type != CONTEXT_ENCRYPTION && type != CONTEXT_SIGNING)
                        continue;
                if (seen & 1u << type)
                        return damaged("has the same context twice", err);
                seen |= 1u << type;
                if (take_context(type, data, reply, err) < 0)
                        return -1;
        }
        if (!(seen & 1u << CONTEXT_PREAUTH))
                return damaged("lacks pre-authentication integrity", err);
        return 0;
}

static int refuse_old(uint16_t dialect, Error *err) {
        const char *name = dialect == 0x0202                        ? "SMB 2.0.2"
                           : dialect == 0x0210 || dialect == 0x02FF ? "SMB 2.1"
                                                                    : NULL;
        if (!name)
                return damaged("chooses a dialect that was not offered", err);
        return error_set(err, ERROR_UNSUPPORTED, dialect,
                         "the file server speaks %s only; enable SMB 3 on the file server", name);
}

int negotiate_decode(Span message, NegotiateReply *ret, Error *err) {
        NegotiateReply reply = { 0 };
        Reader r = reader_of(message.data, message.size);
        read_skip(&r, WIRE_HEADER_SIZE);
        if (read_u16(&r) != 65)
                return damaged("is malformed", err);
        reply.security_mode = read_u16(&r);
        reply.dialect = read_u16(&r);
        uint16_t context_count = read_u16(&r);
        read_bytes(&r, reply.server_guid, 16);
        reply.capabilities = read_u32(&r);
        reply.max_transact = read_u32(&r);
        reply.max_read = read_u32(&r);
        reply.max_write = read_u32(&r);
        read_skip(&r, 16); /* times */
        uint16_t offset = read_u16(&r), size = read_u16(&r);
        uint32_t context_offset = read_u32(&r);
        /* The security blob is only checked to be there: we come with Kerberos whatever it lists. */
        (void)read_span_at(&r, offset, size);
        if (!reader_ok(&r))
                return damaged("is malformed", err);
        if (!offered(negotiate_dialects, NEGOTIATE_DIALECTS, reply.dialect))
                return refuse_old(reply.dialect, err);
        if (reply.max_read < WIRE_UNIT || reply.max_write < WIRE_UNIT || reply.max_transact < WIRE_UNIT)
                return damaged("allows less than 64 KiB per request", err);
        reply.signing = SIGNING_AES_CMAC;
        if (reply.dialect != DIALECT_311)
                reply.cipher = reply.capabilities & CAP_ENCRYPTION ? CIPHER_AES_128_CCM : CIPHER_NONE;
        else if (take_contexts(message, context_offset, context_count, &reply, err) < 0)
                return -1;
        *ret = reply;
        return 0;
}

void negotiate_validate_encode(Writer *w, const Negotiate *offer) {
        write_u32(w, offer->capabilities);
        write_bytes(w, offer->client_guid, 16);
        write_u16(w, offer->security_mode);
        write_u16(w, NEGOTIATE_DIALECTS);
        write_list(w, negotiate_dialects, NEGOTIATE_DIALECTS);
}

int negotiate_validate_check(Span out, const NegotiateReply *got, Error *err) {
        uint8_t guid[16];
        Reader r = reader_of(out.data, out.size);
        uint32_t capabilities = read_u32(&r);
        read_bytes(&r, guid, sizeof guid);
        uint16_t security_mode = read_u16(&r), dialect = read_u16(&r);
        if (!reader_done(&r) || capabilities != got->capabilities || memcmp(guid, got->server_guid, 16) != 0 ||
            security_mode != got->security_mode || dialect != got->dialect)
                return error_set(err, ERROR_PROTOCOL, 0,
                                 "the file server's signed word on the negotiation differs from "
                                 "what arrived; somebody on the network tampers with it, so nothing was sent");
        return 0;
}
