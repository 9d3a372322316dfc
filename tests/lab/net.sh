# net.sh — one network namespace per node, joined by a bridge in the lab's own.  Nothing reaches the machine's network.
# shellcheck shell=bash

node_netns() { printf '%s' "$lab_netns-$1"; }

node_address() {
        case $1 in
        dc1) printf '%s' "$network.10" ;;
        fs1) printf '%s' "$network.11" ;;
        fs2) printf '%s' "$network.12" ;;
        client) printf '%s' "$network.13" ;;
        dc2) printf '%s' "$network.14" ;;
        hv*) printf '%s' "$network.$((20 + ${1#hv}))" ;;
        *) die "there is no node '$1'" ;;
        esac
}

net_up() {
        [[ -e /run/netns/$lab_netns ]] && ip -n "$lab_netns" link show br0 >/dev/null 2>&1 && return
        ip netns del "$lab_netns" 2>/dev/null || true
        ip netns add "$lab_netns"
        ip -n "$lab_netns" link set lo up
        ip -n "$lab_netns" link add br0 type bridge forward_delay 0 mcast_snooping 0
        ip -n "$lab_netns" addr add "$network.1/24" dev br0
        ip -n "$lab_netns" link set br0 up
        # A switch, not a firewall: where the machine has br_netfilter (Docker brings it), frames would go through its hooks.
        ip netns exec "$lab_netns" sysctl -qw net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0 \
                net.bridge.bridge-nf-call-arptables=0 2>/dev/null || true
}

net_add() {
        local node=$1 netns
        netns=$(node_netns "$node")
        net_remove "$node"
        ip netns add "$netns"
        ip link add eth0 netns "$netns" type veth peer name "$node" netns "$lab_netns"
        ip -n "$lab_netns" link set "$node" master br0 up
        ip -n "$netns" link set lo up
        ip -n "$netns" addr add "$(node_address "$node")/24" dev eth0
        ip -n "$netns" link set eth0 up
}

net_remove() {
        ip netns del "$(node_netns "$1")" 2>/dev/null || true
        ip -n "$lab_netns" link del "$1" 2>/dev/null || true
}

net_down() {
        ip netns del "$lab_netns" 2>/dev/null || true
}
