#!/bin/bash
# remote-bench.sh — a command from a workstation against the same command on the host itself
#
# A: Get-VM in an open WinRS shell on 5985: Kerberos, every message encrypted; command and output fetched.
# B: `holdfast Get-VM` on the host, which starts a process and asks holdfastd over its socket.
# A value is the median of 50 in a row; the 99th percentile of A is a second figure, against the same B.
#
#      remote-bench.sh [RUNS]
set -euo pipefail
source "$(dirname "$0")/../lab/cases/remote-lib.sh"
source "$(dirname "$0")/figure.sh"
runs=${1:-7}
values=$(mktemp -d)
trap 'rm -rf "$values"' EXIT
person anna "Holdfast Admins"

quantile() { sort -n | awk -v q="$1" '{ v[NR] = $1 } END { i = int(NR * q); if (i < 1) i = 1; print v[i] }'; }
ours() {
        as anna python3 $here/timing.py "$node.lab.test" 200 Get-VM >"$values/times"
        quantile 0.99 <"$values/times" >>"$values/late"
        quantile 0.5 <"$values/times"
}
baseline() {
        on "$node" bash -c 'for ((i = 0; i < 50; i++)); do
                begin=${EPOCHREALTIME/./}; holdfast Get-VM >/dev/null; echo $((${EPOCHREALTIME/./} - begin))
        done' | quantile 0.5 | awk '{ print $1 / 1000 }'
}
: >"$values/late"
interleave "$runs" "$values/a" "$values/b" ours baseline
code=0
figure remote-get-vm ms lower 1 "$values/a" "$values/b" || code=1
figure remote-get-vm-p99 ms lower 5 "$values/late" "$values/b" || code=1
exit $code
