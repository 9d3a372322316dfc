# What is asked wrongly is refused before anything changes, in a sentence that names the next step.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/vm-lib.sh"
vm=wrong31
fresh $vm ${vm}b

story "names and places"
expect_fail 'unable to find a virtual machine with name "nobody31"' holdfast "$first" "Get-VM nobody31"
expect_fail 'unable to find a virtual machine with name "nobody31"' holdfast "$first" "Start-VM nobody31"
check "a wildcard that matches nothing is no error" holdfast "$first" "Get-VM nobody31*"
expect_fail "folder on the share" holdfast "$first" "New-VM 'a\\b' -NoVHD -Path $share"
expect_fail "lies on this host only" holdfast "$first" "New-VM $vm -NoVHD -Path /var/lib"
expect_fail "lies on this host only" holdfast "$first" "New-VHD /var/tmp/x.raw 1GB"
expect_fail "lies on this host only" holdfast "$first" "Import-VM /var/tmp/x.vm"
expect_fail "both lie on this host" holdfast "$first" "Convert-VHD /var/tmp/x.raw /var/tmp/y.raw"
expect_fail "host name" holdfast "$first" "New-VM $vm -NoVHD -Path \\\\10.77.0.11\\vms"

story "what this version does not have"
expect_fail "Generation" holdfast "$first" "New-VM $vm -NoVHD -Path $share -Generation 2"
expect_fail "Convert-VHD" holdfast "$first" "New-VHD $share\\$vm.vhdx 1GB"
expect_fail "virtual switch" holdfast "$first" "New-VM $vm -NoVHD -Path $share -SwitchName nosuch"
expect_fail "multiple of 2 MB" holdfast "$first" "New-VM $vm 1000000 -NoVHD -Path $share"
expect_fail "'CimSession'" holdfast "$first" "Stop-VM -CimSession x $vm"
check "nothing was made" on "$server" test ! -e "/srv/vms/$vm"

story "missing and broken files"
home=/srv/vms/$vm disks="/srv/vms/$vm/Virtual Hard Disks"
expect_fail "$vm.raw" holdfast "$first" "New-VM $vm -VHDPath $share\\$vm.raw -Path $share"
check "nothing was made" on "$server" test ! -e "/srv/vms/$vm"
expect_fail "$vm.vm" holdfast "$first" "Import-VM $share\\$vm\\$vm.vm"
check "New-VM" holdfast "$first" "New-VM $vm 64MB -NewVHDPath $vm.raw -NewVHDSizeBytes 16MB -Path $share"
check "its new disk lies with it" on "$server" test -s "$disks/$vm.raw"
check "the disk goes away" on "$server" mv "$disks/$vm.raw" /srv/vms/hidden31.raw
expect_fail "$vm.raw" holdfast "$first" "Start-VM $vm"
same "state" Off "$(state_of "$first" $vm)"
expect_fail "is missing" holdfast "$second" "Import-VM $share\\$vm\\$vm.vm"
check "and comes back" on "$server" mv /srv/vms/hidden31.raw "$disks/$vm.raw"
check "the definition is spoilt" on "$server" sh -c "cp -a $home/$vm.vm /srv/vms/good31; echo '<domain>' >$home/$vm.vm"
expect_fail "not well-formed" holdfast "$first" "Start-VM $vm"
check "the definition brings devices of its own" on "$server" sh -c \
        "sed 's,</domain>,<q:commandline xmlns:q=\"http://libvirt.org/schemas/domain/qemu/1.0\"><q:arg value=\"-no-such\"/></q:commandline></domain>,' \
        /srv/vms/good31 >$home/$vm.vm"
check "they are dropped" holdfast "$first" "Start-VM $vm"
check "and do not run" on "$first" sh -c "! tr '\\0' ' ' </proc/\$(cat /run/libvirt/qemu/$vm.pid)/cmdline | grep -q no-such"
check "Stop-VM" holdfast "$first" "Stop-VM -TurnOff $vm"
check "the definition is gone" on "$server" rm "$home/$vm.vm"
expect_fail "gone from the share" holdfast "$first" "Start-VM $vm"
check "somebody else's lies there" on "$server" sh -c \
        "cp -a /srv/vms/good31 $home/$vm.vm; sed 's,<uuid>........,<uuid>00000000,' /srv/vms/good31 >$home/$vm.vm"
expect_fail "now defines another virtual machine" holdfast "$first" "Start-VM $vm"
on "$server" sh -c "mv /srv/vms/good31 $home/$vm.vm"

story "somebody else has the disk open: a program that no ledger knows"
disk="\\\\$server.lab.test\\vms\\$vm\\Virtual Hard Disks\\$vm.raw"
check "the other host opens it as a disk of its own machine" holdfast "$second" \
        "New-VM ${vm}b 64MB -VHDPath '$disk' -Path $share"
check "and runs it" holdfast "$second" "Start-VM ${vm}b"
expect_fail "somebody else has" holdfast "$first" "Start-VM $vm"
check "no disk process is left" idle "$first" "$disk"
check "nor on the same host" holdfast "$second" "Import-VM $share\\$vm\\$vm.vm"
expect_fail "uses one of its disks" holdfast "$second" "Start-VM $vm"
same "which runs on" Running "$(state_of "$second" ${vm}b)"
same "the file's writers" "$second\$" "$(writers "$vm.raw")"
check "turning off what is off" holdfast "$second" "Stop-VM -TurnOff $vm"
same "takes no disk from what runs" "$second\$" "$(writers "$vm.raw")"
same "which runs on" Running "$(state_of "$second" ${vm}b)"
check "Stop-VM" holdfast "$second" "Stop-VM -TurnOff ${vm}b"
check "now it starts" holdfast "$second" "Start-VM $vm"
check "Stop-VM" holdfast "$second" "Stop-VM -TurnOff $vm"

story "the share refuses this host"
check "only root may read it" on "$server" chmod 0700 "$disks/$vm.raw"
on "$server" chown root:root "$disks/$vm.raw"
on "$server" setfacl -b "$disks/$vm.raw" 2>/dev/null || true
on "$server" setfattr -x security.NTACL "$disks/$vm.raw" 2>/dev/null || true
expect_fail "denies access" holdfast "$first" "Start-VM $vm"
same "state" Off "$(state_of "$first" $vm)"

story "Remove-VM asks first"
expect_fail "Are you sure you want to remove virtual machine" holdfast "$first" "Remove-VM $vm"
output=$(holdfast "$first" "Remove-VM -Force -WhatIf $vm")
[[ $output == *"What if"* ]] || fail "-WhatIf said: $output"
same "state" Off "$(state_of "$first" $vm)"
fresh $vm ${vm}b
