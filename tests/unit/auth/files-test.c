/* What a join leaves in /etc whenever it is cut off. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "auth/join-files.h"

static void expect(const char *why, int r, const Error *err, const char *says) {
        if (!says && r != 0)
                fail_msg("%s: %s", why, err->text);
        if (says && (r != -1 || !strstr(err->text, says)))
                fail_msg("%s: got %d, '%s'", why, r, err->text);
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
                cmocka_unit_test(test_join_files),
                cmocka_unit_test(test_join_files_cut),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
