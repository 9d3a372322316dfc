# nodes.sh — starting and stopping nodes.  A node is a systemd container: an overlay over a root, an own network.
# shellcheck shell=bash

fixed_nodes=(dc1 fs1 fs2 client)

node_role() {
        case $1 in
        dc[12]) printf dc ;;
        fs[12]) printf fs ;;
        client) printf client ;;
        hv*) printf hv ;;
        *) die "there is no node '$1'" ;;
        esac
}

node_root() {
        if [[ $(node_role "$1") == hv ]]; then root_path appliance; else root_path tools; fi
}

nodes_known() { [[ -d $state/nodes ]] && ls "$state/nodes"; true; }

lab_up() {
        local hosts=2 wanted node started=()
        while (($#)); do
                case $1 in
                --hosts) hosts=${2:?--hosts wants a number}; shift 2 ;;
                *) die "lab up: unknown argument '$1'" ;;
                esac
        done
        [[ $hosts =~ ^[0-9]+$ ]] && ((hosts >= 0 && hosts <= 60)) || die "lab up: --hosts wants a number from 0 to 60"
        lock_state
        machine_ready
        root_ready appliance
        root_ready tools
        nodes_clear_dead
        net_up
        wanted=("${fixed_nodes[@]}")
        for ((node = 1; node <= hosts; node++)); do wanted+=("hv$node"); done
        for node in "${wanted[@]}"; do
                node_leader "$node" && continue
                node_start "$node"
                started+=("$node")
        done
        for node in "${started[@]}"; do
                until_true 90 in_node "$node" systemctl is-active multi-user.target ||
                        die "$node did not boot; its console is in $state/nodes/$node/console.log"
        done
        domain_up "${wanted[@]}"
        say "up: ${wanted[*]}"
}

lab_down() {
        local node
        lock_state
        for node in $(nodes_known); do node_stop "$node"; done
        leftovers_clear
        net_down
        say "down"
}

lab_ps() {
        local node leader word
        for node in $(nodes_known); do
                word=stopped
                node_leader "$node" && word=running
                printf '%-8s %-12s %-7s %s\n' "$node" "$(node_address "$node")" "$(node_role "$node")" "$word"
        done
}

lab_url() {
        local node
        for node in $(nodes_known); do
                [[ $node == hv* ]] && printf '%s https://%s/\n' "$node" "$(node_address "$node")"
        done
        say "these addresses exist inside the lab only; from this machine: ip netns exec $lab_netns curl -k https://…"
}

# Units that have no place in a container, or on a node of this role.
masked_units() {
        printf '%s\n' {apt-daily,apt-daily-upgrade,dpkg-db-backup,fstrim,logrotate}.timer console-getty.service \
                grub-common.service
        [[ $1 == hv ]] && return
        printf '%s\n' {libvirtd,libvirt-guests,virtlogd,virtlockd,krb5-kdc,nmbd,ssh}.service \
                {libvirtd,libvirtd-ro,libvirtd-admin,virtlogd,virtlogd-admin,virtlockd}.socket
        case $1 in
        dc) printf '%s\n' smbd.service winbind.service ;;
        fs) printf '%s\n' samba-ad-dc.service ;;
        client) printf '%s\n' samba-ad-dc.service smbd.service winbind.service ;;
        esac
}

# Everything a node has that the root does not: role files, name, address, and on hosts the product.
node_prepare() {
        local node=$1 upper=$2 role unit
        role=$(node_role "$node")
        cp -a "$lab_dir/nodes/all/." "$upper/"
        [[ -d $lab_dir/nodes/$role ]] && cp -a "$lab_dir/nodes/$role/." "$upper/"
        if [[ $role == hv ]]; then
                cp -a "$checkout/image/overlay/." "$upper/"
                if [[ -d $state/product ]]; then cp -a "$state/product/." "$upper/"; fi
        fi
        chown -R 0:0 "$upper"
        mkdir -p "$upper/etc/systemd/system"
        for unit in $(masked_units "$role"); do
                ln -sfn /dev/null "$upper/etc/systemd/system/$unit"
        done
        printf '%s\n' "$node" >"$upper/etc/hostname"
        printf '127.0.0.1 localhost\n%s %s.%s %s\n' "$(node_address "$node")" "$node" "$domain" "$node" >"$upper/etc/hosts"
        printf 'nameserver %s\nsearch %s\noptions timeout:2 attempts:2\n' "$(node_address dc1)" "$domain" >"$upper/etc/resolv.conf"
}

node_start() {
        local node=$1 dir=$state/nodes/$1 role tun=() shares=()
        role=$(node_role "$node")
        mkdir -p "$dir/upper" "$dir/work" "$dir/root"
        [[ -e $dir/prepared ]] || node_prepare "$node" "$dir/upper"
        : >"$dir/prepared"
        net_add "$node"
        mount -t overlay -o "lowerdir=$(node_root "$node"),upperdir=$dir/upper,workdir=$dir/work" "lab-$lab_id-$node" "$dir/root"
        [[ -c /dev/net/tun ]] && tun=(--bind=/dev/net/tun)
        if [[ $role == fs ]]; then      # on the machine's file system: the share's files are not part of an overlay
                mkdir -p "$dir/srv"
                shares=("--bind=$dir/srv:/srv")
        fi
        setsid -f "$lab_dir/nspawn.sh" "$lab_netns/$node" "$dir/pid" -- \
                --directory="$dir/root" --machine="$node" --hostname="$node" \
                --uuid="$(printf %s "$lab_id-$node" | sha256sum | cut -c1-32)" \
                --network-namespace-path="/run/netns/$(node_netns "$node")" --capability=CAP_NET_ADMIN \
                --bind-ro="$checkout:/src" "${tun[@]}" "${shares[@]}" \
                </dev/null >"$dir/console.log" 2>&1 {lock_fd}>&-
        until_true 20 node_find_leader "$node" || die "$node did not start; see $dir/console.log"
}

node_find_leader() {
        local dir=$state/nodes/$1 pid child
        read -r pid _ <"$dir/pid" || return 1
        child=$(<"/proc/$pid/task/$pid/children") || return 1
        child=${child%% *}
        [[ $child ]] || return 1
        # the container's first process is number 1 in there and runs systemd, no longer nspawn
        [[ $(awk '/^NSpid:/ { print $NF }' "/proc/$child/status") == 1 && $(<"/proc/$child/comm") == systemd ]] || return 1
        printf '%s %s\n' "$child" "$(process_start "$child")" >"$dir/leader"
}

node_stop() {
        local node=$1 dir=$state/nodes/$1 leader
        if node_leader "$node"; then
                kill -KILL "$leader" 2>/dev/null || true
                until_true 20 eval "! node_leader $node" || die "$node does not end (process $leader)"
        fi
        node_clear "$node"
}

# Leaves the node's name free: mounts, network, control groups, files.
node_clear() {
        local node=$1 dir=$state/nodes/$1 tree
        while mountpoint -q "$dir/root" 2>/dev/null; do umount -l "$dir/root" || break; done
        net_remove "$node"
        for tree in $(cgroup_trees); do
                [[ -d $tree/$lab_netns/$node ]] && find "$tree/$lab_netns/$node" -depth -type d -exec rmdir {} \; 2>/dev/null
        done
        rm -rf --one-file-system "$dir"
}

nodes_clear_dead() {
        local node leader
        for node in $(nodes_known); do
                node_leader "$node" && continue
                say "clearing what is left of $node, which is not running"
                node_clear "$node"
        done
        leftovers_clear
}

# Leftovers of this checkout whose node folder is gone: found by name, and only by our own names.
leftovers_clear() {
        local path
        while read -r path; do
                [[ -e ${path%/root}/leader ]] || umount -l "$path" || true
        done < <(awk -v p="$state/nodes/" 'index($2, p) == 1 { print $2 }' /proc/self/mounts)
        for path in /run/netns/"$lab_netns"-*; do
                [[ -e $path && ! -e $state/nodes/${path##*/"$lab_netns"-} ]] && ip netns del "${path##*/}"
        done
        return 0
}
