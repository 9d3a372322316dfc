#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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
        { "none at once", "{\"MaximumVirtualMachineMigrations\":0}", "from 1 to 16", false, NULL, 0 },
        { "too many", "{\"MaximumVirtualMachineMigrations\":17}", "from 1 to 16", false, NULL, 0 },
        { "password age", "{\"MaximumMachinePasswordAge\":1000}", "from 0 (never changed) to 999", false, NULL, 0 },
        { "password never", "{\"MaximumMachinePasswordAge\":0}", NULL, false, "", 2 },
        { "groups", "{\"ReaderGroups\":[\"A\",\"S-1-5-32-545\"],\"OperatorGroups\":[],\"RemoteChannelBinding\":\"Strict\"}", NULL,
          false, "", 2 },
        { "a group that is none", "{\"AdministratorGroups\":[\"A\",1]}", "AdministratorGroups must be a list", false, NULL, 0 },
        { "too many groups", "{\"ReaderGroups\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]}", "at most 8", false, NULL, 0 },
        { "no such strictness", "{\"RemoteChannelBinding\":\"Never\"}", "\"Relaxed\" or \"Strict\"", false, NULL, 0 },
        { "networks", "{\"UseAnyNetworkForMigration\":false,\"VirtualMachineMigrationEnabled\":false,"
          "\"VirtualMachineMigrationNetworks\":[{\"Subnet\":\"10.9.0.0/24\",\"Priority\":1}]}", NULL, false, "", 2 },
        { "no network", "{\"VirtualMachineMigrationNetworks\":[{\"Subnet\":\"10.9.0.1/24\",\"Priority\":1}]}",
          "VirtualMachineMigrationNetworks must be a list", false, NULL, 0 },
        { "a network twice", "{\"VirtualMachineMigrationNetworks\":[{\"Subnet\":\"::/0\",\"Priority\":1},"
          "{\"Subnet\":\"::/0\",\"Priority\":2}]}", "at most 16 different networks", false, NULL, 0 },
        { "no priority", "{\"VirtualMachineMigrationNetworks\":[{\"Subnet\":\"::/0\"}]}", "must be a list", false, NULL, 0 },
        { "networks of something else", "{\"VirtualMachineMigrationNetworks\":[1]}", "must be a list", false, NULL, 0 },
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
                assert_int_equal(config.moves.maximum, rows[i].migrations);
        }
}

static void test_missing(void **state) {
        NodeConfig config = { 0 };
        Error err = { 0 };
        assert_int_equal(config_load("/nonexistent/node.json", &config, &err), 0);
        assert_int_equal(config.moves.maximum, 2);
        assert_string_equal(config.groups[ROLE_ADMINISTRATOR][0], "Holdfast Admins");
        assert_int_equal(config.password_days, 30);
        assert_false(config.strict_binding);
        assert_false(config.allow_emulation);
}

static void write_file(const char *path, const char *text) {
        auto_file FILE *f = fopen(path, "we");
        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
}

static void read_file(const char *path, char *to, size_t size) {
        auto_file FILE *f = fopen(path, "re");
        assert_non_null(f);
        to[fread(to, 1, size - 1, f)] = '\0';
}

static void test_store(void **state) {
        char folder[] = "/tmp/holdfast-config-XXXXXX", path[64], fresh[80], text[2048];
        NodeConfig config = { 0 }, again = { 0 };
        MoveNetwork network = { .priority = 7 };
        Error err = { 0 };

        assert_non_null(mkdtemp(folder));
        (void)snprintf(path, sizeof path, "%s/node.json", folder);
        (void)snprintf(fresh, sizeof fresh, "%s.new", path);
        write_file(path, "{\"ReaderGroups\":[\"Mine\"],\"MaximumVirtualMachineMigrations\":3}");
        assert_int_equal(chmod(path, 0640), 0);
        assert_int_equal(config_load(path, &config, &err), 0);
        assert_true(config.moves.enabled && config.moves.any_network);
        config.moves.enabled = config.moves.any_network = false;
        config.moves.maximum = 5;
        (void)strcpy(config.virtual_machine_path, "\\\\fs1\\vms");
        assert_int_equal(subnet_parse("10.9.0.0/24", &network.subnet, &err), 0);
        assert_int_equal(networks_add(&config.moves, &network, &err), 0);
        if (config_store(path, &config, &err) < 0 || config_load(path, &again, &err) < 0)
                fail_msg("%s", err.text);
        assert_memory_equal(&again.moves, &config.moves, sizeof config.moves);
        assert_string_equal(again.virtual_machine_path, "\\\\fs1\\vms");
        assert_string_equal(again.groups[ROLE_READER][0], "Mine");
        read_file(path, text, sizeof text);
        assert_null(strstr(text, "OperatorGroups"));    /* what nobody set stays unset */
        struct stat info;
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(info.st_mode & 0777, 0640);
        assert_int_equal(access(fresh, F_OK), -1);

        /* a file nobody can parse is not thrown away */
        write_file(path, "{ oh");
        assert_int_equal(config_store(path, &config, &err), -1);
        read_file(path, text, sizeof text);
        assert_string_equal(text, "{ oh");

        /* none yet; and no place for one */
        assert_int_equal(unlink(path), 0);
        assert_int_equal(config_store(path, &config, &err), 0);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(rmdir(folder), 0);
        assert_int_equal(config_store(path, &config, &err), -1);
        assert_non_null(strstr(err.text, path));
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_missing),
                                            cmocka_unit_test(test_store) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
