# A machine stands still, is saved to the share and goes on, here or on another host; its guest never notices.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/move-lib.sh"
vm=state34
home=/srv/vms/$vm
log=/var/log/libvirt/qemu/$vm-serial.log
trap 'away $vm' EXIT
holdfast "$first" "Set-VMHost -VirtualMachinePath $share"
holdfast "$second" "Set-VMHost -VirtualMachinePath $share"
machine $vm mode=write tick=100
writes_on $vm                   # past the reading of its disk at the beginning, which takes long on a busy machine
for node in "$first" "$second"; do on "$node" touch /run/begin34; done

# clock NODE: what the guest's own clock said last there, in milliseconds.
clock() { on "$1" sh -c "grep -ah '^T [0-9]' $log | tail -n 1" | tr -dc 0-9; }
boots() { on "$1" sh -c "grep -ac '^UP' $log || true"; }
ticks() { local now; now=$(clock "$1"); ((${now:-0} > $2)); }
# No file of the machine's memory is on a disk of a host.
nothing_local() {
        local node
        for node in "$first" "$second"; do
                [[ -z $(on "$node" find /var/lib/libvirt/qemu/save /var/lib/holdfast /var/tmp /run/holdfast/save -type f -newer /run/begin34 \
                        -size +1M 2>/dev/null) ]] || return 1
        done
}

story "Suspend-VM: the guest stands still and keeps its disk; Resume-VM lets it go on"
check "Suspend-VM" holdfast "$first" "Suspend-VM $vm"
same "state" Paused "$(state_of "$first" $vm)"
before=$(clock "$first")
sleep 1
same "its clock" "$before" "$(clock "$first")"
same "the file's writers" "$first\$" "$(writers "$vm.raw")"
holdfast "$first" "Suspend-VM $vm" 2>&1 | grep -q "already in the specified state" || fail "a second Suspend-VM must warn"
expect_fail "Resume-VM" holdfast "$first" "Move-VM $vm $second"
expect_fail "Resume-VM" holdfast "$first" "Start-VM $vm"
expect_fail "current state" holdfast "$first" "Restart-VM -Force $vm"
check "Resume-VM" holdfast "$first" "Resume-VM $vm"
same "state" Running "$(state_of "$first" $vm)"
eventually 10 ticks "$first" "$before"

story "Save-VM: the memory lies beside the machine's files, nobody holds the disk"
check "what would happen" sh -c "'$lab' exec $first -- holdfast 'Save-VM $vm -WhatIf' | grep -q 'What if'"
check "Save-VM" holdfast "$first" "Save-VM $vm"
same "state" Saved "$(state_of "$first" $vm)"
same "its domain" "shut off" "$(on "$first" virsh domstate $vm | head -n 1)"
same "the file's writers" "" "$(writers "$vm.raw")"
check "no disk process is left" idle "$first" "$share\\$vm\\$vm.raw"
check "the ledger says so" on "$server" grep -q '"Host":"".*"Saved":true' $home/owner.json
check "its memory is on the share" on "$server" sh -c "[ \$(stat -c %s $home/*.vmrs) -gt 8000000 ]"
check "and on no host" nothing_local
check "so does when its disk was written last" on "$server" grep -q '"SavedDisks":"[0-9a-f]*-4000000"' $home/owner.json
holdfast "$first" "Save-VM $vm" 2>&1 | grep -q "already in the specified state" || fail "a second Save-VM must warn"

story "what a saved machine cannot take"
for command in "Set-VMMemory $vm -StartupBytes 128MB" "Set-VMProcessor $vm -Count 2" "Rename-VM $vm other34" "Stop-VM $vm" \
        "Stop-VM -TurnOff $vm" "Suspend-VM $vm"; do
        expect_fail "InvalidState" holdfast "$first" "$command"
done
check "notes it can" holdfast "$first" "Set-VM $vm -Notes 'saved, and noted'"
same "state" Saved "$(state_of "$first" $vm)"

story "a state that was tampered with does not reach libvirt, and is not lost"
saved=$(on "$server" sh -c "ls $home/*.vmrs")
emulator=/usr/bin/qemu-system-x86_6
at=$(on "$server" sh -c "head -c 60000 '$saved' | grep -abo $emulator | head -n 1 | cut -d: -f1")
# swap LETTER: the last one of its name.  In place: a new file would be root's.
swap() { printf %s "$1" | on "$server" dd "of=$saved" bs=1 "seek=$((at + ${#emulator}))" conv=notrunc status=none; }
swap 5
expect_fail "another program" holdfast "$first" "Start-VM $vm"
same "state" Saved "$(state_of "$first" $vm)"
swap 4
check "the ledger still says so" on "$server" grep -q '"Saved":true' $home/owner.json
check "somebody takes it away" on "$server" mv "$saved" /srv/vms/away34
expect_fail "gone from the share" holdfast "$first" "Start-VM $vm"
check "nothing of that counts as a change of its disk" on "$server" grep -q '"Saved":true' $home/owner.json
on "$server" mv /srv/vms/away34 "$saved"

story "it moves to another host, saved as it is, and goes on there"
ticked=$(clock "$first")
flushed=$(flushed $vm)
check "Move-VM" holdfast "$first" "Move-VM $vm $second"
same "state there" Saved "$(state_of "$second" $vm)"
check "nothing of it is here" nothing_on "$first" $vm
check "Start-VM" holdfast "$second" "Start-VM $vm"
same "state" Running "$(state_of "$second" $vm)"
eventually 20 ticks "$second" "$ticked"
same "boots there" 0 "$(boots "$second")"
writes_on $vm
(($(flushed $vm) > flushed)) || fail "the guest lost its place"
same "the file's writers" "$second\$" "$(writers "$vm.raw")"
check "what was saved is gone" on "$server" sh -c "! ls $home/*.vmrs 2>/dev/null"
same "its notes" "saved, and noted" "$(holdfast "$second" "Get-VM $vm | Select-Object -ExpandProperty Notes")"

story "the node's service dies while it saves: the machine runs on"
check "a machine with more to say" on "$second" sh -c "systemctl show -p MainPID --value holdfastd >/root/pid34"
holdfast "$second" "Save-VM $vm" >/dev/null 2>&1 </dev/null &
on "$second" sh -c 'for i in $(seq 100); do [ -e /run/holdfast/save/*/memory ] && break; sleep 0.01; done; kill -9 $(cat /root/pid34)'
wait $! || true
eventually 20 holdfast "$second" "Get-VM $vm"
if [[ $(state_of "$second" $vm) == Running ]]; then
        writes_on $vm
        check "nothing is called saved" on "$server" sh -c "! grep -q Saved $home/owner.json"
else
        fail "it is $(state_of "$second" $vm)"
fi

story "nobody waits for it any more: the machine runs on"
check "the caller goes away" on "$second" sh -c "timeout -s INT 0.3 holdfast 'Save-VM $vm'; true"
running() { [[ $(state_of "$second" $vm) == Running ]]; }
eventually 20 running
writes_on $vm

story "Restart-VM asks, and then the guest begins again"
expect_fail "Are you sure you want to restart virtual machine" holdfast "$second" "Restart-VM $vm"
expect_fail "'Wait'" holdfast "$second" "Restart-VM $vm -Wait"
same "boots so far" 0 "$(boots "$second")"
check "Restart-VM" holdfast "$second" "Restart-VM $vm -Force"
again() { [[ $(boots "$second") == 1 ]]; }
eventually 120 again
writes_on $vm

story "a memory that libvirt kept of its own never counts"
check "virsh managedsave" on "$second" virsh -q managedsave $vm
eventually 20 idle "$second" "$share\\$vm\\$vm.raw"
same "state" Off "$(state_of "$second" $vm)"
check "Start-VM" holdfast "$second" "Start-VM $vm"
same "it" "running (booted)" "$(on "$second" virsh domstate --reason $vm | head -n 1)"

story "Remove-VMSavedState: as after a power cut, no record that was flushed is missing"
check "Stop-VM -Save" holdfast "$second" "Stop-VM -Save $vm"
same "state" Saved "$(state_of "$second" $vm)"
check "somebody writes its disk meanwhile" on "$server" sh -c "dd if='$home/$vm.raw' bs=1 skip=67108863 count=1 status=none >/srv/vms/byte34;
        sleep 0.1; dd if=/srv/vms/byte34 of='$home/$vm.raw' bs=1 seek=67108863 conv=notrunc status=none; rm /srv/vms/byte34"
expect_fail "was written after" holdfast "$second" "Start-VM $vm"
same "state" Saved "$(state_of "$second" $vm)"
check "no disk process is left" idle "$second" "$share\\$vm\\$vm.raw"
check "Remove-VMSavedState" holdfast "$second" "Remove-VMSavedState $vm"
same "state" Off "$(state_of "$second" $vm)"
check "its file is gone" on "$server" sh -c "! ls $home/*.vmrs 2>/dev/null"
expect_fail "no saved state" holdfast "$second" "Remove-VMSavedState $vm"
flushed=$(flushed $vm)
on "$server" cat "$home/$vm.raw" >"${TMPDIR:-/tmp}/$vm.raw"
check "no record up to $flushed is missing or torn" "$guest_py" verify "${TMPDIR:-/tmp}/$vm.raw" --flushed "$flushed"
rm -f "${TMPDIR:-/tmp}/$vm.raw"
