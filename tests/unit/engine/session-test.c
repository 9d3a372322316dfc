#include "tests/unit/test.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "smb/engine/engine.h"
#include "smb/engine/status.h"

/* What is refused before anything is sent. */
static void test_config(void **state) {
        (void)state;
        static const struct {
                const char *host, *share, *says;
        } rows[] = {
                { "fs1.lab.test", "vms", NULL },
                { "FS1", "vms$", NULL },
                { "", "vms", "no name" },
                { "10.77.0.11", "vms", "Kerberos needs a name" },
                { "fe80::1", "vms", "Kerberos needs a name" },
                { "::ffff:10.0.0.1", "vms", "Kerberos needs a name" },
                { "fs1", "", "no share name" },
                { "fs1", "a\\b", "no share name" },
                { "fs1", "a/b", "no share name" },
                { "fs1", "\xFF", "UTF-8" },
        };
        sd_event *event = NULL;
        assert_true(sd_event_new(&event) >= 0);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                SmbConfig config = { .protection = SMB_PROTECT_ENCRYPT };
                SmbSession *session = NULL;
                Error err = { 0 };
                strcpy(config.host, rows[i].host);
                strcpy(config.share, rows[i].share);
                int r = smb_session_new(event, &config, &session, &err);
                if (!rows[i].says) {
                        assert_int_equal(r, 0);
                        SmbOpenHow how = { .path = "x" };
                        assert_int_equal(smb_open(session, &how, NULL, NULL, &err), -1); /* not connected */
                        assert_int_equal(err.kind, ERROR_UNREACHABLE);
                        smb_session_free(session);
                        continue;
                }
                if (r == 0 || err.kind != ERROR_INVALID || !strstr(err.text, rows[i].says))
                        fail_msg("%s: %s", rows[i].host, err.text);
                assert_null(session);
        }
        smb_session_free(NULL);
        sd_event_unref(event);
}

static atomic_int taking, ended;

static void conversation_ended(void *state) { atomic_store(&ended, 1); }

/* A KDC that does not answer. */
static int take_long(AuthStep *step, Error *err) {
        atomic_store(&taking, 1);
        (void)usleep(700000);
        step->state = step;
        step->state_free = conversation_ended;
        return error_set(err, ERROR_UNREACHABLE, 0, "too late");
}

static uint64_t now_ms(void) {
        struct timespec t;
        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void on_connected(void *userdata, const Error *outcome) { *(ErrorKind *)userdata = outcome->kind; }

static void test_free_does_not_wait(void **state) {
        (void)state;
        SmbConfig config = { .protection = SMB_PROTECT_ENCRYPT, .host = "fs1", .share = "vms" };
        ErrorKind outcome = ERROR_NONE;
        sd_event *event = NULL;
        SmbSession *session = NULL;
        Error err = { 0 };
        int pair[2];

        assert_true(sd_event_new(&event) >= 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        assert_int_equal(smb_session_new(event, &config, &session, &err), 0);
        session_fake(session, pair[0], take_long);
        assert_int_equal(smb_session_connect(session, on_connected, &outcome, &err), 0);
        while (!atomic_load(&taking))
                (void)usleep(1000);
        uint64_t before = now_ms();
        smb_session_free(session);
        if (now_ms() - before > 300)
                fail_msg("it took %llu ms", (unsigned long long)(now_ms() - before));
        assert_int_equal(outcome, ERROR_CANCELLED);
        sd_event_unref(event);                          /* what goes on needs no loop */
        while (!atomic_load(&ended))
                (void)usleep(1000);
        char c;
        assert_int_equal(read(pair[1], &c, 1), 0);      /* the socket was closed */
        (void)close(pair[1]);
        (void)usleep(50000);                            /* the last free: nothing is left behind */
}

static void test_status(void **state) {
        (void)state;
        static const struct {
                uint32_t status;
                ErrorKind kind;
                const char *says;
        } rows[] = {
                { 0xC0000043, ERROR_CONFLICT, "SHARING_VIOLATION" },
                { 0xC0000022, ERROR_DENIED, "ACCESS_DENIED" },
                { 0xC0000034, ERROR_NOT_FOUND, "OBJECT_NAME_NOT_FOUND" },
                { 0xC000003A, ERROR_NOT_FOUND, "folder" },
                { 0xC000007F, ERROR_LIMIT, "full" },
                { 0xC00000BB, ERROR_UNSUPPORTED, "cannot do this" },
                { 0xC0000128, ERROR_UNREACHABLE, "closed our handle" },
                { 0xC0ABCDEF, ERROR_INTERNAL, "0xC0ABCDEF" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                Error err = { 0 };
                assert_int_equal(status_error(rows[i].status, "open", "\\\\fs1\\vms\\a", &err), -1);
                assert_int_equal(err.kind, rows[i].kind);
                assert_int_equal((uint32_t)err.cause, rows[i].status);
                assert_non_null(strstr(err.text, "cannot open \\\\fs1\\vms\\a: "));
                if (!strstr(err.text, rows[i].says))
                        fail_msg("%s", err.text);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_config),
                cmocka_unit_test(test_free_does_not_wait),
                cmocka_unit_test(test_status),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
