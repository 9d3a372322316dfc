/* fake-internal.h — what the parts of the fake file server share; nobody else includes it */
#pragma once

#include "tests/wire/fake.h"

enum { MESSAGE_MAX = 9 * 1024 * 1024, SESSION_ID = 0x1122334455667788, TREE_ID = 7, SIGNATURE_AT = 48 };

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

typedef struct Turn { /* one request being answered */
        Fake *f;
        WireHeader request;
        Span message;
        bool was_sealed, was_signed;
        Fault fault;
} Turn;

extern const uint8_t fake_key[32];      /* of the session */

/* ---- fake-send.c: a reply on its way, sealed and signed, or spoilt as the test wants it ---- */
bool fake_read(int fd, void *to, size_t size);
void fake_interim(const Turn *turn);
/* @body starts with StructureSize. */
void fake_reply(const Turn *turn, uint32_t status, const void *body, size_t size);
/* Replies that were kept back go as one chain. */
void fake_send_chain(Fake *f, Collected *all);

/* ---- fake-answer.c: what a server does with a request ---- */
void fake_answer(const Turn *turn);
