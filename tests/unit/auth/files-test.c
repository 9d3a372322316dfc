/* What a join leaves in /etc whenever it is cut off; which of many controllers answer. */
#include "tests/unit/test.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "auth/join-files.h"
#include "auth/locate.h"

static void expect(const char *why, int r, const Error *err, const char *says) {
        if (!says && r != 0)
                fail_msg("%s: %s", why, err->text);
        if (says && (r != -1 || !strstr(err->text, says)))
                fail_msg("%s: got %d, '%s'", why, r, err->text);
}

/* ---- sixteen controllers, fifteen of them dead ----------------------------------------------------------- */

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

static void test_answering(void **state) {
        uint16_t silent_port, refusing_port, good_port;
        int full[4], silent = door(0, &silent_port), refusing = door(-1, &refusing_port), good = door(8, &good_port);
        Controllers all = { .count = LOCATE_CONTROLLERS_MAX };
        struct timespec before, after;
        Error err = { 0 };

        fill(silent_port, full);
        for (size_t i = 0; i < all.count; i++) {
                (void)snprintf(all.list[i].host, sizeof all.list[i].host, "127.0.0.1");
                all.list[i].port = i == 0 ? refusing_port : i == 14 ? good_port : silent_port;
                all.list[i].weight = (uint16_t)i;
        }
        Controllers dead = all;
        dead.list[14].port = silent_port;
        (void)clock_gettime(CLOCK_MONOTONIC, &before);
        expect("one lives", locate_answering(&all, 1000000, &err), &err, NULL);
        assert_int_equal(all.count, 1);
        assert_int_equal(all.list[0].weight, 14);
        expect("all dead", locate_answering(&dead, 300000, &err), &err, "no domain controller answers on its LDAP port");
        assert_int_equal(err.kind, ERROR_UNREACHABLE);
        (void)clock_gettime(CLOCK_MONOTONIC, &after);
        assert_in_range(after.tv_sec - before.tv_sec, 0, 2);    /* one after the other they would take 5 s and more */
        for (size_t i = 0; i < 4; i++)
                (void)close(full[i]);
        (void)close(silent);
        (void)close(refusing);
        (void)close(good);
}

static void test_own_address(void **state) {
        char own[LOCATE_ADDRESS_MAX];
        Error err = { 0 };
        expect("towards ourselves", locate_own_address("127.0.0.1", own, &err), &err, NULL);
        assert_string_equal(own, "127.0.0.1");
        expect("no such name", locate_own_address("a..b", own, &err), &err, "has no address");
}

/* ---- join-files.h, in a folder of the test ------------------------------------------------------------- */

static void put(const char *folder, const char *name, const char *text) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s/%s", folder, name);
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        (void)fputs(text, f);
        (void)fclose(f);
}

/* The names and contents that matter, as one text. */
static const char *shape(const char *folder, char to[static 256]) {
        static const char *const names[] = { "krb5.conf", "krb5.keytab", "krb5.conf.before-join", "krb5.conf.decided",
                                             "krb5.keytab.joining", "krb5.conf.joining" };
        to[0] = '\0';
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                char path[128], text[32] = "";
                (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
                FILE *f = fopen(path, "r");
                if (!f)
                        continue;
                size_t n = fread(text, 1, sizeof text - 1, f);
                text[n] = '\0';
                (void)fclose(f);
                size_t at = strlen(to);
                (void)snprintf(to + at, 256 - at, "%s=%s ", names[i], text);
        }
        return to;
}

static void empty(const char *folder) {
        static const char *const names[] = { "krb5.conf", "krb5.keytab", "krb5.conf.before-join", "krb5.conf.decided",
                                             "krb5.keytab.joining", "krb5.conf.joining" };
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                char path[128];
                (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
                (void)unlink(path);
        }
}

static void test_join_files(void **state) {
        static const struct { const char *why, *conf; bool commit; const char *after; } rows[] = {
                { "undone",                     "old", false, "krb5.conf=old krb5.keytab=key " },
                { "undone, there was none",     NULL,  false, "krb5.keytab=key " },
                { "committed",                  "old", true,  "krb5.conf=new krb5.keytab=new-key " },
                { "committed, there was none",  NULL,  true,  "krb5.conf=new krb5.keytab=new-key " },
        };
        char folder[] = "/tmp/join-files-XXXXXX", text[256];

        assert_non_null(mkdtemp(folder));
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                JoinFiles files = { .begun = false };
                Error err = { 0 };
                empty(folder);
                put(folder, "krb5.keytab", "key");
                if (rows[i].conf)
                        put(folder, "krb5.conf", rows[i].conf);
                expect(rows[i].why, join_files_begin(&files, folder, "new", &err), &err, NULL);
                put(folder, "krb5.keytab.joining", "new-key");
                if (rows[i].commit)
                        expect(rows[i].why, join_files_commit(&files, &err), &err, NULL);
                join_files_done(&files);
                if (strcmp(shape(folder, text), rows[i].after) != 0)
                        fail_msg("%s: %s", rows[i].why, text);
                assert_int_equal(join_files_recover(folder), JOIN_LEFT_NOTHING);
        }
        empty(folder);
        assert_int_equal(rmdir(folder), 0);
}

/* What lies in /etc when the process ended after each step, and what the next one makes of it. */
static void test_join_files_cut(void **state) {
        static const struct { const char *why, *names[5], *after; JoinLeft left; } rows[] = {
                { "nothing was left", { "krb5.conf", "krb5.keytab" }, "krb5.conf=krb5.conf krb5.keytab=krb5.keytab ",
                  JOIN_LEFT_NOTHING },
                { "adcli ran", { "krb5.conf", "krb5.conf.before-join", "krb5.keytab.joining", "krb5.keytab" },
                  "krb5.conf=krb5.conf.before-join krb5.keytab=krb5.keytab ", JOIN_LEFT_UNDONE },
                { "krb5.conf was being written", { "krb5.conf", "krb5.conf.before-join", "krb5.conf.joining" },
                  "krb5.conf=krb5.conf.before-join ", JOIN_LEFT_UNDONE },
                { "decided, the keytab not yet in its place",
                  { "krb5.conf", "krb5.conf.decided", "krb5.keytab.joining", "krb5.keytab" },
                  "krb5.conf=krb5.conf krb5.keytab=krb5.keytab.joining ", JOIN_LEFT_ENDED },
                { "decided and in its place", { "krb5.conf", "krb5.conf.decided", "krb5.keytab" },
                  "krb5.conf=krb5.conf krb5.keytab=krb5.keytab ", JOIN_LEFT_ENDED },
                { "a key of nobody", { "krb5.conf", "krb5.keytab.joining" }, "krb5.conf=krb5.conf ",
                  JOIN_LEFT_UNDONE },
        };
        char folder[] = "/tmp/join-files-XXXXXX", text[256];

        assert_non_null(mkdtemp(folder));
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                empty(folder);
                for (size_t n = 0; n < ARRAY_SIZE(rows[i].names) && rows[i].names[n]; n++)
                        put(folder, rows[i].names[n], rows[i].names[n]);
                JoinLeft left = join_files_recover(folder);
                if (left != rows[i].left || strcmp(shape(folder, text), rows[i].after) != 0)
                        fail_msg("%s: %d %s", rows[i].why, (int)left, text);
        }
        empty(folder);
        assert_int_equal(rmdir(folder), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_answering),
                cmocka_unit_test(test_own_address),
                cmocka_unit_test(test_join_files),
                cmocka_unit_test(test_join_files_cut),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
