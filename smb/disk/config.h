/* config.h — what a disk process is told when it starts
 */
#pragma once

#include <stdint.h>

#include "appliance/base/error.h"
#include "smb/engine/smb.h"
#include "smb/share/unc.h"

enum { DISK_SOCKET_PATH_MAX = 108, DISK_CCACHE_MAX = 256 };

typedef struct DiskConfig {
        Unc unc;
        char control_socket[DISK_SOCKET_PATH_MAX];      /* empty: none */
        char nbd_socket[DISK_SOCKET_PATH_MAX];  /* for us and our group; empty: handed over by the service manager */
        char ccache[DISK_CCACHE_MAX];           /* empty: the process's default */
        SmbProtection protection;
        uint16_t port;                          /* 0: 445 */
        uint64_t acquire_epoch; /* > 0: take the disk at once (benchmarks and tests without a node) */
        char host[SMB_HOST_MAX + 1];            /* this host's name, for the ClientGuid */
} DiskConfig;

void disk_config_init(DiskConfig *config);      /* defaults; the host's name from the system */

/* One key=value of the command line: config, unc, control-socket, nbd-socket, protection, ccache, port, acquire. */
int disk_config_set(DiskConfig *config, const char *key, const char *value, Error *err) FAILS;

/* The JSON object that client.c writes: {"Unc":…, "ControlSocket":…, "NbdSocket":…, "CCache":…,
 * "Protection":"Encrypt"|"Sign"|"Server"}.  Unknown fields are refused. */
int disk_config_read(DiskConfig *config, const char *path, Error *err) FAILS;

int disk_config_check(const DiskConfig *config, Error *err) FAILS;

/* Stable per (host, disk): SHA-256 over both, the first 16 bytes. */
int disk_client_guid(const DiskConfig *config, uint8_t to[static 16], Error *err) FAILS;
