# A host that cannot hear the former owner takes a disk only as it was when the machine arrived (design §5, rules B, D, E).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/disk-lib.sh"
disk_story

# arrives: the state of things when a machine has just been moved to $two and its first write is parked
arrives() {
        disk "$one" start >/dev/null
        disk "$one" acquire "$1" >/dev/null
        io "$one" 'write -P 21 0 64k' flush >/dev/null
        disk "$two" start >/dev/null
        disk "$two" mark >/dev/null
        parked=$(mktemp)
        io "$two" 'write -P 22 0 64k' flush >"$parked" 2>&1 </dev/null &
        writer=$!
        eventually 10 is "$two" wanted 1
}
refused_as_older() { [[ $(disk "$two" acquire-unchanged "$1" 2>&1) == *"is older than the disk"* ]]; }
first_byte() { on "$server" head -c 1 "$file" | od -An -tu1 | tr -d ' '; }
ends() { on "$one" systemctl kill --signal=KILL --kill-whom=all "holdfast-disk@$(disk "$one" id).service"; }

story "the former owner dies without another write: the disk is taken over"
arrives 100
expect_fail "another host or program has" disk "$two" acquire-unchanged 101
check "$one's disk process dies" ends
eventually 30 disk "$two" acquire-unchanged 101
wait "$writer" || fail "the parked write failed: $(<"$parked")"
same "first byte" 22 "$(first_byte)"
disk "$two" stop >/dev/null
disk "$one" stop >/dev/null

story "the former owner went on writing and died then: what waits here is older than the disk"
arrives 200
sleep 1
check "$one goes on" io "$one" 'write -P 23 0 64k' flush
check "$one's disk process dies" ends
eventually 30 refused_as_older 201
expect_fail "is older than the disk" disk "$two" acquire-unchanged 201
same "$two is" READER "$(field "$two" state)"
kill -0 "$writer" 2>/dev/null || fail "the parked write ended: $(<"$parked")"
same "writers on the server" "" "$(writers)"
same "first byte" 23 "$(first_byte)"

story "a disk that was never marked is not taken so at all"
disk "$two" stop >/dev/null
wait "$writer" || true
disk "$two" start >/dev/null
expect_fail "nobody knows" disk "$two" acquire-unchanged 202
check "but on purpose" disk "$two" acquire 203
