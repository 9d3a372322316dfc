#include "migrate/channel-hello.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>

#include "appliance/base/clock.h"
#include "appliance/base/text.h"
#include "auth/gss.h"
#include "migrate/channel-frame.h"
#include "migrate/channel-message.h"

static_assert((int)GSS_BINDING_SIZE == (int)TLS_EXPORTER_SIZE, "both are RFC 9266");

typedef struct Hello {
        Tls *tls;
        const Machine *machine;
        Directory *directory;
        const char *host;
        uint64_t deadline_us;
        uint8_t binding[TLS_EXPORTER_SIZE];
        uint8_t in[FRAME_HEADER_SIZE + FRAME_HELLO_MAX];
} Hello;

static int wait_until(Hello *hello, Error *err) {
        uint64_t now = clock_us(CLOCK_MONOTONIC);
        if (now >= hello->deadline_us)
                return error_set(err, ERROR_TIMEOUT, 0, "the other side did not prove who it is in time");
        struct pollfd p = { .fd = tls_fd(hello->tls),
                            .events = (short)(POLLIN | (tls_waiting(hello->tls) ? POLLOUT : 0)) };
        if (poll(&p, 1, (int)((hello->deadline_us - now + 999) / 1000)) < 0 && errno != EINTR)
                return error_set(err, ERROR_INTERNAL, errno, "cannot wait for a socket");
        return 0;
}

static int hello_send(Hello *hello, FrameType type, const void *payload, size_t size, Error *err) {
        uint8_t header[FRAME_HEADER_SIZE];
        frame_header(type, 0, size, header);
        if (tls_send(hello->tls, header, sizeof header, err) < 0 || tls_send(hello->tls, payload, size, err) < 0)
                return -1;
        return tls_flush(hello->tls, err);
}

/* Exactly one frame: what follows the last one belongs to the channel's loop. */
static int hello_receive(Hello *hello, FrameType wanted, Span *ret, Error *err) {
        size_t have = 0, want = FRAME_HEADER_SIZE, used;
        Frame frame;

        for (;;) {
                size_t n = 0;
                if (tls_flush(hello->tls, err) < 0 ||
                    tls_receive(hello->tls, hello->in + have, want - have, &n, err) < 0)
                        return -1;
                have += n;
                if (have < want) {
                        if (wait_until(hello, err) < 0)
                                return -1;
                        continue;
                }
                int r = frame_decode(hello->in, have, true, &frame, &used, err);
                if (r < 0)
                        return -1;
                if (r > 0)
                        break;
                Reader header = reader_of(hello->in, have);
                want = FRAME_HEADER_SIZE + read_u32(&header);   /* ≤ FRAME_HELLO_MAX: frame_decode() saw it */
        }
        if (frame.type == FRAME_REFUSED) {
                message_refusal_parse(frame.payload, hello->host, err);
                return error_wrap(err, "%s refused this node", hello->host ?: "the other node");
        }
        if (frame.type != wanted)
                return error_set(err, ERROR_PROTOCOL, 0, "a frame of type %d came where %d belongs", frame.type,
                                 wanted);
        *ret = frame.payload;
        return 0;
}

static int exchange_tokens(Hello *hello, GssPeer *peer, Error *err) {
        Span token = { 0 };
        bool done = false;

        for (unsigned round = 0; !done; round++) {
                auto_free uint8_t *answer = NULL;
                size_t answer_size = 0;

                if (round == HELLO_ROUNDS_MAX)
                        return error_set(err, ERROR_PROTOCOL, 0, "the authentication does not come to an end");
                if ((!hello->host || round > 0) && hello_receive(hello, FRAME_TOKEN, &token, err) < 0)
                        return -1;
                if (gss_peer_step(peer, token.data, token.size, &answer, &answer_size, &done, err) < 0)
                        return -1;
                if (answer_size && hello_send(hello, FRAME_TOKEN, answer, answer_size, err) < 0)
                        return -1;
        }
        return 0;
}

/* The role keeps a proof from being sent back to the one who made it. */
static void proof_text(const Hello *hello, bool initiator, uint8_t to[static 16 + TLS_EXPORTER_SIZE]) {
        static const char roles[2][17] = { "holdfast-accept:", "holdfast-connect" };
        (void)memcpy(to, roles[initiator], 16);
        (void)memcpy(to + 16, hello->binding, TLS_EXPORTER_SIZE);
}

static int exchange_proofs(Hello *hello, GssPeer *peer, Error *err) {
        bool initiator = hello->host != NULL;
        uint8_t ours[16 + TLS_EXPORTER_SIZE], theirs[16 + TLS_EXPORTER_SIZE];
        auto_free uint8_t *mic = NULL;
        size_t mic_size;
        Span proof;

        proof_text(hello, initiator, ours);
        proof_text(hello, !initiator, theirs);
        if (gss_peer_sign(peer, ours, sizeof ours, &mic, &mic_size, err) < 0 ||
            hello_send(hello, FRAME_PROOF, mic, mic_size, err) < 0 ||
            hello_receive(hello, FRAME_PROOF, &proof, err) < 0)
                return -1;
        return gss_peer_verify(peer, theirs, sizeof theirs, proof.data, proof.size, err);
}

int hello_lookup(const Machine *machine, Directory *directory, const char *host, DirectoryComputer *ret,
                 Error *err) {
        int r = directory_require_fabric_host(directory, host, ret, err);
        if (r < 0 && err->kind == ERROR_NOT_FOUND) {
                struct addrinfo *found = NULL;
                if (getaddrinfo(host, NULL, NULL, &found) != 0)
                        return error_set(err, ERROR_NOT_FOUND, 0,
                                         "there is no host %s: neither the DNS nor the domain %s knows the name; "
                                         "check its spelling", host, machine->domain);
                freeaddrinfo(found);
                return error_set(err, ERROR_NOT_FOUND, 0,
                                 "the host %s is not a member of the domain %s; join it there with "
                                 "Add-Computer -DomainName %s", host, machine->domain, machine->domain);
        }
        return r;
}

/* The listening side knows its peer by account, the connecting side by the host it asked for. */
static int identify(Hello *hello, GssPeer *peer, ChannelPeer *ret, Error *err) {
        const char *principal = gss_peer_principal(peer);
        DirectoryComputer computer = { 0 };

        if (hello->host) {
                auto_free char *wanted = text_format("host/%s@%s", hello->host, hello->machine->realm);
                if (!wanted)
                        return error_oom(err);
                if (!text_equal_nocase(principal, wanted))
                        return error_set(err, ERROR_DENIED, 0, "%s answered as %s; check its DNS record",
                                         hello->host, principal);
                if (hello_lookup(hello->machine, hello->directory, hello->host, &computer, err) < 0)
                        return -1;
        } else {
                char account[MACHINE_NAME_MAX];
                if (gss_peer_account(hello->machine, principal, account, err) < 0 ||
                    directory_require_fabric(hello->directory, account, &computer, err) < 0)
                        return -1;
        }
        (void)snprintf(ret->account, sizeof ret->account, "%s", computer.account);
        (void)snprintf(ret->host, sizeof ret->host, "%s", computer.host);
        tls_cipher(hello->tls, ret->cipher, sizeof ret->cipher);
        return 0;
}

static int authenticate(Hello *hello, ChannelPeer *ret, Error *err) {
        auto_(gss_peer_freep) GssPeer *peer = NULL;
        int r;

        if (tls_exporter(hello->tls, hello->binding, err) < 0)
                return -1;
        if (hello->host)
                r = gss_peer_initiate(hello->machine, hello->host, hello->binding, &peer, err);
        else
                r = gss_peer_accept(hello->machine, hello->binding, &peer, err);
        if (r < 0 || exchange_tokens(hello, peer, err) < 0 || exchange_proofs(hello, peer, err) < 0)
                return -1;
        return identify(hello, peer, ret, err);
}

int hello_run(Tls *tls, const Machine *machine, Directory *directory, const char *host, uint64_t deadline_us,
              ChannelPeer *ret, Error *err) {
        auto_free Hello *hello = calloc(1, sizeof *hello);
        ChannelPeer peer = { 0 };
        Span nothing;

        if (!hello)
                return error_oom(err);
        hello->tls = tls;
        hello->machine = machine;
        hello->directory = directory;
        hello->host = host;
        hello->deadline_us = deadline_us;
        if (authenticate(hello, &peer, err) < 0) {
                auto_free char *text = message_refusal(err, machine->host);
                Error ignored;
                if (text && hello_send(hello, FRAME_REFUSED, text, strlen(text), &ignored) == 0)
                        tls_bye(tls, 500 * 1000);
                return -1;
        }
        if (hello_send(hello, FRAME_WELCOME, "", 0, err) < 0 ||
            hello_receive(hello, FRAME_WELCOME, &nothing, err) < 0)
                return -1;
        *ret = peer;
        return 0;
}
