#include "appliance/node/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-json.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"

typedef struct Key {
        const char *name, *wants;
        int (*read)(sd_json_variant *value, NodeConfig *config);
} Key;

static int read_boolean(sd_json_variant *value, bool *to) {
        if (!sd_json_variant_is_boolean(value))
                return -1;
        *to = sd_json_variant_boolean(value);
        return 0;
}

static int read_emulation(sd_json_variant *value, NodeConfig *config) {
        return read_boolean(value, &config->allow_emulation);
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
            sd_json_variant_unsigned(value) > MOVE_MIGRATIONS_MAX)
                return -1;
        config->moves.maximum = (unsigned)sd_json_variant_unsigned(value);
        return 0;
}

static int read_enabled(sd_json_variant *value, NodeConfig *config) {
        return read_boolean(value, &config->moves.enabled);
}

static int read_any_network(sd_json_variant *value, NodeConfig *config) {
        return read_boolean(value, &config->moves.any_network);
}

static int read_networks(sd_json_variant *value, NodeConfig *config) {
        size_t count = sd_json_variant_is_array(value) ? sd_json_variant_elements(value) : SIZE_MAX;
        Error ignored;

        if (count > MOVE_NETWORKS_MAX)
                return -1;
        config->moves.network_count = 0;
        for (size_t i = 0; i < count; i++) {
                sd_json_variant *item = sd_json_variant_by_index(value, i);
                sd_json_variant *subnet = sd_json_variant_by_key(item, "Subnet");
                sd_json_variant *priority = sd_json_variant_by_key(item, "Priority");
                MoveNetwork network = { 0 };
                if (!sd_json_variant_is_string(subnet) || !sd_json_variant_is_unsigned(priority) ||
                    sd_json_variant_unsigned(priority) > UINT32_MAX ||
                    subnet_parse(sd_json_variant_string(subnet), &network.subnet, &ignored) < 0)
                        return -1;
                network.priority = (uint32_t)sd_json_variant_unsigned(priority);
                if (networks_add(&config->moves, &network, &ignored) < 0)
                        return -1;
        }
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

static int read_peer_role(sd_json_variant *value, NodeConfig *config) {
        static const char *const names[] = { "None", "Reader", "Operator", "Administrator" };
        const char *text = sd_json_variant_is_string(value) ? sd_json_variant_string(value) : "";
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (strcmp(names[i], text) == 0) {
                        config->peer_role = (int)i - 1; /* the order of Role */
                        return 0;
                }
        return -1;
}

#define GROUPS_WANTED "a list of at most 8 names or SIDs of the domain's groups"

static const Key keys[] = {
        { "AllowEmulation", "true or false", read_emulation },
        { "VirtualMachinePath", "a UNC path such as \\\\fs1.example.com\\vms, or \"\"", read_machine_path },
        { "MaximumVirtualMachineMigrations", "a number from 1 to 16", read_migrations },
        { "VirtualMachineMigrationEnabled", "true or false", read_enabled },
        { "UseAnyNetworkForMigration", "true or false", read_any_network },
        { "VirtualMachineMigrationNetworks",
          "a list of at most 16 different networks such as { \"Subnet\": \"192.168.10.0/24\", \"Priority\": 0 }",
          read_networks },
        { "MaximumMachinePasswordAge", "a number of days from 0 (never changed) to 999", read_password_days },
        { "ReaderGroups", GROUPS_WANTED, read_readers },
        { "OperatorGroups", GROUPS_WANTED, read_operators },
        { "AdministratorGroups", GROUPS_WANTED, read_administrators },
        { "MaximumPeerRole", "\"None\", \"Reader\", \"Operator\" or \"Administrator\"", read_peer_role },
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
        NodeConfig config = { .moves = { .enabled = true, .any_network = true, .maximum = 2 },
                               .password_days = 30,
                               .peer_role = ROLE_ADMINISTRATOR,
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

/* ---- writing ------------------------------------------------------------------------------------ */

static int networks_json(const MoveSettings *moves, sd_json_variant **ret, Error *err) {
        auto_(sd_json_variant_unrefp) sd_json_variant *list = NULL;

        if (sd_json_variant_new_array(&list, NULL, 0) < 0)
                return error_oom(err);
        for (unsigned i = 0; i < moves->network_count; i++) {
                auto_(sd_json_variant_unrefp) sd_json_variant *network = NULL;
                char subnet[SUBNET_TEXT_SIZE];
                subnet_text(&moves->networks[i].subnet, subnet);
                if (sd_json_buildo(&network, SD_JSON_BUILD_PAIR_STRING("Subnet", subnet),
                                   SD_JSON_BUILD_PAIR_UNSIGNED("Priority", moves->networks[i].priority)) < 0 ||
                    sd_json_variant_append_array(&list, network) < 0)
                        return error_oom(err);
        }
        *ret = take_ptr(list);
        return 0;
}

/* What commands may change, put into @json; everything else stays as the administrator wrote it. */
static int merge(const NodeConfig *config, sd_json_variant **json, Error *err) {
        auto_(sd_json_variant_unrefp) sd_json_variant *networks = NULL;
        const MoveSettings *moves = &config->moves;

        if (networks_json(moves, &networks, err) < 0)
                return -1;
        if (sd_json_variant_set_field_string(json, "VirtualMachinePath", config->virtual_machine_path) < 0 ||
            sd_json_variant_set_field_unsigned(json, "MaximumVirtualMachineMigrations", moves->maximum) < 0 ||
            sd_json_variant_set_field_boolean(json, "VirtualMachineMigrationEnabled", moves->enabled) < 0 ||
            sd_json_variant_set_field_boolean(json, "UseAnyNetworkForMigration", moves->any_network) < 0 ||
            sd_json_variant_set_field(json, "VirtualMachineMigrationNetworks", networks) < 0)
                return error_oom(err);
        return 0;
}

static int write_all(int fd, const char *text, size_t size) {
        while (size > 0) {
                ssize_t n = write(fd, text, size);
                if (n < 0 && errno != EINTR)
                        return -1;
                text += n > 0 ? n : 0;
                size -= n > 0 ? (size_t)n : 0;
        }
        return 0;
}

/* The new text is whole on the disk before it takes the old one's name, and the name before we say so. */
static int replace_file(const char *path, const char *text, Error *err) {
        auto_free char *fresh = text_format("%s.new", path), *folder = strdup(path);
        struct stat old;

        if (!fresh || !folder)
                return error_oom(err);
        char *slash = strrchr(folder, '/');
        if (slash)
                slash[slash == folder] = '\0';
        mode_t mode = stat(path, &old) == 0 ? old.st_mode & 0777 : 0644;
        auto_fd int directory = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        auto_fd int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
        if (directory < 0 || fd < 0 || fchmod(fd, mode) < 0 || write_all(fd, text, strlen(text)) < 0 ||
            fsync(fd) < 0 || rename(fresh, path) < 0 || fsync(directory) < 0) {
                (void)error_set(err, ERROR_INTERNAL, errno, "%s cannot be written: %s; nothing was changed", path,
                                strerror(errno));
                (void)unlink(fresh);
                return -1;
        }
        return 0;
}

int config_store(const char *path, const NodeConfig *config, Error *err) {
        auto_(sd_json_variant_unrefp) sd_json_variant *json = NULL;
        auto_free char *text = NULL;

        int r = sd_json_parse_file(NULL, path, 0, &json, NULL, NULL);
        if (r == -ENOENT)
                r = sd_json_variant_new_object(&json, NULL, 0);
        if (r < 0 || !sd_json_variant_is_object(json))
                return error_set(err, ERROR_INVALID, r < 0 ? -r : 0, "%s holds no JSON object; correct it first", path);
        if (merge(config, &json, err) < 0)
                return -1;
        if (sd_json_variant_format(json, SD_JSON_FORMAT_PRETTY | SD_JSON_FORMAT_NEWLINE, &text) < 0)
                return error_oom(err);
        return replace_file(path, text, err);
}
