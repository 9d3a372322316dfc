/* What arrives on the socket of a live connection.  The first byte chooses how it is protected, how
 * far it is and whether requests went out as a chain; the rest is the stream, cut into pieces as the
 * bytes themselves say. */
#include <assert.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "smb/engine/engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { REQUESTS = 8, READ_SIZE = 64 * 1024, SMALL_SIZE = 4096, STREAM_MAX = 100 * 1024, PIECES_MAX = 32 };

typedef struct Target {
        Connection connection;
        uint8_t *into;
        unsigned answers;
} Target;

static void on_done(Request *r, const Reply *reply, const Error *err) {
        Target *t = r->owner.session;
        assert(!reply != !err);
        if (reply && reply->placed)
                assert(reply->placed_size <= r->into_size);
        t->answers++;
}

static void on_break(void *userdata, const WireLeaseBreak *b) {
        (void)userdata;
        (void)b;
}
static void on_expired(void *userdata) {
        connection_hold(&((Target *)userdata)->connection, false);
}
static void on_lost(void *userdata, const Error *why) {
        (void)userdata;
        assert(why->kind != ERROR_NONE);
}
static void on_nothing(void *userdata) {
        (void)userdata;
}

static const ConnectionOps ops = { on_break, on_expired, on_lost, on_nothing, on_nothing };

static void submit(Target *t, uint16_t command, bool chainable) {
        static const uint64_t id[2] = { 1, 2 };
        Error err = { 0 };
        Writer w;
        Request *r = request_new(&t->connection, command, REQUEST_INLINE, &w, &err);
        assert(r);
        r->done = on_done;
        r->owner.session = t;
        r->into = t->into;
        r->into_size = chainable ? SMALL_SIZE : READ_SIZE;
        r->chainable = chainable;
        if (command == SMB2_READ)
                wire_read_encode(&w, id, 0, r->into_size);
        else
                wire_echo_encode(&w);
        int n = connection_submit(&t->connection, r, &w, 0, &err);
        assert(n == 0);
}

static void add_keys(Connection *c, uint8_t how) {
        static const uint8_t key[16] = { 1 }, hash[SEAL_HASH_SIZE] = { 0 };
        Error err = { 0 };
        SealConfig config = { DIALECT_311, CIPHER_AES_128_GCM, SIGNING_AES_GMAC, key, sizeof key, hash };
        int r = seal_new(&config, &c->seal, &err);
        assert(r == 0);
        c->protect = how & 1 ? PROTECT_SIGN : PROTECT_SEAL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static uint8_t into[READ_SIZE];
        Target t = { .into = into };
        Connection *c = &t.connection;
        sd_event *event = NULL;
        int fds[2];
        Error err = { 0 };
        if (size < 1 || size > STREAM_MAX)
                return 0;
        int r = sd_event_new(&event);
        assert(r >= 0);
        c->peer = "fuzz";
        c->timeout_us = 1000000;
        r = connection_init(c, event, &ops, &t, &err);
        assert(r == 0);
        r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds);
        assert(r == 0);
        r = connection_start(c, fds[0], &err);
        assert(r == 0);
        c->credits = 100;
        if (data[0] & 2)
                add_keys(c, data[0]);
        for (int i = 0; i < REQUESTS; i++)
                if (data[0] & 8)        /* chains are made only with keys; replies may come in one in any case */
                        submit(&t, i < REQUESTS / 2 ? SMB2_READ : SMB2_ECHO, i < REQUESTS / 2);
                else
                        submit(&t, i & 1 ? SMB2_ECHO : SMB2_READ, false);
        (void)sd_event_run(event, 0);
        int pieces = 0;
        for (size_t at = 1; at < size;) {
                size_t n = data[0] & 4 && ++pieces < PIECES_MAX ? (size_t)data[at] * 16 + 1 : size;
                if (n > size - at)
                        n = size - at;
                ssize_t sent = send(fds[1], data + at, n, MSG_NOSIGNAL);
                if (sent <= 0)
                        break;
                at += (size_t)sent;
                (void)sd_event_run(event, 0);
        }
        (void)close(fds[1]);
        for (int i = 0; i < 4 && c->open; i++)
                (void)sd_event_run(event, 0);
        connection_release(c);
        assert(t.answers == REQUESTS);
        connection_done(c);
        sd_event_unref(event);
        return 0;
}
