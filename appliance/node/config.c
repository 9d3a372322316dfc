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

static const Key keys[] = {
        { "AllowEmulation", "true or false", read_emulation },
        { "VirtualMachinePath", "a UNC path such as \\\\fs1.example.com\\vms, or \"\"", read_machine_path },
        { "MaximumVirtualMachineMigrations", "a number from 1 to 32", read_migrations },
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
        NodeConfig config = { .maximum_migrations = 2 };
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
