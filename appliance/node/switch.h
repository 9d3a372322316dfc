/* switch.h — the virtual switches of this host: bridges, made persistent by systemd-networkd
 *
 * What is there is read from the kernel; what is ours, from /etc/systemd/network.  A bridge that somebody else made is a
 * switch, too, and is listed, but never changed.  All calls block: pool threads only.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "appliance/node/switch-file.h"
#include "migrate/links.h"

enum { SWITCHES_MAX = 256 };

typedef struct SwitchInfo {
        Switch s;
        bool ours;                              /* New-VMSwitch made it */
        char id[UUID_TEXT_SIZE];                /* the same as long as it has its name on this host */
        char mac[VM_MAC_SIZE];                  /* of the bridge */
} SwitchInfo;

/* By name; the caller frees *ret.  The bridge that leads nowhere is none. */
int switch_list(SwitchInfo **ret, size_t *ret_count, Error *err) FAILS;
/* Without case; ERROR_NOT_FOUND in Hyper-V's words. */
int switch_find(const char *name, SwitchInfo *ret, Error *err) FAILS;

/* A network card of this host: no bridge, no loopback, no machine's own adapter.  ERROR_NOT_FOUND, ERROR_INVALID. */
int switch_card(const char *name, Link *ret, Error *err) FAILS;

/* Makes or changes it, and waits until it stands as said; what was there before stands again when it does not. */
int switch_make(const Switch *s, Error *err) FAILS;
/* Files and bridge; ERROR_CONFLICT when it is not ours. */
int switch_remove(const SwitchInfo *info, Error *err) FAILS;
