/* Which of many controllers answer, which are near, and what an LDAP ping says. */
#include "tests/unit/test.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "auth/locate-ping.h"

/* What Samba 4.22 told a client of its only site: flags at 0x22, the client's site at the end. */
static const char recorded[] =
        "3071020101646c04003068306604086e65746c6f676f6e315a045817000000fd1300006eb8764f6adccb47a5786cc11ddb0dbc036c61"
        "62047465737400c01803646331c018034c4142000344433100001744656661756c742d46697273742d536974652d4e616d6500c03505"
        "000000ffffffff300c02010165070a010004000400";
enum { RECORD_AT = 0x1B, FLAGS_AT = RECORD_AT + 4, SITE_AT = 0x69 };

static size_t bytes_of(const char *hex, uint8_t *to, size_t size) {
        size_t n = strlen(hex) / 2;
        assert_true(n <= size);
        for (size_t i = 0; i < n; i++) {
                unsigned byte = 0;
                assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
                to[i] = (uint8_t)byte;
        }
        return n;
}

/* ---- the ping -------------------------------------------------------------------------------------------- */

static const struct { const char *why; size_t at; uint8_t value; int r; bool near; const char *site; } pings[] = {
        { "as recorded",                        0, 0x30, 0, true, "Default-First-Site-Name" },
        { "of another site",                    FLAGS_AT, 0x7D, 0, false, "Default-First-Site-Name" },
        { "in no site",                         SITE_AT, 0, 0, true, "" },
        { "its logon service is paused",        RECORD_AT, 24, -1, false, NULL },
        { "a name leads to itself",             SITE_AT + 1, SITE_AT - RECORD_AT, -1, false, NULL },
        { "a name leads outside",               SITE_AT + 1, 0xF0, -1, false, NULL },
        { "longer than it is",                  1, 0x82, -1, false, NULL },
        { "a length of 9 bytes",                1, 0x89, -1, false, NULL },
        { "a length without an end",            1, 0x80, -1, false, NULL },
        { "only the end of a search",           5, 0x65, -1, false, NULL },
};

static void test_ping(void **state) {
        uint8_t packet[256];

        for (size_t i = 0; i < ARRAY_SIZE(pings); i++) {
                size_t size = bytes_of(recorded, packet, sizeof packet);
                PingAnswer got = { .near = false };
                Error err = { 0 };
                packet[pings[i].at] = pings[i].value;
                int r = ping_decode(packet, size, &got, &err);
                if (r != pings[i].r || (r == 0 && (got.near != pings[i].near || strcmp(got.site, pings[i].site) != 0)))
                        fail_msg("%s: %d, %d '%s' %s", pings[i].why, r, got.near, got.site, err.text);
        }
        size_t size = bytes_of(recorded, packet, sizeof packet);
        for (size_t n = 0; n < SITE_AT + 2; n++) {
                PingAnswer got;
                Error err = { 0 };
                assert_int_equal(ping_decode(packet, n, &got, &err), -1);
        }
        assert_true(size > SITE_AT + 2);
}

static void test_question(void **state) {
        char longest[LOCATE_HOST_MAX];
        uint8_t to[PING_QUESTION_MAX];

        memset(longest, 'a', sizeof longest);
        longest[sizeof longest - 1] = '\0';
        assert_true(ping_question(longest, to) > sizeof longest);
        size_t size = ping_question("lab.test", to);
        assert_int_equal(to[0], 0x30);
        assert_int_equal(to[2] << 8 | to[3], size - 4);
        assert_non_null(memmem(to, size, "lab.test", 8));
}

/* ---- controllers on loopback ------------------------------------------------------------------------------ */

static void expect(const char *why, int r, const Error *err, const char *says) {
        if (!says && r != 0)
                fail_msg("%s: %s", why, err->text);
        if (says && (r != -1 || !strstr(err->text, says)))
                fail_msg("%s: got %d, '%s'", why, r, err->text);
}

static int door(int backlog, uint16_t *ret_port) {
        struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof at;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&at, size), 0);
        if (backlog >= 0)
                assert_int_equal(listen(fd, backlog), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
        *ret_port = ntohs(at.sin_port);
        return fd;
}

/* A full queue drops what comes: as silent as a host that is off. */
static void fill(uint16_t port, int to[static 4]) {
        const struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                        .sin_port = htons(port) };
        for (size_t i = 0; i < 4; i++) {
                to[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
                (void)!connect(to[i], (const struct sockaddr *)&at, sizeof at);
        }
}

static double seconds(void) {
        struct timespec t;
        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Sixteen controllers, fifteen of them dead: one after the other they would take 5 s and more. */
static void test_dead(void **state) {
        uint16_t silent_port, refusing_port, good_port;
        int full[4], silent = door(0, &silent_port), refusing = door(-1, &refusing_port), good = door(8, &good_port);
        Controllers all = { .count = LOCATE_CONTROLLERS_MAX };
        char site[LOCATE_SITE_MAX];
        Error err = { 0 };

        fill(silent_port, full);
        for (size_t i = 0; i < all.count; i++) {
                (void)snprintf(all.list[i].host, sizeof all.list[i].host, "127.0.0.1");
                all.list[i].port = i == 0 ? refusing_port : i == 14 ? good_port : silent_port;
                all.list[i].weight = (uint16_t)i;
        }
        Controllers dead = all;
        dead.list[14].port = silent_port;
        double before = seconds();
        expect("one lives", locate_answering("lab.test", &all, 1000000, site, &err), &err, NULL);
        assert_int_equal(all.count, 1);
        assert_int_equal(all.list[0].weight, 14);
        assert_string_equal(site, "");
        expect("all dead", locate_answering("lab.test", &dead, 300000, site, &err), &err,
               "no domain controller answers on its LDAP port");
        assert_int_equal(err.kind, ERROR_UNREACHABLE);
        assert_true(seconds() - before < 2.5);
        for (size_t i = 0; i < 4; i++)
                (void)close(full[i]);
        (void)close(silent);
        (void)close(refusing);
        (void)close(good);
}

enum { CONTROLLERS = 4 };
typedef struct Site {
        int tcp[CONTROLLERS], udp[CONTROLLERS];
        uint16_t ports[CONTROLLERS];
        int stop[2];
} Site;

/* The second is stuck: it takes what comes and answers nothing.  The last one alone is near. */
static void *answer(void *userdata) {
        const Site *site = userdata;
        struct pollfd polls[CONTROLLERS + 1] = { { .fd = site->stop[0], .events = POLLIN } };
        uint8_t question[PING_QUESTION_MAX], packet[256];
        size_t size = bytes_of(recorded, packet, sizeof packet);

        for (size_t i = 0; i < CONTROLLERS; i++)
                polls[i + 1] = (struct pollfd){ .fd = i == 1 ? -1 : site->udp[i], .events = POLLIN };
        while (poll(polls, CONTROLLERS + 1, -1) > 0 && !polls[0].revents)
                for (size_t i = 0; i < CONTROLLERS; i++) {
                        struct sockaddr_in from;
                        socklen_t from_size = sizeof from;
                        if (polls[i + 1].fd < 0 || !polls[i + 1].revents ||
                            recvfrom(site->udp[i], question, sizeof question, 0, (struct sockaddr *)&from, &from_size) <= 0)
                                continue;
                        packet[FLAGS_AT] = i == CONTROLLERS - 1 ? 0xFD : 0x7D;
                        (void)!sendto(site->udp[i], packet, size, 0, (struct sockaddr *)&from, from_size);
                }
        return NULL;
}

static void test_near(void **state) {
        Site s;
        pthread_t thread;
        Controllers all = { .count = CONTROLLERS };
        char site[LOCATE_SITE_MAX];
        Error err = { 0 };

        assert_int_equal(pipe(s.stop), 0);
        for (size_t i = 0; i < CONTROLLERS; i++) {
                s.tcp[i] = door(8, &s.ports[i]);
                struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                          .sin_port = htons(s.ports[i]) };
                s.udp[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
                assert_int_equal(bind(s.udp[i], (struct sockaddr *)&at, sizeof at), 0);
                all.list[i] = (Controller){ .host = "127.0.0.1", .port = s.ports[i], .weight = (uint16_t)i };
        }
        assert_int_equal(pthread_create(&thread, NULL, answer, &s), 0);
        double before = seconds();
        expect("some are near", locate_answering("lab.test", &all, 2000000, site, &err), &err, NULL);
        assert_true(seconds() - before < 1);
        assert_int_equal(all.count, CONTROLLERS);
        static const uint16_t order[] = { 3, 0, 2, 1 };         /* near, awake, stuck */
        for (size_t i = 0; i < CONTROLLERS; i++) {
                assert_int_equal(all.list[i].weight, order[i]);
                assert_int_equal(all.list[i].near, i == 0);
        }
        assert_string_equal(site, "Default-First-Site-Name");
        (void)close(s.stop[1]);
        assert_int_equal(pthread_join(thread, NULL), 0);
        (void)close(s.stop[0]);
        for (size_t i = 0; i < CONTROLLERS; i++) {
                (void)close(s.tcp[i]);
                (void)close(s.udp[i]);
        }
}

static void test_own_address(void **state) {
        char own[LOCATE_ADDRESS_MAX];
        Error err = { 0 };
        expect("towards ourselves", locate_own_address("127.0.0.1", own, &err), &err, NULL);
        assert_string_equal(own, "127.0.0.1");
        expect("no such name", locate_own_address("a..b", own, &err), &err, "has no address");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_ping), cmocka_unit_test(test_question),    cmocka_unit_test(test_dead),
                cmocka_unit_test(test_near), cmocka_unit_test(test_own_address),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
