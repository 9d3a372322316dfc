/* device-object.h — drives and network adapters as the PowerShell objects administrators know
 */
#pragma once

#include <systemd/sd-json.h>

#include "appliance/base/error.h"
#include "migrate/host.h"

/* Microsoft.HyperV.PowerShell.HardDiskDrive, .DvdDrive and .VMNetworkAdapter: the @index-th of the machine.  @host as
 * vmhost_name() gives it.  A drive is known again by VMId, ControllerType, -Number and -Location; an adapter by VMId
 * and MacAddress. */
int drive_object(const VmInfo *info, unsigned index, const char *host, sd_json_variant **ret, Error *err) FAILS;
int dvd_object(const VmInfo *info, unsigned index, const char *host, sd_json_variant **ret, Error *err) FAILS;
int adapter_object(const VmInfo *info, unsigned index, const char *host, sd_json_variant **ret, Error *err) FAILS;
/* All of each, as arrays. */
int device_objects(const VmInfo *info, const char *host, sd_json_variant **ret_drives, sd_json_variant **ret_dvds,
                   sd_json_variant **ret_adapters, Error *err) FAILS;

/* "00155D001234" or "00-15-5D-…" to and from "00:15:5d:…"; false when it is none. */
bool mac_parse(const char *text, char ret[static VM_MAC_SIZE]);
void mac_display(const char *mac, char ret[static VM_MAC_SIZE]);
