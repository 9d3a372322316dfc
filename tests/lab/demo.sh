# demo.sh — the story of a move, told with the product alone.
# shellcheck shell=bash

# hosts_up N: the lab with N hosts that run the staged product and joined through it.
hosts_up() {
        local n node
        [[ -d $state/product ]] || build_stage
        lab_up --hosts "$1"
        for ((n = 1; n <= $1; n++)); do
                node=hv$n
                in_node "$node" test -e /usr/bin/holdfast || build_push "$node"
                [[ -e $state/nodes/$node/joined ]] || host_join "$node"
        done
}

# host_join NODE: what an administrator does: join by the delegated user, then put the host into the group.
host_join() {
        local node=$1
        if ! in_node "$node" test -e /usr/bin/holdfast </dev/null; then
                member_join "$node" "Holdfast Hosts"
                return
        fi
        printf '%s\n' "$password" | in_node "$node" holdfast --password-stdin "Add-Computer $domain -Credential joiner" >&2 ||
                die "$node could not join the domain through Add-Computer"
        in_node dc1 samba-tool group addmembers "Holdfast Hosts" "${node^^}\$" </dev/null >&2
        in_node "$node" systemctl restart holdfastd </dev/null  # a ticket from before the group does not show it
        : >"$state/nodes/$node/joined"
}
