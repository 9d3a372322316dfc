# Looking writes nothing: the file server itself records what is done to the share while everything that looks is run.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/access-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/move-lib.sh"
vm=audit off=audit-off
trap 'away $vm; fresh $off; recording_off' EXIT

# Every call of smbd's that changes something, and every open, whether it succeeds or not.
changes="mkdirat renameat unlinkat linkat symlinkat mknodat pwrite pwrite_send ftruncate fallocate offload_write_send \
fset_dos_attributes fset_nt_acl fntimes fchmod fchown lchown fsetxattr fremovexattr sys_acl_set_fd sys_acl_delete_def_fd"
recording_on() {
        on "$server" cp /etc/samba/smb.conf /root/smb.conf.unrecorded
        on "$server" bash -c 'sed -i "/^\[vms\]/a vfs objects = full_audit acl_xattr\nfull_audit:prefix = %U\nfull_audit:success = create_file $1\nfull_audit:failure = create_file $1" \
                /etc/samba/smb.conf; smbcontrol all reload-config' _ "$changes"
}
recording_off() {
        on "$server" bash -c '[ ! -e /root/smb.conf.unrecorded ] || mv /root/smb.conf.unrecorded /etc/samba/smb.conf; smbcontrol all reload-config' || true
}
now() { on "$server" journalctl -q -n 0 --show-cursor | sed -n 's/^-- cursor: //p'; }

# recorded CURSOR seen|changed: how many lines since then; changed: those that are no open, and opens that make something or
# ask for a right to change or delete (deleting on close needs that right, too)
recorded() {
        on "$server" journalctl -q -t smbd_audit -o cat --after-cursor "$1" </dev/null | python3 -c '
import sys
CHANGES = 0x1F0156 & ~0x120000 | 0x50000000         # write, append, attributes, delete, list and owner; generic write and all
seen = changed = 0
for line in sys.stdin:
    user, call, result, *rest = line.rstrip("\n").split("|")
    seen += 1
    if call != "create_file" or rest[2] != "open" or int(rest[0], 16) & CHANGES:
        changed += 1
        if changed < 10:
            print(line.strip(), file=sys.stderr)
print(seen if sys.argv[1] == "seen" else changed)' "$2"
}
# looked WHAT COMMAND…: it does not matter what it says, only that the server saw it and nothing was changed
looked() {
        local what=$1 cursor
        shift
        cursor=$(now)
        "$@" >/dev/null 2>&1 </dev/null || true
        sleep 0.2
        seen=$(recorded "$cursor" seen)
        same "$what: changes among $seen calls" 0 "$(recorded "$cursor" changed)"
}
saw() { ((seen > 0)) || fail "the file server recorded nothing: it does not look"; }

story "a file server that records"
fresh $off
recording_on
machine $vm mode=idle
holdfast "$first" "New-VM $off 64MB -NewVHDPath $off.raw -NewVHDSizeBytes 8MB -Path '$share'" >/dev/null
eventually 20 owner "$first" $vm

story "everything that looks"
looked "Compare-VM of a running machine" holdfast "$first" "Compare-VM $vm $second"; saw
looked "Compare-VM of one that is off" holdfast "$first" "Compare-VM $off $second"; saw
looked "Test-VMShare of the whole share, two hosts" holdfast "$first" "Test-VMShare '$share' -ComputerName $first,$second,client"; saw
looked "Test-VMShare of all machines" holdfast "$first" "Get-VM | Test-VMShare -ComputerName $first,$second"; saw
looked "Test-VMShare with an administrator's ticket" on "$first" bash -c \
        'printf "%s\n" "$1" | holdfast --password-stdin "Test-VMShare $2 -Credential Administrator"' _ "$password" "'$share'"; saw
looked "Grant-VMShareAccess -WhatIf" on "$first" bash -c \
        'printf "%s\n" "$1" | holdfast --password-stdin "Grant-VMShareAccess $2 -Credential Administrator -WhatIf"' _ "$password" "'$share\\$vm'"; saw
looked "Get-VHD" holdfast "$first" "Get-VHD '$share\\$off\\Virtual Hard Disks\\$off.raw'"; saw
looked "Get-*" holdfast "$first" "Get-VM; Get-VM $vm | Format-List *; Get-VMHost; Get-VMMigration; Get-VMMigrationNetwork; Get-Command; Get-Help Move-VM"
looked "-WhatIf of what changes" holdfast "$first" "Move-VM $vm $second -WhatIf; Stop-VM $vm -WhatIf; Remove-VM $off -WhatIf; New-VHD '$share\\x.raw' 8MB -WhatIf"

story "everything that looks, where there is something to find"
sddl="D:P(A;;FA;;;$(sid 'Domain Admins'))(A;;0x1200a9;;;$(sid 'Holdfast Hosts'))"
on "$server" samba-tool ntacl set "$sddl" "/srv/vms/$vm/$vm.vm" --service=vms --use-s3fs >/dev/null 2>&1
looked "Compare-VM, which finds it" holdfast "$first" "Compare-VM $vm $second"; saw
[[ $(holdfast "$first" --json "Compare-VM $vm $second") == *'"MessageId":50012'* ]] || fail "there was nothing to find"
looked "Test-VMShare, which finds it" holdfast "$first" "Test-VMShare '$share\\$vm' -ComputerName $first,$second"; saw
on "$server" samba-tool ntacl set "D:NO_ACCESS_CONTROL" "/srv/vms/$vm/$vm.vm" --service=vms --use-s3fs >/dev/null 2>&1 || true
on "$second" systemctl stop holdfastd
looked "with the other host away" holdfast "$first" "Compare-VM $vm $second; Test-VMShare '$share\\$vm' -ComputerName $second"; saw
on "$second" systemctl start holdfastd

story "and what changes something is seen"
changed() {
        local cursor
        cursor=$(now)
        "${@:2}" >/dev/null 2>&1 </dev/null || fail "'${*:2}' gave $?"
        sleep 0.2
        (($(recorded "$cursor" changed 2>/dev/null) > 0)) || fail "$1: the file server did not record it"
        printf '%s\n' "- $1"
}
changed "New-VHD" holdfast "$first" "New-VHD '$share\\$off\\second.raw' -SizeBytes 8MB"
changed "Start-VM" holdfast "$first" "Start-VM $off"
changed "Stop-VM" holdfast "$first" "Stop-VM -TurnOff $off"
changed "Grant-VMShareAccess" on "$first" bash -c 'printf "%s\n" "$1" | holdfast --password-stdin "Grant-VMShareAccess $2 -Credential Administrator"' \
        _ "$password" "'$share\\$vm'"
changed "Remove-VM" holdfast "$first" "Remove-VM -Force $off"
