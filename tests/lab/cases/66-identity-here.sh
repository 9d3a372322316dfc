# What the host of a machine is in its domain, broken one thing at a time: Compare-VM names it, and its remedy mends it.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/identity-lib.sh"
identity_case identity-here
each_break "$first"

story "what is known is not asked again"
here=$(address "$first") there=$(address "$second")
asked_nothing() {       # neither a KDC nor a directory, by either host; holdfastd's own looks may fall into it
        on dc1 sh -c "timeout 3 tcpdump -nni any -c 1 '(port 88 or port 389) and (host $here or host $there)' >/run/asked 2>/dev/null; true" &
        local watcher=$!
        sleep 1
        clean "$vm" || fail "there is a finding: $(told)"
        wait $watcher
        on dc1 sh -c '! grep -q . /run/asked'
}
eventually 40 asked_nothing
on dc1 rm /run/asked
