/* How an administrator writes the VM cmdlets: Hyper-V's positions, aliases and parameter sets bind, what Hyper-V has and we
 * have not is refused by its name.  Nothing runs. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/command/batch.h"
#include "appliance/node/node.h"

static const struct { const char *text, *id; Role role; } rows[] = {
        { "Get-VM", NULL, ROLE_READER },
        { "Get-VM -VMName web*", NULL, ROLE_READER },
        { "Get-VM -Id 00112233-4455-6677-8899-aabbccddeeff", NULL, ROLE_READER },
        { "Get-VM -Name web01 -Id 00112233-4455-6677-8899-aabbccddeeff", "AmbiguousParameterSet", ROLE_READER },

        { "Save-VM web01, web02 -Passthru", NULL, ROLE_OPERATOR },
        { "Get-VM | Save-VM -WhatIf", NULL, ROLE_OPERATOR },
        { "Save-VM web01", "AccessDenied", ROLE_READER },
        { "Suspend-VM -VMName web01", NULL, ROLE_OPERATOR },
        { "Resume-VM Test*", NULL, ROLE_OPERATOR },
        { "Resume-VM", "MissingMandatoryParameter", ROLE_OPERATOR },
        { "Restart-VM web01 -Force -Confirm:$false", NULL, ROLE_OPERATOR },
        { "Restart-VM web01 -Wait -For Heartbeat", "NotSupported", ROLE_OPERATOR },
        { "Restart-VM web01 -TimeoutSec 5", "NotSupported", ROLE_OPERATOR },
        { "Restart-VM web01 -AsJob", NULL, ROLE_OPERATOR },
        { "Get-VM | Start-VM -AsJob -Passthru", NULL, ROLE_OPERATOR },
        { "Move-VM web01 hv2 -AsJob -ComputerName hv1 -WhatIf", NULL, ROLE_OPERATOR },
        { "Start-VM web01 -AsJob", "AccessDenied", ROLE_READER },
        { "Get-VM web01 -AsJob", "NamedParameterNotFound", ROLE_READER },
        { "Rename-VM web01 web02 -AsJob", "NamedParameterNotFound", ROLE_ADMINISTRATOR },
        { "Get-SmbShare -AsJob", "NotSupported", ROLE_READER },

        { "Get-Job", NULL, ROLE_READER },
        { "Get-Job 1,2; Get-Job Job*; Get-Job -State Running", NULL, ROLE_READER },
        { "Get-Job -State Sleeping", "CannotConvertArgumentNoMessage", ROLE_READER },
        { "Get-Job -Newest 1", "NotSupported", ROLE_READER },
        { "Get-Job | Wait-Job -Any -Timeout 5 | Receive-Job -Keep", NULL, ROLE_READER },
        { "$j = Start-VM web01 -AsJob; Wait-Job $j; Receive-Job $j -Wait -AutoRemoveJob", NULL, ROLE_OPERATOR },
        { "Wait-Job", "MissingMandatoryParameter", ROLE_READER },
        { "Receive-Job 1 -WriteEvents", "NotSupported", ROLE_READER },
        { "Get-Job -State Running | Stop-Job -PassThru -Confirm:$false", NULL, ROLE_READER },
        { "Remove-Job 1 -Force", NULL, ROLE_READER },
        { "Stop-VM web01 -Save", NULL, ROLE_OPERATOR },
        { "Rename-VM web01 web02", NULL, ROLE_ADMINISTRATOR },
        { "Get-VM web01 | Rename-VM -NewName web02", NULL, ROLE_ADMINISTRATOR },
        { "Rename-VM web01", "MissingMandatoryParameter", ROLE_ADMINISTRATOR },
        { "Rename-VM web01 web02", "AccessDenied", ROLE_OPERATOR },
        { "Remove-VMSavedState web01", NULL, ROLE_OPERATOR },
        { "'web01' | Remove-VMSavedState", NULL, ROLE_OPERATOR },

        { "Set-VM web01 -ProcessorCount 4 -MemoryStartupBytes 4GB -StaticMemory -Notes x -NewVMName y -Passthru", NULL,
          ROLE_ADMINISTRATOR },
        { "Get-VM | Set-VM -AutomaticStopAction shut -AutomaticCriticalErrorAction Pause -LockOnDisconnect Off", NULL,
          ROLE_ADMINISTRATOR },
        { "Set-VM web01 -AutomaticStopAction Explode", "CannotConvertArgumentNoMessage", ROLE_ADMINISTRATOR },
        { "Set-VM web01 -DynamicMemory", "NotSupported", ROLE_ADMINISTRATOR },
        { "Set-VM web01 -CheckpointFileLocation x", "NotSupported", ROLE_ADMINISTRATOR },
        { "Set-VM web01 -AutomaticStartDelay 5", "NotSupported", ROLE_ADMINISTRATOR },
        { "Set-VM -Notes x", "MissingMandatoryParameter", ROLE_ADMINISTRATOR },

        { "Get-VMMemory web01", NULL, ROLE_READER },
        { "Get-VMMemory", "MissingMandatoryParameter", ROLE_READER },
        { "Get-VM | Get-VMMemory", NULL, ROLE_READER },
        { "Get-VMMemory web01 | Set-VMMemory -StartupBytes 1GB", NULL, ROLE_ADMINISTRATOR },
        { "Set-VMMemory web01 -StartupBytes 1GB -DynamicMemoryEnabled $false", NULL, ROLE_ADMINISTRATOR },
        { "Set-VMMemory web01 -Priority 80", "NotSupported", ROLE_ADMINISTRATOR },
        { "Set-VMMemory web01 -StartupBytes lots", "CannotConvertArgumentNoMessage", ROLE_ADMINISTRATOR },
        { "Get-VMMemory -VMCheckpoint x", "NotSupported", ROLE_READER },

        { "Get-VMProcessor web01", NULL, ROLE_READER },
        { "Get-VM web01 | Set-VMProcessor -Count 2 -HwThreadCountPerCore 1 -Maximum 50 -RelativeWeight 200 -Passthru", NULL,
          ROLE_ADMINISTRATOR },
        { "Get-VMProcessor web01 | Set-VMProcessor -CompatibilityForMigrationEnabled $true", NULL, ROLE_ADMINISTRATOR },
        { "Set-VMProcessor web01 -CompatibilityForMigrationMode MinimumFeatureSet", NULL, ROLE_ADMINISTRATOR },
        { "Set-VMProcessor web01 -Reserve 10", "NotSupported", ROLE_ADMINISTRATOR },
        { "Set-VMProcessor web01 -Perfmon x", "NotSupported", ROLE_ADMINISTRATOR },

        { "Get-VMFirmware web01", NULL, ROLE_READER },
        { "$f = Get-VMFirmware web01; Set-VMFirmware web01 -BootOrder $f.BootOrder", NULL, ROLE_ADMINISTRATOR },
        { "$d = Get-VMHardDiskDrive web01; Get-VM web01 | Set-VMFirmware -FirstBootDevice $d[0]", NULL, ROLE_ADMINISTRATOR },
        { "Set-VMFirmware web01 -EnableSecureBoot Off", NULL, ROLE_ADMINISTRATOR },
        { "Set-VMFirmware web01 -SecureBootTemplate x", "NotSupported", ROLE_ADMINISTRATOR },

        { "Checkpoint-VM web01 before", NULL, ROLE_ADMINISTRATOR },
        { "Get-VM | Checkpoint-VM -CheckpointName before", NULL, ROLE_ADMINISTRATOR },
        { "Get-VMCheckpoint web01 before", NULL, ROLE_READER },
        { "Restore-VMSnapshot before web01", NULL, ROLE_ADMINISTRATOR },
        { "Remove-VMCheckpoint web01 -IncludeAllChildCheckpoints", NULL, ROLE_ADMINISTRATOR },
        { "Get-VMSnapshot web01 -SnapshotType Standard", "NotSupported", ROLE_READER },
};

static void test_binding(void **state) {
        unsigned wrong = 0;
        (void)state;

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                BatchText text = { .text = rows[i].text, .role = rows[i].role };
                ErrorRecord record = { 0 };
                Batch *batch = NULL;
                int r = batch_new(&node_commands, &text, &batch, &record);
                bool wanted = rows[i].id ? r == -1 && strncmp(record.id, rows[i].id, strlen(rows[i].id)) == 0 : r == 0;
                batch_free(batch);
                if (!wanted)
                        print_error("%s: %d, %s: %s\n", rows[i].text, r, record.id, record.message);
                wrong += !wanted;
        }
        assert_int_equal(wrong, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_binding) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
