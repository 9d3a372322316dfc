#include "tests/unit/test.h"

#include <string.h>

#include "smb/disk/client.h"
#include "smb/disk/config.h"

static void test_name(void **unused) {
        (void)unused;
        DiskName a, b;
        Error err = { 0 };
        assert_int_equal(disk_name("\\\\FS1.lab.test\\vms\\web01\\Virtual Hard Disks\\web01.raw", &a, &err), 0);
        assert_string_equal(a.unc, "\\\\fs1.lab.test\\vms\\web01\\Virtual Hard Disks\\web01.raw");
        assert_int_equal(strlen(a.id), 32);
        assert_int_equal(strspn(a.id, "0123456789abcdef"), 32);
        char socket[DISK_SOCKET_MAX];
        (void)snprintf(socket, sizeof socket, "/run/holdfast/disk/%s/nbd.sock", a.id);
        assert_string_equal(a.nbd_socket, socket);

        /* One disk, however it is spelt: both hosts of a move use one id. */
        static const char *same[] = { "//fs1.lab.test/vms/web01/Virtual Hard Disks/web01.raw",
                                      "\\\\fs1.LAB.test\\VMS\\Web01\\virtual hard disks\\WEB01.RAW" };
        for (size_t i = 0; i < 2; i++) {
                assert_int_equal(disk_name(same[i], &b, &err), 0);
                assert_string_equal(a.id, b.id);
        }
        assert_int_equal(disk_name("\\\\fs2.lab.test\\vms\\web01\\Virtual Hard Disks\\web01.raw", &b, &err), 0);
        assert_string_not_equal(a.id, b.id);

        assert_int_equal(disk_name("\\\\fs1\\vms", &b, &err), -1);
        assert_int_equal(err.kind, ERROR_INVALID);
        assert_non_null(strstr(err.text, "is a share, not a disk"));
        assert_int_equal(disk_name("/srv/vms/web01.raw", &b, &err), -1);
        assert_int_equal(err.kind, ERROR_INVALID);
}

static void test_config(void **unused) {
        (void)unused;
        static const struct { const char *key, *value, *says;
        } rows[] = {
                { "unc", "\\\\fs1\\vms\\a.raw", NULL },
                { "protection", "sign", NULL },
                { "port", "4450", NULL },
                { "acquire", "12", NULL },
                { "ccache", "FILE:/tmp/x", NULL },
                { "unc", "\\\\fs1\\vms", "is a share" },
                { "protection", "none", "not one of" },
                { "port", "70000", "not a number" },
                { "port", "-1", "not a number" },
                { "port", "", "not a number" },
                { "acquire", "1x", "not a number" },
                { "password", "x", "unknown parameter" },
                { "config", "/nonexistent", "cannot read" },
        };
        DiskConfig config;
        disk_config_init(&config);
        Error err = { 0 };
        assert_int_equal(disk_config_check(&config, &err), -1);
        assert_int_equal(config.protection, SMB_PROTECT_ENCRYPT);      /* unless somebody says so */
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                err = (Error){ 0 };
                int r = disk_config_set(&config, rows[i].key, rows[i].value, &err);
                if (rows[i].says ? r != -1 || !strstr(err.text, rows[i].says) : r != 0)
                        fail_msg("%s=%s: %s", rows[i].key, rows[i].value, err.text);
        }
        assert_int_equal(disk_config_check(&config, &err), 0);
        assert_int_equal(config.port, 4450);
        assert_int_equal(config.acquire_epoch, 12);
        assert_string_equal(config.unc.path, "a.raw");
}

/* The same host and disk, spelt in any way, are the same client; another host is another. */
static void test_client_guid(void **unused) {
        (void)unused;
        DiskConfig a = { .host = "HV1" }, b = { .host = "hv1" }, c = { .host = "hv2" };
        uint8_t ga[16], gb[16], gc[16];
        Error err = { 0 };
        assert_int_equal(disk_config_set(&a, "unc", "\\\\fs1\\vms\\A.raw", &err), 0);
        assert_int_equal(disk_config_set(&b, "unc", "//FS1/VMS/a.raw", &err), 0);
        c.unc = b.unc;
        assert_int_equal(disk_client_guid(&a, ga, &err), 0);
        assert_int_equal(disk_client_guid(&b, gb, &err), 0);
        assert_int_equal(disk_client_guid(&c, gc, &err), 0);
        assert_memory_equal(ga, gb, 16);
        assert_memory_not_equal(ga, gc, 16);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_name), cmocka_unit_test(test_config), cmocka_unit_test(test_client_guid),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
