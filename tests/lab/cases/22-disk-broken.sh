# What becomes of a disk when its process, its connection, its server or its permissions break.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/disk-lib.sh"
disk_story
id=$(disk "$one" id)
smbd_of_writer() { on "$server" smbstatus -L 2>/dev/null | awk -v name="$folder/disk.raw" 'index($0, name) && $5 == "RDWR" { print $1; exit }'; }
port_of_disk() {
        on "$one" bash -c "ss -Htnp | sed -n 's/.* [0-9.]*:\([0-9]*\) *[0-9.]*:445 .*pid='\$(systemctl show -P MainPID holdfast-disk@$id)',.*/\1/p'"
}

story "a disk that cannot be had is refused when it is started, in one sentence"
expect_fail "it does not exist" on "$one" /root/disk-probe disk start "$share\\$folder\\none.raw"
expect_fail "the file server has no share of this name" on "$one" /root/disk-probe disk start "\\\\$server.lab.test\\none\\a.raw"
expect_fail "does not resolve" on "$one" /root/disk-probe disk start '\\nowhere.lab.test\vms\a.raw'
expect_fail "use a host name" on "$one" /root/disk-probe disk start '\\10.0.0.1\vms\a.raw'
on "$server" bash -c "touch /srv/vms/$folder/closed.raw && chmod 0 /srv/vms/$folder/closed.raw"
expect_fail "denies access to this host's computer account" on "$one" /root/disk-probe disk start "$share\\$folder\\closed.raw"
same "processes left behind" 0 "$(on "$one" systemctl list-units --plain --no-legend 'holdfast-disk@*' | grep -c "$folder" || true)"

story "the process runs with nothing but what it needs"
check "start" disk "$one" start
check "acquire" disk "$one" acquire 1
pid=$(on "$one" systemctl show -P MainPID "holdfast-disk@$id")
same "user" holdfast-disk "$(on "$one" ps -o user:20= -p "$pid" | xargs)"
same "capabilities, no new privileges, filter" "0000000000000000 1 2" \
        "$(on "$one" awk '/^(CapEff|NoNewPrivs|Seccomp):/ { printf "%s%s", n++ ? " " : "", $2 }' "/proc/$pid/status" |
                awk '{ print $1, $2, $3 }')"
same "sockets" "660 kvm 600 holdfast-disk" \
        "$(on "$one" stat -c '%a %G' "/run/holdfast/disk/$id/nbd.sock") $(on "$one" stat -c '%a %U' "/run/holdfast/disk/$id/control.sock")"
expect_fail "" on "$one" runuser -u nobody -- varlinkctl call "/run/holdfast/disk/$id/control.sock" io.holdfast.Disk.Status '{}'

story "a broken connection is mended under the guest: nothing is lost, nobody gets in between"
log=$(mktemp)
(for i in {1..24}; do io "$one" "write -P $i ${i}M 1M" flush || exit 1; done) >"$log" 2>&1 </dev/null &
writer=$!
broken=0
for _ in 1 2 3; do
        sleep 0.7
        port=$(port_of_disk)
        [[ ! $port ]] || ! on "$one" ss -K sport = "$port" 2>/dev/null </dev/null | grep -q ESTAB || broken=$((broken + 1))
done
wait "$writer" || fail "a write failed: $(<"$log")"
rm -f "$log"
if ((broken > 0)); then
        for i in 1 8 16 24; do check "block $i" io "$one" "read -P $i ${i}M 1M"; done
        same "$one is" OWNER "$(field "$one" state)"
        same "writers on the server" DENY_WRITE "$(writers)"
else
        story "(this kernel does not close connections of others: not tried)"
fi

story "a connection that only one side knows to be broken"
port=$(port_of_disk)
silence() { on "$one" iptables "$1" OUTPUT -p tcp --sport "$port" -j DROP && on "$one" iptables "$1" INPUT -p tcp --dport "$port" -j DROP; }
if ((broken > 0)) && silence -A 2>/dev/null; then
        on "$one" ss -K sport = "$port" >/dev/null 2>&1 </dev/null
        elsewhere() { is "$one" connected 1 && [[ $(port_of_disk) != "$port" ]]; }
        eventually 10 elsewhere
        silence -D
        same "$one is" OWNER "$(field "$one" state)"
        check "and writes" io "$one" 'write -P 33 0 64k' flush 'read -P 33 0 64k'
else
        story "(cannot be made here: not tried)"
fi

story "a server that has lost the handle: LOST, and nothing is re-opened by itself"
on "$server" kill -9 "$(smbd_of_writer)"
eventually 30 is "$one" state LOST
expect_fail "Input/output error" io "$one" 'write -P 34 0 64k'
expect_fail "Input/output error" io "$one" 'read 0 64k'
same "writers on the server" "" "$(writers)"
expect_fail "a disk in state LOST cannot be acquired" disk "$one" acquire 2
expect_fail "not armed for any migration" disk "$one" take-back t 3
[[ $(disk "$one" status) == *"has dropped this host's handle"*"turn the VM off and start it again"* ]] || fail "no reason"
check "stop" disk "$one" stop
check "start" disk "$one" start
check "acquire" disk "$one" acquire 2

story "a killed disk process leaves the file to others, and does not come back by itself"
check "$two reads" disk "$two" start
on "$one" systemctl kill -s KILL "holdfast-disk@$id"
sleep 1
[[ $(on "$one" systemctl is-active "holdfast-disk@$id" || true) != active ]] || fail "it runs again"
expect_fail "is not open on this host" disk "$one" status
check "$two acquires" disk "$two" acquire 3
check "$two writes" io "$two" 'write -P 35 0 64k' flush
check "$one can start again, as a reader" disk "$one" start
expect_fail "another host or program has" disk "$one" acquire 4

story "a parked write does not hold up the end"
io "$one" 'write 0 4k' >/dev/null 2>&1 </dev/null &
writer=$!
eventually 10 is "$one" wanted 1
check "stop" disk "$one" stop
! wait "$writer" || fail "the parked write succeeded"
same "folders left" "" "$(on "$one" ls /run/holdfast/disk | grep -x "$id" || true)"
