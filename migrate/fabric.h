/* fabric.h — Fibre Channel fabrics, as libvirt describes adapters and pools; pure
 *
 * A virtual machine with a virtual Fibre Channel adapter (NPIV) finds its LUNs on any host that reaches the same fabric.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "appliance/base/error.h"

enum {
        FABRIC_WWN_SIZE = 17,           /* 16 hex digits and a NUL */
        FABRICS_MAX = 8,                /* of one machine, or of one host; more are left out */
        FABRIC_POOLS_MAX = 16,
        FABRIC_POOL_SIZE = 128,
        FABRIC_DISK_SIZE = 32,
};

typedef struct Fabrics {
        char list[FABRICS_MAX][FABRIC_WWN_SIZE];        /* lower case */
        size_t count;
} Fabrics;

typedef struct FabricPools {
        char list[FABRIC_POOLS_MAX][FABRIC_POOL_SIZE];
        char disks[FABRIC_POOLS_MAX][FABRIC_DISK_SIZE]; /* of each: the disk's name in the machine, sda; "" if it has none */
        size_t count;
} FabricPools;

/* False when @wwn is not 16 hex digits, or the list is full. */
bool fabrics_add(Fabrics *fabrics, const char *wwn);
bool fabrics_have(const Fabrics *fabrics, const char *wwn);
/* "2002000573de9a81, 2002000573de9a82"; cut at @size. */
void fabrics_text(const Fabrics *fabrics, char *to, size_t size);

/* The pools of which the running machine of @domain_xml has a volume as a disk, one for each such disk.  ERROR_LIMIT: too many. */
int fabric_pools(const char *domain_xml, FabricPools *ret, Error *err) FAILS;
/* Whether a storage pool is a virtual adapter, and which: its two names. */
bool fabric_pool_adapter(const char *pool_xml, char ret_wwnn[static FABRIC_WWN_SIZE],
                         char ret_wwpn[static FABRIC_WWN_SIZE]);
/* The fabric that the adapter of a node device is connected to; @for_ports: only if it can have one more virtual port. */
bool fabric_of_device(const char *device_xml, bool for_ports, char ret[static FABRIC_WWN_SIZE]);
