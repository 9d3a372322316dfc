/* Two channels over one socket pair, with real TLS between them.  The hello needs a domain: the lab
 * tests it (tests/lab/cases/4*). */
#include "tests/unit/test.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "migrate/channel-internal.h"

typedef struct Side {
        Channel *channel;
        pthread_t thread;
        Tls *tls;
        int fd;
        const TlsIdentity *identity;
        _Atomic int closed;
        int echo_fd;                    /* our end of the last stream served */
        atomic_int slow;
} Side;

typedef struct Pair {
        TlsIdentity *identity;
        Side a, b;                      /* a connected, b listened */
        char path[64];
} Pair;

static int on_call(void *userdata, Channel *channel, const char *method, sd_json_variant *parameters,
                   sd_json_variant **ret, Error *err) {
        Side *side = userdata;
        if (strcmp(method, "echo") == 0) {
                *ret = sd_json_variant_ref(parameters);
                return 0;
        }
        if (strcmp(method, "back") == 0)        /* asks the asker */
                return channel_call(channel, "echo", parameters, 5000000, ret, err);
        if (strcmp(method, "slow") == 0) {
                atomic_store(&side->slow, 1);
                usleep(300000);
                return 0;
        }
        return error_set(err, ERROR_NOT_FOUND, 0, "there is no method %s", method);
}

static int on_stream(void *userdata, Channel *channel, const char *service, int *ret_fd, Error *err) {
        Side *side = userdata;
        int pair[2];
        if (strcmp(service, "echo") != 0)
                return error_set(err, ERROR_NOT_FOUND, 0, "there is no service %s", service);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        *ret_fd = pair[0];
        side->echo_fd = pair[1];
        return 0;
}

static void on_closed(void *userdata, Channel *channel, const Error *why) {
        Side *side = userdata;
        assert_int_not_equal(why->kind, ERROR_NONE);
        atomic_fetch_add(&side->closed, 1);
}

static void *tls_thread(void *userdata) {
        Side *side = userdata;
        Error err = { 0 };
        if (tls_new(side->fd, side->identity, 5000000, &side->tls, &err) < 0)
                fail_msg("%s", err.text);
        return NULL;
}

static void *loop_thread(void *userdata) {
        channel_run(userdata);
        return NULL;
}

static void start(Side *side, bool initiator) {
        ChannelHandlers handlers = { .call = on_call, .stream = on_stream, .closed = on_closed, .userdata = side };
        ChannelPeer peer = { .host = "peer.test" };
        Error err = { 0 };
        assert_int_equal(channel_new(side->tls, initiator, &peer, &handlers, &side->channel, &err), 0);
        assert_int_equal(pthread_create(&side->channel->thread, NULL, loop_thread, side->channel), 0);
        side->channel->threaded = true;
}

static int setup(void **state) {
        Pair *pair = calloc(1, sizeof *pair);
        int fds[2];
        Error err = { 0 };

        assert_int_equal(tls_identity_new(&pair->identity, &err), 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
        pair->a.fd = fds[0];
        pair->b.fd = fds[1];
        pair->b.identity = pair->identity;
        assert_int_equal(pthread_create(&pair->b.thread, NULL, tls_thread, &pair->b), 0);
        tls_thread(&pair->a);
        assert_int_equal(pthread_join(pair->b.thread, NULL), 0);
        uint8_t ours[TLS_EXPORTER_SIZE], theirs[TLS_EXPORTER_SIZE];
        assert_int_equal(tls_exporter(pair->a.tls, ours, &err), 0);
        assert_int_equal(tls_exporter(pair->b.tls, theirs, &err), 0);
        assert_memory_equal(ours, theirs, sizeof ours);
        start(&pair->a, true);
        start(&pair->b, false);
        (void)snprintf(pair->path, sizeof pair->path, "/tmp/holdfast-mux-%d.sock", getpid());
        *state = pair;
        return 0;
}

static int teardown(void **state) {
        Pair *pair = *state;
        channel_free(pair->a.channel);
        channel_free(pair->b.channel);
        assert_int_equal(atomic_load(&pair->a.closed), 1);
        assert_int_equal(atomic_load(&pair->b.closed), 1);
        tls_identity_free(pair->identity);
        free(pair);
        return 0;
}

static void test_calls(void **state) {
        Pair *pair = *state;
        static const char *const methods[] = { "echo", "back" };
        Side *sides[] = { &pair->a, &pair->b };

        for (size_t s = 0; s < 2; s++)
                for (size_t m = 0; m < 2; m++) {
                        sd_json_variant *in = NULL, *out = NULL;
                        Error err = { 0 };
                        assert_true(sd_json_buildo(&in, SD_JSON_BUILD_PAIR_STRING("x", "yö")) >= 0);
                        if (channel_call(sides[s]->channel, methods[m], in, 5000000, &out, &err) < 0)
                                fail_msg("%s", err.text);
                        assert_true(sd_json_variant_equal(in, out));
                        sd_json_variant_unref(in);
                        sd_json_variant_unref(out);
                }
        Error err = { 0 };
        assert_int_equal(channel_call(pair->a.channel, "nothing", NULL, 5000000, NULL, &err), -1);
        assert_int_equal(err.kind, ERROR_NOT_FOUND);
        assert_string_equal(err.text, "there is no method nothing");
        assert_int_equal(channel_call(pair->a.channel, "slow", NULL, 20000, NULL, &err), -1);
        assert_int_equal(err.kind, ERROR_TIMEOUT);
        assert_int_equal(channel_call(pair->a.channel, "echo", NULL, 5000000, NULL, &err), 0);
}

static int connect_to(const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        strcpy(address.sun_path, path);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
        return fd;
}

static uint8_t byte_at(size_t i) {
        return (uint8_t)(i * 31 + (i >> 12));
}

static void *fill(void *userdata) {
        int fd = *(int *)userdata;
        uint8_t buffer[50000];
        for (size_t done = 0; done < 24u << 20;) {
                size_t n = sizeof buffer < (24u << 20) - done ? sizeof buffer : (24u << 20) - done;
                for (size_t i = 0; i < n; i++)
                        buffer[i] = byte_at(done + i);
                for (size_t at = 0; at < n;) {
                        ssize_t w = write(fd, buffer + at, n - at);
                        assert_true(w > 0);
                        at += (size_t)w;
                }
                done += n;
        }
        (void)shutdown(fd, SHUT_WR);
        return NULL;
}

/* 24 MiB, six windows, through a reader that sleeps first: order, completeness, half-close, bounds. */
static void test_stream(void **state) {
        Pair *pair = *state;
        Error err = { 0 };
        pthread_t writer;

        assert_int_equal(channel_forward(pair->a.channel, pair->path, "echo", &err), 0);
        int fd = connect_to(pair->path);
        assert_int_equal(pthread_create(&writer, NULL, fill, &fd), 0);
        usleep(200000);
        uint64_t carried = channel_stream_bytes(pair->b.channel);
        /* the window holds: beyond it, what the local socket's buffer took (the kernel doubles its size) */
        assert_in_range(carried, 1, WINDOW_SIZE + 2 * LOCAL_BUFFER + (1u << 20));

        uint8_t buffer[70000];
        size_t total = 0;
        for (;;) {
                ssize_t n = read(pair->b.echo_fd, buffer, sizeof buffer);
                assert_true(n >= 0);
                if (n == 0)
                        break;
                for (ssize_t i = 0; i < n; i++)
                        if (buffer[i] != byte_at(total + (size_t)i))
                                fail_msg("byte %zu is wrong", total + (size_t)i);
                total += (size_t)n;
        }
        assert_int_equal(total, 24u << 20);
        pthread_join(writer, NULL);
        assert_int_equal(write(pair->b.echo_fd, "done", 4), 4); /* the other direction is still open */
        close(pair->b.echo_fd);
        assert_int_equal(read(fd, buffer, sizeof buffer), 4);
        assert_int_equal(read(fd, buffer, sizeof buffer), 0);
        close(fd);
}

static void test_refused_stream(void **state) {
        Pair *pair = *state;
        Error err = { 0 };
        char c;
        assert_int_equal(channel_forward(pair->b.channel, pair->path, "other", &err), 0);
        int fd = connect_to(pair->path);
        assert_int_equal(read(fd, &c, 1), 0);
        close(fd);
        assert_int_equal(channel_forward(pair->b.channel, "/proc/nowhere/x", "other", &err), -1);
}

/* A stream without a socket in the file system: both ways, refused, more than there is room for, and after the end. */
static void test_open(void **state) {
        Pair *pair = *state;
        int fds[OPENINGS_MAX + STREAMS_MAX];
        Error err = { 0 };
        char text[8] = "";

        assert_int_equal(channel_open(pair->b.channel, "echo", &fds[0], &err), 0);
        assert_int_equal(write(fds[0], "there", 5), 5);
        while (atomic_load(&pair->b.channel->stream_bytes) < 5)
                usleep(1000);
        while (recv(pair->a.echo_fd, text, sizeof text, 0) != 5)
                usleep(1000);
        assert_int_equal(write(pair->a.echo_fd, "back", 4), 4);
        assert_int_equal(read(fds[0], text, sizeof text), 4);
        close(pair->a.echo_fd);
        assert_int_equal(read(fds[0], text, sizeof text), 0);
        close(fds[0]);

        assert_int_equal(channel_open(pair->a.channel, "other", &fds[0], &err), 0);
        assert_int_equal(read(fds[0], text, 1), 0);
        close(fds[0]);
        assert_int_equal(channel_open(pair->a.channel, "", &fds[0], &err), -1);

        unsigned opened = 0;
        for (unsigned i = 0; i < ARRAY_SIZE(fds); i++)
                opened += channel_open(pair->a.channel, "other", &fds[opened], &err) == 0;
        assert_in_range(opened, OPENINGS_MAX, ARRAY_SIZE(fds));
        for (unsigned i = 0; i < opened; i++) {
                assert_int_equal(read(fds[i], text, 1), 0);
                close(fds[i]);
        }
        channel_end(pair->a.channel);
        while (channel_open(pair->a.channel, "other", &fds[0], &err) == 0) {
                assert_int_equal(read(fds[0], text, 1), 0);
                close(fds[0]);
        }
        assert_int_equal(err.kind, ERROR_CANCELLED);
}

static void *call_slow(void *userdata) {
        Side *side = userdata;
        Error err = { 0 };
        assert_int_equal(channel_call(side->channel, "slow", NULL, 30000000, NULL, &err), -1);
        assert_int_equal(err.kind, ERROR_UNREACHABLE);
        return NULL;
}

/* The other side goes away in the middle of a call: the caller hears it at once, closed() comes last. */
static void test_end(void **state) {
        Pair *pair = *state;
        pthread_t caller;
        Error err = { 0 };

        assert_int_equal(pthread_create(&caller, NULL, call_slow, &pair->a), 0);
        while (!atomic_load(&pair->b.slow))
                usleep(1000);
        channel_end(pair->b.channel);
        pthread_join(caller, NULL);
        assert_int_equal(channel_call(pair->a.channel, "echo", NULL, 1000000, NULL, &err), -1);
        assert_int_equal(channel_forward(pair->a.channel, pair->path, "echo", &err), -1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_calls, setup, teardown),
                cmocka_unit_test_setup_teardown(test_stream, setup, teardown),
                cmocka_unit_test_setup_teardown(test_refused_stream, setup, teardown),
                cmocka_unit_test_setup_teardown(test_open, setup, teardown),
                cmocka_unit_test_setup_teardown(test_end, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
