#!/bin/bash
# disk-bench.sh — how fast a disk on the share is
#
# Sequential reads of 1 MiB through the engine against smbclient's get, under each protection; random
# 4 KiB at depth 16 through the whole disk process (NBD, engine, sealed SMB) against nbdkit's file
# plugin on a local copy of the same bytes.
set -euo pipefail
source "$(dirname "$0")/../lab/cases/lib.sh"
source "$(dirname "$0")/figure.sh"
runs=${1:-7}
values=$(mktemp -d)
trap 'on client pkill -F /root/bench/disk.pid 2>/dev/null; on client pkill -F /root/bench/file.pid 2>/dev/null; rm -rf "$values"' EXIT

prepare() {
        on client mkdir -p /root/bench
        "$lab" cp "$LAB_BUILD/tests/bench/smbread" client:/root/bench/smbread
        "$lab" cp "$LAB_BUILD/smb/disk/holdfast-disk" client:/root/bench/holdfast-disk
        "$lab" cp hv1:/etc/krb5.keytab client:/root/bench/keytab        # the client measures as a host would
        on client bash -ec '
                cd /root/bench
                chmod 600 keytab
                kinit -c FILE:/root/bench/cc -k -t keytab "HV1\$@LAB.TEST"
                [ -e local.raw ] || { head -c 512M /dev/urandom >local.raw.tmp; mv local.raw.tmp local.raw; }
                smbclient --use-krb5-ccache=FILE:/root/bench/cc //fs1.lab.test/vms -c "mkdir bench" >/dev/null || true
                smbclient --use-krb5-ccache=FILE:/root/bench/cc //fs1.lab.test/vms -c "put local.raw bench\\disk.raw" >/dev/null'
}

smbclient_rate() {      # MB/s of a get, without the time to connect
        on client smbclient --use-krb5-ccache=FILE:/root/bench/cc --client-protection="$1" //fs1.lab.test/vms \
                -c 'get bench\disk.raw /dev/null' 2>&1 | sed -n 's|.*(\([0-9.]*\) KiloBytes/sec) (average.*|\1|p' |
                awk '{ print $1 * 1024 / 1e6; n++ } END { exit !n }'
}
engine_rate() {
        on client /root/bench/smbread '\\fs1.lab.test\vms\bench\disk.raw' --size 1M --depth 8 --protect "$1" \
                --ccache FILE:/root/bench/cc | sed 's/.*"bytes": *\([0-9.]*\).*"seconds": *\([0-9.]*\).*/\1 \2/' |
                awk '{ print $1 / $2 / 1e6 }'
}

# The page cache keeps a file in pieces as large as it was written, and on newer kernels a small write into a large piece
# costs several times as much.  smbclient writes large pieces; so both files are laid anew, alike, in pieces of 4 KiB.
lay_alike() {
        local again='set -e; cp "$1" "$2"; sync "$1" "$2"; dd of="$1" oflag=nocache conv=notrunc,fdatasync count=0
                dd if="$2" of="$1" bs=4k conv=notrunc,fdatasync; rm "$2"'
        on fs1 sh -c "$again" _ /srv/vms/bench/disk.raw /srv/disk.again
        on client sh -c "$again" _ /root/bench/local.raw /root/bench/local.again
}

serve() {       # both exports, side by side, for the whole measurement
        on client bash -ec '
                cd /root/bench
                rm -f ./*.sock ./*.pid
                ./holdfast-disk nbd-socket=/root/bench/disk.sock acquire=1 protection=encrypt ccache=FILE:/root/bench/cc \
                        unc="\\\\fs1.lab.test\\vms\\bench\\disk.raw" </dev/null >disk.log 2>&1 &
                echo $! >disk.pid
                nbdkit --unix=/root/bench/file.sock --pidfile=/root/bench/file.pid file /root/bench/local.raw
                for i in $(seq 100); do [ -S disk.sock ] && [ -S file.sock ] && exit; sleep 0.1; done; exit 1'
}
random_rate() { # operations per second: random_rate SOCKET read|write
        on client fio --name=x --ioengine=nbd --uri="nbd+unix:///?socket=/root/bench/$1.sock" --rw="rand$2" --bs=4k \
                --iodepth=16 --time_based --runtime=3 --randrepeat=0 --output-format=json |
                awk -v kind="\"$2\"" '$1 == kind { on = 1 } on && $1 == "\"iops\"" { print $3 + 0; n++; on = 0; kind = "" } END { exit !n }'
}

prepare
code=0
declare -A baseline_of=([plain]=off [signed]=sign [encrypted]=encrypt)
for protection in plain:server signed:sign encrypted:encrypt; do
        word=${protection%:*}
        ours() { engine_rate "${protection#*:}"; }
        baseline() { smbclient_rate "${baseline_of[$word]}"; }
        interleave "$runs" "$values/a" "$values/b" ours baseline
        figure "disk sequential read, $word" MB/s higher 0.8 "$values/a" "$values/b" || code=1
done
lay_alike >/dev/null 2>&1
serve
for kind in read write; do
        ours() { random_rate disk "$kind"; }
        baseline() { random_rate file "$kind"; }
        interleave "$runs" "$values/a" "$values/b" ours baseline
        figure "disk random 4 KiB $kind at depth 16" IOPS higher 0.4 "$values/a" "$values/b" || code=1
done
exit $code
