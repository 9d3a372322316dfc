# pypsrp drives a host as it drives Windows: scripts, typed pipelines, error records, many pipelines, disconnecting.
source "$(dirname "${BASH_SOURCE[0]}")/remote-lib.sh"
host=$node.lab.test
have pypsrp || skip "pypsrp could not be had from sid"
person anna "Holdfast Admins"
for way in psrp psrp-tls; do
        story "execute_ps: $way"
        got=$(as anna $here/clients.py $way "$host" 'Get-VMHost | Select-Object -ExpandProperty Name' 'Get-VM no-such-machine' 'Get-VMM')
        same "a script" "('${node^^}', 0, '')" "$(python3 -c 'import json,sys; d=json.loads(sys.stdin.readline()); print((d["out"].strip(), d["code"], d["err"]))' <<<"$got")"
        [[ $got == *'unable to find a virtual machine with name \"no-such-machine\"'*"The term 'Get-VMM' is not recognized"* ]] ||
                fail "errors: $got"
done
story "a runspace pool"
as anna python3 $here/psrp.py "$host" "${node^^}"

story "commands use the connections to holdfastd that are there"
# in the gateway's own network, as the kernel sees it
links() { on "$node" nsenter -t "$(gateway_pid)" -n ss -xH | awk '$5 == "/run/holdfast/gateway" { print $6 }' | sort; }
ten() { as anna python3 $here/runspace.py "$host" 10 Get-VMHost <<<$'go\nend' >/dev/null; }
ten
before=$(links)
[[ $before ]] || fail "none was kept"
ten
same "after ten more commands" "$before" "$(links)"
