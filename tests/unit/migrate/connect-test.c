#include "tests/unit/test.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "migrate/host.h"
#include "migrate/libvirt-error.h"

enum { PATIENCE_US = 400 * 1000 };

static uint64_t now_us(void) {
        struct timespec t;
        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int listen_at(const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        (void)strcpy(address.sun_path, path);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
        assert_int_equal(listen(fd, 8), 0);
        return fd;
}

/* A libvirtd that was stopped takes connections, because the kernel does, and says nothing.  Nobody waits for it
 * longer than once, and the end of the host does not wait for it at all. */
static void test_silence(void **state) {
        (void)state;
        char folder[] = "/tmp/holdfast-XXXXXX", path[64], uri[128];
        VmHostConfig config = { .host = "hv1.lab.test", .libvirt_uri = uri, .libvirt_timeout_us = PATIENCE_US };
        VmHost *host = NULL;
        virConnectPtr connection = NULL;
        VmInfo *list = NULL;
        size_t count = 0;
        Error err = { 0 };

        assert_non_null(mkdtemp(folder));
        (void)snprintf(path, sizeof path, "%s/libvirt-sock", folder);
        (void)snprintf(uri, sizeof uri, "qemu+unix:///system?socket=%s&mode=direct", path);
        int fd = listen_at(path);
        (void)alarm(20);                /* instead of for ever */

        uint64_t begin = now_us();
        assert_int_equal(vmhost_new(&config, &host, &err), 0);
        assert_int_equal(vmhost_connection(host, &connection, &err), -1);
        assert_int_equal(err.kind, ERROR_UNREACHABLE);
        assert_non_null(strstr(err.text, "does not answer"));
        assert_in_range(now_us() - begin, PATIENCE_US / 2, 10 * PATIENCE_US);

        begin = now_us();
        assert_int_equal(vmhost_list(host, NULL, NULL, &list, &count, &err), -1);
        assert_int_equal(err.kind, ERROR_UNREACHABLE);
        assert_in_range(now_us() - begin, 0, PATIENCE_US / 2);

        begin = now_us();
        vmhost_free(host);
        assert_in_range(now_us() - begin, 0, 5 * PATIENCE_US);

        (void)close(fd);                /* the thread that was left comes back with an error */
        (void)usleep(PATIENCE_US);
        (void)unlink(path);
        (void)rmdir(folder);
        (void)alarm(0);
}

static void test_kinds(void **state) {
        (void)state;
        static const struct { const char *why; int domain, code; ErrorKind kind; } rows[] = {
                { "the keepalive ended the connection", VIR_FROM_RPC, VIR_ERR_INTERNAL_ERROR, ERROR_UNREACHABLE },
                { "libvirtd went away", VIR_FROM_RPC, VIR_ERR_SYSTEM_ERROR, ERROR_UNREACHABLE },
                { "QEMU's driver failed", VIR_FROM_QEMU, VIR_ERR_INTERNAL_ERROR, ERROR_INTERNAL },
                { "no such machine", VIR_FROM_QEMU, VIR_ERR_NO_DOMAIN, ERROR_NOT_FOUND },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                Error err = { 0 };
                virErrorPtr last = calloc(1, sizeof *last);
                assert_non_null(last);
                last->domain = rows[i].domain;
                last->code = rows[i].code;
                last->message = strdup("it says so");
                assert_int_equal(libvirt_error_from(&err, last, "\"%s\"", "web01"), -1);
                if (err.kind != rows[i].kind || strcmp(err.text, "\"web01\": it says so") != 0)
                        fail_msg("%s: %s, %s", rows[i].why, error_kind_name(err.kind), err.text);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_silence), cmocka_unit_test(test_kinds) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
