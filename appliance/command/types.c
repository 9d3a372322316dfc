#include "appliance/command/types.h"

#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"

#define HYPERV "Microsoft.HyperV.PowerShell."

static const Type virtual_machine = {
        .name = HYPERV "VirtualMachine",
        .properties = (const Property[]){
                { "Name", "String" }, { "VMName", "String" }, { "Id", "Guid" }, { "VMId", "Guid" },
                { "ComputerName", "String" }, { "Path", "String" }, { "ConfigurationLocation", "String" },
                { "Version", "String" }, { "Generation", "Int32" }, { "Notes", "String" },
                { "CreationTime", "DateTime" }, { "State", "VMState" }, { "Status", "String" },
                { "Uptime", "TimeSpan" }, { "OperationalStatus", "VMOperationalStatus[]" },
                { "StatusDescriptions", "String[]" }, { "CPUUsage", "Int32" }, { "ProcessorCount", "Int64" },
                { "MemoryAssigned", "Int64" }, { "MemoryDemand", "Int64" }, { "MemoryStatus", "String" },
                { "DynamicMemoryEnabled", "Boolean" }, { "MemoryStartup", "Int64" }, { "MemoryMinimum", "Int64" },
                { "MemoryMaximum", "Int64" }, { "SnapshotFileLocation", "String" },
                { "CheckpointFileLocation", "String" }, { "SmartPagingFilePath", "String" },
                { "AutomaticStartAction", "StartAction" }, { "AutomaticStopAction", "StopAction" },
                { "AutomaticCriticalErrorAction", "CriticalErrorAction" }, { "AutomaticCheckpointsEnabled", "Boolean" },
                { "CheckpointType", "CheckpointType" }, { "ReplicationState", "VMReplicationState" },
                { "HardDrives", "HardDiskDrive[]" }, { "DVDDrives", "DvdDrive[]" }, { "NetworkAdapters", "VMNetworkAdapter[]" },
                { "IsClustered", "Boolean" }, { "IsDeleted", "Boolean" }, { "MigrationReport", "MigrationReport" },
                { NULL } },
        .table = (const Column[]){
                { NULL, "Name" }, { NULL, "State" }, { "CPUUsage(%)", "CPUUsage" },
                { "MemoryAssigned(M)", "MemoryAssigned", "MB" }, { NULL, "Uptime" }, { NULL, "Status" },
                { NULL, "Version" }, { NULL, NULL } },
        .list = "Name,State,CpuUsage,MemoryAssigned,MemoryDemand,MemoryStatus,Uptime,Status,ReplicationState,"
                "Generation",
        .text = "Name",
};

static const Type hard_disk_drive = {
        .name = HYPERV "HardDiskDrive",
        .properties = (const Property[]){
                { "VMName", "String" }, { "VMId", "Guid" }, { "ControllerType", "ControllerType" },
                { "ControllerNumber", "Int32" }, { "ControllerLocation", "Int32" }, { "DiskNumber", "UInt32" },
                { "Path", "String" }, { "Name", "String" }, { "Id", "String" },
                { "SupportPersistentReservations", "Boolean" }, { "ComputerName", "String" },
                { "IsDeleted", "Boolean" }, { NULL } },
        .table = (const Column[]){
                { NULL, "VMName" }, { NULL, "ControllerType" }, { NULL, "ControllerNumber" },
                { NULL, "ControllerLocation" }, { NULL, "DiskNumber" }, { NULL, "Path" }, { NULL, NULL } },
        .text = "Path",
};

static const Type dvd_drive = {
        .name = HYPERV "DvdDrive",
        .properties = (const Property[]){
                { "VMName", "String" }, { "VMId", "Guid" }, { "ControllerType", "ControllerType" },
                { "ControllerNumber", "Int32" }, { "ControllerLocation", "Int32" }, { "DvdMediaType", "DvdMediaType" },
                { "Path", "String" }, { "Name", "String" }, { "Id", "String" }, { "ComputerName", "String" },
                { "IsDeleted", "Boolean" }, { NULL } },
        .table = (const Column[]){
                { NULL, "VMName" }, { NULL, "ControllerType" }, { NULL, "ControllerNumber" },
                { NULL, "ControllerLocation" }, { NULL, "DvdMediaType" }, { NULL, "Path" }, { NULL, NULL } },
        .text = "Name",
};

#define ADAPTER_TABLE                                                                                              \
        (const Column[]){                                                                                          \
                { NULL, "Name" }, { NULL, "IsManagementOs" }, { NULL, "VMName" }, { NULL, "SwitchName" },          \
                { NULL, "MacAddress" }, { NULL, "Status" }, { NULL, "IPAddresses" }, { NULL, NULL } }

static const Type network_adapter = {
        .name = HYPERV "VMNetworkAdapter",
        .properties = (const Property[]){
                { "Name", "String" }, { "Id", "String" }, { "IsManagementOs", "Boolean" }, { "IsLegacy", "Boolean" },
                { "VMName", "String" }, { "VMId", "Guid" }, { "SwitchName", "String" }, { "Connected", "Boolean" },
                { "MacAddress", "String" }, { "DynamicMacAddressEnabled", "Boolean" }, { "Status", "String[]" },
                { "IPAddresses", "String[]" }, { "ComputerName", "String" }, { "IsDeleted", "Boolean" }, { NULL } },
        .table = ADAPTER_TABLE,
        .text = "Name",
};

static const Type internal_adapter = {
        .name = HYPERV "VMInternalNetworkAdapter",
        .properties = (const Property[]){
                { "Name", "String" }, { "Id", "String" }, { "IsManagementOs", "Boolean" }, { "VMName", "String" },
                { "SwitchName", "String" }, { "MacAddress", "String" }, { "Status", "String[]" },
                { "IPAddresses", "String[]" }, { "ComputerName", "String" }, { "IsDeleted", "Boolean" }, { NULL } },
        .table = ADAPTER_TABLE,
        .text = "Name",
};

static const Type virtual_switch = {
        .name = HYPERV "VMSwitch",
        .properties = (const Property[]){
                { "Name", "String" }, { "Id", "Guid" }, { "Notes", "String" }, { "SwitchType", "VMSwitchType" },
                { "AllowManagementOS", "Boolean" }, { "NetAdapterInterfaceDescription", "String" },
                { "IovEnabled", "Boolean" }, { "EmbeddedTeamingEnabled", "Boolean" }, { "ComputerName", "String" },
                { "IsDeleted", "Boolean" }, { NULL } },
        .table = (const Column[]){
                { NULL, "Name" }, { NULL, "SwitchType" }, { NULL, "NetAdapterInterfaceDescription" }, { NULL, NULL } },
        .text = "Name",
};

#define DEVICE_TAIL                                                                                                \
        { "VMId", "Guid" }, { "VMName", "String" }, { "VMSnapshotId", "Guid" }, { "VMSnapshotName", "String" },     \
                { "VMCheckpointId", "Guid" }, { "VMCheckpointName", "String" }, { "ComputerName", "String" },       \
                { "IsDeleted", "Boolean" }, { NULL }

static const Type vm_processor = {
        .name = HYPERV "VMProcessor",
        .properties = (const Property[]){
                { "ResourcePoolName", "String" }, { "Count", "Int64" }, { "CompatibilityForMigrationEnabled", "Boolean" },
                { "CompatibilityForMigrationMode", "String" },
                { "CompatibilityForOlderOperatingSystemsEnabled", "Boolean" }, { "HwThreadCountPerCore", "Int64" },
                { "ExposeVirtualizationExtensions", "Boolean" }, { "Maximum", "Int64" }, { "Reserve", "Int64" },
                { "RelativeWeight", "Int32" }, { "MaximumCountPerNumaNode", "Int32" },
                { "MaximumCountPerNumaSocket", "Int32" }, { "EnableHostResourceProtection", "Boolean" },
                { "OperationalStatus", "VMOperationalStatus[]" }, { "StatusDescription", "String[]" }, { "Name", "String" },
                DEVICE_TAIL },
        .table = (const Column[]){
                { NULL, "VMName" }, { NULL, "Count" }, { NULL, "CompatibilityForMigrationEnabled" },
                { NULL, "CompatibilityForOlderOperatingSystemsEnabled" }, { NULL, NULL } },
        .text = "Count",
};

static const Type vm_memory = {
        .name = HYPERV "VMMemory",
        .properties = (const Property[]){
                { "ResourcePoolName", "String" }, { "Buffer", "Int32" }, { "DynamicMemoryEnabled", "Boolean" },
                { "Maximum", "Int64" }, { "MaximumPerNumaNode", "Int64" }, { "Minimum", "Int64" },
                { "Priority", "Int32" }, { "Startup", "Int64" }, { "Name", "String" }, DEVICE_TAIL },
        .table = (const Column[]){
                { NULL, "VMName" }, { NULL, "DynamicMemoryEnabled" }, { "Minimum(M)", "Minimum", "MB" },
                { "Startup(M)", "Startup", "MB" }, { "Maximum(M)", "Maximum", "MB" }, { NULL, NULL } },
        .text = "Startup",
};

static const Type vm_firmware = {
        .name = HYPERV "VMFirmware",
        .properties = (const Property[]){
                { "SecureBoot", "OnOffState" }, { "SecureBootTemplate", "String" }, { "SecureBootTemplateId", "Guid" },
                { "BootOrder", "VMBootSource[]" }, { "PreferredNetworkBootProtocol", "String" },
                { "ConsoleMode", "String" }, { "PauseAfterBootFailure", "OnOffState" }, { "Name", "String" }, DEVICE_TAIL },
        .table = (const Column[]){
                { NULL, "VMName" }, { NULL, "SecureBoot" }, { NULL, "SecureBootTemplate" },
                { NULL, "PreferredNetworkBootProtocol" }, { NULL, "BootOrder" }, { NULL, NULL } },
        .text = "BootOrder",
};

static const Type boot_source = {
        .name = HYPERV "VMBootSource",
        .properties = (const Property[]){
                { "BootType", "BootSourceType" }, { "Device", "PSObject" }, { "Description", "String" },
                { "FirmwarePath", "String" }, DEVICE_TAIL },
        .table = (const Column[]){
                { NULL, "VMName" }, { NULL, "BootType" }, { NULL, "Device" }, { NULL, NULL } },
        .text = "BootType",
};

static const Type vm_host = {
        .name = HYPERV "VMHost",
        .properties = (const Property[]){
                { "Name", "String" }, { "ComputerName", "String" }, { "FullyQualifiedDomainName", "String" },
                { "LogicalProcessorCount", "Int64" }, { "MemoryCapacity", "Int64" },
                { "VirtualHardDiskPath", "String" }, { "VirtualMachinePath", "String" },
                { "MacAddressMinimum", "String" }, { "MacAddressMaximum", "String" },
                { "MaximumStorageMigrations", "UInt32" }, { "MaximumVirtualMachineMigrations", "UInt32" },
                { "VirtualMachineMigrationEnabled", "Boolean" },
                { "VirtualMachineMigrationAuthenticationType", "MigrationAuthenticationType" },
                { "VirtualMachineMigrationPerformanceOption", "VMMigrationPerformance" },
                { "UseAnyNetworkForMigration", "Boolean" }, { "EnableEnhancedSessionMode", "Boolean" },
                { "HardwareVirtualization", "Boolean" }, { "EmulationAllowed", "Boolean" },
                { "DomainMember", "Boolean" }, { "IsDeleted", "Boolean" }, { NULL } },
        .table = (const Column[]){
                { NULL, "Name" }, { NULL, "LogicalProcessorCount" },
                { "MemoryCapacity(M)", "MemoryCapacity", "MB" },
                { NULL, "VirtualMachineMigrationEnabled" }, { NULL, NULL } },
        .text = "Name",
};

static const Type virtual_hard_disk = {
        .name = "Microsoft.Vhd.PowerShell.VirtualHardDisk",
        .properties = (const Property[]){
                { "ComputerName", "String" }, { "Path", "String" }, { "VhdFormat", "VhdFormat" },
                { "VhdType", "VhdType" }, { "FileSize", "UInt64" }, { "Size", "UInt64" },
                { "MinimumSize", "UInt64" },
                { "LogicalSectorSize", "UInt32" }, { "PhysicalSectorSize", "UInt32" }, { "BlockSize", "UInt32" },
                { "ParentPath", "String" }, { "DiskIdentifier", "String" }, { "FragmentationPercentage", "UInt32" },
                { "Alignment", "UInt32" }, { "Attached", "Boolean" }, { "DiskNumber", "UInt32" },
                { "Number", "UInt32" }, { NULL } },
        .list = "ComputerName,Path,VhdFormat,VhdType,FileSize,Size,MinimumSize,LogicalSectorSize,"
                "PhysicalSectorSize,"
                "BlockSize,ParentPath,DiskIdentifier,FragmentationPercentage,Alignment,Attached,DiskNumber",
        .text = "Path",
};

static const Type migration_network = {
        .name = HYPERV "VMMigrationNetwork",
        .properties = (const Property[]){ { "Subnet", "String" }, { "Priority", "UInt32" },
                                          { "ComputerName", "String" }, { "IsDeleted", "Boolean" }, { NULL } },
        .list = "Subnet,Priority,ComputerName,IsDeleted",
        .text = "Subnet",
};

static const Type migration_job = {
        .name = HYPERV "VMMigrationJob",
        .properties = (const Property[]){
                { "Id", "Guid" }, { "VMName", "String" }, { "VMId", "Guid" }, { "MigrationType", "String" },
                { "SourceHost", "String" }, { "DestinationHost", "String" }, { "Phase", "String" },
                { "PercentComplete", "Int32" }, { "State", "String" }, { "Started", "DateTime" },
                { "Ended", "DateTime" }, { "Duration", "TimeSpan" }, { "DowntimeMs", "UInt64" },
                { "UserName", "String" }, { "Reason", "String" }, { "ComputerName", "String" },
                { "MigrationReport", "MigrationReport" },
                { NULL } },
        .table = (const Column[]){
                { NULL, "VMName" }, { NULL, "DestinationHost" }, { NULL, "State" }, { NULL, "Phase" },
                { "Percent", "PercentComplete" }, { NULL, "Duration", "ms" }, { NULL, "DowntimeMs" },
                { NULL, "Started", "s" }, { NULL, "SourceHost" }, { NULL, "Reason" }, { NULL, NULL } },
        .list = "Id,VMName,VMId,MigrationType,SourceHost,DestinationHost,Phase,PercentComplete,State,Started,Ended,"
                "Duration,DowntimeMs,UserName,Reason,MigrationReport",
        .text = "Id",
};

static const Type migration_report = {
        .name = HYPERV "MigrationReport",
        .properties = (const Property[]){
                { "VMName", "String" }, { "VMId", "Guid" }, { "MigrationType", "String" },
                { "SourceHost", "String" },
                { "DestinationHost", "String" }, { "Started", "DateTime" }, { "DurationMs", "UInt64" },
                { "DowntimeMs", "UInt64" }, { "DowntimeMethod", "String" }, { "GuestGapMs", "UInt64" },
                { "MemoryBytesTotal", "UInt64" }, { "MemoryBytesSent", "UInt64" }, { "Iterations", "UInt64" },
                { "Encrypted", "Boolean" }, { "ChannelCipher", "String" }, { "Disks", "MigrationReportDisk[]" },
                { "Phases", "MigrationReportPhase[]" }, { "Result", "String" }, { "Reason", "String" }, { NULL } },
        .list = "VMName,VMId,MigrationType,SourceHost,DestinationHost,Started,DurationMs,DowntimeMs,DowntimeMethod,"
                "GuestGapMs,MemoryBytesTotal,MemoryBytesSent,Iterations,Encrypted,ChannelCipher,Disks,Phases,"
                "Result,Reason",
        .text = "Result",
};

static const Type migration_report_disk = {
        .name = HYPERV "MigrationReportDisk",
        .properties = (const Property[]){
                { "Path", "String" }, { "FileId", "String" }, { "VolumeId", "String" }, { "SizeBytes", "UInt64" },
                { "BytesMoved", "UInt64" }, { "EpochBefore", "UInt64" }, { "EpochAfter", "UInt64" },
                { "HandoverMs", "UInt64" }, { NULL } },
        .list = "Path,FileId,VolumeId,SizeBytes,BytesMoved,EpochBefore,EpochAfter,HandoverMs",
        .text = "Path",
};

static const Type migration_report_phase = {
        .name = HYPERV "MigrationReportPhase",
        .properties = (const Property[]){
                { "Name", "String" }, { "StartedMs", "UInt64" }, { "DurationMs", "UInt64" }, { NULL } },
        .table = (const Column[]){
                { NULL, "Name" }, { NULL, "StartedMs" }, { NULL, "DurationMs" }, { NULL, NULL } },
        .text = "Name",
};

static const Type compatibility_report = {
        .name = HYPERV "VMCompatibilityReport",
        .properties = (const Property[]){
                { "VM", "VirtualMachine" }, { "OperationType", "OperationType" }, { "Destination", "String" },
                { "Path", "String" }, { "SnapshotPath", "String" }, { "VhdDestinationPath", "String" },
                { "VhdSourcePath", "String" }, { "Incompatibilities", "VMIncompatibility[]" },
                { "Advice", "VMIncompatibility[]" }, { NULL } },
        .list = "VM,OperationType,Destination,Path,SnapshotPath,VhdDestinationPath,VhdSourcePath,Incompatibilities",
};

static const Type incompatibility = {
        .name = HYPERV "VMIncompatibility",
        .properties = (const Property[]){
                { "Message", "String" }, { "MessageId", "Int64" }, { "Source", "PSObject" },
                { "ComputerName", "String" }, { "Evidence", "String" }, { "Path", "String" }, { "Remedy", "String" },
                { "RemedyComputerName", "String" }, { "Windows", "String[]" }, { "Samba", "String[]" },
                { "NetApp", "String[]" }, { NULL } },
        .list = "Message,MessageId,Source,ComputerName,Evidence,Remedy,RemedyComputerName,Windows,Samba,NetApp",
        .text = "Message",
};

static const Type share_access = {
        .name = HYPERV "VMShareAccess",
        .properties = (const Property[]){
                { "ComputerName", "String" }, { "Path", "String" }, { "Layer", "String" }, { "Access", "String" },
                { "Passed", "Boolean" }, { "MissingRights", "String[]" }, { "Finding", "String" },
                { "Reason", "String" }, { "Account", "String" }, { "Entry", "String" }, { "Proof", "String" },
                { "Granted", "String" }, { "Computed", "String" }, { "Differs", "Boolean" }, { "Changed", "String" },
                { "Windows", "String[]" }, { "Samba", "String[]" }, { "NetApp", "String[]" }, { NULL } },
        .table = (const Column[]){
                { NULL, "ComputerName" }, { NULL, "Layer" }, { NULL, "Access" }, { NULL, "Proof" },
                { NULL, "Path" }, { NULL, "MissingRights" }, { NULL, NULL } },
        .list = "ComputerName,Path,Layer,Access,Passed,MissingRights,Finding,Reason,Account,Entry,Proof,Granted,"
                "Computed,Differs,Changed,Windows,Samba,NetApp",
        .text = "Access",
};

#define SMB "Microsoft.Management.Infrastructure.CimInstance#root/Microsoft/Windows/SMB/"

static const Type smb_connection = {
        .name = SMB "MSFT_SmbConnection",
        .properties = (const Property[]){
                { "ServerName", "String" }, { "ShareName", "String" }, { "UserName", "String" }, { "Credential", "String" },
                { "Dialect", "String" }, { "NumOpens", "UInt64" }, { "Encrypted", "Boolean" }, { NULL } },
        .table = (const Column[]){
                { NULL, "ServerName" }, { NULL, "ShareName" }, { NULL, "UserName" }, { NULL, "Credential" },
                { NULL, "Dialect" }, { NULL, "NumOpens" }, { NULL, NULL } },
        .text = "ServerName",
};

static const Type smb_open_file = {
        .name = SMB "MSFT_SmbOpenFile",
        .properties = (const Property[]){
                { "FileId", "UInt64" }, { "SessionId", "UInt64" }, { "Path", "String" }, { "ShareRelativePath", "String" },
                { "ClientComputerName", "String" }, { "ClientUserName", "String" }, { "ScopeName", "String" },
                { "Encrypted", "Boolean" }, { "Ownership", "String" }, { NULL } },
        .table = (const Column[]){
                { NULL, "FileId" }, { NULL, "SessionId" }, { NULL, "Path" }, { NULL, "ShareRelativePath" },
                { NULL, "ClientComputerName" }, { NULL, "ClientUserName" }, { NULL, NULL } },
        .text = "Path",
};

static const Type smb_share = {
        .name = SMB "MSFT_SmbShare",
        .properties = (const Property[]){ { "Name", "String" }, { "ScopeName", "String" }, { "Path", "String" },
                                          { "Description", "String" }, { NULL } },
        .table = (const Column[]){ { NULL, "Name" }, { NULL, "ScopeName" }, { NULL, "Path" }, { NULL, "Description" },
                                   { NULL, NULL } },
        .text = "Name",
};

static const Type smb_share_access = {
        .name = SMB "MSFT_SmbShareAccessControlEntry",
        .properties = (const Property[]){
                { "Name", "String" }, { "ScopeName", "String" }, { "AccountName", "String" },
                { "AccessControlType", "String" }, { "AccessRight", "String" }, { NULL } },
        .table = (const Column[]){
                { NULL, "Name" }, { NULL, "ScopeName" }, { NULL, "AccountName" }, { NULL, "AccessControlType" },
                { NULL, "AccessRight" }, { NULL, NULL } },
        .text = "AccountName",
};

static const Type computer_change = {
        .name = "Microsoft.PowerShell.Commands.ComputerChangeInfo",
        .properties = (const Property[]){
                { "HasSucceeded", "Boolean" }, { "ComputerName", "String" }, { NULL } },
        .table = (const Column[]){ { NULL, "HasSucceeded" }, { NULL, "ComputerName" }, { NULL, NULL } },
        .text = "ComputerName",
};

static const Type command_info = {
        .name = "System.Management.Automation.CmdletInfo",
        .properties = (const Property[]){
                { "CommandType", "CommandTypes" }, { "Name", "String" }, { "Version", "Version" },
                { "Source", "String" }, { "Synopsis", "String" }, { NULL } },
        .table = (const Column[]){
                { NULL, "CommandType" }, { NULL, "Name" }, { NULL, "Version" }, { NULL, "Source" },
                { NULL, NULL } },
        .text = "Name",
};

/* As PowerShell's System.Management.Automation.Job has them, and how it is shown there. */
static const Type vm_job = {
        .name = HYPERV "VMJob",
        .properties = (const Property[]){
                { "Id", "Int32" }, { "Name", "String" }, { "PSJobTypeName", "String" }, { "State", "JobState" },
                { "HasMoreData", "Boolean" }, { "Location", "String" }, { "Command", "String" },
                { "StatusMessage", "String" }, { "InstanceId", "Guid" }, { "PSBeginTime", "DateTime" },
                { "PSEndTime", "DateTime" }, { "JobStateInfo", "JobStateInfo" }, { "ChildJobs", "VMJob[]" },
                { "Progress", "ProgressRecord[]" }, { NULL } },
        .table = (const Column[]){
                { NULL, "Id" }, { NULL, "Name" }, { NULL, "PSJobTypeName" }, { NULL, "State" },
                { NULL, "HasMoreData" }, { NULL, "Location" }, { NULL, "Command" }, { NULL, NULL } },
        .list = "Id,Name,PSJobTypeName,State,HasMoreData,Location,Command,StatusMessage,InstanceId,PSBeginTime,PSEndTime",
        .text = "Name",
};

static const Type job_state_info = {
        .name = "System.Management.Automation.JobStateInfo",
        .properties = (const Property[]){ { "State", "JobState" }, { "Reason", "String" }, { NULL } },
        .list = "State,Reason",
        .text = "State",
};

static const Type measure_info = {
        .name = "Microsoft.PowerShell.Commands.GenericMeasureInfo",
        .properties = (const Property[]){
                { "Count", "Int32" }, { "Average", "Double" }, { "Sum", "Double" }, { "Maximum", "Double" },
                { "Minimum", "Double" }, { "Property", "String" }, { NULL } },
        .list = "Count,Average,Sum,Maximum,Minimum,Property",
};

const Type *const types[] = {
        &virtual_machine, &hard_disk_drive, &dvd_drive, &network_adapter, &internal_adapter, &virtual_switch, &vm_processor, &vm_memory,
        &vm_firmware, &boot_source, &vm_host, &virtual_hard_disk, &migration_network, &migration_job,
        &migration_report, &migration_report_disk, &migration_report_phase, &compatibility_report, &incompatibility,
        &share_access, &smb_connection, &smb_open_file, &smb_share, &smb_share_access, &computer_change, &command_info, &vm_job, &job_state_info,
        &measure_info, NULL,
};

const Type *type_find(const char *name) {
        const char *dot = strrchr(name, '.');
        const char *last = dot ? dot + 1 : name;
        for (size_t i = 0; *last && types[i]; i++)
                if (text_equal_nocase(strrchr(types[i]->name, '.') + 1, last))
                        return types[i];
        return NULL;
}

const Property *type_property(const Type *type, const char *name) {
        for (const Property *p = type ? type->properties : NULL; p && p->name; p++)
                if (text_equal_nocase(p->name, name))
                        return p;
        return NULL;
}
