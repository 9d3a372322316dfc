/* client.h — the engine's end of the conversation with the fake server, for tests
 */
#pragma once

#include "tests/unit/test.h"

#include "smb/engine/smb.h"
#include "tests/wire/fake.h"

typedef struct Client {
        sd_event *event;
        SmbSession *session;
        SmbFile *file;
        unsigned answers, lost;         /* how often done and on_lost were called */
        Error err, lost_err;            /* the last ones */
        SmbOpened opened;
        uint32_t size;                  /* of the last read */
        uint32_t lease_now;
        bool lease_ack;
        unsigned lease_breaks;
} Client;

/* Connects to @fake, started here, with @protection; returns what connecting gave. */
int client_connect(Client *client, Fake *fake, SmbProtection protection, uint64_t timeout_us);
void client_open(Client *client);
/* Runs the loop until @count answers were given in all. */
void client_wait(Client *client, unsigned count);
int client_read(Client *client, uint64_t offset, void *to, uint32_t size);
int client_write(Client *client, uint64_t offset, const void *from, uint32_t size);
void client_free(Client *client, Fake *fake);

void client_on_done(void *userdata, const Error *err);
void client_on_read(void *userdata, uint32_t size, const Error *err);
