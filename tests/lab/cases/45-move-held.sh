# A disk that is somebody else's, a file server that is too old, a host that nobody knows: no move begins.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/move-lib.sh"
vm=move-held
mend() {
        on "$server" sh -c 'rm -f /etc/samba/lab-old.conf; sed -i "/lab-old/d" /etc/samba/smb.conf; smbcontrol all reload-config' || true
        on dc1 samba-tool dns delete dc1.lab.test lab.test stranger A 10.77.0.250 -U 'Administrator%Passw0rd.lab' >/dev/null 2>&1 || true
        away $vm
}
trap mend EXIT
machine $vm mode=write
move() { holdfast "$first" "Move-VM $vm $1"; }
unchanged() { lives "$first" $vm >/dev/null || fail "something changed"; }

story "a host that is in DNS and not in the domain"
on dc1 samba-tool dns add dc1.lab.test lab.test stranger A 10.77.0.250 -U 'Administrator%Passw0rd.lab' >/dev/null
expect_fail "stranger" move stranger
unchanged

story "while it runs its disk is refused to every second writer, by the file server itself"
holdfast "$second" "Import-VM '$share\\$vm\\$vm.vm'"
expect_fail "$first.lab.test" holdfast "$second" "Start-VM $vm"
holdfast "$second" "Remove-VM $vm -Force" 2>/dev/null
expect_fail NT_STATUS_SHARING_VIOLATION on client smbclient "//$server.lab.test/vms" -U 'LAB\Administrator%Passw0rd.lab' \
        -c "put /etc/hostname $vm\\$vm.raw"
unchanged

story "a file server that speaks SMB 2.1 only"
on "$server" sh -c 'printf "server min protocol = SMB2_10\nserver max protocol = SMB2_10\n" >/etc/samba/lab-old.conf
        sed -i "s|^\[global\]|&\n\tinclude = /etc/samba/lab-old.conf|" /etc/samba/smb.conf
        smbcontrol smbd reload-config'
sleep 1
expect_fail "enable SMB 3" move "$second"
on "$server" sh -c 'rm -f /etc/samba/lab-old.conf; sed -i "/lab-old/d" /etc/samba/smb.conf; smbcontrol smbd reload-config'
sleep 1
unchanged

story "its handle is taken away on the server: the guest stops, and no move begins with a disk that is not ours"
pid=$(on "$server" sh -c "smbstatus -L 2>/dev/null | awk -v f=$vm/$vm.raw 'index(\$0, f) && \$5 == \"RDWR\" { print \$1 }'")
on "$server" kill -KILL "$pid"
lost() { [[ $(disk_state "$first" $vm) == LOST ]]; }
eventually 60 lost
expect_fail "PausedCritical" move "$second"
eventually 20 nothing_on "$second" $vm
same "its disk" LOST "$(disk_state "$first" $vm)"
check "turned off" holdfast "$first" "Stop-VM $vm -TurnOff"
check "and started" holdfast "$first" "Start-VM $vm"
unchanged
