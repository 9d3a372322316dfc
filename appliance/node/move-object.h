/* move-object.h — moves as the PowerShell objects administrators know
 */
#pragma once

#include <systemd/sd-json.h>

#include "appliance/base/error.h"
#include "appliance/node/compare-mend.h"
#include "appliance/node/jobs.h"
#include "migrate/compare-findings.h"
#include "migrate/host.h"

/* Microsoft.HyperV.PowerShell.MigrationReport from the receipt of design §7. */
int move_report_object(sd_json_variant *receipt, sd_json_variant **ret, Error *err) FAILS;
/* Microsoft.HyperV.PowerShell.VMMigrationJob */
int move_job_object(const Job *job, sd_json_variant **ret, Error *err) FAILS;
/* Microsoft.HyperV.PowerShell.VMCompatibilityReport: what keeps the machine from moving in Incompatibilities, what is
 * worth knowing in Advice.  @host is where the machine is; @mends NULL: nobody asked for them. */
int move_compatibility_object(const VmInfo *info, const char *host, const char *destination, const Findings *findings,
                              const CompareMends *mends, sd_json_variant **ret, Error *err) FAILS;
