# A machine that is off is exported: the file server copies its disks by itself; the copy is imported and runs.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/device-lib.sh"
vm=exported
clean() { away $vm; on "$server" rm -rf /srv/vms/exports37; }
trap clean EXIT
clean
sum_of() { on "$server" sha256sum "$1" </dev/null | cut -d' ' -f1; }
received() { on "$first" ip -s -j link show eth0 | sed 's/.*"rx":{"bytes":\([0-9]*\).*/\1/'; }

story "a machine with two disks of one name and a DVD drive"
guest_on "$first" /var/tmp/$vm.raw devices=1 mode=write
holdfast "$first" "Convert-VHD /var/tmp/$vm.raw '$share\\$vm\\$vm.raw'"
on "$first" rm -f /var/tmp/$vm.raw
holdfast "$first" "New-VM $vm 256MB -VHDPath '$share\\$vm\\$vm.raw'" >/dev/null
holdfast "$first" "New-VHD '$share\\$vm\\more\\$vm.raw' -SizeBytes 16MB" >/dev/null
printf 'second disk' | "$lab" exec "$server" -- dd of=/srv/vms/$vm/more/$vm.raw conv=notrunc status=none
holdfast "$first" "Add-VMHardDiskDrive $vm SCSI -Path '$share\\$vm\\more\\$vm.raw'"
holdfast "$first" "Add-VMDvdDrive $vm; Add-VMNetworkAdapter $vm -Name Wire"
holdfast "$first" "\$d = Get-VMHardDiskDrive $vm -ControllerType SCSI; Set-VMFirmware $vm -FirstBootDevice \$d"
# boots_from NODE: the names of its disks, in the order in which they are tried.
boots_from() { holdfast "$1" "\$f = Get-VMFirmware $vm; \$f.BootOrder.Device.Path" | sed 's/.*\\//' | paste -sd' '; }
same "it boots from the second disk first" "$vm.raw $vm.raw" "$(boots_from "$first")"

story "what is refused, and leaves nothing"
expect_fail "lies on this host only" holdfast "$first" "Export-VM $vm /var/tmp"
expect_fail "CaptureLiveState" holdfast "$first" "Export-VM $vm '$share\\exports37' -CaptureLiveState CaptureSavedState"
holdfast "$first" "Export-VM $vm '$share\\exports37' -WhatIf" | grep -q "What if" || fail "-WhatIf must say what it would do"
holdfast "$first" "Start-VM $vm"
expect_fail "is Running" holdfast "$first" "Export-VM $vm '$share\\exports37'"
holdfast "$first" "Stop-VM -TurnOff $vm"
check "nothing was made" on "$server" test ! -e "/srv/vms/exports37/$vm"

story "the file server copies: byte for byte, sparse, and hardly anything passes through the host"
before=$(received)
check "Export-VM" holdfast "$first" "Export-VM $vm '$share\\exports37'"
after=$(received)
copy="/srv/vms/exports37/$vm"
same "the first disk" "$(sum_of "/srv/vms/$vm/$vm.raw")" "$(sum_of "$copy/Virtual Hard Disks/$vm.raw")"
same "the second disk" "$(sum_of "/srv/vms/$vm/more/$vm.raw")" "$(sum_of "$copy/Virtual Hard Disks/$vm-2.raw")"
used=$(($(on "$server" stat -c %b "$copy/Virtual Hard Disks/$vm-2.raw") * 512))
((used < 1048576)) || fail "the copy of the second disk takes $used bytes: it is not sparse"
((after - before < 4 * 1048576)) || fail "$((after - before)) bytes came to the host: the server did not copy by itself"
printf '%s\n' "- $((after - before)) bytes came to the host"
expect_fail "exists already" holdfast "$first" "Export-VM $vm '$share\\exports37'"
same "no disk process is left" "" "$(on "$first" sh -c 'ls /run/holdfast/disk 2>/dev/null')"

story "a copy of the copy is another machine"
clones="$share\\exports37\\clones"
import() { holdfast "$second" "Import-VM '$share\\exports37\\$vm\\$vm.vm' -Copy $1"; }
address() { holdfast "$1" "Get-VMNetworkAdapter $vm | ForEach-Object MacAddress"; }
listed() { on "$server" sh -c 'cd /srv/vms/exports37; find . | sort'; }
before=$(listed)
expect_fail "ParameterBindingException" holdfast "$second" "Import-VM '$share\\exports37\\$vm\\$vm.vm' -GenerateNewId"
expect_fail "lies on this host only" import "-VirtualMachinePath /var/tmp"
expect_fail "exists already" import "-VirtualMachinePath '$share\\exports37'"
same "nothing was made" "$before" "$(listed)"
check "Import-VM -Copy -GenerateNewId" import "-VirtualMachinePath '$clones' -VhdDestinationPath '$clones\\disks' -GenerateNewId" >/dev/null
same "its disks" "$vm-2.raw $vm.raw" "$(on "$server" ls /srv/vms/exports37/clones/disks | paste -sd' ')"
same "byte for byte" "$(sum_of "$copy/Virtual Hard Disks/$vm.raw")" "$(sum_of "/srv/vms/exports37/clones/disks/$vm.raw")"
same "it boots from the same disk" "$vm-2.raw $vm.raw" "$(boots_from "$second")"
[[ $(holdfast "$second" "(Get-VM $vm).Id") != "$(holdfast "$first" "(Get-VM $vm).Id")" ]] || fail "it is the same machine"
[[ $(address "$second") != "$(address "$first")" ]] || fail "both have the address $(address "$first")"
holdfast "$second" "\$d = Get-VMHardDiskDrive $vm -ControllerType IDE; Set-VMFirmware $vm -FirstBootDevice \$d"
holdfast "$second" "Start-VM $vm"
eventually 120 said "$second" $vm UP
expect_fail "runs on $second" holdfast "$first" "Import-VM '$clones\\$vm\\$vm.vm' -Copy -GenerateNewId -VirtualMachinePath '$share\\exports37\\more'"
holdfast "$second" "Stop-VM -TurnOff $vm; Remove-VM $vm -Force"
on "$server" rm -rf /srv/vms/exports37/clones
same "what it was copied from is as it was" "$before" "$(listed)"
check "Import-VM -Copy, the same machine" import "-VirtualMachinePath '$clones'" >/dev/null
same "the same" "$(holdfast "$first" "(Get-VM $vm).Id") $(address "$first")" "$(holdfast "$second" "(Get-VM $vm).Id") $(address "$second")"
holdfast "$second" "Remove-VM $vm -Force"
on "$server" rm -rf /srv/vms/exports37/clones

story "the copy is imported, on this host and on the other one, and is a machine of its own"
expect_fail "already has the virtual machine" holdfast "$first" "Import-VM '$share\\exports37\\$vm\\$vm.vm'"
check "on the other host" holdfast "$second" "Import-VM '$share\\exports37\\$vm\\$vm.vm'" >/dev/null
same "so does the copy" "$vm-2.raw $vm.raw" "$(boots_from "$second")"
for node in "$first" "$second"; do      # the BIOS tries one hard disk only
        holdfast "$node" "\$d = Get-VMHardDiskDrive $vm -ControllerType IDE; Set-VMFirmware $vm -FirstBootDevice \$d"
done
same "and it can be told otherwise" "$vm.raw $vm-2.raw" "$(boots_from "$second")"
check "started there" holdfast "$second" "Start-VM $vm"
check "while the first one is, too" holdfast "$first" "Start-VM $vm"
eventually 120 said "$second" $vm UP
says "$second" $vm "DISK sda 16777216" 60
same "the writers of the copy" "$second\$" "$(writers "exports37/$vm/Virtual Hard Disks/$vm.raw")"
same "the writers of the first one" "$first\$" "$(writers "vms   $vm/$vm.raw")"
same "its adapter" Wire "$(holdfast "$second" --json "Get-VMNetworkAdapter $vm" | sed -n 's/.*"\$type":"Microsoft.HyperV.PowerShell.VMNetworkAdapter","Name":"\([^"]*\)".*/\1/p')"
holdfast "$second" "Stop-VM -TurnOff $vm"
holdfast "$second" "Remove-VM $vm -Force"
