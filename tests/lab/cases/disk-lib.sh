# disk-lib.sh — two hosts, one disk on a share, no machine
# shellcheck shell=bash
read -r one two <<<"${DISK_HOSTS:-hv1 hv2}"
server=${DISK_SERVER:-fs1}
folder=disk-$$
share="\\\\$server.lab.test\\vms"
unc="$share\\$folder\\disk.raw"
file=/srv/vms/$folder/disk.raw
size=$((32 * 1024 * 1024))

probe_install() {
        local node here
        here=$(mktemp)
        if [[ ${DISK_PROBE:-} ]]; then
                cp "$DISK_PROBE" "$here"
        else
                "$lab" tools cat /build/plain/tests/probe/disk-probe >"$here" </dev/null
        fi
        for node in "$one" "$two"; do
                "$lab" cp "$here" "$node:/root/disk-probe"
                on "$node" chmod 755 /root/disk-probe
                eventually 20 on "$node" klist -s -c /run/holdfast/krb5/machine
                # holdfastd closes disks that belong to no running machine, and these belong to none.
                on "$node" systemctl stop holdfastd 2>/dev/null </dev/null || true
        done
        rm -f "$here"
}
files() { on "$1" env KRB5CCNAME=FILE:/run/holdfast/krb5/machine /root/disk-probe files "${@:2}"; }    # files NODE VERB UNC …
disk() { on "$1" /root/disk-probe disk "$2" "$unc" "${@:3}"; }                                         # disk NODE VERB …
# field NODE KEY: one word of the disk's status; "state" is the first.
field() {
        local status
        status=$(disk "$1" status) || return
        [[ $2 == state ]] && { printf '%s\n' "${status%% *}"; return; }
        printf '%s\n' "$status" | sed "s/.* $2=\([^ ]*\).*/\1/"
}
is() { [[ $(field "$1" "$2") == "$3" ]]; }                      # is NODE KEY VALUE
io() {          # io NODE qemu-io-command…: fails when one of them does
        local node=$1 line words=()
        shift
        for line; do words+=(-c "$line"); done
        on "$node" qemu-io -f raw "${words[@]}" "$(disk "$node" uri)"
}
writers() { on "$server" smbstatus -L 2>/dev/null | awk -v name="$folder/disk.raw" 'index($0, name) && $5 == "RDWR" { print $3 }' | xargs; }
lease() { on "$server" smbstatus -L 2>/dev/null | awk -v name="$folder/disk.raw" 'index($0, name) && $5 == "RDWR" { print $6 }' | xargs; }
leased() { [[ $(lease) == "LEASE($1)" ]]; }
disk_make() {
        files "$one" make-folder "$share\\$folder"
        files "$one" write "$unc" ""
        on "$server" truncate -s "$size" "$file"
}
disk_end() {
        local node
        for node in "$one" "$two"; do
                disk "$node" stop >/dev/null 2>&1 </dev/null || true
                on "$node" systemctl start holdfastd 2>/dev/null </dev/null || true
        done
        on "$server" rm -rf "/srv/vms/$folder" </dev/null
}
disk_story() {
        trap disk_end EXIT
        probe_install
        disk_make
}
