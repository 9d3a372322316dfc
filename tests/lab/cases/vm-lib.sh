# vm-lib.sh — for the cases about machines: two hosts, a folder of the case's own, and what the file server says.
# shellcheck shell=bash disable=SC2034
first=${LAB_VM_FIRST:-hv1} second=${LAB_VM_SECOND:-hv2} server=${LAB_VM_SERVER:-fs1}
share="\\\\$server.lab.test\\vms"

# fresh NAME…: nothing of an earlier run is on the hosts or on the share.
fresh() {
        local vm node
        for vm; do
                for node in "$first" "$second"; do
                        holdfast "$node" "Stop-VM -TurnOff $vm" >/dev/null 2>&1 || true
                        holdfast "$node" "Remove-VM -Force $vm" >/dev/null 2>&1 || true
                        on "$node" sh -c "rm -f /var/log/libvirt/qemu/$vm-serial.log*"
                done
                on "$server" rm -rf "/srv/vms/$vm"
        done
}

state_of() { holdfast "$1" --json "Get-VM $2" | sed -n 's/.*"State":"\([A-Za-z]*\)".*/\1/p'; }

# writers FILE: the computer accounts that have it open for writing, by the file server's own list.
writers() {
        local uid
        on "$server" smbstatus -L 2>/dev/null </dev/null |
                awk -v f="$1" 'index($0, f) && ($5 == "RDWR" || $5 == "WRONLY") { print $2 }' |
                while read -r uid; do on "$server" id -nu "$uid" </dev/null | sed 's/.*\\//'; done
}

ledger_host() { on "$server" cat "/srv/vms/$1/owner.json" | sed -n 's/.*"Host":"\([^"]*\)".*/\1/p'; }

# said NODE VM WORD: the guest printed a line that begins so.
said() { on "$1" sh -c "grep -qa '^$3' /var/log/libvirt/qemu/$2-serial.log*"; }

# idle NODE UNC: no disk process of that file runs there.
idle() { on "$1" test ! -e "/run/holdfast/disk/$(printf %s "${2,,}" | sha256sum | cut -c1-32)"; }
