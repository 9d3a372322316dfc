/* channel-probe — speaks port 6600 for the lab's cases: the real hello, and ways to get it wrong
 *
 *      channel-probe call HOST [METHOD [JSON]]   what a node would do; prints the peer or the refusal
 *      channel-probe serve                       answers "echo"; until stdin ends
 *      channel-probe throughput HOST MIB         to a serving probe: bytes through a stream, MiB/s
 *      channel-probe relay HOST                  a machine in the middle: takes one connection on 6600 and
 *                                                passes its hello on to HOST inside another TLS connection
 *      channel-probe flood HOST COUNT            COUNT connections that never say who they are; prints how
 *                                                many HOST still holds after a second
 */
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "appliance/base/clock.h"
#include "migrate/channel-dial.h"
#include "migrate/channel-internal.h"

static void must(int r, const Error *err) {
        if (r == 0)
                return;
        (void)printf("%s: %s\n", error_kind_name(err->kind), err->text);
        exit(1);
}

static int on_call(void *userdata, Channel *channel, const char *method, sd_json_variant *parameters,
                   sd_json_variant **ret, Error *err) {
        *ret = sd_json_variant_ref(parameters);
        return 0;
}

static void *swallow(void *userdata) {
        int fd = (int)(intptr_t)userdata;
        static __thread char buffer[1 << 18];
        ssize_t n;
        do
                n = read(fd, buffer, sizeof buffer);
        while (n > 0);
        (void)close(fd);
        return NULL;
}

static int on_stream(void *userdata, Channel *channel, const char *service, int *ret_fd, Error *err) {
        int pair[2];
        pthread_t thread;
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ||
            pthread_create(&thread, NULL, swallow, (void *)(intptr_t)pair[1]) != 0)
                return error_set(err, ERROR_INTERNAL, 0, "no socket pair");
        (void)pthread_detach(thread);
        *ret_fd = pair[0];
        return 0;
}

static void on_refused(void *userdata, const Error *why) {
        (void)printf("refused: %s\n", why->text);
        (void)fflush(stdout);
}

static int listen_6600(void) {
        struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = htons(CHANNEL_PORT) };
        int on = 1, fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 16) < 0) {
                perror("port 6600");
                exit(1);
        }
        return fd;
}

static Machine machine;
static Directory *directory;

static void who_we_are(void) {
        Error err;
        uint64_t renew_us;
        must(machine_load(&machine, &err), &err);
        must(machine_refresh(&machine, &renew_us, &err), &err);
        must(directory_new(&machine, &directory, &err), &err);
}

static void serve(void) {
        ChannelHandlers handlers = { .call = on_call, .stream = on_stream, .refused = on_refused };
        ChannelServer *server;
        Error err;
        char c;
        must(channel_server_new(&machine, directory, listen_6600(), &handlers, &server, &err), &err);
        while (read(0, &c, 1) > 0)
                ;
        channel_server_free(server);
}

static Channel *connect_channel(const char *host) {
        ChannelHandlers handlers = { .call = on_call };
        Channel *channel;
        Error err;
        uint64_t before = clock_us(CLOCK_MONOTONIC);
        must(channel_connect(&machine, directory, host, &handlers, &channel, &err), &err);
        const ChannelPeer *peer = channel_peer(channel);
        (void)printf("connected to %s (%s) with %s in %llu us\n", peer->host, peer->account, peer->cipher,
                     (unsigned long long)(clock_us(CLOCK_MONOTONIC) - before));
        return channel;
}

static void call(const char *host, const char *method, const char *json) {
        Channel *channel = connect_channel(host);
        sd_json_variant *in = NULL, *out = NULL;
        Error err;
        if (method) {
                if (json && sd_json_parse(json, 0, &in, NULL, NULL) < 0)
                        exit(2);
                must(channel_call(channel, method, in, 30000000, &out, &err), &err);
                (void)sd_json_variant_dump(out, SD_JSON_FORMAT_NEWLINE, stdout, NULL);
        }
        channel_free(channel);
}

static void throughput(const char *host, unsigned mib) {
        static char buffer[1 << 20];
        struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "/tmp/channel-probe.sock" };
        Channel *channel = connect_channel(host);
        Error err;
        must(channel_forward(channel, address.sun_path, "swallow", &err), &err);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
                exit(1);
        uint64_t before = clock_us(CLOCK_MONOTONIC);
        for (unsigned i = 0; i < mib; i++)
                if (write(fd, buffer, sizeof buffer) != sizeof buffer)
                        exit(1);
        (void)shutdown(fd, SHUT_WR);
        (void)!read(fd, buffer, 1);     /* the other end has taken everything */
        (void)printf("%.0f MiB/s\n", mib * 1e6 / (double)(clock_us(CLOCK_MONOTONIC) - before));
        (void)close(fd);
        channel_free(channel);
}

static void pass(Tls *from, Tls *to, bool *ended) {
        static char buffer[65536];
        size_t n;
        Error err;
        while (!*ended) {
                if (tls_receive(from, buffer, sizeof buffer, &n, &err) < 0)
                        *ended = true;
                else if (n == 0 || tls_send(to, buffer, n, &err) < 0)
                        break;
        }
        (void)!tls_flush(to, &err);
}

static void relay(const char *host) {
        TlsIdentity *identity;
        Tls *victim, *target;
        Error err;
        int fd, listener = listen_6600();
        bool ended[2] = { false, false };

        must(tls_identity_new(&identity, &err), &err);
        must(tls_new(accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), identity, 10000000, &victim, &err), &err);
        must(dial_host(host, CHANNEL_PORT, clock_us(CLOCK_MONOTONIC) + 10000000, &fd, &err), &err);
        must(tls_new(fd, NULL, 10000000, &target, &err), &err);
        while (!ended[0] && !ended[1]) {
                struct pollfd p[2] = { { tls_fd(victim), POLLIN, 0 }, { tls_fd(target), POLLIN, 0 } };
                (void)poll(p, 2, 1000);
                pass(victim, target, &ended[0]);
                pass(target, victim, &ended[1]);
        }
}

static void flood(const char *host, unsigned count) {
        struct pollfd fds[256] = { 0 };
        unsigned held = 0;
        Error err;
        for (unsigned i = 0; i < count && i < 256; i++) {
                must(dial_host(host, CHANNEL_PORT, clock_us(CLOCK_MONOTONIC) + 10000000, &fds[i].fd, &err), &err);
                fds[i].events = POLLIN;
        }
        (void)sleep(1);
        (void)poll(fds, count, 0);
        for (unsigned i = 0; i < count && i < 256; i++)
                held += fds[i].revents == 0;
        (void)printf("held %u\n", held);
}

int main(int argc, char **argv) {
        if (argc >= 4 && strcmp(argv[1], "flood") == 0) {
                flood(argv[2], (unsigned)strtoul(argv[3], NULL, 10));
                return 0;
        }
        if (argc >= 3 && strcmp(argv[1], "relay") == 0) {
                relay(argv[2]);
                return 0;
        }
        who_we_are();
        if (argc >= 3 && strcmp(argv[1], "call") == 0)
                call(argv[2], argc > 3 ? argv[3] : NULL, argc > 4 ? argv[4] : NULL);
        else if (argc >= 4 && strcmp(argv[1], "throughput") == 0)
                throughput(argv[2], (unsigned)strtoul(argv[3], NULL, 10));
        else if (argc >= 2 && strcmp(argv[1], "serve") == 0)
                serve();
        else
                return 2;
        directory_free(directory);
        return 0;
}
