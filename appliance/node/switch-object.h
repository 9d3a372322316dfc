/* switch-object.h — virtual switches and this host's own adapters on them as the PowerShell objects administrators know
 */
#pragma once

#include <systemd/sd-json.h>

#include "appliance/command/command.h"
#include "appliance/node/switch.h"

/* Microsoft.HyperV.PowerShell.VMSwitch */
int switch_object(const SwitchInfo *info, const char *host, sd_json_variant **ret, Error *err) FAILS;
/* Microsoft.HyperV.PowerShell.VMInternalNetworkAdapter for each switch that the host is on; -Name and -SwitchName of
 * @invocation choose. */
int switch_emit_host_adapters(Invocation *invocation, Error *err) FAILS;
