# move-lib.sh — for the cases about moves: a guest that runs on hv1, and where it and its disk are afterwards
# shellcheck shell=bash disable=SC2034
source "$(dirname "${BASH_SOURCE[0]}")/vm-lib.sh"
lab_dir=$(dirname "$lab")
slow="-MaximumBandwidth 5"      # MiB/s: there is time to break something under way

# away VM: as fresh, also when it is on its way.
away() {
        holdfast "$first" "Stop-VMMigration $1" >/dev/null 2>&1 </dev/null || true
        eventually 20 not_moving "$1"
        fresh "$1"
}
not_moving() { ! holdfast "$first" --json "Get-VMMigration $1 -Running" | grep -q Running; }

# machine VM [GUEST-KEY=VALUE…]: a fresh one runs on $first and its guest has begun to work.
machine() {
        local vm=$1
        shift
        away "$vm"
        guest_on "$first" "/var/tmp/$vm.raw" "$@"
        holdfast "$first" "Convert-VHD /var/tmp/$vm.raw '$share\\$vm\\$vm.raw'"
        on "$first" rm -f "/var/tmp/$vm.raw"
        holdfast "$first" "New-VM $vm -MemoryStartupBytes 256MB -VHDPath '$share\\$vm\\$vm.raw'" >/dev/null
        holdfast "$first" "Start-VM $vm"
        eventually 120 said "$first" "$vm" "UP"
}

disk_id() { on "$1" virsh dumpxml "$2" | sed -n "s|.*/run/holdfast/disk/\([0-9a-f]*\)/nbd.sock.*|\1|p"; }
disk_state() {  # disk_state NODE VM: as its disk process says
        on "$1" varlinkctl call -j "/run/holdfast/disk/$(disk_id "$1" "$2")/control.sock" io.holdfast.Disk.Status '{}' |
                sed -n 's/.*"State":"\([A-Z]*\)".*/\1/p'
}

# lives NODE VM: it runs there, with its disk writable, and nowhere else is anything of it.
lives() {
        local node=$1 vm=$2 other=$second
        [[ $node == "$second" ]] && other=$first
        eventually 20 runs "$node" "$vm"
        same "$vm runs on $node" running "$(on "$node" virsh domstate "$vm" | head -n 1)"
        eventually 20 owner "$node" "$vm"
        same "its disk there" OWNER "$(disk_state "$node" "$vm")"
        eventually 20 nothing_on "$other" "$vm"
        same "the file server's list of writers" "$node\$" "$(writers "$vm/$vm.raw")"
}
runs() { [[ $(on "$1" virsh domstate "$2") == running* ]]; }
owner() { [[ $(disk_state "$1" "$2") == OWNER ]]; }
nothing_on() {
        ! on "$1" virsh domstate "$2" >/dev/null 2>&1 || return 1
        [[ $(on "$1" sh -c 'ls /run/holdfast/move 2>/dev/null | wc -l') == 0 ]]
}

# flushed VM: the last record that the guest called flushed, on whatever host it said so.
flushed() {
        local node number most=0
        for node in "$first" "$second"; do
                number=$(on "$node" sh -c "grep -ah '^F [0-9]' /var/log/libvirt/qemu/$1-serial.log* 2>/dev/null | tail -n 1" | tr -dc 0-9)
                ((${number:-0} > most)) && most=$number
        done
        printf '%s' "$most"
}
goes_on() { local now; now=$(flushed "$1"); (($now > $2)); }
# writes_on VM: within a while more is flushed than before.
writes_on() { eventually 60 goes_on "$1" "$(flushed "$1")"; printf '%s\n' "- the guest goes on writing"; }

# moving VM [OPTIONS]: starts a slow move in the background and waits until its memory flows; its words go to $moved.
moving() {
        moved=$(mktemp)
        holdfast "$first" "Move-VM $1 $second ${2:-$slow}" >"$moved" 2>&1 </dev/null &
        mover=$!
        eventually 60 transfers "$1"
        sleep 1
}
transfers() { holdfast "$first" --json "Get-VMMigration $1 -Running" | grep -q '"Phase":"Transfer"' && runs_paused "$second" "$1"; }
runs_paused() { [[ $(on "$1" virsh domstate "$2") == paused* ]]; }
# ended WORDS: the move in the background failed and said so.
ended() {
        local code=0
        wait "$mover" || code=$?
        ((code != 0)) || fail "the move went through"
        [[ $(<"$moved") == *"$1"* ]] || fail "the move failed, but not with '$1': $(<"$moved")"
        printf '%s\n' "- the move says: $(head -n 1 "$moved")"
        rm -f "$moved"
}

# probe_on NODE…: tests/probe/channel-probe as /root/channel-probe
probe_on() {
        local node here
        here=$(mktemp)
        if [[ ${CHANNEL_PROBE:-} ]]; then cp "$CHANNEL_PROBE" "$here"; else "$lab" tools cat /build/plain/tests/probe/channel-probe >"$here" </dev/null; fi
        for node; do
                "$lab" cp "$here" "$node:/root/channel-probe"
                on "$node" chmod 755 /root/channel-probe
        done
        rm -f "$here"
}
