/* Commands to other hosts, with hosts that are threads: who ends early costs nothing, who sends much is heard at once, and
 * a channel that broke is nobody's any more.  live_connect() and the channel's functions are wrapped at link time. */
#include "tests/unit/test.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-json.h>
#include <time.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/node/errand.h"

enum { MANY = 2000, ALIVE = 0x600d };

struct Channel {
        unsigned alive;
        char host[MACHINE_NAME_MAX];
        bool broken;
};

static unsigned channels;               /* that are there */
static Channel *last;

int __wrap_live_connect(Live *live, const char *host, Channel **ret, Error *err);
int __wrap_channel_open(Channel *channel, const char *service, int *ret_fd, Error *err);
void __wrap_channel_end(Channel *channel);
void __wrap_channel_free(Channel *channel);

int __wrap_live_connect(Live *live, const char *host, Channel **ret, Error *err) {
        Channel *c = calloc(1, sizeof *c);
        assert_non_null(c);
        c->alive = ALIVE;
        (void)snprintf(c->host, sizeof c->host, "%s", host);
        (void)__atomic_add_fetch(&channels, 1, __ATOMIC_SEQ_CST);
        *ret = last = c;
        return 0;
}

void __wrap_channel_end(Channel *channel) { assert_int_equal(channel->alive, ALIVE); }

void __wrap_channel_free(Channel *channel) {
        if (!channel)
                return;
        assert_int_equal(channel->alive, ALIVE);
        (void)__atomic_sub_fetch(&channels, 1, __ATOMIC_SEQ_CST);
        free(channel);
}

/* ---- the other host ------------------------------------------------------------------------------------ */

typedef struct There {
        int fd;
        char host[MACHINE_NAME_MAX];
} There;

static void say(int fd, const char *text) {
        size_t size = strlen(text) + 1;
        while (size > 0) {
                ssize_t n = send(fd, text, size, MSG_NOSIGNAL);
                if (n <= 0)
                        return;
                text += n;
                size -= (size_t)n;
        }
}

#define OUTPUT "{\"parameters\":{\"Stream\":\"output\",\"Value\":{\"$value\":1}},\"continues\":true}"

static void *there(void *userdata) {
        auto_free There *t = userdata;
        char c = 1;

        while (read(t->fd, &c, 1) == 1 && c != '\0')
                ;
        for (int i = 0; strcmp(t->host, "many") == 0 && i < MANY; i++)
                say(t->fd, OUTPUT);
        if (strcmp(t->host, "outer") == 0)
                say(t->fd, OUTPUT);
        if (strcmp(t->host, "slow") == 0)
                (void)usleep(1000000);
        say(t->fd, "{\"parameters\":{\"Done\":true}}");
        (void)close(t->fd);
        return NULL;
}

int __wrap_channel_open(Channel *channel, const char *service, int *ret_fd, Error *err) {
        There *t = malloc(sizeof *t);
        pthread_t thread;
        int pair[2];

        assert_non_null(t);
        assert_int_equal(channel->alive, ALIVE);
        if (channel->broken) {
                free(t);
                return error_set(err, ERROR_UNREACHABLE, 0, "broken");
        }
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        t->fd = pair[1];
        (void)memcpy(t->host, channel->host, sizeof t->host);
        assert_int_equal(pthread_create(&thread, NULL, there, t), 0);
        assert_int_equal(pthread_detach(thread), 0);
        *ret_fd = pair[0];
        return 0;
}

/* ---- the caller ------------------------------------------------------------------------------------------ */

typedef struct Heard {
        Errands *errands;
        const BatchCalls *calls;
        unsigned records, ended, refused;
        bool nest;
} Heard;

static int on_record(void *userdata, size_t i, RecordStream stream, sd_json_variant *record);

static void on_ended(void *userdata, size_t i, const Error *why) {
        Heard *heard = userdata;
        heard->ended++;
        heard->refused += why->kind == ERROR_LIMIT;
}

static void run(Heard *heard, const char *const *hosts, size_t count) {
        BatchCall list[ERRAND_HOSTS_MAX];
        const BatchCalls calls = { .list = list, .count = count, .record = on_record, .ended = on_ended, .userdata = heard };

        for (size_t i = 0; i < count; i++)
                list[i] = (BatchCall){ .host = hosts[i], .text = "Get-VM" };
        heard->calls = &calls;
        errands_run(heard->errands, &calls);
        heard->calls = NULL;
}

/* The record leads to a command on the same host, whose channel has broken since; then a question of the outer one. */
static int on_record(void *userdata, size_t i, RecordStream stream, sd_json_variant *record) {
        Heard *heard = userdata;

        heard->records++;
        if (heard->nest) {
                static const char *const hosts[] = { "outer" };
                Heard inner = { .errands = heard->errands };
                heard->nest = false;
                last->broken = true;
                run(&inner, hosts, 1);
                assert_int_equal(inner.ended, 1);
                assert_int_equal(channels, 1);          /* the broken one is gone, a new one is there */
                errands_answer(heard->errands, heard->calls, i, "id", ANSWER_YES);
        }
        return 0;
}

static Errands *begin(atomic_bool *cancelled) {
        static Node node;
        const VouchClaim claim = { .role = ROLE_READER };
        Errands *errands = NULL;
        Error err = { 0 };

        assert_int_equal(errands_new(&node, &claim, cancelled, true, &errands, &err), 0);
        return errands;
}

static uint64_t clock_ms(clockid_t clock) {
        struct timespec t;
        (void)clock_gettime(clock, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void test_waiting_is_idle(void **state) {
        static const char *const hosts[] = { "quick", "slow" };
        atomic_bool cancelled = false;
        Heard heard = { .errands = begin(&cancelled) };

        uint64_t before = clock_ms(CLOCK_THREAD_CPUTIME_ID);
        run(&heard, hosts, ARRAY_SIZE(hosts));
        uint64_t used = clock_ms(CLOCK_THREAD_CPUTIME_ID) - before;
        assert_int_equal(heard.ended, 2);
        if (used > 300)                 /* of 1000 */
                fail_msg("%llu ms of CPU while another host worked", (unsigned long long)used);
        errands_free(heard.errands);
        assert_int_equal(channels, 0);
}

static void test_much_is_heard_at_once(void **state) {
        static const char *const hosts[] = { "many" };
        atomic_bool cancelled = false;
        Heard heard = { .errands = begin(&cancelled) };

        uint64_t before = clock_ms(CLOCK_MONOTONIC);
        run(&heard, hosts, 1);
        uint64_t took = clock_ms(CLOCK_MONOTONIC) - before;
        assert_int_equal(heard.records, MANY);
        if (took > 5000)
                fail_msg("%d records took %llu ms", MANY, (unsigned long long)took);
        errands_free(heard.errands);
}

static void test_too_many_hosts(void **state) {
        char names[ERRAND_HOSTS_MAX + 16][16];
        const char *hosts[ERRAND_HOSTS_MAX + 16];
        atomic_bool cancelled = false;
        Heard heard = { .errands = begin(&cancelled) };

        for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
                (void)snprintf(names[i], sizeof names[i], "hv%zu", i);
                hosts[i] = names[i];
        }
        run(&heard, hosts, ERRAND_HOSTS_MAX - 8);
        assert_int_equal(heard.refused, 0);
        run(&heard, hosts + ERRAND_HOSTS_MAX - 8, 24);
        assert_int_equal(heard.ended, ERRAND_HOSTS_MAX + 16);
        assert_int_equal(heard.refused, 16);
        assert_int_equal(channels, ERRAND_HOSTS_MAX);
        run(&heard, hosts, 1);          /* those that are known still are */
        assert_int_equal(heard.refused, 16);
        errands_free(heard.errands);
        assert_int_equal(channels, 0);
}

static void test_broken_channel(void **state) {
        static const char *const hosts[] = { "outer" };
        atomic_bool cancelled = false;
        Heard heard = { .errands = begin(&cancelled), .nest = true };

        run(&heard, hosts, 1);
        assert_int_equal(heard.ended, 1);
        assert_int_equal(heard.records, 1);
        errands_free(heard.errands);
        assert_int_equal(channels, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_waiting_is_idle), cmocka_unit_test(test_much_is_heard_at_once),
                                            cmocka_unit_test(test_too_many_hosts), cmocka_unit_test(test_broken_channel) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
