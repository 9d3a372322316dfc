# Every bad input is refused before anything changes, in a sentence that names the object and the next step.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/move-lib.sh"
vm=move-refused
mend() {
        on "$second" sh -c '[ ! -e /etc/krb5.keytab.away ] || mv /etc/krb5.keytab.away /etc/krb5.keytab'
        on "$first" sh -c '[ ! -e /etc/krb5.keytab.away ] || { mv /etc/krb5.keytab.away /etc/krb5.keytab; systemctl restart holdfastd; }'
        on dc1 samba-tool group addmembers "Holdfast Hosts" "${second^^}\$" >/dev/null 2>&1 || true
}
trap 'mend; away $vm' EXIT
machine $vm mode=write
move() { holdfast "$first" "Move-VM $vm $1"; }
unchanged() { lives "$first" $vm >/dev/null || fail "something changed"; }

story "wrong destinations"
expect_fail "there is no host hv99" move hv99
expect_fail "not in the group 'Holdfast Hosts'" move fs1
expect_fail "is on $first.lab.test already" move "$first"
expect_fail "unable to find a virtual machine with name \"nobody\"" holdfast "$first" "Move-VM nobody $second"
expect_fail "IncludeStorage" holdfast "$first" "Move-VM $vm $second -IncludeStorage"
unchanged

story "a host without its keytab"
on "$second" mv /etc/krb5.keytab /etc/krb5.keytab.away
expect_fail "Add-Computer" move "$second"
on "$second" mv /etc/krb5.keytab.away /etc/krb5.keytab
unchanged
on "$first" mv /etc/krb5.keytab /etc/krb5.keytab.away
on "$first" systemctl restart holdfastd
expect_fail "Add-Computer" move "$second"
on "$first" mv /etc/krb5.keytab.away /etc/krb5.keytab
on "$first" systemctl restart holdfastd
eventually 20 on "$first" sh -c 'ss -ltn | grep -q :6600'
unchanged

story "a host outside the fabric group"
on dc1 samba-tool group removemembers "Holdfast Hosts" "${second^^}\$" >/dev/null
on "$first" systemctl restart holdfastd         # forgets what the directory said a moment ago
eventually 20 on "$first" sh -c 'ss -ltn | grep -q :6600'
expect_fail "${second^^}\$ is not in the group" move "$second"
on dc1 samba-tool group addmembers "Holdfast Hosts" "${second^^}\$" >/dev/null
unchanged

story "a share that refuses one host"
file=/srv/vms/$vm/$vm.raw
on fs1 bash -ec '
        getfacl -p "$1" >/tmp/refused.acl
        getfattr -d -m security.NTACL -e hex --absolute-names "$1" >/tmp/refused.nt
        setfattr -x security.NTACL "$1" 2>/dev/null || true
        setfacl -m "u:$(id -u "LAB\\$2"):---" "$1"' _ "$file" "${second^^}\$"
report=$(holdfast "$first" --json "Compare-VM $vm $second")
[[ $report == *"$second.lab.test"*"$vm.raw"* && $report == *'"MessageId":5001'* ]] || fail "Compare-VM does not say it: $report"
expect_fail "$second.lab.test" move "$second"
on fs1 bash -ec 'setfacl --restore=/tmp/refused.acl; setfattr --restore=/tmp/refused.nt'
unchanged

story "a file that only the machine's own host may not use: what the other one has opened by then is given up"
no_disk_on() { [[ $(on "$1" sh -c 'ls /run/holdfast/disk 2>/dev/null | wc -l') == 0 ]]; }
entry() {
        on fs1 env PASSWD=Passw0rd.lab smbcacls -U Administrator //fs1.lab.test/vms "$vm/$vm.vm" "--$1" \
                "ACL:LAB\\${first^^}\$:DENIED/0x0/FULL" >/dev/null </dev/null
}
entry add
expect_fail "$first.lab.test lacks" move "$second"
eventually 20 no_disk_on "$second"
entry delete
unchanged

story "what is attached from this host, by its name"
on "$first" sh -c 'truncate -s 1M /var/lib/libvirt/images/local.img'
on "$first" virsh attach-disk $vm /var/lib/libvirt/images/local.img vdz --live >/dev/null
report=$(holdfast "$first" --json "Compare-VM $vm $second")
[[ $report == *'"MessageId":50011'*"/var/lib/libvirt/images/local.img"* ]] || fail "Compare-VM does not say it: $report"
expect_fail "cannot be moved while a file or device that is not on an SMB share is attached to it" move "$second"
on "$first" virsh detach-disk $vm vdz --live >/dev/null
on "$first" rm -f /var/lib/libvirt/images/local.img
unchanged

story "and with everything mended it moves"
check "Compare-VM finds nothing" grep -q '"Incompatibilities":\[\]' <(holdfast "$first" --json "Compare-VM $vm $second")
holdfast "$first" "Compare-VM $vm $second | Compare-VM | Move-VM"
lives "$second" $vm
