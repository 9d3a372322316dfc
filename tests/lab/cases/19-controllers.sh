# Two controllers, each in a site of its own: a host uses that of its site, goes on with the other when it is off or stuck,
# and comes home.  Whatever happens to it, nothing waits longer than the bound that is written beside it.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/vm-lib.sh"
password=Passw0rd.lab
vm=two-controllers

put_right() {
        local node
        on dc2 ip link set eth0 up 2>/dev/null || true
        "$lab" controller down || true
        for node in "$first" "$second"; do
                on "$node" sh -c '[ ! -e /root/resolv.conf.kept ] || mv /root/resolv.conf.kept /etc/resolv.conf; systemctl restart holdfastd'
        done
        fresh $vm
}
trap put_right EXIT

# within SECONDS WHAT CMD…
within() {
        local bound=$1 what=$2 began=$((${EPOCHREALTIME/./} / 1000)) took
        shift 2
        "$@" >/dev/null 2>&1 </dev/null || fail "$what: '$*' gave $?"
        took=$((${EPOCHREALTIME/./} / 1000 - began))
        ((took <= bound * 1000)) || fail "$what took $took ms, and $bound s are the bound"
        printf '%s\n' "- $what ($took ms)"
}

# A directory and tickets without holdfastd's connection and cache, in the surroundings that its unit gives it.
here=$(mktemp)
if [[ ${AUTH_PROBE:-} ]]; then cp "$AUTH_PROBE" "$here"; else "$lab" tools cat /build/plain/tests/unit/auth/auth-probe >"$here" </dev/null; fi
"$lab" cp "$here" "$first:/root/auth-probe"
rm -f "$here"
on "$first" chmod 755 /root/auth-probe
probe() {
        on "$first" env RES_OPTIONS="timeout:1 attempts:3" KRB5_CONFIG=/etc/krb5.conf:/run/holdfast/krb5/machine.kdcs /root/auth-probe "$@"
}
groups() { probe require "${first^^}\$"; }
ticket() { probe machine | grep "^renew at"; }
repair() { holdfast "$first" "Test-ComputerSecureChannel -Repair"; }
rotate() { holdfast "$first" "Reset-ComputerMachinePassword"; }
compare() { [[ $(holdfast "$first" --json "Compare-VM $vm $second") == *'"Incompatibilities":[]'* ]]; }
talks_to() { on "$1" ss -Htn state established "dport = 389" | grep -q " $2:389"; }         # holdfastd, to its directory
both_talk_to() { talks_to "$first" "$1" && talks_to "$second" "$1"; }
first_kdc() { [[ $(on "$first" grep -m 1 "kdc = " /run/holdfast/krb5/machine.kdcs | tr -d ' ') == "kdc=$1" ]]; }
own=$(on "$first" sh -c 'ip -o -4 route get 10.77.0.10 | sed "s/.* src \([^ ]*\).*/\1/"')
named() { [[ $(on dc1 dig +short "$first.lab.test" @dc1.lab.test) == "$1" ]]; }
unnamed() { on dc1 samba-tool dns delete dc1 lab.test "$first" A "$own" -U "Administrator%$password" >/dev/null 2>&1 </dev/null; named ""; }

# Neither controller hears of a Compare-VM that is warm; holdfastd's own looks, three a minute, may fall into it.
asked_nothing() {
        local node watchers=()
        for node; do
                on "$node" sh -c "timeout 2 tcpdump -nni any -c 1 '(port 88 or port 389) and host $own' >/run/asked 2>/dev/null; true" &
                watchers+=($!)
        done
        sleep 0.7
        compare || fail "Compare-VM finds something: $(holdfast "$first" "Compare-VM $vm $second")"
        wait "${watchers[@]}"
        for node; do on "$node" sh -c '! grep -q . /run/asked' || return 1; done
}

story "a second controller, in the site of the hosts"
"$lab" controller up Rack >/dev/null 2>&1 || fail "dc2 did not come up"
for node in "$first" "$second"; do
        on "$node" sh -c 'cp /etc/resolv.conf /root/resolv.conf.kept
                printf "nameserver 10.77.0.14\nnameserver 10.77.0.10\nsearch lab.test\n" >/etc/resolv.conf; systemctl restart holdfastd'
done
fresh $vm
holdfast "$first" "New-VM $vm -MemoryStartupBytes 64MB -NewVHDPath '$share\\$vm\\$vm.raw' -NewVHDSizeBytes 8MB" >/dev/null
eventually 30 both_talk_to 10.77.0.14
check "both hosts use it, though dc1 is the first by name" both_talk_to 10.77.0.14
check "tickets, too" first_kdc 10.77.0.14
eventually 30 compare
eventually 40 asked_nothing dc1 dc2
story "- a warm Compare-VM asks neither"

story "it is off"
on dc2 ip link set eth0 down
within 20 "groups" groups
within 20 "a ticket" ticket
eventually 40 both_talk_to 10.77.0.10
check "tickets are asked of the other one first" first_kdc 10.77.0.10
within 20 "Compare-VM" compare
eventually 40 asked_nothing dc1
story "- and a warm one asks nobody"
unnamed || fail "the name of $first cannot be taken away"
within 30 "its address in the DNS" repair
check "is there again" named "$own"

story "it is back"
on dc2 ip link set eth0 up
eventually 60 both_talk_to 10.77.0.14
check "both hosts are home, and their tickets" first_kdc 10.77.0.14

story "it takes connections and never answers"
on dc2 systemctl kill --signal=STOP samba-ad-dc
within 20 "groups" groups
within 20 "a ticket" ticket
within 30 "a new password" rotate
within 30 "Compare-VM" compare
unnamed || fail "the name of $first cannot be taken away"
within 30 "its address in the DNS" repair
check "is there again" named "$own"
on dc2 systemctl kill --signal=CONT samba-ad-dc
on dc2 samba-tool drs replicate dc2 dc1 DC=lab,DC=test --local -U "Administrator%$password" >/dev/null 2>&1 || fail "dc2 does not catch up"
eventually 60 both_talk_to 10.77.0.14
within 20 "with the new password at home" ticket
