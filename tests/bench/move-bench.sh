#!/bin/bash
# move-bench.sh — Move-VM against libvirt's own peer-to-peer migration
#
# Two idle guests of 256 MiB of the same make.  A: Move-VM, with everything it proves, encrypts, hands over
# and writes down.  B: `virsh migrate --p2p` over plain TCP, its disk served to both hosts by one process of
# the same disk process, so that nothing has to be handed over.  They go back and forth between hv1 and hv2 in
# turn.  Downtime is libvirt's own figure of the finished job for both.
#
#      move-bench.sh [RUNS]     MOVE_BENCH_VERBOSE=1 prints each run and our phases
set -euo pipefail
source "$(dirname "$0")/../lab/cases/lib.sh"
source "$(dirname "$0")/figure.sh"
runs=${1:-7}
values=$(mktemp -d)
ours_vm=bench-ours plain_vm=bench-plain
share='\\fs1.lab.test\vms'
declare -A at=([$ours_vm]=hv1 [$plain_vm]=hv1)
other() { if [[ $1 == hv1 ]]; then echo hv2; else echo hv1; fi; }

clean() {
        local node
        for node in hv1 hv2; do
                on $node holdfast "Stop-VM $ours_vm -TurnOff -Force"
                on $node holdfast "Remove-VM $ours_vm -Force"
                on $node virsh destroy "$plain_vm"
                on $node virsh undefine "$plain_vm"
        done
        on client pkill -F /root/bench-move/disk.pid
        on fs1 rm -rf "/srv/vms/$ours_vm" "/srv/vms/$plain_vm"
} >/dev/null 2>&1 </dev/null
# libvirt on plain TCP, on a host: only for the baseline, only inside the lab.  Its memory goes from QEMU to QEMU.
listen() {
        on "$1" systemd-run --quiet --unit=bench-plain-libvirt --socket-property=ListenStream=16509 \
                /usr/lib/systemd/systemd-socket-proxyd /run/libvirt/libvirt-sock
}
unlisten() { on "$1" systemctl stop bench-plain-libvirt.socket bench-plain-libvirt.service; } >/dev/null 2>&1 </dev/null
trap 'clean || true; unlisten hv1 || true; unlisten hv2 || true; rm -rf "$values"' EXIT

make_ours() {
        guest_on hv1 /var/tmp/bench.raw mode=idle
        on hv1 holdfast "Convert-VHD /var/tmp/bench.raw '$share\\$ours_vm\\disk.raw'"
        on hv1 holdfast "New-VM $ours_vm -MemoryStartupBytes 256MB -VHDPath '$share\\$ours_vm\\disk.raw'"
        on hv1 holdfast "Start-VM $ours_vm"
}

make_plain() {
        on hv1 holdfast "Convert-VHD /var/tmp/bench.raw '$share\\$plain_vm\\disk.raw'"
        on client mkdir -p /root/bench-move
        "$lab" cp "$LAB_BUILD/smb/disk/holdfast-disk" client:/root/bench-move/holdfast-disk
        "$lab" cp hv1:/etc/krb5.keytab client:/root/bench-move/keytab
        on client bash -ec '
                cd /root/bench-move
                chmod 600 keytab
                kinit -c FILE:/root/bench-move/cc -k -t keytab "HV1\$@LAB.TEST"
                systemd-socket-activate --listen=10809 ./holdfast-disk acquire=1 ccache=FILE:/root/bench-move/cc unc="$1" \
                        </dev/null >disk.log 2>&1 &
                echo $! >disk.pid' _ "$share\\$plain_vm\\disk.raw"
        # the same machine, but for its name, its id and the way to its disk
        on hv1 virsh dumpxml --inactive "$ours_vm" |
                sed -e "s|<name>.*</name>|<name>$plain_vm</name>|" -e '/<uuid>/d' -e '/<metadata>/,/<\/metadata>/d' \
                        -e "s|$ours_vm-serial|$plain_vm-serial|" \
                        -e '/<host transport=/c\        <host name="client.lab.test" port="10809"/>' >"$values/plain.xml"
        "$lab" cp "$values/plain.xml" hv1:/var/tmp/plain.xml
        on hv1 virsh define /var/tmp/plain.xml
        on hv1 virsh start "$plain_vm"
}

stats() { on "$1" virsh domjobinfo --completed --keep-completed --rawstats "$2" | awk -v key="$3:" '$1 == key { print $2 }'; }

# timed FILE CMD…: its milliseconds go to FILE.
timed() {
        local file=$1 before after
        shift
        before=$(date +%s%N)
        "$@" >"$values/output" 2>&1 </dev/null || { cat "$values/output" >&2; return 1; }
        after=$(date +%s%N)
        echo $(((after - before) / 1000)) | awk '{ print $1 / 1000 }' >>"$file"
}
move_ours() {
        local from=${at[$ours_vm]} to
        to=$(other "$from")
        timed "$values/ours" on "$from" holdfast "Move-VM $ours_vm $to"
        at[$ours_vm]=$to
        stats "$to" "$ours_vm" downtime >>"$values/ours-down"
        [[ ! ${MOVE_BENCH_VERBOSE:-} ]] ||
                on "$from" holdfast --json "Get-VMMigration $ours_vm" | python3 -c '
import json, sys
j = json.load(sys.stdin)
r = (j[0] if isinstance(j, list) else j)["MigrationReport"]
print("ours", round(r["DurationMs"]), "ms, down", round(r.get("DowntimeMs", 0)), [(p["Name"], round(p["DurationMs"])) for p in r["Phases"]],
      "disk", [round(d["HandoverMs"]) for d in r["Disks"]], file=sys.stderr)'
}
move_plain() {
        local from=${at[$plain_vm]} to
        to=$(other "$from")
        timed "$values/plain" on "$from" virsh migrate --live --p2p --persistent --undefinesource "$plain_vm" "qemu+tcp://$to.lab.test/system"
        at[$plain_vm]=$to
        stats "$to" "$plain_vm" downtime >>"$values/plain-down"
        [[ ! ${MOVE_BENCH_VERBOSE:-} ]] || echo "plain $(tail -n 1 "$values/plain") ms, down $(tail -n 1 "$values/plain-down")" >&2
}

clean || true
unlisten hv1 || true
unlisten hv2 || true
listen hv1 && listen hv2
{ make_ours && make_plain; } >"$values/log" 2>&1 </dev/null || { cat "$values/log" >&2; exit 1; }
sleep "${MOVE_BENCH_SETTLE:-20}"        # both have booted and are idle
for ((i = 0; i <= runs; i++)); do
        move_ours
        move_plain
done
code=0
figure "Move-VM, idle 256 MiB, total" ms lower 1.3 "$values/ours" "$values/plain" || code=1
figure "Move-VM, idle 256 MiB, downtime" ms lower 1.0 "$values/ours-down" "$values/plain-down" || code=1
exit $code
