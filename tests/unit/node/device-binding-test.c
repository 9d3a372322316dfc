/* The rows of drives, adapters, switches and exports: positions, sets, pipelines, and what is refused by name. */
#include "tests/unit/test.h"

#include <string.h>

#include "appliance/command/batch.h"
#include "appliance/node/node.h"

static const struct { const char *text; Role role; const char *says; } rows[] = {
        { "Get-VM | Get-VMHardDiskDrive", ROLE_READER, NULL },
        { "Get-VMHardDiskDrive *", ROLE_READER, NULL },
        { "Get-VMHardDiskDrive vm1 -ControllerType SCSI -ControllerNumber 0 -ControllerLocation 3", ROLE_READER, NULL },
        { "Get-VMHardDiskDrive", ROLE_READER, "VMName" },
        { "Get-VMHardDiskDrive vm1 -ControllerType USB", ROLE_READER, "USB" },
        { "Get-VMHardDiskDrive vm1 -VMSnapshot x", ROLE_READER, "VMSnapshot" },
        { "Add-VMHardDiskDrive vm1 SCSI 0 1 '\\\\fs1\\vms\\a.raw' -Passthru", ROLE_ADMINISTRATOR, NULL },
        { "Get-VM vm1 | Add-VMHardDiskDrive -Path '\\\\fs1\\vms\\a.raw' -WhatIf", ROLE_ADMINISTRATOR, NULL },
        { "Add-VMHardDiskDrive vm1 -MaximumIOPS 100", ROLE_ADMINISTRATOR, "MaximumIOPS" },
        { "Add-VMHardDiskDrive vm1 -SupportPersistentReservations", ROLE_ADMINISTRATOR, "SupportPersistentReservations" },
        { "Add-VMHardDiskDrive vm1", ROLE_OPERATOR, "Add-VMHardDiskDrive" },
        { "Set-VMHardDiskDrive vm1 IDE 0 0 '\\\\fs1\\vms\\a.raw' -ToControllerType SCSI", ROLE_ADMINISTRATOR, NULL },
        { "Get-VMHardDiskDrive vm1 | Set-VMHardDiskDrive -Path '\\\\fs1\\vms\\a.raw'", ROLE_ADMINISTRATOR, NULL },
        { "Remove-VMHardDiskDrive vm1 IDE 0 1", ROLE_ADMINISTRATOR, NULL },
        { "Remove-VMHardDiskDrive vm1 IDE 0", ROLE_ADMINISTRATOR, "ControllerLocation" },
        { "Get-VM | Get-VMHardDiskDrive | Remove-VMHardDiskDrive -Passthru", ROLE_ADMINISTRATOR, NULL },
        { "Add-VMDvdDrive vm1 1 0 '\\\\fs1\\vms\\a.iso'", ROLE_ADMINISTRATOR, NULL },
        { "Add-VMDvdDrive vm1 -AllowUnverifiedPaths", ROLE_ADMINISTRATOR, "AllowUnverifiedPaths" },
        { "Set-VMDvdDrive vm1 -Path $null", ROLE_OPERATOR, NULL },
        { "Set-VMDvdDrive vm1 1 0 '\\\\fs1\\vms\\a.iso' -ToControllerNumber 0", ROLE_OPERATOR, NULL },
        { "Get-VMDvdDrive vm1 | Set-VMDvdDrive -Path $null", ROLE_OPERATOR, NULL },
        { "Get-VMDvdDrive vm1 | Remove-VMDvdDrive", ROLE_ADMINISTRATOR, NULL },
        { "Remove-VMDvdDrive vm1 1", ROLE_ADMINISTRATOR, "ControllerLocation" },
        { "Get-VM | Get-VMNetworkAdapter", ROLE_READER, NULL },
        { "Get-VMNetworkAdapter vm1 'First*' -IsLegacy $false", ROLE_READER, NULL },
        { "Get-VMNetworkAdapter -VMName vm1 -VMNetworkAdapterName First", ROLE_READER, NULL },
        { "Get-VMNetworkAdapter -All", ROLE_READER, NULL },
        { "Get-VMNetworkAdapter -ManagementOS -SwitchName lan", ROLE_READER, NULL },
        { "Get-VMNetworkAdapter", ROLE_READER, "VMName" },
        { "Add-VMNetworkAdapter vm1 -SwitchName lan -StaticMacAddress 00155D001234", ROLE_ADMINISTRATOR, NULL },
        { "Add-VMNetworkAdapter vm1 -IsLegacy $true", ROLE_ADMINISTRATOR, "IsLegacy" },
        { "Set-VMNetworkAdapter vm1 -Name First -DynamicMacAddress", ROLE_ADMINISTRATOR, NULL },
        { "Set-VMNetworkAdapter vm1 -MacAddressSpoofing On", ROLE_ADMINISTRATOR, "MacAddressSpoofing" },
        { "Set-VMNetworkAdapter vm1 -MaximumBandwidth 1000000", ROLE_ADMINISTRATOR, "MaximumBandwidth" },
        { "Get-VM vm1 | Get-VMNetworkAdapter | Remove-VMNetworkAdapter", ROLE_ADMINISTRATOR, NULL },
        { "Rename-VMNetworkAdapter vm1 -Name First -NewName Second", ROLE_ADMINISTRATOR, NULL },
        { "Rename-VMNetworkAdapter vm1", ROLE_ADMINISTRATOR, "NewName" },
        { "Connect-VMNetworkAdapter vm1 nic1 sw1", ROLE_OPERATOR, NULL },
        { "Connect-VMNetworkAdapter vm1 -SwitchName sw1", ROLE_OPERATOR, NULL },
        { "Get-VMSwitch sw1 | Connect-VMNetworkAdapter vm1", ROLE_OPERATOR, NULL },
        { "Get-VMNetworkAdapter vm1 | Connect-VMNetworkAdapter -SwitchName sw1", ROLE_OPERATOR, NULL },
        { "Connect-VMNetworkAdapter vm1 nic1", ROLE_OPERATOR, "SwitchName" },
        { "Connect-VMNetworkAdapter vm1 -UseAutomaticConnection", ROLE_OPERATOR, "UseAutomaticConnection" },
        { "Disconnect-VMNetworkAdapter vm1 nic1,nic2", ROLE_OPERATOR, NULL },
        { "$r = Compare-VM vm1 hv2; $r.Incompatibilities[0].Source | Disconnect-VMNetworkAdapter", ROLE_OPERATOR, NULL },
        { "Get-VMSwitch -SwitchType Private,External", ROLE_READER, NULL },
        { "New-VMSwitch lan -SwitchType Internal -Notes x", ROLE_ADMINISTRATOR, NULL },
        { "New-VMSwitch out -NetAdapterName eth1 -AllowManagementOS $true", ROLE_ADMINISTRATOR, NULL },
        { "New-VMSwitch lan", ROLE_ADMINISTRATOR, "NetAdapterName" },
        { "New-VMSwitch lan -SwitchType External", ROLE_ADMINISTRATOR, "External" },
        { "New-VMSwitch lan -SwitchType Private -NetAdapterName eth1", ROLE_ADMINISTRATOR, "Parameter set" },
        { "New-VMSwitch lan -SwitchType Private -EnableIov $true", ROLE_ADMINISTRATOR, "EnableIov" },
        { "Get-VMSwitch | Set-VMSwitch -Notes x", ROLE_ADMINISTRATOR, NULL },
        { "Get-VMSwitch lan | Remove-VMSwitch -Force", ROLE_ADMINISTRATOR, NULL },
        { "Remove-VMSwitch lan -ResourcePoolName x", ROLE_ADMINISTRATOR, "ResourcePoolName" },
        { "Resize-VHD '\\\\fs1\\vms\\a.raw' 64GB -Passthru", ROLE_ADMINISTRATOR, NULL },
        { "Resize-VHD x -ToMinimumSize", ROLE_ADMINISTRATOR, "ToMinimumSize" },
        { "Get-SmbShareAccess vms fs1", ROLE_READER, NULL },
        { "Get-SmbShareAccess", ROLE_READER, "Name" },
        { "Get-SmbOpenFile -IncludeHidden", ROLE_READER, "IncludeHidden" },
        { "Get-SmbConnection fs1 -CimSession x", ROLE_READER, "CimSession" },
        { "Get-SmbShare -ContinuouslyAvailable $true", ROLE_READER, "ContinuouslyAvailable" },
        { "Export-VM vm1 '\\\\fs1\\vms\\exports'", ROLE_ADMINISTRATOR, NULL },
        { "Get-VM | Export-VM -Path '\\\\fs1\\vms\\exports' -Passthru", ROLE_ADMINISTRATOR, NULL },
        { "Export-VM vm1", ROLE_ADMINISTRATOR, "Path" },
        { "Export-VM vm1 x -CaptureLiveState CaptureSavedState", ROLE_ADMINISTRATOR, "CaptureLiveState" },
};

static void test_binding(void **state) {
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                ErrorRecord record = { 0 };
                Batch *batch = NULL;
                int r = batch_new(&node_commands, &(BatchText){ .text = rows[i].text, .role = rows[i].role }, &batch, &record);
                if (rows[i].says ? r != -1 || !strstr(record.message, rows[i].says) : r != 0)
                        fail_msg("%s: %d, %s", rows[i].text, r, record.message);
                if (r == 0)
                        batch_free(batch);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_binding) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
