#include "tests/wire/fake-internal.h"

#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"

const uint8_t fake_key[32] = { 1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16,
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
        memcpy(step->session_key, fake_key, sizeof fake_key);
        step->session_key_size = sizeof fake_key;
        return 0;
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
                fake_reply(t, 0xC00000E5, error, sizeof error);      /* STATUS_INTERNAL_ERROR */
        else if (first && how == CHAIN_INTERIM)
                fake_interim(t);
        else
                fake_answer(t);
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
                        fake_answer(&t);
        }
        if (!f->collected)
                return;
        f->collected = NULL;
        fake_send_chain(f, &collected);
        if (f->chain_answer == CHAIN_INTERIM)
                fake_answer(&first);
}

static void *serve(void *userdata) {
        Fake *f = userdata;
        auto_free uint8_t *buffer = malloc(MESSAGE_MAX);
        uint8_t length[4];
        while (fake_read(f->fd, length, 4)) {
                size_t size = (size_t)length[1] << 16 | (size_t)length[2] << 8 | length[3];
                uint8_t *data = buffer;
                bool sealed = false;
                Error err = { 0 };
                assert(size <= MESSAGE_MAX);
                if (!fake_read(f->fd, data, size))
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
