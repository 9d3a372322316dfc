# What NBD clients that others wrote say to a disk process: libnbd, QEMU and fio; and a client that dies.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/disk-lib.sh"
disk_story
nbd=$(mktemp -d)
trap 'on client bash -c "kill \$(cat /root/nbd/pid); rm -rf /root/nbd" >/dev/null 2>&1 </dev/null || true; rm -rf "$nbd"; disk_end' EXIT
uri='nbd+unix:///?socket=/root/nbd/nbd.sock'

story "a workstation with the tools serves the disk, as $one"
if [[ ${DISK_PROCESS:-} ]]; then cp "$DISK_PROCESS" "$nbd/holdfast-disk"; else
        "$lab" tools cat /build/plain/smb/disk/holdfast-disk >"$nbd/holdfast-disk" </dev/null
fi
on client mkdir -p /root/nbd
"$lab" cp "$nbd/holdfast-disk" client:/root/nbd/holdfast-disk
"$lab" cp "$one:/etc/krb5.keytab" client:/root/nbd/keytab
on client bash -ec '
        cd /root/nbd
        chmod 755 holdfast-disk; chmod 600 keytab
        kinit -c FILE:/root/nbd/cc -k -t keytab "${2^^}\$@LAB.TEST"
        ./holdfast-disk nbd-socket=/root/nbd/nbd.sock acquire=1 ccache=FILE:/root/nbd/cc unc="$1" </dev/null >log 2>&1 &
        echo $! >pid
        for i in $(seq 100); do [ -S nbd.sock ] && exit; sleep 0.1; done; cat log; exit 1' _ "$unc" "$one"
same "the socket is for the group, too" 660 "$(on client stat -c %a /root/nbd/nbd.sock)"

story "it says what it can"
on client nbdinfo --json "$uri" >"$nbd/info"
for word in '"export-size": 33554432' '"can_multi_conn": true' '"can_fua": true' '"can_zero": true' '"can_fast_zero": true' \
        '"can_trim": true' '"can_flush": true' '"is_read_only": false' '"base:allocation"' '"block_size_maximum": 33554432'; do
        grep -qF -- "$word" "$nbd/info" || fail "nbdinfo does not say $word: $(<"$nbd/info")"
done
check "the list has one export" on client nbdinfo --list "$uri"
same "an empty disk is one hole" "0 33554432 3 hole,zero" "$(on client nbdinfo --map "$uri" | xargs)"

story "copies are the same, both ways and over several connections"
on client bash -c 'head -c 8M /dev/urandom >/root/nbd/a; truncate -s 16M /root/nbd/a; head -c 8M /dev/urandom >>/root/nbd/a; truncate -s 32M /root/nbd/a'
check "nbdcopy there" on client nbdcopy --flush /root/nbd/a "$uri"
same "on the server" "$(on client sha256sum /root/nbd/a | cut -d' ' -f1)" "$(on "$server" sha256sum "$file" | cut -d' ' -f1)"
same "holes stayed holes" "0 8388608 0 data 8388608 8388608 3 hole,zero 16777216 8388608 0 data 25165824 8388608 3 hole,zero" \
        "$(on client nbdinfo --map "$uri" | xargs)"
check "nbdcopy back, by single replies" on client nbdcopy --request-size=4194304 "$uri" /root/nbd/b
check "the same" on client cmp /root/nbd/a /root/nbd/b
on client qemu-img create -q -f qcow2 -b /root/nbd/a -F raw /root/nbd/a.qcow2
check "qemu-img there" on client qemu-img convert -n -f qcow2 -O raw -m 16 -W /root/nbd/a.qcow2 "$uri"
check "qemu-img compares" on client qemu-img compare -f raw -F raw /root/nbd/a "$uri"

story "zeroes, holes and refusals"
qemu() { local line words=(); for line; do words+=(-c "$line"); done; on client qemu-io -f raw "${words[@]}" "$uri"; }
check "zeroes with and without holes" qemu 'write -z 0 1M' 'write -z -u 1M 1M' 'read -P 0 0 2M' 'read 2M 1M'
check "discard" qemu 'discard 2M 1M' 'flush'
check "write through" qemu 'write -f -P 7 3M 64k' 'read -P 7 3M 64k' 'write -P 8 3141592 1000' 'read -P 8 3141592 1000'
same "a hole only where one may be" "data hole" "$(on client nbdinfo --map "$uri" | awk '$1 == 0 { a = $NF } $1 == 1048576 { b = $NF } END { print a, b }' | sed s/hole,zero/hole/)"
expect_fail "" qemu 'read 32M 512'
same "what QEMU sees of it" "holes 3" "$(on client qemu-img map --output=json -f raw "$uri" | grep -c '"zero": true' | sed 's/^/holes /')"

story "what was written at depth 16, by two at once, is read again"
check "fio verifies" on client fio --name=x --ioengine=nbd --uri="$uri" --rw=randwrite --bsrange=512-64k --size=16M --offset_increment=16M \
        --numjobs=2 --iodepth=16 --verify=crc32c --do_verify=1 --verify_fatal=1 --randrepeat=0 --output=/dev/null
check "it has not complained" on client bash -c '! grep . /root/nbd/log'
on client bash -c 'kill $(cat /root/nbd/pid); tail --pid=$(cat /root/nbd/pid) -f /dev/null'
same "nobody writes any more" "" "$(writers)"

story "a client that dies takes its parked write with it"
on "$server" truncate -s 0 "$file"
on "$server" truncate -s "$size" "$file"
check "$one starts it" disk "$one" start
# shellcheck disable=SC2016
on "$one" bash -c 'qemu-io -f raw -c "write -P 17 0 64k" "$1" >/dev/null 2>&1 & echo $!' _ "$(disk "$one" uri)" >"$nbd/pid" </dev/null
eventually 10 is "$one" wanted 1
on "$one" kill -9 "$(<"$nbd/pid")"
eventually 10 is "$one" wanted 0
check "$one acquires" disk "$one" acquire 100
check "another client writes" io "$one" 'write -P 18 1M 64k' flush
same "of the dead one's write" 0 "$(on "$server" head -c 65536 "$file" | tr -d '\0' | wc -c)"
same "of the other's" 65536 "$(on "$server" tail -c +1048577 "$file" | head -c 65536 | tr -dc '\022' | wc -c)"
