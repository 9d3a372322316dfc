# A second disk comes to a running machine, moves with it and its DVD, and goes; what cannot be done is refused.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/device-lib.sh"
vm=drives
trap 'away $vm' EXIT
away $vm
data="$share\\$vm\\data.raw"

story "drives in Hyper-V's places"
guest_on "$first" /var/tmp/$vm.raw devices=1 mode=write
holdfast "$first" "Convert-VHD /var/tmp/$vm.raw '$share\\$vm\\$vm.raw'"
on "$first" rm -f /var/tmp/$vm.raw
holdfast "$first" "New-VM $vm 256MB -VHDPath '$share\\$vm\\$vm.raw'" >/dev/null
holdfast "$first" "New-VHD '$data' -SizeBytes 16MB" >/dev/null
iso $vm setup SETUP
iso $vm other OTHER
same "the disk" "$vm IDE 0 0 $share\\$vm\\$vm.raw" "$(holdfast "$first" --json "Get-VM $vm | Get-VMHardDiskDrive" | python3 -c '
import json, sys
for d in json.load(sys.stdin): print(d["VMName"], d["ControllerType"], d["ControllerNumber"], d["ControllerLocation"], d["Path"])')"
expect_fail "copy the ISO file onto an SMB 3 share" holdfast "$first" "Add-VMDvdDrive $vm -Path /var/tmp/setup.iso"
expect_fail "no ISO file" holdfast "$first" "Add-VMDvdDrive $vm -Path '$data'"
check "Add-VMDvdDrive" holdfast "$first" "Add-VMDvdDrive $vm -Path '$share\\$vm\\setup.iso'"
holdfast "$first" "Get-VMDvdDrive $vm" | grep -q "IDE *1 *0 *ISO" || fail "the drive is not at IDE 1:0 with an ISO"
expect_fail "ResourcePoolName" holdfast "$first" "Add-VMDvdDrive $vm -ResourcePoolName x"
check "Start-VM" holdfast "$first" "Start-VM $vm"
eventually 120 said "$first" $vm UP
says "$first" $vm "MEDIUM sr0 SETUP" 60

story "a disk comes while it runs: one writer, by the server's own list"
expect_fail "only while it is off" holdfast "$first" "Add-VMHardDiskDrive $vm IDE 0 1 '$data'"
expect_fail "has no location" holdfast "$first" "Add-VMHardDiskDrive $vm SCSI 3 0 '$data'"
expect_fail "lies on this host only" holdfast "$first" "Add-VMHardDiskDrive $vm -Path /var/tmp/data.raw"
holdfast "$first" "Add-VMHardDiskDrive $vm -Path '$data' -WhatIf" | grep -q "What if" || fail "-WhatIf must say what it would do"
check "Add-VMHardDiskDrive" holdfast "$first" "Add-VMHardDiskDrive $vm -Path '$data'"
says "$first" $vm "DISK sda 16777216"
same "the file's writers" "$first\$" "$(writers "$vm/data.raw")"
holdfast "$first" "Get-SmbOpenFile | Where-Object ScopeName -eq $server.lab.test | Format-Table Ownership, ShareRelativePath" >"${TMPDIR:-/tmp}/open35"
for word in "OWNER *$vm.$vm.raw" "OWNER *$vm.data.raw" "READER *$vm.setup.iso"; do
        grep -q "$word" "${TMPDIR:-/tmp}/open35" || fail "Get-SmbOpenFile does not say $word: $(<"${TMPDIR:-/tmp}/open35")"
done
rm -f "${TMPDIR:-/tmp}/open35"
holdfast "$first" "Get-SmbConnection fs*" | grep -qi "$server.lab.test *vms *$first\$@LAB.TEST .*3\.[01]" || fail "Get-SmbConnection"
holdfast "$first" "Get-SmbShare vms" | grep -q 'vms *fs1.lab.test *..fs1.lab.test.vms' || fail "Get-SmbShare"
expect_fail "ContinuouslyAvailable" holdfast "$first" "Get-SmbShare vms -ContinuouslyAvailable \$true"
expect_fail "uses no share named" holdfast "$first" "Get-SmbShareAccess nowhere"
printf '%s\n' "- this host's own view of the file server agrees"
expect_fail "already attached" holdfast "$first" "Add-VMHardDiskDrive $vm SCSI 0 0 '$share\\$vm\\$vm.raw'"
tell "$first" $vm "stamp sda carried"
says "$first" $vm "STAMPED sda"

story "both disks and the DVD move with it"
check "Move-VM" holdfast "$first" "Move-VM $vm $second"
eventually 20 runs "$second" $vm
for file in $vm data; do
        eventually 20 test "$second\$" = "$(writers "$vm/$file.raw")"
        same "the writers of $file.raw" "$second\$" "$(writers "$vm/$file.raw")"
done
for file in $vm data; do eventually 20 idle "$first" "$share\\$vm\\$file.raw"; done
id=$(on "$second" virsh domuuid $vm | tr -d '\n')
if medium_idle "$second" "$share\\$vm\\setup.iso" "$id"; then fail "nobody reads the DVD there"; fi
eventually 20 medium_idle "$first" "$share\\$vm\\setup.iso" "$id"
tell "$second" $vm "look sda"
says "$second" $vm "READ sda carried"
check "another medium" holdfast "$second" "Set-VMDvdDrive $vm -Path '$share\\$vm\\other.iso'"
says "$second" $vm "MEDIUM sr0 OTHER"
check "back" holdfast "$second" "Move-VM $vm $first"
eventually 20 runs "$first" $vm
tell "$first" $vm "look sda"
says "$first" $vm "READ sda carried"
check "ejected" holdfast "$first" "Set-VMDvdDrive $vm -Path \$null"
says "$first" $vm "NOMEDIUM sr0"

story "the disk goes: its file is free, and others may have it"
expect_fail "only while it is off" holdfast "$first" "Remove-VMHardDiskDrive $vm IDE 0 0"
expect_fail "unable to find a hard disk drive" holdfast "$first" "Remove-VMHardDiskDrive $vm SCSI 0 7"
check "Remove-VMHardDiskDrive" holdfast "$first" \
        "Get-VM $vm | Get-VMHardDiskDrive | Where-Object ControllerType -eq SCSI | Remove-VMHardDiskDrive"
says "$first" $vm "NODISK sda"
same "the file's writers" "" "$(writers "$vm/data.raw")"
check "no disk process of it is left" idle "$first" "$data"
same "what it wrote" carried "$(on "$server" head -c 7 "/srv/vms/$vm/data.raw")"
check "its file is there" on "$server" grep -q 'at="ide:0:0"' "/srv/vms/$vm/$vm.vm"
writes_on $vm

story "off: to another place, to another file"
holdfast "$first" "Stop-VM -TurnOff $vm"
check "added at IDE" holdfast "$first" "Add-VMHardDiskDrive $vm IDE 0 1 '$data'"
check "moved" holdfast "$first" "Get-VMHardDiskDrive $vm -ControllerLocation 1 | Set-VMHardDiskDrive -ToControllerType SCSI -ToControllerLocation 9"
holdfast "$first" "Get-VMHardDiskDrive $vm" | grep -q "SCSI *0 *9 .*data.raw" || fail "the disk is not at SCSI 0:9"
expect_fail "names the disk" holdfast "$first" "Set-VMHardDiskDrive $vm SCSI 0 9 '$share\\$vm\\$vm.raw'"
expect_fail "does not shrink" holdfast "$first" "Resize-VHD '$data' 8MB"
check "larger" holdfast "$first" "Get-VMHardDiskDrive $vm -ControllerType SCSI | Resize-VHD -SizeBytes 32MB"
same "its size" 33554432 "$(on "$server" stat -c %s "/srv/vms/$vm/data.raw")"
check "removed" holdfast "$first" "Remove-VMHardDiskDrive $vm SCSI 0 9"
check "the DVD drive, too" holdfast "$first" "Get-VMDvdDrive $vm | Remove-VMDvdDrive"
same "what it has" "1 0" "$(holdfast "$first" --json "Get-VM $vm" | python3 -c '
import json, sys
vm = json.load(sys.stdin)
vm = vm[0] if isinstance(vm, list) else vm
print(len(vm["HardDrives"]), len(vm["DVDDrives"]))')"
