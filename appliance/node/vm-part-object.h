/* vm-part-object.h — a machine's processor, memory and firmware as the PowerShell objects administrators know
 *
 * As vm-object.h: every property of Hyper-V's that we can tell truthfully, and no other.
 */
#pragma once

#include <systemd/sd-json.h>

#include "appliance/base/error.h"
#include "migrate/host.h"

/* Microsoft.HyperV.PowerShell.VMProcessor, VMMemory, VMFirmware.  @host as vmhost_name() gives it. */
int vm_processor_object(const VmInfo *info, const char *host, sd_json_variant **ret, Error *err) FAILS;
int vm_memory_object(const VmInfo *info, const char *host, sd_json_variant **ret, Error *err) FAILS;
int vm_firmware_object(const VmInfo *info, const char *host, sd_json_variant **ret, Error *err) FAILS;

/* Which of VmDefinition.boot's names stands for @device: a HardDiskDrive, DvdDrive, VMNetworkAdapter or VMBootSource of
 * the machine @vm_id.  ERROR_INVALID when it is none of them. */
int vm_boot_name(sd_json_variant *device, const char *vm_id, char ret[static DISK_ID_SIZE], Error *err) FAILS;
