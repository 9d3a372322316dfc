#!/bin/bash
# preflight-bench.sh — what is known before a move, against the tools that an administrator has for it
#
# The access matrix of 1,000 files for one host.  A: Test-VMShare on hv1, with sign-in, descriptors, the server's word on
# each file, groups, judgement and printing.  B: smbcacls for each file on the client, as the same computer account and
# with its ticket already there.
#
# Compare-VM of a running machine with four disks, both hosts warm.  A: the command on hv1, from its process to its
# report; half of it happens on hv2.  B: smbcacls for each of the four disks, for one host.  A value is the median of
# ten in a row.
#
# What a warm Compare-VM asks the domain: packets between both hosts and the KDC, kpasswd, LDAP and the global catalog,
# seen on the domain controller while ten of them run.  B: the same for the first Compare-VM after both hosts'
# services were started, which has to ask; without any packet then, nothing would have been seen at all.  Each
# host asks for its own groups every 20 s whatever it does; that falls between the two.
#
# Each time is taken on its node, without the way into it.
#
#      preflight-bench.sh [RUNS]
set -euo pipefail
source "$(dirname "$0")/../lab/cases/lib.sh"
source "$(dirname "$0")/figure.sh"
source "$(dirname "$0")/packets.sh"
runs=${1:-3}
files=1000
vm=bench-preflight-vm
share='\\fs1.lab.test\vms'
hosts=(hv1 hv2)
values=$(mktemp -d)
code=0

clean() {
        local node
        for node in "${hosts[@]}"; do
                on "$node" holdfast "Stop-VM $vm -TurnOff -Force"
                on "$node" holdfast "Remove-VM $vm -Force"
        done
        watch_end
        on fs1 rm -rf /srv/vms/bench-preflight "/srv/vms/$vm"
} >/dev/null 2>&1 </dev/null
trap 'clean || true; rm -rf "$values"' EXIT

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

# ---- the access matrix ----

matrix() {
        on hv1 bash -ec '
                start=$(date +%s%N)
                rows=$(holdfast "Test-VMShare \\\\fs1.lab.test\\vms\\bench-preflight" | grep -c " File  *Granted *Server ")
                end=$(date +%s%N)
                ((rows == $1)) || { echo "only $rows files were proven" >&2; exit 1; }
                awk -v t=$((end - start)) "BEGIN { print t / 1e9 }"' _ "$files"
}
smbcacls_loop() {
        on client bash -ec '
                start=$(date +%s%N)
                for ((i = 0; i < 40; i++)); do for ((k = 0; k < $1 / 40; k++)); do
                        smbcacls --use-krb5-ccache=FILE:/root/bench/cc //fs1.lab.test/vms "bench-preflight/vm$i/$k.raw" >/dev/null
                done; done
                end=$(date +%s%N)
                awk -v t=$((end - start)) "BEGIN { print t / 1e9 }"' _ "$files"
}

# ---- Compare-VM ----

machine() {
        on hv1 holdfast "New-VM $vm -MemoryStartupBytes 128MB -NewVHDPath '$share\\$vm\\disk0.raw' -NewVHDSizeBytes 64MB"
        for i in 1 2 3; do
                on hv1 holdfast "New-VHD '$share\\$vm\\disk$i.raw' -SizeBytes 64MB"
                on hv1 holdfast "Add-VMHardDiskDrive $vm -ControllerType SCSI -Path '$share\\$vm\\disk$i.raw'"
        done
        on hv1 holdfast "Start-VM $vm"
        [[ $(on hv1 virsh dumpxml "$vm" | grep -c '/nbd.sock') == 4 ]]
}

# compare COUNT: a line of "begin end" in microseconds of the clock each.
compare() {
        on hv1 bash -ec 'for ((i = 0; i < $2; i++)); do
                begin=${EPOCHREALTIME/./}
                report=$(holdfast "Compare-VM $1 hv2")
                end=${EPOCHREALTIME/./}
                [[ $report == *"Incompatibilities  : {}"* ]] || { echo "$report" >&2; exit 1; }
                echo "$begin $end"
        done' _ "$vm" "$1"
}
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
compare_ms() { compare 10 | awk '{ print ($2 - $1) / 1000 }' | median; }
smbcacls_disks() {
        on client bash -ec 'for ((n = 0; n < 10; n++)); do
                begin=${EPOCHREALTIME/./}
                for i in 0 1 2 3; do smbcacls --use-krb5-ccache=FILE:/root/bench/cc //fs1.lab.test/vms "$1/disk$i.raw" >/dev/null; done
                echo $((${EPOCHREALTIME/./} - begin))
        done' _ "$vm" | awk '{ print $1 / 1000 }' | median
}

# ---- what the domain is asked ----

span() { awk 'NR == 1 { begin = $1 } { end = $2 } END { print begin, end }'; }
listens() { on hv1 bash -c 'exec 3<>"/dev/tcp/$1/6600"' _ "$1"; }
cold_and_warm() {
        local node cold warm
        for node in "${hosts[@]}"; do on "$node" systemctl restart holdfastd & done
        wait
        for node in "${hosts[@]}"; do eventually 20 listens "$node"; done
        sleep 3         # their own first questions
        cold=$(compare 1 | span)
        compare 1 >/dev/null
        warm=$(compare 10 | span)
        # shellcheck disable=SC2086
        packets_between $cold >>"$values/cold"
        # shellcheck disable=SC2086
        packets_between $warm >>"$values/warm"
}

clean || true
prepare
interleave "$runs" "$values/a" "$values/b" matrix smbcacls_loop
figure "access matrix of $files files for one host" s lower 0.02 "$values/a" "$values/b" || code=1

machine >"$values/log" 2>&1 </dev/null || { cat "$values/log" >&2; exit 1; }
interleave "$runs" "$values/a" "$values/b" compare_ms smbcacls_disks
bound "Compare-VM of a running machine with 4 disks, warm, p50" ms lower 150 "$values/a" "$values/b" || code=1

watch_begin "${hosts[@]}"
for ((i = 0; i <= 1; i++)); do cold_and_warm; done
bound "packets to LDAP and the KDC in ten warm Compare-VM" packets lower 0 "$values/warm" "$values/cold" || code=1
exit $code
