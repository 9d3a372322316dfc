# One disk, two hosts: who may write is decided by the file server, and is handed over on purpose only.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/disk-lib.sh"
disk_story
token=6f1c7a52-2a55-4be4-9a0e-0c8b9d3e4f10 other=00000000-0000-4000-8000-000000000000

story "both hosts read; a write waits for ownership, and no time makes it go"
check "$one starts it" disk "$one" start
check "$two starts it" disk "$two" start
same "nobody writes" "" "$(writers)"
expect_fail "is open on this host already" disk "$one" start
parked=$(mktemp)
io "$one" 'write -P 17 0 64k' flush >"$parked" 2>&1 </dev/null &
writer=$!
eventually 10 is "$one" wanted 1
sleep 3
kill -0 "$writer" 2>/dev/null || fail "the parked write ended: $(<"$parked")"
same "parked" 1 "$(field "$one" parked)"
same "bytes on the disk" 0 "$(on "$server" head -c 65536 "$file" | tr -d '\0' | wc -c)"
check "$one acquires" disk "$one" acquire 100
wait "$writer" || fail "the parked write failed: $(<"$parked")"
rm -f "$parked"
same "bytes on the disk" 65536 "$(on "$server" head -c 65536 "$file" | tr -dc '\021' | wc -c)"
same "writers on the server" DENY_WRITE "$(writers)"
same "sealed, durable" "1 1" "$(field "$one" sealed) $(field "$one" durable)"

story "a second writer is refused by the file server"
expect_fail "another host or program has" disk "$two" acquire 101
same "$two is" READER "$(field "$two" state)"
administrator=(on client smbclient "//$server.lab.test/vms" -U 'LAB\Administrator%Passw0rd.lab' -c)
expect_fail NT_STATUS_SHARING_VIOLATION "${administrator[@]}" "put /etc/hostname $folder\\disk.raw"
said=$("${administrator[@]}" "rm $folder\\disk.raw" 2>&1 </dev/null) || true   # it exits with 0 either way
same "deleting it" "NT_STATUS_SHARING_VIOLATION deleting remote file \\$folder\\disk.raw" "$said"
sleep 6         # it asks for all of the lease again meanwhile
same "and shares the file with a reader" "LEASE(RH)" "$(lease)"
check "$two stops reading" disk "$two" stop
eventually 15 leased RWH
begin=${EPOCHREALTIME/./}
check "a reader is let in" "${administrator[@]}" "get $folder\\disk.raw /dev/null"
((${EPOCHREALTIME/./} - begin < 5000000)) || fail "the reader had to wait"
same "the server was told that it is not alone" "LEASE(RH)" "$(lease)"
same "$one is" OWNER "$(field "$one" state)"
check "$one writes on" io "$one" 'write -P 18 1M 1M' flush 'read -P 18 1M 1M'
eventually 15 is "$one" durable 1
eventually 15 leased RWH
check "$two reads again" disk "$two" start

story "it is given to nobody without the migration's token"
expect_fail "a disk in state OWNER cannot be given" disk "$one" give $token 101
check "arm" disk "$one" arm $token
expect_fail "armed for another migration" disk "$one" give $other 101
expect_fail "armed for another migration" disk "$one" disarm $other
expect_fail "is not above 100" disk "$one" give $token 100
expect_fail "another host or program has" disk "$two" acquire 101
check "disarm" disk "$one" disarm $token

story "a reader who breaks the lease is nobody who asks for the disk"
check "$two stops reading" disk "$two" stop
eventually 15 leased RWH
check "arm" disk "$one" arm $token
said=$("${administrator[@]}" "rm $folder\\disk.raw" 2>&1 </dev/null) || true
same "deleting it" "NT_STATUS_SHARING_VIOLATION deleting remote file \\$folder\\disk.raw" "$said"
eventually 3 is "$one" durable 1        # at once, not with the next keep-alive
eventually 3 leased RWH
check "release" disk "$one" release $token
check "a reader is let in" "${administrator[@]}" "get $folder\\disk.raw /dev/null"
same "$one has it and is released" "DENY_WRITE LEASE(RH) ARMED" "$(writers) $(lease) $(field "$one" state)"
check "disarm" disk "$one" disarm $token
check "$two reads again" disk "$two" start
check "arm again" disk "$one" arm $token

story "handing over moves no byte"
before=$(on "$server" bash -c "sha256sum <$file; stat -c '%i %b' $file")
check "release" disk "$one" release $token
written=$(on "$one" /root/disk-probe disk status "$unc" | sed 's/.* written=\([0-9]*\).*/\1/')
check "give" disk "$one" give $token 101
same "writers on the server" "" "$(writers)"
expect_fail "Input/output error" io "$one" 'write -P 19 0 4k'
expect_fail "Input/output error" io "$one" 'read 0 4k'
check "$two acquires" disk "$two" acquire 101
same "bytes written by the hand-over" "$written 0" "$(field "$one" written) $(field "$two" written)"
same "the file" "$before" "$(on "$server" bash -c "sha256sum <$file; stat -c '%i %b' $file")"
same "writers on the server" DENY_WRITE "$(writers)"
check "asked again, given is given" disk "$one" give $token 101
check "what one wrote two reads" io "$two" 'read -P 17 0 64k' 'read -P 18 1M 1M' 'write -P 20 2M 1M' flush

story "who gave does not take back by itself, nor while the other has it"
expect_fail "a disk in state GIVEN cannot be acquired" disk "$one" acquire 102
expect_fail "a disk in state GIVEN cannot be disarmed" disk "$one" disarm $token
expect_fail "is not above 101" disk "$one" take-back $token 101
expect_fail "another host or program has" disk "$one" take-back $token 102
same "$one is" GIVEN "$(field "$one" state)"
check "$two lets go" disk "$two" stop
check "$one takes back when it is told to" disk "$one" take-back $token 102
same "$one is" OWNER "$(field "$one" state)"

story "the lease break is the second doorbell, and rings only for who is released"
check "$two reads again" disk "$two" start
check "arm" disk "$one" arm $token
expect_fail "another host or program has" disk "$two" acquire 103
same "$one is" ARMED "$(field "$one" state)"
check "release" disk "$one" release $token
check "$two acquires, and the server asks $one" disk "$two" acquire 103
same "$one is" GIVEN "$(field "$one" state)"
same "$two is" OWNER "$(field "$two" state)"

story "zeroes, holes and extents"
check "write, zero, trim" io "$two" 'write -P 21 8M 4M' 'write -z -u 9M 1M' 'discard 10M 1M' flush 'read -P 21 8M 1M' \
        'read -P 0 9M 1M' 'read -P 21 11M 1M'
# shellcheck disable=SC2016
same "a hole where it was zeroed" "true" "$(on "$two" qemu-img map -f raw --output=json "$(disk "$two" uri)" |
        python3 -c 'import json, sys; print(str(any(e["zero"] and not e["data"] and e["start"] <= 9 << 20 < e["start"] + e["length"] for e in json.load(sys.stdin))).lower())')"
