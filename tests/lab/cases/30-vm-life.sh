# A machine's whole life on one host, and the file server refusing a second one meanwhile.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/vm-lib.sh"
vm=life30
disk="$share\\$vm\\Virtual Hard Disks\\$vm.raw"
file="/srv/vms/$vm/Virtual Hard Disks/$vm.raw"
fresh $vm

story "a local disk comes to the share, byte for byte and sparse"
guest_on "$first" /var/tmp/$vm.raw mode=write tick=50
check "Convert-VHD" holdfast "$first" "Convert-VHD /var/tmp/$vm.raw '$disk'"
sum_of() { on "$1" sha256sum "$2" </dev/null | cut -d' ' -f1; }
same "content" "$(sum_of "$first" /var/tmp/$vm.raw)" "$(sum_of "$server" "$file")"
size=$(on "$server" stat -c %s "$file") used=$(($(on "$server" stat -c %b "$file") * 512))
((used < size)) || fail "the file takes $used of $size bytes: it is not sparse"
expect_fail "exists already" holdfast "$first" "Convert-VHD /var/tmp/$vm.raw '$disk'"

story "New-VM puts everything on the share"
check "New-VM" holdfast "$first" "New-VM $vm 256MB -VHDPath '$disk' -Path $share"
same "state" Off "$(state_of "$first" $vm)"
check "its definition lies there" on "$server" test -s "/srv/vms/$vm/$vm.vm"
expect_fail "already has a virtual machine named" holdfast "$first" "New-VM $vm 256MB -NoVHD -Path $share"

story "a machine is found by its name, in whatever letters, and by its id"
id=$(holdfast "$first" "Get-VM $vm | Select-Object -ExpandProperty VMId")
for how in $vm "${vm^^}" "-Id $id" "-Id ${id^^}"; do
        same "Get-VM $how" $vm "$(holdfast "$first" "Get-VM $how | Select-Object -ExpandProperty Name")"
done
expect_fail "unable to find a virtual machine with name \"$vm-x\"" holdfast "$first" "Get-VM $vm-x"
expect_fail "unable to find a virtual machine with id \"${id/%?????/00000}\"" holdfast "$first" "Get-VM -Id ${id/%?????/00000}"

story "what others change is seen at once, although definitions are not read each time"
notes_of() { holdfast "$first" --json "Get-VM $1" | sed -n 's/.*"Notes":"\([^"]*\)".*/\1/p'; }
same "no notes" "" "$(notes_of $vm)"
for text in one two; do         # known by now, and changed behind our back
        holdfast "$first" Get-VM >/dev/null
        on "$first" virsh desc $vm --config "$text" >/dev/null
        same "its notes" $text "$(notes_of $vm)"
        same "in the list" $text "$(notes_of "${vm:0:-1}*")"
done

story "Start-VM: one writer, by the server's own list"
check "Start-VM" holdfast "$first" "Start-VM $vm"
same "state" Running "$(state_of "$first" $vm)"
same "the file's writers" "$first\$" "$(writers "$vm.raw")"
same "the ledger" "$first.lab.test" "$(ledger_host $vm)"
holdfast "$first" "Start-VM $vm" 2>&1 | grep -q "already in the specified state" ||
        fail "a second Start-VM must warn"
eventually 120 said "$first" $vm 'F '

on "$first" virsh desc $vm --live three >/dev/null
same "its notes while it runs" three "$(notes_of $vm)"
uptime_of() { holdfast "$first" --json "Get-VM $vm" | sed -n 's/.*"Uptime":"00:\([0-9:]*\).*/\1/p'; }
before=$(uptime_of)
sleep 1.1
[[ $before && $(uptime_of) > $before ]] || fail "its Uptime stands still: $before, $(uptime_of)"

story "a second host may know it, but not run it"
check "Import-VM" holdfast "$second" "Import-VM '$share\\$vm\\$vm.vm'"
expect_fail "$first.lab.test runs it" holdfast "$second" "Start-VM $vm"
same "on the second host" Off "$(state_of "$second" $vm)"
check "no disk process is left there" idle "$second" "$disk"
same "the file's writers" "$first\$" "$(writers "$vm.raw")"
same "the ledger" "$first.lab.test" "$(ledger_host $vm)"
holdfast "$second" "Remove-VM -Force $vm" 2>&1 | grep -q "stays on the share" ||
        fail "Remove-VM must say that the file stays"
check "the definition is still there" on "$server" test -s "/srv/vms/$vm/$vm.vm"
expect_fail "is in use" holdfast "$second" "Convert-VHD '$disk' /var/tmp/stolen.raw"
check "nothing was copied" on "$second" test ! -e /var/tmp/stolen.raw
expect_fail "Running" holdfast "$first" "Remove-VM -Force $vm"

story "a restart of the node's service touches nothing that runs"
pid=$(on "$first" sh -c "cat /run/libvirt/qemu/$vm.pid")
check "restart" on "$first" systemctl restart holdfastd
eventually 20 holdfast "$first" Get-VM
same "state" Running "$(state_of "$first" $vm)"
same "its process" "$pid" "$(on "$first" sh -c "cat /run/libvirt/qemu/$vm.pid")"
same "the file's writers" "$first\$" "$(writers "$vm.raw")"

story "Stop-VM shuts the guest down; everything is released"
check "Stop-VM" holdfast "$first" "Stop-VM $vm"
same "state" Off "$(state_of "$first" $vm)"
check "the guest said goodbye" said "$first" $vm BYE
same "the file's writers" "" "$(writers "$vm.raw")"
same "the ledger" "" "$(ledger_host $vm)"
flushed=$(on "$first" sh -c "grep -ah '^F ' /var/log/libvirt/qemu/$vm-serial.log" | tail -n 1 | cut -d' ' -f2)
on "$server" cat "$file" >"${TMPDIR:-/tmp}/$vm.raw"
check "no record up to $flushed is missing or torn" "$guest_py" verify "${TMPDIR:-/tmp}/$vm.raw" --flushed "${flushed%$'\r'}"
rm -f "${TMPDIR:-/tmp}/$vm.raw"

story "a guest that switches itself off, and a QEMU that dies, release their disk too"
check "Start-VM" holdfast "$first" "Start-VM $vm"
check "power cut behind our back" on "$first" sh -c "kill -9 \$(cat /run/libvirt/qemu/$vm.pid)"
eventually 20 idle "$first" "$disk"
same "state" Off "$(state_of "$first" $vm)"
same "the file's writers" "" "$(writers "$vm.raw")"
eventually 10 on "$server" grep -q '"Host":""' "/srv/vms/$vm/owner.json"

story "while the node's service is away, too"
check "Start-VM" holdfast "$first" "Start-VM $vm"
check "stop" on "$first" systemctl stop holdfastd
check "power cut behind our back" on "$first" sh -c "kill -9 \$(cat /run/libvirt/qemu/$vm.pid)"
check "start" on "$first" systemctl start holdfastd
eventually 20 idle "$first" "$disk"
same "the file's writers" "" "$(writers "$vm.raw")"

story "it comes back on the other host, with the next term"
before=$(on "$server" cat "/srv/vms/$vm/owner.json" | sed -n 's/.*"Epoch":\([0-9]*\).*/\1/p')
check "Import-VM" holdfast "$second" "Import-VM '$share\\$vm\\$vm.vm'"
check "Start-VM" holdfast "$second" "Start-VM $vm"
after=$(on "$server" cat "/srv/vms/$vm/owner.json" | sed -n 's/.*"Epoch":\([0-9]*\).*/\1/p')
((after > before)) || fail "the epoch went from $before to $after"
same "the file's writers" "$second\$" "$(writers "$vm.raw")"
check "Stop-VM -TurnOff" holdfast "$second" "Stop-VM -TurnOff $vm"
check "Remove-VM" holdfast "$second" "Remove-VM -Force $vm"

story "Remove-VM takes the configuration and leaves the disk"
on "$first" sh -c "virsh -q undefine $vm" >/dev/null 2>&1 || true
check "the definition is gone" on "$server" test ! -e "/srv/vms/$vm/$vm.vm"
check "the disk is there" on "$server" test -s "$file"
same "nothing is known" "" "$(holdfast "$second" --json "Get-VM life3*" | tr -d '[]\n')"
on "$server" rm -rf "/srv/vms/$vm"
