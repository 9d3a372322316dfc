# device-lib.sh — for the cases about drives and adapters: a guest that says what it sees, and does what it is told
# shellcheck shell=bash
source "$(dirname "${BASH_SOURCE[0]}")/move-lib.sh"

# tell NODE VM WORDS: a line for the guest, over its serial port; QEMU looks once a second whether anybody is there.
tell() { on "$1" sh -c 'exec 3<>"$(virsh ttyconsole "$1")"; sleep 1.2; printf "%s\n" "$2" >&3; sleep 0.5' sh "$2" "$3"; }

# says NODE VM LINE [SECONDS]: the guest's last line of that kind (its first word, and the device) becomes LINE.
says() {
        eventually "${4:-30}" last_is "$1" "$2" "$3"
        printf '%s\n' "- the guest on $1: $3"
}
last_is() {
        local kind=${3%% *}
        kind=${kind#NO}
        [[ $(on "$1" sh -c "cat /var/log/libvirt/qemu/$2-serial.log | tr -d '\r' | grep -aE '^(NO)?$kind ?' | tail -n 1") == "$3" ]]
}

# iso VM NAME LABEL: an ISO file with that label beside the machine, made over SMB as an administrator would copy it there.
iso() {
        holdfast "$first" "New-VHD '$share\\$1\\$2.raw' -SizeBytes 2MB" >/dev/null
        python3 -c 'import sys
image = bytearray(2 << 20)
image[32768:32775] = b"\x01CD001\x01"
image[32808:32840] = sys.argv[1].encode().ljust(32)
sys.stdout.buffer.write(image)' "$3" | "$lab" exec "$server" -- sh -c "cat >'/srv/vms/$1/$2.raw' && mv '/srv/vms/$1/$2.raw' '/srv/vms/$1/$2.iso'"
}


# medium_idle NODE UNC ID: the DVD drive of the machine with that id has no disk process for that file there.
medium_idle() { on "$1" test ! -e "/run/holdfast/disk/$(printf '%s\n%s' "${2,,}" "$3" | sha256sum | cut -c1-32)"; }

# wired_disk VM ADDRESS: a guest disk on the share, whose guest gives its first card that address.
wired_disk() {
        guest_on "$first" "/var/tmp/$1.raw" devices=1 mode=idle "address=$2"
        holdfast "$first" "Convert-VHD /var/tmp/$1.raw '$share\\$1\\$1.raw'"
        on "$first" rm -f "/var/tmp/$1.raw"
}

switch_of() { holdfast "$1" --json "Get-VMNetworkAdapter $2" | sed -n 's/.*"SwitchName":"\([^"]*\)".*/\1/p'; }
