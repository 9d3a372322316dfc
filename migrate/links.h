/* links.h — the network devices of this host, as the kernel says over rtnetlink
 *
 * Not from /sys/class/net: that shows the network namespace it was mounted in, which in a container is another one.
 */
#pragma once

#include <stddef.h>

#include "appliance/base/error.h"
#include "migrate/definition.h"

enum { LINKS_MAX = 4096, LINK_KIND_SIZE = 16 };

typedef struct Link {
        int index, master;                      /* master: index of the bridge it is plugged into, or 0 */
        char name[VM_SWITCH_SIZE];
        char kind[LINK_KIND_SIZE];              /* "bridge", "tun", "veth", "dummy" …; "" for hardware */
        char mac[VM_MAC_SIZE];                  /* "" when it has none */
        bool loopback;
} Link;

/* Blocks for as long as the kernel takes.  More than LINKS_MAX are left out.  The caller frees *ret. */
int links_list(Link **ret, size_t *ret_count, Error *err) FAILS;
