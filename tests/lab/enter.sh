# enter.sh — getting into a running node: exec, shell, cp.  Kept small, because tests call it thousands of times.
# shellcheck shell=bash

cgroup_trees() {
        local tree
        for tree in /sys/fs/cgroup/unified /sys/fs/cgroup/systemd /sys/fs/cgroup; do
                [[ -e $tree/cgroup.procs ]] && printf '%s\n' "$tree"
        done
        return 0
}

process_start() {       # a pid alone may be a later process; with its start time it is not
        local stat
        stat=$(<"/proc/$1/stat") 2>/dev/null || return 1
        stat=${stat##*) }
        set -- $stat
        printf '%s' "${20}"
}

# node_leader NODE: set `leader` to the node's first process, or fail when the node is not running.
node_leader() {
        local start
        [[ -r $state/nodes/$1/leader ]] || return 1
        read -r leader start <"$state/nodes/$1/leader"
        [[ -d /proc/$leader && $(process_start "$leader" 2>/dev/null) == "$start" ]]
}

# enter NODE CMD…: replaces this process.
enter() {
        local node=$1 leader tree
        shift
        node_leader "$node" || die "node $node is not running. Start it: tests/lab/lab up"
        for tree in $(cgroup_trees); do
                tree=$tree/$lab_netns/$node/payload
                [[ -d $tree ]] || continue
                [[ -d $tree/lab-exec ]] || mkdir -p "$tree/lab-exec"
                echo $BASHPID 2>/dev/null >"$tree/lab-exec/cgroup.procs" || true
        done
        exec nsenter -t "$leader" -m -u -i -n -p -C -r -w -- /usr/bin/env -i HOME=/root USER=root LOGNAME=root \
                PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TERM="${TERM:-dumb}" "$@"
}

in_node() { (enter "$@"); }

lab_exec() {
        local node=${1:?"usage: lab exec NODE -- CMD…"}
        shift
        [[ ${1:-} == -- ]] && shift
        (($#)) || die "usage: lab exec NODE -- CMD…"
        enter "$node" "$@"
}

lab_shell() {
        enter "${1:?usage: lab shell NODE}" PS1="$1:\\w# " bash -l
}

lab_cp() {
        (($# == 2)) || die "usage: lab cp A NODE:B, lab cp NODE:A B, or lab cp NODE:A NODE:B"
        local from to
        from=$(node_path "$1") || exit 1
        to=$(node_path "$2") || exit 1
        [[ $from != "$1" || $to != "$2" ]] || die "one of the two must be NODE:PATH"
        if [[ -d $to && ! -d $from ]]; then to=$to/${from##*/}; fi      # as cp does
        cp -aT --sparse=always --no-preserve=ownership -- "$from" "$to"
}

# NODE:PATH as this machine sees it; anything else stays as it is.  The node itself resolves the path, because an
# absolute symbolic link in it would otherwise lead into this machine's own tree.
node_path() {
        local leader path
        if [[ $1 =~ ^[a-z][a-z0-9]*: ]]; then
                node_leader "${1%%:*}" || die "node ${1%%:*} is not running. Start it: tests/lab/lab up"
                path=$(in_node "${1%%:*}" realpath -m -- "${1#*:}") || exit 1
                printf '%s' "/proc/$leader/root$path"
        else
                printf '%s' "$1"
        fi
}
