#include "smb/disk/config.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-json.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"

void disk_config_init(DiskConfig *config) {
        *config = (DiskConfig){ .protection = SMB_PROTECT_ENCRYPT };
        (void)gethostname(config->host, sizeof config->host - 1);
}

static int copy(char *to, size_t size, const char *value, const char *key, Error *err) {
        if (strlen(value) >= size)
                return error_set(err, ERROR_INVALID, 0, "%s is longer than %zu bytes", key, size - 1);
        (void)strcpy(to, value);
        return 0;
}

static int set_unc(DiskConfig *config, const char *value, Error *err) {
        Unc unc;
        if (unc_parse(value, &unc, err) < 0)
                return -1;
        if (!*unc.path)
                return error_set(err, ERROR_INVALID, 0, "'%.300s' is a share, not a disk; name a file in it",
                                 value);
        config->unc = unc;
        return 0;
}

static int set_control(DiskConfig *config, const char *value, Error *err) {
        return copy(config->control_socket, sizeof config->control_socket, value, "control-socket", err);
}

static int set_nbd(DiskConfig *config, const char *value, Error *err) {
        return copy(config->nbd_socket, sizeof config->nbd_socket, value, "nbd-socket", err);
}

static int set_ccache(DiskConfig *config, const char *value, Error *err) {
        return copy(config->ccache, sizeof config->ccache, value, "ccache", err);
}

static int set_protection(DiskConfig *config, const char *value, Error *err) {
        static const struct { const char *word; SmbProtection protection; } words[] = {
                { "encrypt", SMB_PROTECT_ENCRYPT }, { "sign", SMB_PROTECT_SIGN }, { "server", SMB_PROTECT_SERVER },
        };
        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (text_equal_nocase(value, words[i].word)) {
                        config->protection = words[i].protection;
                        return 0;
                }
        return error_set(err, ERROR_INVALID, 0, "protection '%.40s' is not one of encrypt, sign, server", value);
}

static int parse_number(const char *value, uint64_t most, uint64_t *ret, const char *key, Error *err) {
        char *end;
        errno = 0;
        unsigned long long n = strtoull(value, &end, 10);
        if (errno || *end || end == value || *value == '-' || n > most)
                return error_set(err, ERROR_INVALID, 0, "%s '%.40s' is not a number from 0 to %llu", key, value,
                                 (unsigned long long)most);
        *ret = n;
        return 0;
}

static int set_port(DiskConfig *config, const char *value, Error *err) {
        uint64_t n;
        if (parse_number(value, UINT16_MAX, &n, "port", err) < 0)
                return -1;
        config->port = (uint16_t)n;
        return 0;
}

static int set_acquire(DiskConfig *config, const char *value, Error *err) {
        return parse_number(value, UINT64_MAX - 1, &config->acquire_epoch, "acquire", err);
}

/* Both spellings of every setting: the command line's and the file's. */
static const struct { const char *key, *field; int (*set)(DiskConfig *, const char *, Error *); } settings[] = {
        { "config", NULL, disk_config_read },
        { "unc", "Unc", set_unc },
        { "control-socket", "ControlSocket", set_control },
        { "nbd-socket", "NbdSocket", set_nbd },
        { "ccache", "CCache", set_ccache },
        { "protection", "Protection", set_protection },
        { "port", NULL, set_port },
        { "acquire", NULL, set_acquire },
};

int disk_config_set(DiskConfig *config, const char *key, const char *value, Error *err) {
        for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
                if (strcmp(settings[i].key, key) == 0)
                        return settings[i].set(config, value, err);
        return error_set(err, ERROR_INVALID, 0,
                         "unknown parameter '%.60s'; known are config, unc, control-socket, nbd-socket, "
                         "ccache, protection, port, acquire",
                         key);
}

int disk_config_read(DiskConfig *config, const char *path, Error *err) {
        auto_(sd_json_variant_unrefp) sd_json_variant *object = NULL;

        int r = sd_json_parse_file(NULL, path, 0, &object, NULL, NULL);
        if (r < 0)
                return error_set(err, ERROR_INVALID, -r, "cannot read the disk's settings in %s: %s", path,
                                 strerror(-r));
        if (!sd_json_variant_is_object(object))
                return error_set(err, ERROR_INVALID, 0, "%s is not a JSON object", path);
        for (size_t at = 0; at + 1 < sd_json_variant_elements(object); at += 2) {
                const char *key = sd_json_variant_string(sd_json_variant_by_index(object, at));
                sd_json_variant *value = sd_json_variant_by_index(object, at + 1);
                size_t i = 0;
                while (i < ARRAY_SIZE(settings) && (!settings[i].field || strcmp(settings[i].field, key) != 0))
                        i++;
                if (i == ARRAY_SIZE(settings) || !sd_json_variant_is_string(value))
                        return error_set(err, ERROR_INVALID, 0,
                                         "%s: '%.60s' is not a known setting with a text value", path, key);
                if (settings[i].set(config, sd_json_variant_string(value), err) < 0)
                        return error_wrap(err, "%s", path);
        }
        return 0;
}

int disk_config_check(const DiskConfig *config, Error *err) {
        if (!*config->unc.path)
                return error_set(err, ERROR_INVALID, 0, "the disk's path is missing; give unc= or config=");
        return 0;
}

int disk_client_guid(const DiskConfig *config, uint8_t to[static 16], Error *err) {
        char text[SMB_HOST_MAX + 1 + UNC_TEXT_MAX + 2], unc[UNC_TEXT_MAX + 1];
        uint8_t digest[32];

        unc_text(&config->unc, unc);
        int n = snprintf(text, sizeof text, "%s\n%s", config->host, unc);
        for (char *c = text; *c; c++)
                if (*c >= 'A' && *c <= 'Z')
                        *c = (char)(*c - 'A' + 'a');
        if (gnutls_hash_fast(GNUTLS_DIG_SHA256, text, (size_t)n, digest) < 0)
                return error_set(err, ERROR_INTERNAL, 0, "cannot compute a SHA-256");
        (void)memcpy(to, digest, 16);
        return 0;
}
