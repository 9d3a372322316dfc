# A libvirtd that hangs keeps nobody waiting for ever, and no running machine loses its disks to what we do not know.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/vm-lib.sh"
vm=silent33
fresh $vm ${vm}b
hook=/etc/libvirt/hooks/qemu
libvirtd() { on "$first" sh -c "kill -$1 \$(systemctl show -P MainPID libvirtd)"; }
cleanup() {
        libvirtd CONT || true
        on "$first" sh -c "rm -f $hook; systemctl start holdfastd" || true
}
trap cleanup EXIT
# within SECONDS CMD…
within() {
        local begin=$SECONDS
        "${@:2}"
        ((SECONDS - begin <= $1)) || fail "'${*:2}' took $((SECONDS - begin)) s and not $1"
}
check "New-VM" holdfast "$first" "New-VM $vm 64MB -NewVHDPath $vm.raw -NewVHDSizeBytes 16MB -Path $share"

story "a libvirtd that hangs is told, and the service stops all the same"
check "libvirtd is there" on "$first" virsh list
libvirtd STOP
within 45 expect_fail "keepalive" holdfast "$first" Get-VM
within 45 expect_fail "does not answer" holdfast "$first" Get-VM
within 5 expect_fail "does not answer" holdfast "$first" Get-VM
within 25 on "$first" systemctl stop holdfastd
same "how it ended" success "$(on "$first" systemctl show -P Result holdfastd)"
check "it starts" on "$first" systemctl start holdfastd
within 45 expect_fail "does not answer" holdfast "$first" Get-VM
libvirtd CONT
eventually 20 holdfast "$first" Get-VM
same "state" Off "$(state_of "$first" $vm)"

story "libvirtd hangs while it starts a machine: what may run keeps its disks"
on "$first" sh -c "mkdir -p ${hook%/*}; cat >$hook; chmod 755 $hook; systemctl restart libvirtd" <<HOOK
#!/bin/sh
[ "\$1 \$2" = "$vm started" ] || exit 0
libvirtd=\$(pidof libvirtd)
(sleep 60; kill -CONT \$libvirtd) </dev/null >/dev/null 2>&1 &
kill -STOP \$libvirtd
HOOK
eventually 20 holdfast "$first" Get-VM
within 50 expect_fail "it may run" holdfast "$first" "Start-VM $vm"
libvirtd CONT
eventually 40 holdfast "$first" Get-VM
sleep 5
same "state" Running "$(state_of "$first" $vm)"
same "the file's writers" "$first\$" "$(writers "$vm.raw")"
same "the ledger" "$first.lab.test" "$(ledger_host $vm)"
on "$first" rm "$hook"

story "a machine that runs and cannot be read keeps its disks, too"
check "somebody gives it a long description" on "$first" virsh desc --live $vm "$(head -c 3000 /dev/zero | tr '\0' x)"
check "the keeper looks" holdfast "$first" "New-VM ${vm}b 64MB -NoVHD -Path $share"
sleep 3
same "the file's writers" "$first\$" "$(writers "$vm.raw")"
all=$(holdfast "$first" "Get-VM" 2>/tmp/said33) && fail "Get-VM must tell of what cannot be read"
grep -q "\"$vm\".*cannot be read" /tmp/said33 || fail "Get-VM said: $(</tmp/said33)"
[[ $all == *"${vm}b"* ]] || fail "and the other one is missing: $all"
expect_fail "\"$vm\"" holdfast "$first" "Get-VM $vm*"
check "who asks for others hears nothing of it" holdfast "$first" "Get-VM ${vm}b*"
check "and a short one" on "$first" virsh desc --live $vm short
same "state" Running "$(state_of "$first" $vm)"
check "Stop-VM" holdfast "$first" "Stop-VM -TurnOff $vm"
same "the file's writers" "" "$(writers "$vm.raw")"
same "the ledger" "" "$(ledger_host $vm)"
fresh $vm ${vm}b
