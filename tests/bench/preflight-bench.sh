#!/bin/bash
# preflight-bench.sh — the access matrix of 1,000 files for one host, against a loop of smbcacls over the same files
#
# A: Test-VMShare on hv1, with sign-in, descriptors, the server's word on each file, groups, judgement and printing.
# B: smbcacls for each file on the client, as the same computer account and with its ticket already there.  Each is timed
# on its node, without the way into it.
#
#      preflight-bench.sh [RUNS]
set -euo pipefail
source "$(dirname "$0")/../lab/cases/lib.sh"
source "$(dirname "$0")/figure.sh"
runs=${1:-3}
files=1000
values=$(mktemp -d)
trap 'on fs1 rm -rf /srv/vms/bench-preflight; rm -rf "$values"' EXIT

prepare() {
        on client mkdir -p /root/bench
        "$lab" cp hv1:/etc/krb5.keytab client:/root/bench/keytab
        on client bash -ec '
                chmod 600 /root/bench/keytab
                kinit -c FILE:/root/bench/cc -k -t /root/bench/keytab "HV1\$@LAB.TEST"
                echo x >/tmp/x
                { echo "mkdir bench-preflight"; for ((i = 0; i < 40; i++)); do
                        echo "mkdir bench-preflight\\vm$i"
                        for ((k = 0; k < $1 / 40; k++)); do echo "put /tmp/x bench-preflight\\vm$i\\$k.raw"; done
                done; } | smbclient --use-krb5-ccache=FILE:/root/bench/cc //fs1.lab.test/vms >/dev/null 2>&1' _ "$files"
}

ours() {
        on hv1 bash -ec '
                start=$(date +%s%N)
                rows=$(holdfast "Test-VMShare \\\\fs1.lab.test\\vms\\bench-preflight" | grep -c " File  *Granted *Server ")
                end=$(date +%s%N)
                ((rows == $1)) || { echo "only $rows files were proven" >&2; exit 1; }
                awk -v t=$((end - start)) "BEGIN { print t / 1e9 }"' _ "$files"
}
baseline() {
        on client bash -ec '
                start=$(date +%s%N)
                for ((i = 0; i < 40; i++)); do for ((k = 0; k < $1 / 40; k++)); do
                        smbcacls --use-krb5-ccache=FILE:/root/bench/cc //fs1.lab.test/vms "bench-preflight/vm$i/$k.raw" >/dev/null
                done; done
                end=$(date +%s%N)
                awk -v t=$((end - start)) "BEGIN { print t / 1e9 }"' _ "$files"
}

prepare
interleave "$runs" "$values/a" "$values/b" ours baseline
figure "access matrix of $files files for one host" s lower 0.02 "$values/a" "$values/b"
