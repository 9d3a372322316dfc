# demo.sh — the story of a move, told with the product alone and judged from outside it.
# shellcheck shell=bash

demo_vm=web01
demo_disk='\\fs1.lab.test\vms\web01\Virtual Hard Disks\web01.raw'
demo_file="/srv/vms/web01/Virtual Hard Disks/web01.raw"

# hosts_up N: the lab with N hosts that run the staged product and joined through it.
hosts_up() {
        local n node
        [[ -d $state/product ]] || build_stage
        lab_up --hosts "$1"
        for ((n = 1; n <= $1; n++)); do
                node=hv$n
                node_is_current "$node" || build_push "$node"
                [[ -e $state/nodes/$node/joined ]] || host_join "$node"
        done
}

node_is_current() {     # every file of the staged product is on the node as it is
        local file
        while read -r file; do
                cmp -s "$state/product/$file" "$state/nodes/$1/root/$file" || return 1
        done < <(cd "$state/product" && find . -type f)
}

# host_join NODE: what an administrator does: join by the delegated user, then put the host into the group.
host_join() {
        local node=$1 log=$state/nodes/$1/join.log
        printf '%s\n' "$password" | in_node "$node" holdfast --password-stdin "Add-Computer $domain -Credential joiner" \
                >"$log" 2>&1 || { cat "$log" >&2; die "$node could not join the domain through Add-Computer"; }
        in_node dc1 samba-tool group addmembers "Holdfast Hosts" "${node^^}\$" </dev/null >>"$log" 2>&1 ||
                { cat "$log" >&2; die "$node could not be put into the group Holdfast Hosts"; }
        in_node "$node" systemctl restart holdfastd </dev/null  # a ticket from before the group does not show it
        : >"$state/nodes/$node/joined"
}

tell() { ((demo_quiet)) || printf '%s\n' "$*"; }

# holds WHAT CMD…: one line of the story; the demo ends at the first thing that is not so.
holds() {
        local what=$1 output
        shift
        if output=$("$@" 2>&1 </dev/null); then
                tell "   ✓ $what${output:+: ${output##*$'\n'}}"
        else
                printf '   ✗ %s\n%s\n' "$what" "$output" >&2
                die "the demo ends here; the lab stays up to look at: lab exec hv1 -- journalctl -u holdfastd -n 50"
        fi
}

on_host() {             # on_host NODE PIPELINE: say it, run it
        tell "   $1> $2"
        in_node "$1" holdfast "$2" </dev/null | { if ((demo_quiet)); then cat >/dev/null; else sed '/^$/d; s/^/      /'; fi; }
}

# demo_flushed NODE…: the last number the guest itself said was on its disk, while it ran on one of these.
demo_flushed() {
        local node number most=0
        for node in "$@"; do
                number=$(in_node "$node" sh -c "grep -ah '^F [0-9]' /var/log/libvirt/qemu/$demo_vm-serial.log* 2>/dev/null | tail -n 1" \
                        </dev/null | tr -dc 0-9)
                ((${number:-0} > most)) && most=$number
        done
        printf '%s' "$most"
}

# demo_writes_on NODE: on that host it flushes more than it ever did before.  Two minutes: emulation on a busy machine.
demo_writes_on() {
        local before end=$((SECONDS + 120)) now
        before=$(demo_flushed hv1 hv2)
        while ((SECONDS < end)); do
                now=$(demo_flushed "$1")
                ((now > before)) && { printf 'record %s is on the disk' "$now"; return; }
                sleep 0.3
        done
        printf 'on %s nothing new was flushed after record %s' "$1" "$before"
        return 1
}

demo_same_file() {
        local now
        now=$(in_node fs1 stat -c %i "$demo_file")
        [[ $now == "$1" ]] && printf 'inode %s' "$now"
}

# The file server's own list: exactly one open that may write, by this account.
demo_one_writer() {
        in_node fs1 python3 /src/tests/lab/judge.py writer "$demo_file" "LAB\\${1^^}\$"
}

demo_clear() {
        local node
        for node in hv1 hv2; do
                in_node "$node" holdfast "Stop-VM $demo_vm -TurnOff -Force" >/dev/null 2>&1 </dev/null || true
                in_node "$node" holdfast "Remove-VM $demo_vm -Force" >/dev/null 2>&1 </dev/null || true
                in_node "$node" sh -c "rm -f /var/log/libvirt/qemu/$demo_vm-serial.log*" </dev/null || true
        done
        in_node fs1 rm -rf "/srv/vms/$demo_vm" </dev/null
}

demo_move() {           # demo_move FROM TO
        tell "— moving $1 → $2 while it writes"
        holds "before: the file server knows one writer" demo_one_writer "$1"
        on_host "$1" "Move-VM $demo_vm $2"
        holds "after: the file server knows one writer" demo_one_writer "$2"
        holds "the guest goes on writing on $2" demo_writes_on "$2"
}

demo_run() {
        local demo_quiet=0 inode flushed
        case ${1:-} in
        --json) demo_quiet=1 ;;
        '') ;;
        *) die "usage: lab demo [--json]" ;;
        esac
        (build_run)
        (hosts_up 2) || exit 1
        demo_clear
        tell "— a machine whose only disk lies on \\\\fs1\\vms"
        rm -f "$state/$demo_vm.raw"
        guest_image "$state/$demo_vm.raw"
        lab_cp "$state/$demo_vm.raw" "hv1:/var/tmp/$demo_vm.raw"
        on_host hv1 "Convert-VHD /var/tmp/$demo_vm.raw '$demo_disk'"
        on_host hv1 "New-VM $demo_vm -MemoryStartupBytes 256MB -VHDPath '$demo_disk'"
        on_host hv1 "Start-VM $demo_vm"
        holds "the guest boots and writes" demo_writes_on hv1
        inode=$(in_node fs1 stat -c %i "$demo_file" </dev/null)
        demo_move hv1 hv2
        demo_move hv2 hv1
        tell "— and what is left of it"
        on_host hv1 "Get-VM $demo_vm"
        flushed=$(demo_flushed hv1 hv2)
        on_host hv1 "Stop-VM $demo_vm"
        holds "no record up to $flushed is missing or torn" in_node fs1 python3 /src/tests/lab/guest/guest.py verify \
                "$demo_file" --flushed "$flushed"
        holds "the file server holds the same file as before the moves" demo_same_file "$inode"
        holds "two receipts: same FileId and VolumeId, 0 bytes of disk moved" \
                in_node fs1 python3 /src/tests/lab/judge.py receipts "/srv/vms/$demo_vm/Receipts" 2
        if ((demo_quiet)); then
                in_node fs1 python3 /src/tests/lab/judge.py print "/srv/vms/$demo_vm/Receipts" </dev/null
        else
                tell "Disks held fast; the machine moved twice."
        fi
}
