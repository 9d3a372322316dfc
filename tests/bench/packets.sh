# packets.sh — how often the domain controller is asked, seen there.  Sourced by the benchmarks, after cases/lib.sh.
# shellcheck shell=bash

# watch_begin NODE…: what goes between these and the KDC, kpasswd, LDAP and the global catalog
watch_begin() {
        local node wanted=
        for node; do
                wanted+="${wanted:+ or }host $(on "$node" hostname -I | tr ' ' '\n' | grep ^10.77)"
        done
        on dc1 bash -c 'tcpdump -i any -n -tt -U -w /tmp/bench.pcap "($1) and (port 88 or 389 or 464 or 636 or 3268 or 3269)" \
                >/dev/null 2>/tmp/bench.err & echo $! >/run/bench-tcpdump.pid' _ "$wanted" >/dev/null
        eventually 10 on dc1 grep -q listening /tmp/bench.err
}
watch_end() { on dc1 bash -c 'pkill -F /run/bench-tcpdump.pid; rm -f /run/bench-tcpdump.pid /tmp/bench.pcap'; }

# packets_between BEGIN END: microseconds of the clock
packets_between() {
        sleep 2         # what was seen is written
        on dc1 tcpdump -n -tt -r /tmp/bench.pcap 2>/dev/null </dev/null |
                awk -v begin="$1" -v end="$2" '{ t = $1 * 1e6 } t >= begin && t <= end { n++ } END { print n + 0 }'
}
