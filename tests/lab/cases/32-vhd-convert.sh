# Disks go to the share and come back, in every format, with the same content.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/vm-lib.sh"
folder=vhd32
on "$server" rm -rf "/srv/vms/$folder"
on "$first" sh -c 'rm -rf /var/tmp/vhd32; mkdir /var/tmp/vhd32; cd /var/tmp/vhd32
        truncate -s 24M a.raw; dd if=/dev/urandom of=a.raw bs=64k count=20 seek=100 conv=notrunc status=none
        qemu-img convert -f raw -O qcow2 a.raw a.qcow2
        qemu-img convert -f raw -O vpc -o force_size=on a.raw a.vhd
        qemu-img convert -f raw -O vpc a.raw dynamic.vhd
        qemu-img convert -f raw -O vhdx a.raw a.vhdx
        qemu-img create -q -f qcow2 -b /etc/shadow -F raw stolen.qcow2 1M'
wanted=$(on "$first" sha256sum /var/tmp/vhd32/a.raw | cut -d' ' -f1)

story "there and back"
for format in raw qcow2 vhd vhdx; do
        check "a.$format to the share" holdfast "$first" "Convert-VHD /var/tmp/vhd32/a.$format $share\\$folder\\$format.raw"
        same "its content" "$wanted" \
                "$(on "$server" sha256sum "/srv/vms/$folder/$format.raw" | cut -d' ' -f1)"
        check "and back" holdfast "$first" \
                "Convert-VHD $share\\$folder\\$format.raw /var/tmp/vhd32/b.$format"
        check "the same content" on "$first" qemu-img compare -q "/var/tmp/vhd32/b.$format" /var/tmp/vhd32/a.raw
done
check "share to share" holdfast "$first" \
        "Convert-VHD $share\\$folder\\raw.raw $share\\$folder\\copy.raw -DeleteSource"
same "its content" "$wanted" "$(on "$server" sha256sum "/srv/vms/$folder/copy.raw" | cut -d' ' -f1)"
check "the source is gone" on "$server" test ! -e "/srv/vms/$folder/raw.raw"

story "New-VHD and Get-VHD"
check "New-VHD" holdfast "$first" "New-VHD $share\\$folder\\new.raw -SizeBytes 1GB"
output=$(holdfast "$first" --json "Get-VHD $share\\$folder\\new.raw")
[[ $output == *'"Size":1073741824'* && $output == *'"VhdFormat":"RAW"'* ]] || fail "Get-VHD said: $output"
used=$(($(on "$server" stat -c %b "/srv/vms/$folder/new.raw") * 512))
((used < 1048576)) || fail "a new disk takes $used bytes"
expect_fail "exists already" holdfast "$first" "New-VHD $share\\$folder\\new.raw -SizeBytes 1GB"
expect_fail "1 MB to 64 TB" holdfast "$first" "New-VHD $share\\$folder\\tiny.raw -SizeBytes 1000"

story "refusals leave nothing behind"
expect_fail "refers to another file" holdfast "$first" \
        "Convert-VHD /var/tmp/vhd32/stolen.qcow2 $share\\$folder\\stolen.raw"
on "$first" cp /var/tmp/vhd32/a.raw /var/tmp/vhd32/lies.qcow2
expect_fail "cannot be read as a QCOW2 file" holdfast "$first" \
        "Convert-VHD /var/tmp/vhd32/lies.qcow2 $share\\$folder\\x.raw"
expect_fail "exists already" holdfast "$first" "Convert-VHD $share\\$folder\\copy.raw /var/tmp/vhd32/a.raw"
expect_fail "by its extension" holdfast "$first" "Convert-VHD /etc/hostname $share\\$folder\\x.raw"
same "on the share" "copy.raw new.raw qcow2.raw vhd.raw vhdx.raw" \
        "$(on "$server" ls "/srv/vms/$folder" | tr '\n' ' ' | sed 's/ $//')"
check "no disk process is left" idle "$first" "$share\\$folder\\x.raw"

story "a differencing VHD is not taken for a whole disk"
on "$first" sh -c 'cd /var/tmp/vhd32; cp dynamic.vhd part.vhd; printf "\\004" | dd of=part.vhd bs=1 seek=63 conv=notrunc status=none'
expect_fail "only a part of a disk" holdfast "$first" "Convert-VHD /var/tmp/vhd32/part.vhd $share\\$folder\\part.raw"

story "a copy that the file server lost is no copy, and the source stays"
# qemu-img as it is, but it ends only when the test says so: meanwhile the server process that has the data dies
on "$first" sh -c 'mv /usr/bin/qemu-img /usr/bin/qemu-img.real; cat >/usr/bin/qemu-img; chmod 755 /usr/bin/qemu-img' <<'WRAPPER'
#!/bin/sh
/usr/bin/qemu-img.real "$@" || exit
[ "$1" = convert ] || exit 0
touch /run/copied32
for _ in $(seq 100); do test -e /run/end32 && break; sleep 0.2; done
exit 0
WRAPPER
trap 'on "$first" sh -c "mv /usr/bin/qemu-img.real /usr/bin/qemu-img; rm -f /run/copied32 /run/end32"' EXIT
answer=$(mktemp)
holdfast "$first" "Convert-VHD /var/tmp/vhd32/a.raw $share\\$folder\\lost.raw -DeleteSource" >"$answer" 2>&1 </dev/null &
converter=$!
eventually 30 on "$first" test -e /run/copied32
on "$server" kill -9 "$(on "$server" smbstatus -L 2>/dev/null | awk '/lost.raw/ && $5 == "RDWR" { print $1; exit }')"
sleep 3
on "$first" touch /run/end32
if wait "$converter"; then fail "it says that all is well: $(<"$answer")"; fi
grep -q "does not confirm" "$answer" || fail "it was refused otherwise: $(<"$answer")"
check "the source is still there" on "$first" test -e /var/tmp/vhd32/a.raw
on "$first" sh -c "mv /usr/bin/qemu-img.real /usr/bin/qemu-img; rm -f /run/copied32 /run/end32"
trap - EXIT

story "a caller that goes away takes its half copy with it"
on "$first" sh -c 'cd /var/tmp/vhd32; truncate -s 2G big.raw; dd if=/dev/urandom of=big.raw bs=1M count=300 conv=notrunc status=none'
on "$first" timeout -s INT 1 holdfast "Convert-VHD /var/tmp/vhd32/big.raw $share\\$folder\\big.raw" || true
eventually 20 on "$server" test ! -e "/srv/vms/$folder/big.raw"
eventually 10 idle "$first" "$share\\$folder\\big.raw"
on "$first" rm -rf /var/tmp/vhd32
on "$server" rm -rf "/srv/vms/$folder"
