#!/bin/bash
# remote-bench.sh — a command from a workstation, on a host with fifty machines
#
# Round trip.  A: Get-VM in an open WinRS shell on 5985: Kerberos, every message encrypted; command and output fetched.
# B: `holdfast Get-VM` on the host, which starts a process and asks holdfastd over its socket.  A value is the median of
# 50 or more in a row, or the 99th percentile of 200.
#
# Commands per second of one core.  A: Get-VM of one machine, one after the other in one open runspace of pypsrp, by the
# processor time of holdfastd, the gateway and libvirtd together.  B: how many fit into a second on the host by itself.
#
# Memory, idle: resident, of holdfastd and the gateway together.  B: of libvirtd.  After all of the above, and just started.
#
# From exec to listening: of holdfastd until it is ready (tickets and all) and of the gateway until it is, one after the
# other.  B: of libvirtd.  By systemd's own clock, from the moment it hands over to the program.
#
# What a warm caller costs the domain: packets of the host and of the workstation to LDAP and the KDC during a sign-in and
# 20 commands.  B: the same for the first one after holdfastd was started, with no ticket for the host yet.
#
#      remote-bench.sh [RUNS]
set -euo pipefail
source "$(dirname "$0")/../lab/cases/remote-lib.sh"
source "$(dirname "$0")/figure.sh"
source "$(dirname "$0")/packets.sh"
runs=${1:-7}
machines=50
values=$(mktemp -d)
code=0
services=(holdfastd holdfast-gateway libvirtd)

clean() {
        watch_end
        on "$node" holdfast 'Remove-VM bench-list-* -Force'
        on fs1 rm -rf /srv/vms/bench-list
} >/dev/null 2>&1 </dev/null
trap 'clean || true; rm -rf "$values"' EXIT

make_machines() {
        on "$node" bash -ec 'for ((i = 1; i <= $1; i++)); do
                holdfast "New-VM bench-list-$i -MemoryStartupBytes 128MB -NoVHD -Path \\\\fs1.lab.test\\vms\\bench-list" >/dev/null
        done' _ "$machines"
        (($(on "$node" holdfast Get-VM | grep -c '^bench-list-') == machines))
}

quantile() { sort -n | awk -v q="$1" '{ v[NR] = $1 } END { i = int(NR * q); if (i < 1) i = 1; print v[i] }'; }

# ---- one command ----

ours() {
        as anna python3 $here/timing.py "$node.lab.test" 200 Get-VM >"$values/times"
        quantile 0.99 <"$values/times" >>"$values/late"
        quantile 0.5 <"$values/times"
}
local_us() {    # local_us TEXT: of each of 50
        on "$node" bash -c 'for ((i = 0; i < 50; i++)); do
                begin=${EPOCHREALTIME/./}; holdfast "$1" >/dev/null; echo $((${EPOCHREALTIME/./} - begin))
        done' _ "$1"
}
baseline() { local_us Get-VM | quantile 0.5 | awk '{ print $1 / 1000 }'; }

# ---- many ----

cpu_ns() { on "$node" bash -c 'for unit; do systemctl show -P CPUUsageNSec "$unit"; done' _ "${services[@]}" | awk '{ n += $1 } END { printf "%.0f\n", n }'; }
per_core() {
        local before after line
        coproc as anna python3 $here/runspace.py "$node.lab.test" 200 'Get-VM bench-list-1'
        read -r line <&"${COPROC[0]}"
        [[ $line == ready ]]
        before=$(cpu_ns)
        echo go >&"${COPROC[1]}"
        read -r line <&"${COPROC[0]}"
        after=$(cpu_ns)
        echo end >&"${COPROC[1]}"
        wait "$COPROC_PID"
        awk -v ns=$((after - before)) 'BEGIN { print 200 / (ns / 1e9) }'
}
local_rate() { local_us 'Get-VM bench-list-1' | quantile 0.5 | awk '{ print 1e6 / $1 }'; }

# ---- memory and beginning ----

resident() {    # resident UNIT…: KiB
        on "$node" bash -c 'for unit; do sed -n "s/VmRSS:[^0-9]*\([0-9]*\).*/\1/p" "/proc/$(systemctl show -P MainPID "$unit")/status"; done' _ "$@" |
                awk '{ n += $1 } END { print n }'
}
memory() {      # memory A B: one value into each
        sleep 10
        resident holdfastd holdfast-gateway >>"$1"
        resident libvirtd >>"$2"
}
begin_ms() {    # begin_ms UNIT…: from exec to ready, together
        on "$node" bash -c 'for unit; do
                echo $(($(systemctl show -P ActiveEnterTimestampMonotonic "$unit") - $(systemctl show -P ExecMainHandoffTimestampMonotonic "$unit")))
        done' _ "$@" | awk '{ n += $1 } END { print n / 1000 }'
}
restart_all() {
        on "$node" systemctl restart libvirtd holdfastd holdfast-gateway 2>/dev/null
        begin_ms holdfastd holdfast-gateway >>"$values/begin"
        begin_ms libvirtd >>"$values/begin-b"
}

# ---- what the domain is asked ----

command_span() { # command_span COUNT: "begin end" in microseconds of the clock
        local begin=${EPOCHREALTIME/./}
        as anna python3 $here/timing.py "$node.lab.test" "$1" Get-VM >/dev/null
        echo "$begin ${EPOCHREALTIME/./}"
}
cold_and_warm() {
        local cold warm
        on "$node" systemctl restart holdfastd
        eventually 20 on "$node" bash -c 'exec 3<>/dev/tcp/$1/6600' _ "$node"
        sleep 3         # its own first questions; the next come 20 s after the start
        person anna "Holdfast Admins" >/dev/null
        cold=$(command_span 1)
        warm=$(command_span 20)
        # shellcheck disable=SC2086
        packets_between $cold >>"$values/cold"
        # shellcheck disable=SC2086
        packets_between $warm >>"$values/warm"
}

clean || true
person anna "Holdfast Admins"
make_machines
: >"$values/late"
interleave "$runs" "$values/a" "$values/b" ours baseline
bound "Get-VM of $machines machines over WinRM, p50" ms lower 10 "$values/a" "$values/b" || code=1
bound "Get-VM of $machines machines over WinRM, p99" ms lower 50 "$values/late" "$values/b" || code=1
interleave 3 "$values/a" "$values/b" per_core local_rate
bound "commands in an open runspace, per second of one core" commands/s higher 300 "$values/a" "$values/b" || code=1

for ((i = 0; i <= 1; i++)); do memory "$values/rss" "$values/rss-b"; done
figure "holdfastd and gateway, resident, idle after work" KiB lower 0.75 "$values/rss" "$values/rss-b" || code=1
for ((i = 0; i <= 3; i++)); do restart_all; done
bound "holdfastd and gateway, from exec to listening" ms lower 150 "$values/begin" "$values/begin-b" || code=1
for ((i = 0; i <= 1; i++)); do memory "$values/new" "$values/new-b"; done
figure "holdfastd and gateway, resident, idle since their start" KiB lower 0.75 "$values/new" "$values/new-b" || code=1

watch_begin "$node" client
for ((i = 0; i <= 1; i++)); do cold_and_warm; done
bound "packets to LDAP and the KDC for a warm sign-in and 20 commands" packets lower 0 "$values/warm" "$values/cold" || code=1
exit $code
