/* vm-object.h — a virtual machine and a virtual hard disk as the PowerShell objects administrators know
 *
 * Every property of Hyper-V's that we can tell truthfully; the others are absent rather than invented.
 */
#pragma once

#include <systemd/sd-json.h>

#include "appliance/base/error.h"
#include "migrate/host.h"
#include "migrate/vhd.h"

/* Hyper-V's ComputerName is the NetBIOS name: HV1 of hv1.lab.test. */
void vm_computer_name(const char *host, char *to, size_t size);
/* Microsoft.HyperV.PowerShell.VirtualMachine.  @host as vmhost_name() gives it: ComputerName is its first part. */
int vm_object(const VmInfo *info, const char *host, sd_json_variant **ret, Error *err) FAILS;
/* Microsoft.Vhd.PowerShell.VirtualHardDisk */
int vhd_object(const VhdInfo *info, const char *host, sd_json_variant **ret, Error *err) FAILS;
