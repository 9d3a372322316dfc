#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/node/config.h"

static const struct {
        const char *why, *json, *says;          /* says NULL: taken */
        bool emulation;
        const char *path;
        unsigned migrations;
} rows[] = {
        { "nothing set", "{}", NULL, false, "", 2 },
        { "everything",
          "{\"AllowEmulation\":true,\"VirtualMachinePath\":\"\\\\\\\\fs1\\\\vms\","
          "\"MaximumVirtualMachineMigrations\":4}",
          NULL, true, "\\\\fs1\\vms", 4 },
        { "no path", "{\"VirtualMachinePath\":\"\"}", NULL, false, "", 2 },
        { "unknown key", "{\"AllowEmulaton\":true}", "there is no setting AllowEmulaton", false, NULL, 0 },
        { "wrong type", "{\"AllowEmulation\":1}", "AllowEmulation must be true or false", false, NULL, 0 },
        { "local path", "{\"VirtualMachinePath\":\"/vms\"}", "must be a UNC path", false, NULL, 0 },
        { "none at once", "{\"MaximumVirtualMachineMigrations\":0}", "from 1 to 32", false, NULL, 0 },
        { "too many", "{\"MaximumVirtualMachineMigrations\":33}", "from 1 to 32", false, NULL, 0 },
        { "password age", "{\"MaximumMachinePasswordAge\":1000}", "from 0 (never changed) to 999", false, NULL, 0 },
        { "password never", "{\"MaximumMachinePasswordAge\":0}", NULL, false, "", 2 },
        { "groups", "{\"ReaderGroups\":[\"A\",\"S-1-5-32-545\"],\"OperatorGroups\":[],\"RemoteChannelBinding\":\"Strict\"}", NULL,
          false, "", 2 },
        { "a group that is none", "{\"AdministratorGroups\":[\"A\",1]}", "AdministratorGroups must be a list", false, NULL, 0 },
        { "too many groups", "{\"ReaderGroups\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]}", "at most 8", false, NULL, 0 },
        { "no such strictness", "{\"RemoteChannelBinding\":\"Never\"}", "\"Relaxed\" or \"Strict\"", false, NULL, 0 },
        { "no JSON", "{", "is not JSON", false, NULL, 0 },
        { "no object", "[]", "must hold one JSON object", false, NULL, 0 },
};

static void test_rows(void **state) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                char path[] = "/tmp/holdfast-config-XXXXXX";
                auto_fd int fd = mkstemp(path);
                NodeConfig config = { 0 };
                Error err = { 0 };

                assert_true(fd >= 0);
                assert_int_equal(write(fd, rows[i].json, strlen(rows[i].json)), strlen(rows[i].json));
                int r = config_load(path, &config, &err);
                (void)unlink(path);
                if (rows[i].says) {
                        if (r != -1 || err.kind != ERROR_INVALID || !strstr(err.text, rows[i].says) ||
                            !strstr(err.text, path))
                                fail_msg("%s: got %d, '%s'", rows[i].why, r, err.text);
                        continue;
                }
                if (r != 0)
                        fail_msg("%s: %s", rows[i].why, err.text);
                assert_int_equal(config.allow_emulation, rows[i].emulation);
                assert_string_equal(config.virtual_machine_path, rows[i].path);
                assert_int_equal(config.maximum_migrations, rows[i].migrations);
        }
}

static void test_missing(void **state) {
        NodeConfig config = { 0 };
        Error err = { 0 };
        assert_int_equal(config_load("/nonexistent/node.json", &config, &err), 0);
        assert_int_equal(config.maximum_migrations, 2);
        assert_string_equal(config.groups[ROLE_ADMINISTRATOR][0], "Holdfast Admins");
        assert_int_equal(config.password_days, 30);
        assert_false(config.strict_binding);
        assert_false(config.allow_emulation);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_missing) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
