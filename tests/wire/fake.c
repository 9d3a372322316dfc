#include "tests/wire/fake.h"

#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "smb/engine/status.h"

enum { MESSAGE_MAX = 9 * 1024 * 1024, SESSION_ID = 0x1122334455667788, TREE_ID = 7, SIGNATURE_AT = 48 };

static const uint8_t key[32] = { 1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16,
                                 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32 };

Fake fake_default(void) {
        return (Fake){ .dialect = DIALECT_311,
                       .cipher = CIPHER_AES_128_GCM,
                       .signing = SIGNING_AES_GMAC,
                       .security_mode = SIGNING_ENABLED,
                       .max_size = 1 << 20,
                       .credits = -1,
                       .fd = -1,
                       .capabilities = CAP_LARGE_MTU | CAP_LEASING | CAP_ENCRYPTION };
}

int fake_take(AuthStep *step, Error *err) {
        static const char *const says[] = { "hello", "again" };
        size_t round = step->in.size == 0 ? 0 : step->in.data[0] == 'm' ? 1 : 2;
        free(take_ptr(step->out));
        step->out_size = 0;
        if (round < 2) {
                step->out = (uint8_t *)strdup(says[round]);
                step->out_size = strlen(says[round]);
                return 0;
        }
        if (step->in.size != 4 || memcmp(step->in.data, "done", 4) != 0)
                return error_set(err, ERROR_DENIED, 0, "the server did not prove itself");
        step->complete = true;
        memcpy(step->session_key, key, sizeof key);
        step->session_key_size = sizeof key;
        return 0;
}

/* ---- bytes on the wire ----------------------------------------------------------------------- */

static bool read_all(int fd, void *to, size_t size) {
        for (size_t at = 0; at < size;) {
                ssize_t n = read(fd, (uint8_t *)to + at, size - at);
                if (n <= 0)
                        return false;
                at += (size_t)n;
        }
        return true;
}

static void write_all(int fd, const void *from, size_t size) {
        for (size_t at = 0; at < size;) {
                ssize_t n = send(fd, (const uint8_t *)from + at, size - at, MSG_NOSIGNAL);
                if (n <= 0)
                        return;
                at += (size_t)n;
        }
}

static void send_message(Fake *f, const uint8_t *message, size_t size, Fault fault) {
        size_t says = fault == FAULT_LENGTH ? 0xFFFFFF : fault == FAULT_TINY ? 3 : size;
        uint8_t length[4] = { 0, (uint8_t)(says >> 16), (uint8_t)(says >> 8), (uint8_t)says };
        write_all(f->fd, length, sizeof length);
        write_all(f->fd, message, fault == FAULT_TRUNCATE ? size / 2 : size);
        if (fault == FAULT_TRUNCATE)
                (void)shutdown(f->fd, SHUT_RDWR);
}

static void sign_message(Fake *f, uint8_t *message, size_t size, const WireHeader *h, bool badly) {
        WireHeader signed_header = *h;
        Error err = { 0 };
        uint8_t signature[16];
        struct iovec part = { message, size };
        SealSigned what = { &part, 1, h->message_id, true, false };
        signed_header.flags |= WIRE_SIGNED;
        wire_header_encode(message, &signed_header);
        int r = seal_sign(f->seal, &what, signature, &err);
        assert(r == 0);
        memcpy(message + SIGNATURE_AT, signature, 16);
        if (badly)
                message[SIGNATURE_AT] ^= 1;
}

static void protect_and_send(Fake *f, uint8_t *message, size_t size, const WireHeader *h, bool seal, bool sign,
                             Fault fault) {
        Error err = { 0 };
        if (fault == FAULT_CLEAR)
                seal = false;
        if (seal && f->seal) {
                auto_free uint8_t *sealed = malloc(WIRE_TRANSFORM_SIZE + size + SEAL_SIGNATURE_SIZE);
                struct iovec part = { message, size };
                int r = seal_encrypt(f->seal, SESSION_ID, &part, 1, sealed, &err);
                assert(r == 0);
                if (fault == FAULT_BIT_FLIP)
                        sealed[WIRE_TRANSFORM_SIZE + size - 1] ^= 1;
                send_message(f, sealed, WIRE_TRANSFORM_SIZE + size, fault);
                return;
        }
        if (sign && f->seal && fault != FAULT_STRIP_SIGNATURE)
                sign_message(f, message, size, h, fault == FAULT_BAD_SIGNATURE);
        if (fault == FAULT_BIT_FLIP)
                message[size - 1] ^= 1;
        send_message(f, message, size, fault);
}

/* ---- chains ---------------------------------------------------------------------------------- */

enum { COLLECTED_MAX = 16 };

typedef struct Collected {
        size_t count;
        bool sealed, signs;
        struct {
                uint8_t *message;
                size_t size;
                WireHeader header;
        } replies[COLLECTED_MAX];
} Collected;

static void collect(Collected *all, const uint8_t *message, size_t size, const WireHeader *h, bool first) {
        assert(all->count < COLLECTED_MAX);
        size_t at = first ? 0 : all->count;
        memmove(&all->replies[at + 1], &all->replies[at], (all->count - at) * sizeof all->replies[0]);
        all->replies[at].message = calloc(1, size + 8);
        memcpy(all->replies[at].message, message, size);
        all->replies[at].size = size;
        all->replies[at].header = *h;
        all->count++;
}

static uint32_t next_of(ChainAnswer how, size_t i, size_t count, size_t size) {
        bool last = i + 1 == count;
        if (how == CHAIN_NEXT_AT_END && last)
                return (uint32_t)(size + 7) & ~7u;
        if (last)
                return 0;
        return how == CHAIN_NEXT_BEYOND ? 0xFFFFFFF8u
                : how == CHAIN_NEXT_INSIDE ? 8
                : how == CHAIN_NEXT_ODD ? (uint32_t)((size + 7) & ~(size_t)7) + 4
                                        : (uint32_t)(size + 7) & ~7u;
}

static void send_collected(Fake *f, Collected *all) {
        ChainAnswer how = f->chain_answer;
        auto_free uint8_t *whole = malloc(MESSAGE_MAX);
        size_t at = 0, count = all->count;
        Error err = { 0 };
        for (size_t i = 0; i < count; i++) {
                uint8_t *message = all->replies[i].message;
                size_t size = all->replies[i].size;
                if (how == CHAIN_MISSING && i == 1)
                        continue;
                WireHeader *h = &all->replies[i].header;
                h->next = next_of(how, i, count, size);
                wire_header_encode(message, h);
                if (i + 1 < count || how == CHAIN_NEXT_AT_END)
                        size = (size + 7) & ~(size_t)7;
                if (all->signs && !(how == CHAIN_NO_SIGNATURE && i == 1))
                        sign_message(f, message, size, h, how == CHAIN_BAD_SIGNATURE && i == 1);
                if (how == CHAIN_CUT && i + 1 == count)
                        size = WIRE_HEADER_SIZE - 4;
                memcpy(whole + at, message, size);
                at += size;
        }
        for (size_t i = 0; i < all->count; i++)
                free(all->replies[i].message);
        if (!all->sealed) {
                send_message(f, whole, at, FAULT_NONE);
                return;
        }
        auto_free uint8_t *sealed = malloc(WIRE_TRANSFORM_SIZE + at + SEAL_SIGNATURE_SIZE);
        struct iovec part = { whole, at };
        int r = seal_encrypt(f->seal, SESSION_ID, &part, 1, sealed, &err);
        assert(r == 0);
        send_message(f, sealed, WIRE_TRANSFORM_SIZE + at, FAULT_NONE);
}

/* ---- replies --------------------------------------------------------------------------------- */

typedef struct Turn { /* one request being answered */
        Fake *f;
        WireHeader request;
        Span message;
        bool was_sealed, was_signed;
        Fault fault;
} Turn;

static uint16_t granted(const Turn *t) {
        if (t->f->credits < 0 || (t->f->echo_grants && t->request.command == SMB2_ECHO))
                return t->request.credits;
        return (uint16_t)t->f->credits;
}

static void send_interim(const Turn *t) {
        uint8_t message[WIRE_HEADER_SIZE + 9] = { 0 };
        WireHeader h = t->request;
        h.flags = WIRE_RESPONSE | WIRE_ASYNC;
        h.status = STATUS_PENDING;
        h.credits = granted(t);
        wire_header_encode(message, &h);
        message[WIRE_HEADER_SIZE] = 9;
        if (t->f->collected) {
                collect(t->f->collected, message, sizeof message, &h, true);
                return;
        }
        protect_and_send(t->f, message, sizeof message, &h, t->was_sealed, false, FAULT_NONE);
}

static void send_break(const Turn *t) {
        uint8_t message[WIRE_HEADER_SIZE + 44];
        Writer w = writer_of(message, sizeof message);
        write_zero(&w, WIRE_HEADER_SIZE);
        write_u16(&w, 44);
        write_u16(&w, 1);
        write_u32(&w, 1); /* acknowledgment required */
        write_bytes(&w, t->f->lease_key, 16);
        write_u32(&w, SMB_LEASE_READ | SMB_LEASE_HANDLE);
        write_u32(&w, SMB_LEASE_READ);
        write_zero(&w, 12);
        WireHeader h = { .command = SMB2_OPLOCK_BREAK, .flags = WIRE_RESPONSE, .message_id = UINT64_MAX };
        wire_header_encode(message, &h);
        protect_and_send(t->f, message, sizeof message, &h, t->was_sealed, false,
                         t->fault == FAULT_BREAK_CLEAR ? FAULT_CLEAR : FAULT_NONE);
}

/* @body starts with StructureSize. */
static void reply(const Turn *t, uint32_t status, const void *body, size_t size) {
        Fake *f = t->f;
        WireHeader h = t->request;
        uint16_t asked = h.command;
        if (t->fault == FAULT_SILENT || t->fault == FAULT_PENDING_ONLY) {
                if (t->fault == FAULT_PENDING_ONLY)
                        send_interim(t);
                return;
        }
        if (t->fault == FAULT_HANG_UP) {
                (void)shutdown(f->fd, SHUT_RDWR);
                return;
        }
        if (t->fault == FAULT_PENDING)
                send_interim(t);
        if (t->fault == FAULT_BREAK || t->fault == FAULT_BREAK_CLEAR)
                send_break(t);
        if (t->fault == FAULT_SHORT_BODY)
                size = 2;
        auto_free uint8_t *message = calloc(1, WIRE_HEADER_SIZE + size);
        h.credits = granted(t);
        h.status = t->fault == FAULT_STATUS ? f->status : status;
        h.flags = t->fault == FAULT_REQUEST ? 0 : WIRE_RESPONSE;
        h.next = t->fault == FAULT_COMPOUND ? 8 : 0;
        h.session_id = asked == SMB2_NEGOTIATE ? 0 : SESSION_ID;
        h.tree_id = asked == SMB2_TREE_CONNECT ? TREE_ID : h.tree_id;
        h.message_id += t->fault == FAULT_WRONG_ID ? 1000 : 0;
        h.command = t->fault == FAULT_WRONG_COMMAND ? SMB2_LOCK : asked;
        memset(h.signature, 0, sizeof h.signature);
        wire_header_encode(message, &h);
        memcpy(message + WIRE_HEADER_SIZE, body, size);
        bool final = asked == SMB2_SESSION_SETUP && status == STATUS_SUCCESS && !f->unsigned_sign_in;
        Error err = { 0 };
        if ((asked == SMB2_NEGOTIATE || (asked == SMB2_SESSION_SETUP && status != STATUS_SUCCESS)) && !f->ready) {
                int r = seal_hash(f->preauth, message, WIRE_HEADER_SIZE + size, &err);
                assert(r == 0);
        }
        size += WIRE_HEADER_SIZE;
        if (!f->collected) {
                protect_and_send(f, message, size, &h, t->was_sealed, t->was_signed || final, t->fault);
                return;
        }
        collect(f->collected, message, size, &h, f->chain_answer == CHAIN_BACKWARDS);
        if (f->chain_answer == CHAIN_TWICE && f->collected->count == 1)
                collect(f->collected, message, size, &h, false);
}

static void write_context(Writer *w, uint16_t type, const uint16_t *values, size_t count) {
        write_align(w, 8);
        write_u16(w, type);
        write_u16(w, (uint16_t)(2 * count));
        write_u32(w, 0);
        for (size_t i = 0; i < count; i++)
                write_u16(w, values[i]);
}

static void negotiate(const Turn *t) {
        Fake *f = t->f;
        uint8_t message[512];
        Writer w = writer_of(message, sizeof message);
        write_zero(&w, WIRE_HEADER_SIZE);
        write_u16(&w, 65);
        write_u16(&w, f->security_mode);
        write_u16(&w, f->dialect);
        write_u16(&w, f->dialect == DIALECT_311 ? 3 : 0);
        write_bytes(&w, "server guid 1234", 16);
        write_u32(&w, f->capabilities);
        for (int i = 0; i < 3; i++)
                write_u32(&w, f->max_size);
        write_zero(&w, 16);
        write_u16(&w, 128);
        write_u16(&w, 0);
        write_u32(&w, f->dialect == DIALECT_311 ? 128 : 0);
        if (f->dialect == DIALECT_311) {
                write_context(&w, f->no_preauth ? 100 : 1, (uint16_t[]){ 1, 0, 1 }, 3);
                write_context(&w, 2, (uint16_t[]){ 1, f->strange_cipher ? 9 : f->cipher }, 2);
                write_context(&w, f->context_twice ? 2 : 8, (uint16_t[]){ 1, f->signing }, 2);
        }
        reply(t, f->negotiate_status, message + WIRE_HEADER_SIZE, w.at - WIRE_HEADER_SIZE);
        if (f->lies_about_negotiation) /* what the server sent is not what the client got */
                f->preauth[0] ^= 1;
}

static void make_seal(Fake *f) {
        Error err = { 0 };
        SealConfig config = { .dialect = f->dialect,
                              .signing = f->dialect == DIALECT_311 ? f->signing : SIGNING_AES_CMAC,
                              .cipher = f->dialect == DIALECT_311          ? f->cipher
                                        : f->capabilities & CAP_ENCRYPTION ? CIPHER_AES_128_CCM
                                                                           : CIPHER_NONE,
                              .session_key = key,
                              .session_key_size = sizeof key,
                              .preauth_hash = f->preauth };
        int r = seal_new(&config, &f->seal, &err);
        assert(r == 0);
        seal_play_server(f->seal);
}

static void session_setup(const Turn *t) {
        Fake *f = t->f;
        bool second = t->message.size > 5 && memcmp(t->message.data + t->message.size - 5, "again", 5) == 0;
        const char *token = second ? "done" : "more";
        uint8_t body[12] = { 9, 0 };
        Error err = { 0 };
        if (!f->ready) {
                int r = seal_hash(f->preauth, t->message.data, t->message.size, &err);
                assert(r == 0);
                if (second)
                        make_seal(f);
        }
        Writer w = writer_of(body, sizeof body);
        write_u16(&w, 9);
        write_u16(&w, second ? f->session_flags : 0);
        write_u16(&w, WIRE_HEADER_SIZE + 8);
        write_u16(&w, f->no_token && second ? 0 : 4);
        write_bytes(&w, token, 4);
        f->sign_ins += second;
        f->expired = f->expired && !second;
        reply(t, second ? STATUS_SUCCESS : STATUS_MORE_PROCESSING_REQUIRED, body, f->no_token && second ? 8 : 12);
        f->ready = f->ready || second;
}

static void tree_connect(const Turn *t) {
        uint8_t body[16];
        Writer w = writer_of(body, sizeof body);
        write_u16(&w, 16);
        write_u8(&w, 1);
        write_u8(&w, 0);
        write_u32(&w, t->f->share_flags);
        write_u32(&w, 0);
        write_u32(&w, 0x1F01FF);
        reply(t, STATUS_SUCCESS, body, sizeof body);
}

static void create(const Turn *t) {
        uint8_t body[88 + 24 + 56];
        Writer w = writer_of(body, sizeof body);
        write_u16(&w, 89);
        write_u8(&w, 0xFF);
        write_u8(&w, 0);
        write_u32(&w, 1);
        write_zero(&w, 32);
        write_u64(&w, FAKE_FILE_SIZE);
        write_u64(&w, FAKE_FILE_SIZE);
        write_u32(&w, 0x80);
        write_u32(&w, 0);
        write_u64(&w, 11);
        write_u64(&w, 22);
        write_u32(&w, WIRE_HEADER_SIZE + 88);
        write_u32(&w, 24 + 52);
        write_u32(&w, 0);
        write_u16(&w, 16);
        write_u16(&w, 4);
        write_u16(&w, 0);
        write_u16(&w, 24);
        write_u32(&w, 52);
        write_bytes(&w, "RqLs", 4);
        write_u32(&w, 0);
        write_bytes(&w, t->f->lease_key, 16);
        write_u32(&w, SMB_LEASE_READ | SMB_LEASE_HANDLE);
        write_zero(&w, 32);
        assert(writer_ok(&w));
        reply(t, STATUS_SUCCESS, body, w.at);
}

static void read_file(const Turn *t) {
        Reader r = reader_of(t->message.data, t->message.size);
        read_skip(&r, WIRE_HEADER_SIZE + 4);
        uint32_t size = read_u32(&r);
        uint64_t offset = read_u64(&r);
        if (offset >= FAKE_FILE_SIZE) {
                reply(t, STATUS_END_OF_FILE, "\x09\0\0\0\0\0\0\0", 9);
                return;
        }
        if (size > FAKE_FILE_SIZE - offset)
                size = (uint32_t)(FAKE_FILE_SIZE - offset);
        if (t->fault == FAULT_SHORT_DATA && size > 1)
                size /= 2;
        uint32_t extra = t->fault == FAULT_LONG_DATA ? 100 : 0;
        auto_free uint8_t *body = calloc(1, 16 + (size_t)size + extra);
        Writer w = writer_of(body, 16 + (size_t)size + extra);
        write_u16(&w, 17);
        write_u8(&w, 80);
        write_u8(&w, 0);
        write_u32(&w, size + extra);
        write_u64(&w, 0);
        write_bytes(&w, t->f->file + offset, size);
        reply(t, STATUS_SUCCESS, body, 16 + (size_t)size + extra);
}

static void write_file(const Turn *t) {
        Reader r = reader_of(t->message.data, t->message.size);
        read_skip(&r, WIRE_HEADER_SIZE + 2);
        uint16_t at = read_u16(&r);
        uint32_t size = read_u32(&r);
        uint64_t offset = read_u64(&r);
        Span data = read_span_at(&r, at, size);
        assert(reader_ok(&r) && offset + size <= FAKE_FILE_SIZE);
        memcpy(t->f->file + offset, data.data, size);
        uint8_t body[17];
        Writer w = writer_of(body, sizeof body);
        write_u16(&w, 17);
        write_u16(&w, 0);
        write_u32(&w, t->fault == FAULT_HALF_WRITE ? size / 2 : size);
        write_zero(&w, 9);
        reply(t, STATUS_SUCCESS, body, sizeof body);
}

static void ioctl_validate(const Turn *t) {
        Fake *f = t->f;
        uint8_t body[48 + 24];
        Writer w = writer_of(body, sizeof body);
        write_u16(&w, 49);
        write_u16(&w, 0);
        write_u32(&w, FSCTL_VALIDATE_NEGOTIATE_INFO);
        write_zero(&w, 16 + 8);
        write_u32(&w, WIRE_HEADER_SIZE + 48);
        write_u32(&w, 24);
        write_u64(&w, 0);
        write_u32(&w, f->capabilities ^ (f->lies_about_negotiation ? CAP_ENCRYPTION : 0));
        write_bytes(&w, "server guid 1234", 16);
        write_u16(&w, f->security_mode);
        write_u16(&w, f->dialect);
        reply(t, STATUS_SUCCESS, body, sizeof body);
}

static void answer(const Turn *t) {
        static const uint8_t empty[4] = { 4, 0 }, closed[60] = { 60, 0 }, error[9] = { 9, 0 },
                             lease[36] = { 36, 0 };
        if (t->f->expired && t->request.command != SMB2_SESSION_SETUP) {
                reply(t, STATUS_NETWORK_SESSION_EXPIRED, error, sizeof error);
                return;
        }
        switch (t->request.command) {
        case SMB2_NEGOTIATE:
                negotiate(t);
                break;
        case SMB2_SESSION_SETUP:
                session_setup(t);
                break;
        case SMB2_TREE_CONNECT:
                tree_connect(t);
                break;
        case SMB2_CREATE:
                create(t);
                break;
        case SMB2_READ:
                read_file(t);
                break;
        case SMB2_WRITE:
                write_file(t);
                break;
        case SMB2_IOCTL:
                ioctl_validate(t);
                break;
        case SMB2_CLOSE:
                reply(t, STATUS_SUCCESS, closed, sizeof closed);
                break;
        case SMB2_OPLOCK_BREAK:
                reply(t, STATUS_SUCCESS, lease, sizeof lease);
                break;
        case SMB2_FLUSH:
        case SMB2_ECHO:
                reply(t, STATUS_SUCCESS, empty, sizeof empty);
                break;
        default:
                reply(t, STATUS_NOT_SUPPORTED, error, sizeof error);
                break;
        }
}

/* ---- the thread ------------------------------------------------------------------------------ */

/* A real server checks what it gets, and so does this one. */
static void check_request(Turn *t, uint8_t *data, size_t size) {
        Error err = { 0 };
        int r = wire_header_decode(data, size, &t->request, &err);
        assert(r == 0 && t->request.command < SMB2_COMMAND_COUNT);
        t->message = (Span){ data, size };
        t->was_signed = t->request.flags & WIRE_SIGNED;
        if (!t->was_sealed && t->was_signed) {
                struct iovec part = { data, size };
                SealSigned what = { &part, 1, t->request.message_id, false, false };
                memset(data + SIGNATURE_AT, 0, 16);
                r = seal_verify(t->f->seal, &what, t->request.signature, &err);
                assert(r == 0);
        }
        unsigned count = t->f->seen[t->request.command]++;
        bool hit =
                t->f->fault != FAULT_NONE && t->f->fault_command == t->request.command && count >= t->f->fault_from;
        t->fault = hit ? t->f->fault : FAULT_NONE;
        if (t->fault == FAULT_EXPIRED) {
                t->f->expired = true;
                t->f->fault = t->fault = FAULT_NONE;
        }
}

/* The first of a chain gets its own treatment from those answers that are about one of them. */
static void answer_chained(Turn *t, bool first) {
        static const uint8_t error[9] = { 9, 0 };
        ChainAnswer how = t->f->chain_answer;
        if (first && how == CHAIN_REFUSED)
                reply(t, 0xC00000E5, error, sizeof error);      /* STATUS_INTERNAL_ERROR */
        else if (first && how == CHAIN_INTERIM)
                send_interim(t);
        else
                answer(t);
}

static void answer_all(Fake *f, bool sealed, uint8_t *data, size_t size) {
        Collected collected = { .sealed = sealed };
        Turn first = { .f = f };
        bool chained = false;
        for (size_t at = 0, step; at < size; at += step) {
                Turn t = { .f = f, .was_sealed = sealed };
                WireHeader h;
                Error err = { 0 };
                int r = wire_header_decode(data + at, size - at, &h, &err);
                assert(r == 0 && h.next % 8 == 0 && h.next < size - at);
                step = h.next ? h.next : size - at;
                check_request(&t, data + at, step);
                t.request.next = 0;
                if (h.command == SMB2_NEGOTIATE) {
                        r = seal_hash(f->preauth, data, size, &err);
                        assert(r == 0);
                }
                if (at == 0)
                        first = t;
                if (at == 0 && h.next != 0) {
                        chained = true;
                        f->chains++;
                        f->collected = f->chain_answer != CHAIN_SPLIT ? &collected : NULL;
                        collected.signs = t.was_signed;
                }
                if (chained)
                        answer_chained(&t, at == 0);
                else
                        answer(&t);
        }
        if (!f->collected)
                return;
        f->collected = NULL;
        send_collected(f, &collected);
        if (f->chain_answer == CHAIN_INTERIM)
                answer(&first);
}

static void *serve(void *userdata) {
        Fake *f = userdata;
        auto_free uint8_t *buffer = malloc(MESSAGE_MAX);
        uint8_t length[4];
        while (read_all(f->fd, length, 4)) {
                size_t size = (size_t)length[1] << 16 | (size_t)length[2] << 8 | length[3];
                uint8_t *data = buffer;
                bool sealed = false;
                Error err = { 0 };
                assert(size <= MESSAGE_MAX);
                if (!read_all(f->fd, data, size))
                        break;
                if (wire_is_sealed(data, size)) {
                        int r = seal_decrypt(f->seal, SESSION_ID, data, size, &err);
                        assert(r == 0);
                        data += WIRE_TRANSFORM_SIZE;
                        size -= WIRE_TRANSFORM_SIZE;
                        sealed = true;
                }
                answer_all(f, sealed, data, size);
        }
        return NULL;
}

void fake_start(Fake *f, int *ret_fd) {
        int fds[2];
        int r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds);
        assert(r == 0);
        f->fd = fds[0];
        f->file = malloc(FAKE_FILE_SIZE);
        for (size_t i = 0; i < FAKE_FILE_SIZE; i++)
                f->file[i] = (uint8_t)(i * 7 + i / 251);
        memset(f->lease_key, 0xAB, sizeof f->lease_key);
        r = fcntl(fds[1], F_SETFL, O_NONBLOCK);
        assert(r == 0);
        *ret_fd = fds[1];
        pthread_t thread;
        r = pthread_create(&thread, NULL, serve, f);
        assert(r == 0);
        f->thread = thread;
}

void fake_stop(Fake *f) {
        (void)shutdown(f->fd, SHUT_RDWR);
        (void)pthread_join(f->thread, NULL);
        (void)close(f->fd);
        seal_free(f->seal);
        free(f->file);
}
