#include "tests/unit/test.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "migrate/host-internal.h"

/* What claims need of a host; libvirt is not asked. */
static VmHost *host_new(void) {
        pthread_condattr_t monotonic;
        VmHost *host = calloc(1, sizeof *host);

        assert_non_null(host);
        (void)pthread_condattr_init(&monotonic);
        (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
        (void)pthread_mutex_init(&host->lock, NULL);
        (void)pthread_cond_init(&host->claims_changed, &monotonic);
        (void)pthread_cond_init(&host->keeper_wake, &monotonic);
        (void)pthread_condattr_destroy(&monotonic);
        return host;
}

static DiskName disk(char c) {
        DiskName d = { 0 };
        memset(d.id, c, DISK_ID_SIZE - 1);
        return d;
}

static void test_conflicts(void **state) {
        (void)state;
        const DiskName a = disk('a'), b = disk('b');
        static const struct { const char *why, *id; char disk; const char *says; } rows[] = {
                { "another machine, another disk", "2", 'b', NULL },
                { "another machine, no disk", "2", 0, NULL },
                { "the same machine", "1", 'b', "is being moved to another host; wait until that ends, or "
                  "cancel it with Stop-VMMigration" },
                { "the same machine without disks", "1", 0, "in its current state" },
                { "another machine with the same disk", "2", 'a', "in use by \"web\"" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                VmHost *host = host_new();
                Error err = { 0 };
                assert_int_equal(vmhost_claim(host, VM_CLAIM_MOVE_OUT, "1", "web", &a, 1, &err), 0);
                int r = vmhost_claim(host, VM_CLAIM_START, rows[i].id, strcmp(rows[i].id, "1") ? "db" : "web",
                                     rows[i].disk == 'a' ? &a : &b, rows[i].disk != 0, &err);
                bool wanted = rows[i].says ? r == -1 && err.kind == ERROR_CONFLICT && strstr(err.text, rows[i].says)
                                           : r == 0;
                if (!wanted)
                        fail_msg("%s: %d, %s", rows[i].why, r, err.text);
                vmhost_unclaim(host, "1");
                if (r < 0)      /* free again */
                        assert_int_equal(vmhost_claim(host, VM_CLAIM_START, rows[i].id, "x", &a, 1, &err), 0);
                free(host);
        }
}

static void test_text(void **state) {
        (void)state;
        VmHost *host = host_new();
        char claim[64], status[96];
        Error err = { 0 };

        host_claim_text(host, "1", claim, status);
        assert_string_equal(claim, "");
        assert_int_equal(vmhost_claim(host, VM_CLAIM_MOVE_IN, "1", "web", NULL, 0, &err), 0);
        host_claim_text(host, "1", claim, status);
        assert_string_equal(claim, "being moved to this host");
        assert_string_equal(status, "Moving virtual machine");
        free(host);
}

static void *settle_ends(void *userdata) {
        (void)usleep(50000);
        host_unclaim_quietly(userdata, disk('a').id);
        return NULL;
}

/* The keeper is not somebody to quarrel with: whoever comes meanwhile waits for it; but it gives way to others. */
static void test_keeper(void **state) {
        (void)state;
        VmHost *host = host_new();
        const DiskName a = disk('a');
        pthread_t thread;
        Error err = { 0 };

        assert_true(host_claim_settle(host, a.id));
        assert_false(host_claim_settle(host, a.id));
        assert_int_equal(pthread_create(&thread, NULL, settle_ends, host), 0);
        assert_int_equal(vmhost_claim(host, VM_CLAIM_START, "1", "web", &a, 1, &err), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_false(host_claim_settle(host, a.id));
        free(host);
}

static void test_limits(void **state) {
        (void)state;
        VmHost *host = host_new();
        DiskName disks[VM_FILES_MAX + 1] = { 0 };
        Error err = { 0 };
        char id[16];

        assert_int_equal(vmhost_claim(host, VM_CLAIM_START, "1", "web", disks, VM_FILES_MAX + 1, &err), -1);
        assert_int_equal(err.kind, ERROR_LIMIT);
        for (int i = 0; i < CLAIMS_MAX; i++) {
                (void)snprintf(id, sizeof id, "%d", i);
                assert_int_equal(vmhost_claim(host, VM_CLAIM_START, id, "web", NULL, 0, &err), 0);
        }
        assert_int_equal(vmhost_claim(host, VM_CLAIM_START, "one too many", "web", NULL, 0, &err), -1);
        assert_int_equal(err.kind, ERROR_LIMIT);
        free(host);
}

/* What a running machine uses is known also when the rest of it cannot be read. */
static void test_disks_named(void **state) {
        (void)state;
#define SOCKET(id, file) "<host transport='unix' socket='/run/holdfast/disk/" id "/" file "'/>"
#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "0123456789abcdef0123456789abcdef"
        static const struct { const char *why, *xml; unsigned count; const char *first, *last; } rows[] = {
                { "none", "<domain><disk type='file'/></domain>", 0, NULL, NULL },
                { "one", "<domain>" SOCKET(A, "nbd.sock") "</domain>", 1, A, A },
                { "two, and something between", SOCKET(A, "nbd.sock") "<x/>" SOCKET(B, "nbd.sock"), 2, A, B },
                { "another file", SOCKET(A, "control.sock") SOCKET(B, "nbd.sock"), 1, B, B },
                { "too short, too long, not hexadecimal", SOCKET("abc", "nbd.sock") SOCKET(A "a", "nbd.sock")
                  SOCKET("Gaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "nbd.sock"), 0, NULL, NULL },
                { "cut", "/run/holdfast/disk/" A, 0, NULL, NULL },
                { "empty", "", 0, NULL, NULL },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                DiskName disks[VM_FILES_MAX];
                unsigned n = host_disks_named(rows[i].xml, disks);
                if (n != rows[i].count || (n > 0 && (strcmp(disks[0].id, rows[i].first) != 0 ||
                                                     strcmp(disks[n - 1].id, rows[i].last) != 0)))
                        fail_msg("%s: %u", rows[i].why, n);
        }
        char many[32 * 80 + 1] = "";
        DiskName disks[VM_FILES_MAX];
        for (size_t i = 0; i < 32; i++)
                (void)strcat(many, "/run/holdfast/disk/" A "/nbd.sock");
        assert_int_equal(host_disks_named(many, disks), VM_FILES_MAX);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_conflicts), cmocka_unit_test(test_text), cmocka_unit_test(test_keeper),
                cmocka_unit_test(test_limits), cmocka_unit_test(test_disks_named),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
