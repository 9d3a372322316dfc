# Memory, processors, boot order, notes and name: on the share, effective at the next start, refused while it runs.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/move-lib.sh"
vm=set35 new=named35
home=/srv/vms/$vm
trap 'away $vm; away $new' EXIT
holdfast "$first" "Set-VMHost -VirtualMachinePath $share"
away $vm
away $new
guest_on "$first" /var/tmp/$vm.raw mode=write
check "its system" holdfast "$first" "Convert-VHD /var/tmp/$vm.raw '$share\\$vm\\system.raw'"
on "$first" rm -f /var/tmp/$vm.raw
check "New-VM with an empty disk" holdfast "$first" \
        "New-VM $vm 128MB -NewVHDPath '$share\\$vm\\empty.raw' -NewVHDSizeBytes 64MB"
check "its system is the second" holdfast "$first" "Add-VMHardDiskDrive $vm -Path '$share\\$vm\\system.raw'"
xml() { on "$first" virsh dumpxml "$vm" | grep -o "$1" | head -n 1; }
value() { holdfast "$first" "$1 | Select-Object -ExpandProperty $2" | tail -n 1; }

story "the views"
for row in "Get-VMMemory $vm|DynamicMemoryEnabled Minimum(M) Startup(M) Maximum(M)" \
        "Get-VMProcessor $vm|Count CompatibilityForMigrationEnabled CompatibilityForOlderOperatingSystemsEnabled" \
        "Get-VMFirmware $vm|SecureBoot SecureBootTemplate PreferredNetworkBootProtocol BootOrder"; do
        holdfast "$first" "${row%%|*}" | tr -s ' ' | grep -qF "VMName ${row#*|}" || fail "${row%%|*} shows something else"
done

story "settings of a machine that is off"
same "memory" 268435456 "$(value "Set-VMMemory $vm -StartupBytes 256MB -Passthru" Startup)"
same "processors" 2 "$(value "Get-VM $vm | Set-VMProcessor -Count 2 -RelativeWeight 200 -Passthru" Count)"
check "by a memory object" holdfast "$first" "Get-VMMemory $vm | Set-VMMemory -StartupBytes 288MB"
check "Set-VM" holdfast "$first" "Set-VM $vm -Notes 'of case 35' -AutomaticCheckpointsEnabled \$false -CheckpointType Disabled"
for word in "<memory unit=\"KiB\">294912<" ">2</vcpu>" "<shares>200<" "of case 35"; do
        check "its file on the share has $word" on "$server" grep -qF "$word" $home/$vm.vm
done
before=$(on "$server" sha256sum $home/$vm.vm)
for command in "Set-VMMemory $vm -StartupBytes 1MB" "Set-VMMemory $vm -StartupBytes 268435457" "Set-VMProcessor $vm -Count 0" \
        "Set-VMProcessor $vm -Count 241" "Set-VMProcessor $vm -Count 3 -HwThreadCountPerCore 2"; do
        expect_fail "InvalidParameter" holdfast "$first" "$command"
done
for command in "Set-VMMemory $vm -DynamicMemoryEnabled \$true" "Set-VM $vm -CheckpointType Production" \
        "Set-VM $vm -AutomaticStartAction Start" "Set-VMProcessor $vm -CompatibilityForMigrationEnabled \$false" \
        "Set-VMFirmware $vm -EnableSecureBoot On"; do
        expect_fail "can only be" holdfast "$first" "$command"
done
for command in "Set-VM $vm -DynamicMemory" "Set-VMMemory $vm -Buffer 20" "Set-VMProcessor $vm -Reserve 10" \
        "Set-VMFirmware $vm -ConsoleMode None" "Set-VM $vm -SmartPagingFilePath x"; do
        expect_fail "is not supported by Holdfast" holdfast "$first" "$command"
done
expect_fail "makes no checkpoints" holdfast "$first" "Checkpoint-VM $vm"
expect_fail "makes no checkpoints" holdfast "$first" "Get-VM $vm | Get-VMCheckpoint"
check "what would happen" sh -c "'$lab' exec $first -- holdfast 'Set-VMMemory $vm -StartupBytes 64MB -WhatIf' | grep -q 'What if'"
same "nothing of that changed anything" "$before" "$(on "$server" sha256sum $home/$vm.vm)"

story "the boot order: only from its second disk does it find a system"
same "it would try" 'empty.raw' "$(holdfast "$first" "\$f = Get-VMFirmware $vm; \$f.BootOrder.Device.Path" | tail -n 1 | sed 's/.*\\//')"
check "Set-VMFirmware" holdfast "$first" "\$d = Get-VMHardDiskDrive $vm -ControllerLocation 1; Set-VMFirmware $vm -FirstBootDevice \$d"
same "it tries first" 'system.raw' "$(holdfast "$first" "\$f = Get-VMFirmware $vm; \$f.BootOrder[0].Device.Path" | tail -n 1 | sed 's/.*\\//')"
check "Start-VM" holdfast "$first" "Start-VM $vm"
same "memory of the domain" "<memory unit='KiB'>294912</memory>" "$(xml "<memory .*</memory>")"
same "its processors" "2</vcpu>" "$(xml "2</vcpu>")"
same "what QEMU gives the guest" 'CPU #1' "$(on "$first" virsh qemu-monitor-command $vm --hmp 'info cpus' | grep -o 'CPU #1')"
same "the same in bytes" 301989888 "$(on "$first" virsh qemu-monitor-command $vm --hmp 'info memory_size_summary' | tr -dc '0-9 ' | awk '{print $1}')"
eventually 120 said "$first" $vm UP

story "what a running machine takes and what not"
for command in "Set-VMMemory $vm -StartupBytes 256MB" "Set-VMProcessor $vm -Count 1" "Set-VM $vm -ProcessorCount 1" \
        "Rename-VM $vm $new" "Set-VM $vm -NewVMName $new" "\$d = Get-VMHardDiskDrive $vm; Set-VMFirmware $vm -BootOrder \$d"; do
        expect_fail "current state" holdfast "$first" "$command"
done
check "notes" holdfast "$first" "Set-VM $vm -Notes 'while it runs'"
same "they are shown" "while it runs" "$(value "Get-VM $vm" Notes)"
if on "$first" virsh schedinfo $vm >/dev/null 2>&1; then
        check "its share of the host" holdfast "$first" "Set-VMProcessor $vm -RelativeWeight 300 -Maximum 50"
        same "the kernel's word" "300 50000" "$(on "$first" virsh schedinfo $vm | awk '$1 == "cpu_shares" { a = $3 } $1 == "vcpu_quota" { b = $3 } END { print a, b }')"
        same "and the object's" 50 "$(value "Get-VMProcessor $vm" Maximum)"
else            # a container without the kernel's CPU controller
        expect_fail "CPU controller" holdfast "$first" "Set-VMProcessor $vm -RelativeWeight 300"
        same "and nothing was changed" 200 "$(value "Get-VMProcessor $vm" RelativeWeight)"
        check "on the share neither" on "$server" grep -q '<shares>200<' $home/$vm.vm
fi
check "the other host knows it" holdfast "$second" "Import-VM $share\\$vm\\$vm.vm"
expect_fail "runs \"$vm\" by its ledger" holdfast "$second" "Set-VMMemory $vm -StartupBytes 64MB"
expect_fail "runs \"$vm\" by its ledger" holdfast "$second" "Rename-VM $vm $new"

story "Rename-VM: another name and file, the same folder and disks"
check "Stop-VM" holdfast "$first" "Stop-VM -TurnOff $vm"
expect_fail "holds ':'" holdfast "$first" "Rename-VM $vm 'a:b'"
check "somebody has the name" holdfast "$first" "New-VM $new 64MB -NoVHD"
expect_fail "already has a virtual machine named" holdfast "$first" "Rename-VM $vm $new"
check "and goes" holdfast "$first" "Remove-VM -Force $new"
check "Rename-VM" holdfast "$first" "Get-VM $vm | Rename-VM -NewName $new -Passthru"
expect_fail 'name "set35"' holdfast "$first" "Get-VM $vm"
same "the files" "$new.vm" "$(on "$server" sh -c "cd $home; ls *.vm")"
expect_fail "gone from the share" holdfast "$second" "Start-VM $vm"
check "it starts" holdfast "$first" "Start-VM $new"
same "state" Running "$(state_of "$first" $new)"
check "Stop-VM" holdfast "$first" "Stop-VM -TurnOff $new"
check "Set-VM -NewVMName, in other letters" holdfast "$first" "Set-VM $new -NewVMName ${new^^}"
same "its name" "${new^^}" "$(value "Get-VM $new" Name)"
check "it starts" holdfast "$first" "Start-VM $new"
check "Stop-VM" holdfast "$first" "Stop-VM -TurnOff $new"
check "Remove-VM" holdfast "$first" "Remove-VM -Force $new"
on "$server" rm -rf $home
