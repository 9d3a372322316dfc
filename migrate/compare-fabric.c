/* compare-fabric.c — virtual Fibre Channel: the source says on which fabrics the machine's LUNs are, the destination whether
 * it reaches them */
#include "migrate/compare-internal.h"

#include <libvirt/libvirt.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"

static void pool_freep(virStoragePoolPtr *pool) {
        if (*pool)
                (void)virStoragePoolFree(*pool);
}

static void device_freep(virNodeDevicePtr *device) {
        if (*device)
                (void)virNodeDeviceFree(*device);
}

/* ---- the source --------------------------------------------------------------------------------------------- */

/* The fabric of the virtual adapter that the pool is. */
static bool fabric_of_pool(virConnectPtr connection, const char *name, char ret[static FABRIC_WWN_SIZE]) {
        char wwnn[FABRIC_WWN_SIZE], wwpn[FABRIC_WWN_SIZE];
        auto_(pool_freep) virStoragePoolPtr pool = virStoragePoolLookupByName(connection, name);
        auto_free char *xml = pool ? virStoragePoolGetXMLDesc(pool, 0) : NULL;

        if (!xml || !fabric_pool_adapter(xml, wwnn, wwpn))
                return false;
        auto_(device_freep) virNodeDevicePtr device = virNodeDeviceLookupSCSIHostByWWN(connection, wwnn, wwpn, 0);
        auto_free char *adapter = device ? virNodeDeviceGetXMLDesc(device, 0) : NULL;
        return adapter && fabric_of_device(adapter, false, ret);
}

int compare_fabric_source(virConnectPtr connection, const char *xml, const char *vm, Fabrics *ret, Findings *findings,
                          Error *err) {
        auto_free FabricPools *pools = calloc(1, sizeof *pools);
        char fabric[FABRIC_WWN_SIZE];

        if (!pools)
                return error_oom(err);
        if (fabric_pools(xml, pools, err) < 0)
                return -1;
        for (size_t i = 0; i < pools->count; i++) {
                if (fabric_of_pool(connection, pools->list[i], fabric) && fabrics_add(ret, fabric))
                        continue;
                Finding *f = finding_add(findings, FINDING_FIBRE_CHANNEL, ERROR_UNSUPPORTED,
                                         "\"%s\" cannot be moved while it has a volume of the storage pool \"%.60s\", which is "
                                         "no virtual Fibre Channel adapter on a fabric; its disks must lie on SMB shares: "
                                         "copy their content there and detach it", vm, pools->list[i]);
                finding_because(f, NULL, "pool %s, disk %s", pools->list[i], pools->disks[i]);
                auto_free char *name = finding_quote_shell(vm), *disk = finding_quote_shell(pools->disks[i]);
                if (name && disk && *pools->disks[i])
                        finding_remedy(f, NULL, "virsh detach-disk %s %s --live", name, disk);
        }
        return 0;
}

/* ---- the destination ---------------------------------------------------------------------------------------- */

static void reached(virConnectPtr connection, Fabrics *ret) {
        virNodeDevicePtr *list = NULL;
        int count = virConnectListAllNodeDevices(connection, &list, VIR_CONNECT_LIST_NODE_DEVICES_CAP_VPORTS);

        for (int i = 0; i < count; i++) {
                auto_free char *xml = virNodeDeviceGetXMLDesc(list[i], 0);
                char fabric[FABRIC_WWN_SIZE];
                if (xml && fabric_of_device(xml, true, fabric))
                        (void)fabrics_add(ret, fabric);
                (void)virNodeDeviceFree(list[i]);
        }
        free(list);
}

void compare_fabrics(const Fabrics *wanted, const Fabrics *here, const char *vm, Findings *findings) {
        char list[FINDING_EXTRA_MAX];

        fabrics_text(here, list, sizeof list);
        for (size_t i = 0; i < wanted->count; i++) {
                if (fabrics_have(here, wanted->list[i]))
                        continue;
                Finding *f = finding_add(findings, FINDING_FIBRE_CHANNEL, ERROR_UNSUPPORTED,
                                         "%s has no Fibre Channel adapter with a virtual port to spare on the fabric %s, where the "
                                         "LUNs of \"%s\" are; connect one of its adapters to that fabric", findings->host,
                                         wanted->list[i], vm);
                finding_because(f, NULL, "its adapters with virtual ports are on: %.180s", *list ? list : "none");
        }
}

int compare_fabric_destination(VmHost *host, const CompareRequest *request, Findings *findings, Error *err) {
        virConnectPtr connection = NULL;
        Fabrics here = { .count = 0 };

        if (request->fabrics.count == 0)
                return 0;
        if (vmhost_connection(host, &connection, err) < 0)
                return -1;
        reached(connection, &here);
        (void)virConnectClose(connection);
        compare_fabrics(&request->fabrics, &here, request->definition.name, findings);
        return 0;
}
