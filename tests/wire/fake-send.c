#include "tests/wire/fake-internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "smb/engine/status.h"

/* ---- bytes on the wire ----------------------------------------------------------------------- */

bool fake_read(int fd, void *to, size_t size) {
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

void fake_send_chain(Fake *f, Collected *all) {
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

static uint16_t granted(const Turn *t) {
        if (t->f->credits < 0 || (t->f->echo_grants && t->request.command == SMB2_ECHO))
                return t->request.credits;
        return (uint16_t)t->f->credits;
}

void fake_interim(const Turn *t) {
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

void fake_reply(const Turn *t, uint32_t status, const void *body, size_t size) {
        Fake *f = t->f;
        WireHeader h = t->request;
        uint16_t asked = h.command;
        if (t->fault == FAULT_SILENT || t->fault == FAULT_PENDING_ONLY) {
                if (t->fault == FAULT_PENDING_ONLY)
                        fake_interim(t);
                return;
        }
        if (t->fault == FAULT_HANG_UP) {
                (void)shutdown(f->fd, SHUT_RDWR);
                return;
        }
        if (t->fault == FAULT_PENDING)
                fake_interim(t);
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
