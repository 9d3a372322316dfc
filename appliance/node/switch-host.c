#include "appliance/node/switch-host.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"

int switch_host_file(const char *path, char **ret, Error *err) {
        auto_fd int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        auto_free char *text = calloc(1, SWITCH_FILE_MAX + 1);
        size_t size = 0;
        ssize_t n = 1;

        if (fd < 0 && errno == ENOENT) {
                *ret = NULL;
                return 0;
        }
        if (!text)
                return error_oom(err);
        while (fd >= 0 && n > 0 && size < SWITCH_FILE_MAX)
                if ((n = read(fd, text + size, SWITCH_FILE_MAX - size)) > 0)
                        size += (size_t)n;
        if (fd < 0 || n < 0 || size == SWITCH_FILE_MAX || memchr(text, '\0', size))
                return error_set(err, ERROR_INTERNAL, fd < 0 || n < 0 ? errno : 0, "%s cannot be read", path);
        *ret = take_ptr(text);
        return 0;
}

int switch_host_write(const char *path, const char *text, Error *err) {
        auto_free char *fresh = text_format("%s.new", path), *folder = strdup(path);
        size_t size = strlen(text);

        if (!fresh || !folder)
                return error_oom(err);
        *strrchr(folder, '/') = '\0';
        if (mkdir(folder, 0755) < 0 && errno != EEXIST)
                return error_set(err, ERROR_INTERNAL, errno, "%s cannot be made: %m", folder);
        auto_fd int directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        auto_fd int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
        if (directory < 0 || fd < 0 || fchmod(fd, 0644) < 0 || write(fd, text, size) != (ssize_t)size || fsync(fd) < 0 ||
            rename(fresh, path) < 0 || fsync(directory) < 0) {
                (void)error_set(err, ERROR_INTERNAL, errno, "%s cannot be written: %m; nothing was changed", path);
                (void)unlink(fresh);
                return -1;
        }
        return 0;
}

static bool is_link_local(const struct sockaddr *address) {
        if (address->sa_family == AF_INET6)
                return IN6_IS_ADDR_LINKLOCAL(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
        return (ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) >> 16) == 0xA9FE;
}

static size_t addresses(const char *device, bool all, char (*ret)[SWITCH_ADDRESS_SIZE], size_t max) {
        struct ifaddrs *list = NULL;
        size_t count = 0;

        if (getifaddrs(&list) < 0)
                return 0;
        for (const struct ifaddrs *i = list; i && count < max; i = i->ifa_next) {
                if (!i->ifa_addr || strcmp(i->ifa_name, device) != 0 ||
                    (i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6) ||
                    (!all && is_link_local(i->ifa_addr)))
                        continue;
                const void *raw = i->ifa_addr->sa_family == AF_INET
                        ? (const void *)&((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr
                        : (const void *)&((const struct sockaddr_in6 *)(const void *)i->ifa_addr)->sin6_addr;
                if (inet_ntop(i->ifa_addr->sa_family, raw, ret[count], SWITCH_ADDRESS_SIZE))
                        count++;
        }
        freeifaddrs(list);
        return count;
}

bool switch_host_has_address(const char *device) {
        char one[1][SWITCH_ADDRESS_SIZE];
        return addresses(device, false, one, 1) > 0;
}

size_t switch_host_addresses(const char *device, char (*ret)[SWITCH_ADDRESS_SIZE], size_t max) {
        return addresses(device, true, ret, max);
}

/* networkd has no call that tells it; its own state file does, and `networkctl status` reads it there, too. */
int switch_host_card_file(const char *device, char **ret, Error *err) {
        auto_free char *path = text_format("/run/systemd/netif/links/%u", if_nametoindex(device)), *state = NULL;
        char file[256] = "";
        *ret = NULL;

        if (!path)
                return error_oom(err);
        if (switch_host_file(path, &state, err) < 0)
                return -1;
        for (const char *at = state; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) {
                if (strncmp(at, "NETWORK_FILE_DROPINS=", 21) == 0 && strcspn(at + 21, "\"\n") > 0)
                        return error_set(err, ERROR_UNSUPPORTED, 0, "the network adapter %s is configured by several files "
                                         "(drop-ins); make it one, then repeat the command", device);
                if (strncmp(at, "NETWORK_FILE=", 13) == 0)
                        (void)snprintf(file, sizeof file, "%.*s", (int)strcspn(at + 13, "\n"), at + 13);
        }
        return *file ? switch_host_file(file, ret, err) : 0;
}

int switch_host_id(const char *name, char ret[static UUID_TEXT_SIZE], Error *err) {
        uint8_t digest[32];
        char text[SD_ID128_STRING_MAX + VM_SWITCH_SIZE + 32];
        sd_id128_t machine, id;

        int r = sd_id128_get_machine(&machine);
        if (r < 0)
                return error_set(err, ERROR_INTERNAL, -r, "this host has no machine id; see machine-id(5)");
        (void)snprintf(text, sizeof text, SD_ID128_FORMAT_STR "\nvirtual switch\n%s", SD_ID128_FORMAT_VAL(machine), name);
        if (gnutls_hash_fast(GNUTLS_DIG_SHA256, text, strlen(text), digest) < 0)
                return error_set(err, ERROR_INTERNAL, 0, "cannot compute a SHA-256");
        (void)memcpy(id.bytes, digest, sizeof id.bytes);
        id.bytes[6] = (uint8_t)((id.bytes[6] & 0x0F) | 0x80);   /* RFC 9562: version 8, of our own making */
        id.bytes[8] = (uint8_t)((id.bytes[8] & 0x3F) | 0x80);
        (void)sd_id128_to_uuid_string(id, ret);
        return 0;
}
