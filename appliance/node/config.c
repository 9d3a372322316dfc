#include "appliance/node/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-json.h>

#include "appliance/base/cleanup.h"

typedef struct Key {
        const char *name, *wants;
        int (*read)(sd_json_variant *value, NodeConfig *config);
} Key;

static int read_emulation(sd_json_variant *value, NodeConfig *config) {
        if (!sd_json_variant_is_boolean(value))
                return -1;
        config->allow_emulation = sd_json_variant_boolean(value);
        return 0;
}

static int read_unc(sd_json_variant *value, char *to) {
        const char *text = sd_json_variant_is_string(value) ? sd_json_variant_string(value) : NULL;
        if (!text || strlen(text) >= NODE_PATH_MAX || (*text && strncmp(text, "\\\\", 2) != 0))
                return -1;
        memcpy(to, text, strlen(text) + 1);
        return 0;
}

static int read_machine_path(sd_json_variant *value, NodeConfig *config) {
        return read_unc(value, config->virtual_machine_path);
}

static int read_migrations(sd_json_variant *value, NodeConfig *config) {
        if (!sd_json_variant_is_unsigned(value) || sd_json_variant_unsigned(value) < 1 ||
            sd_json_variant_unsigned(value) > 32)
                return -1;
        config->maximum_migrations = (unsigned)sd_json_variant_unsigned(value);
        return 0;
}

static int read_password_days(sd_json_variant *value, NodeConfig *config) {
        if (!sd_json_variant_is_unsigned(value) || sd_json_variant_unsigned(value) > 999)
                return -1;
        config->password_days = (unsigned)sd_json_variant_unsigned(value);
        return 0;
}

static int read_groups(sd_json_variant *value, char to[NODE_GROUPS_MAX][NODE_GROUP_NAME_MAX]) {
        size_t count = sd_json_variant_is_array(value) ? sd_json_variant_elements(value) : SIZE_MAX;
        if (count > NODE_GROUPS_MAX)
                return -1;
        memset(to, 0, NODE_GROUPS_MAX * sizeof to[0]);
        for (size_t i = 0; i < count; i++) {
                sd_json_variant *item = sd_json_variant_by_index(value, i);
                const char *text = sd_json_variant_is_string(item) ? sd_json_variant_string(item) : "";
                if (!*text || strlen(text) >= NODE_GROUP_NAME_MAX)
                        return -1;
                memcpy(to[i], text, strlen(text) + 1);
        }
        return 0;
}

static int read_readers(sd_json_variant *value, NodeConfig *config) {
        return read_groups(value, config->groups[ROLE_READER]);
}

static int read_operators(sd_json_variant *value, NodeConfig *config) {
        return read_groups(value, config->groups[ROLE_OPERATOR]);
}

static int read_administrators(sd_json_variant *value, NodeConfig *config) {
        return read_groups(value, config->groups[ROLE_ADMINISTRATOR]);
}

static int read_binding(sd_json_variant *value, NodeConfig *config) {
        const char *text = sd_json_variant_is_string(value) ? sd_json_variant_string(value) : "";
        if (strcmp(text, "Strict") != 0 && strcmp(text, "Relaxed") != 0)
                return -1;
        config->strict_binding = strcmp(text, "Strict") == 0;
        return 0;
}

#define GROUPS_WANTED "a list of at most 8 names or SIDs of the domain's groups"

static const Key keys[] = {
        { "AllowEmulation", "true or false", read_emulation },
        { "VirtualMachinePath", "a UNC path such as \\\\fs1.example.com\\vms, or \"\"", read_machine_path },
        { "MaximumVirtualMachineMigrations", "a number from 1 to 32", read_migrations },
        { "MaximumMachinePasswordAge", "a number of days from 0 (never changed) to 999", read_password_days },
        { "ReaderGroups", GROUPS_WANTED, read_readers },
        { "OperatorGroups", GROUPS_WANTED, read_operators },
        { "AdministratorGroups", GROUPS_WANTED, read_administrators },
        { "RemoteChannelBinding", "\"Relaxed\" or \"Strict\"", read_binding },
};

static int read_key(const char *path, const char *name, sd_json_variant *value, NodeConfig *config, Error *err) {
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
                if (strcmp(keys[i].name, name) != 0)
                        continue;
                if (keys[i].read(value, config) < 0)
                        return error_set(err, ERROR_INVALID, 0, "%s: the value of %s must be %s", path, name,
                                         keys[i].wants);
                return 0;
        }
        return error_set(err, ERROR_INVALID, 0, "%s: there is no setting %.80s; remove it or correct its spelling",
                         path, name);
}

int config_load(const char *path, NodeConfig *ret, Error *err) {
        NodeConfig config = { .maximum_migrations = 2,
                              .password_days = 30,
                              .groups = { [ROLE_READER] = { "Holdfast Readers" },
                                          [ROLE_OPERATOR] = { "Holdfast Operators" },
                                          [ROLE_ADMINISTRATOR] = { "Holdfast Admins", "Domain Admins" } } };
        auto_(sd_json_variant_unrefp) sd_json_variant *json = NULL;
        unsigned line = 0, column = 0;

        int r = sd_json_parse_file(NULL, path, 0, &json, &line, &column);
        if (r == -ENOENT) {
                *ret = config;
                return 0;
        }
        if (r < 0)
                return error_set(err, ERROR_INVALID, -r, line > 0 ? "%s: line %u, column %u is not JSON"
                                 : "%s: cannot be read", path, line, column);
        if (!sd_json_variant_is_object(json))
                return error_set(err, ERROR_INVALID, 0, "%s: must hold one JSON object", path);
        for (size_t i = 0; i + 1 < sd_json_variant_elements(json); i += 2)
                if (read_key(path, sd_json_variant_string(sd_json_variant_by_index(json, i)),
                             sd_json_variant_by_index(json, i + 1), &config, err) < 0)
                        return -1;
        *ret = config;
        return 0;
}
