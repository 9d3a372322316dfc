#include "tests/wire/fake-internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "smb/engine/status.h"

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
        fake_reply(t, f->negotiate_status, message + WIRE_HEADER_SIZE, w.at - WIRE_HEADER_SIZE);
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
                              .session_key = fake_key,
                              .session_key_size = sizeof fake_key,
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
        fake_reply(t, second ? STATUS_SUCCESS : STATUS_MORE_PROCESSING_REQUIRED, body, f->no_token && second ? 8 : 12);
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
        fake_reply(t, STATUS_SUCCESS, body, sizeof body);
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
        fake_reply(t, STATUS_SUCCESS, body, w.at);
}

static void read_file(const Turn *t) {
        Reader r = reader_of(t->message.data, t->message.size);
        read_skip(&r, WIRE_HEADER_SIZE + 4);
        uint32_t size = read_u32(&r);
        uint64_t offset = read_u64(&r);
        if (offset >= FAKE_FILE_SIZE) {
                fake_reply(t, STATUS_END_OF_FILE, "\x09\0\0\0\0\0\0\0", 9);
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
        fake_reply(t, STATUS_SUCCESS, body, 16 + (size_t)size + extra);
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
        fake_reply(t, STATUS_SUCCESS, body, sizeof body);
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
        fake_reply(t, STATUS_SUCCESS, body, sizeof body);
}

void fake_answer(const Turn *t) {
        static const uint8_t empty[4] = { 4, 0 }, closed[60] = { 60, 0 }, error[9] = { 9, 0 },
                             lease[36] = { 36, 0 };
        if (t->f->expired && t->request.command != SMB2_SESSION_SETUP) {
                fake_reply(t, STATUS_NETWORK_SESSION_EXPIRED, error, sizeof error);
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
                fake_reply(t, STATUS_SUCCESS, closed, sizeof closed);
                break;
        case SMB2_OPLOCK_BREAK:
                fake_reply(t, STATUS_SUCCESS, lease, sizeof lease);
                break;
        case SMB2_FLUSH:
        case SMB2_ECHO:
                fake_reply(t, STATUS_SUCCESS, empty, sizeof empty);
                break;
        default:
                fake_reply(t, STATUS_NOT_SUPPORTED, error, sizeof error);
                break;
        }
}
