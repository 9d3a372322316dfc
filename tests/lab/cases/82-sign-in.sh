# Who gets in, and as what: groups give roles, everything but Kerberos is refused, and all of it is on record.
source "$(dirname "${BASH_SOURCE[0]}")/remote-lib.sh"
host=$node.lab.test
person anna "Holdfast Admins"
person olga "Holdfast Operators"
person rita "Holdfast Readers"
person bob
client=pywinrm
have pypsrp && client=winrs

story "a reader reads"
check "Get-VMHost" as rita $here/clients.py $client "$host" Get-VMHost >/dev/null
got=$(as rita $here/clients.py $client "$host" 'Stop-VM no-such-machine' "Remove-VM no-such-machine -Force")
[[ $got == *"required permission"*"required permission"* ]] || fail "a reader was not stopped: $got"

story "an operator operates and does not make or remove"
got=$(as olga $here/clients.py $client "$host" 'Stop-VM no-such-machine')
[[ $got == *"unable to find a virtual machine"* ]] || fail "an operator was stopped: $got"
got=$(as olga $here/clients.py $client "$host" "Remove-VM no-such-machine -Force")
[[ $got == *"required permission"* ]] || fail "an operator was not stopped: $got"

story "somebody in no group is told which"
cursor=$(journal_here)
answer=$(as bob python3 $here/hostile.py denied "$host")
[[ $answer == 401*"LAB\\bob is in none of the groups that may use this host"*"'Holdfast Admins'"* ]] || fail "bob heard: $answer"
line=$(journal_after "$cursor" RESULT=refused)
same "the record: who" 'LAB\bob' "$(field USER <<<"$line")"
[[ $(field MESSAGE <<<"$line") == "sign-in from 10.77.0.13 refused: LAB\\bob is in none of the groups"* ]] || fail "the record says: $line"

story "nothing but Kerberos for this host"
for what in nothing basic ntlm ntlm-in-negotiate garbage other-host; do
        answer=$(as anna python3 $here/hostile.py $what "$host")
        printf '%s\n' "- $what: $answer"
        [[ $answer == 401* ]] || fail "$what was answered: $answer"
done
[[ $(as anna python3 $here/hostile.py ntlm "$host") == *"NTLM is not accepted"* ]] || fail "NTLM is not refused by its name"

story "Every form of Kerberos"
same "schemes" "Kerberos 200 200 True;Negotiate 200 200" "$(as anna python3 $here/hostile.py schemes "$host" | paste -sd';')"
same "a second round" "401 asks for Kerberos" "$(as anna python3 $here/hostile.py two-rounds "$host")"

story "Who is known costs the domain nothing"
asks_nothing "$node"
as anna python3 $here/hostile.py many "$host" >/dev/null        # the ticket is there, and the groups are known
on dc1 sh -c 'timeout 20 tcpdump -lnni any "$1" >/tmp/warm 2>/tmp/warm.err' _ "ip host $(on "$node" hostname -I | tr ' ' '\n' | grep ^10.77)" &
watcher=$!
eventually 10 on dc1 grep -q listening /tmp/warm.err
same "sign-ins" 20 "$(as anna python3 $here/hostile.py many "$host")"
sleep 1
same "packets between $node and the domain controller" 0 "$(on dc1 wc -l /tmp/warm | cut -d' ' -f1)"
on "$node" ping -qc 1 dc1 >/dev/null
eventually 5 on dc1 grep -q ICMP /tmp/warm      # it would have been seen
wait $watcher || true

story "TLS: a sign-in bound to another certificate is refused, an unbound one only when the setting says so"
same "bound to this one" 200 "$(as anna python3 $here/hostile.py tls-bound "$host")"
same "not bound" 200 "$(as anna python3 $here/hostile.py tls-unbound "$host")"
[[ $(as anna python3 $here/hostile.py tls-other "$host") == 401*"another TLS connection"* ]] || fail "another binding was accepted"
on "$node" cp /etc/holdfast/node.json /root/node.json.good
on "$node" sed -i 's/{/{ "RemoteChannelBinding": "Strict",/' /etc/holdfast/node.json
on "$node" systemctl restart holdfastd
strict=$(as anna python3 $here/hostile.py tls-unbound "$host"); bound=$(as anna python3 $here/hostile.py tls-bound "$host")
on "$node" cp /root/node.json.good /etc/holdfast/node.json
on "$node" systemctl restart holdfastd
[[ $strict == 401*"RemoteChannelBinding is Strict"* ]] || fail "strict: $strict"
same "strict and bound" 200 "$bound"

story "a restart of holdfastd ends sign-ins, and clients sign in anew"
check "Get-VMHost" as anna $here/clients.py $client "$host" Get-VMHost >/dev/null

story "the gateway has nothing of its own"
expect_fail "Permission denied" on "$node" setpriv --reuid holdfast-gateway --clear-groups cat /etc/krb5.keytab
expect_fail "" on "$node" setpriv --reuid holdfast-gateway --regid holdfast-gateway --clear-groups varlinkctl call \
        --more /run/holdfast/node io.holdfast.Node.Run '{"Pipeline":"Get-VMHost"}'
expect_fail "SessionUnknown" on "$node" setpriv --reuid holdfast-gateway --regid holdfast-gateway --clear-groups varlinkctl call \
        --more /run/holdfast/gateway io.holdfast.Node.Run '{"Pipeline":"Get-VMHost"}'
expect_fail "SessionUnknown" on "$node" setpriv --reuid holdfast-gateway --regid holdfast-gateway --clear-groups varlinkctl call \
        --more /run/holdfast/gateway io.holdfast.Node.Run '{"Pipeline":"Get-VMHost","Session":"0000"}'
expect_fail "PermissionDenied" on "$node" varlinkctl call /run/holdfast/node io.holdfast.Node.SignIn '{"Token":"YQ==","Origin":"x"}'
score=$(on "$node" systemd-analyze security holdfast-gateway --no-pager | sed -n 's/.*exposure level[^:]*: \([0-9.]*\).*/\1/p')
python3 -c "import sys; sys.exit(float('$score') > 2.5)" || fail "the sandbox's exposure is $score; 2.5 is the aim"
printf '%s\n' "- the sandbox's exposure: $score"

story "of SASL's mechanisms holdfastd has the one it uses"
same "loaded" sasl2/libgssapiv2 "$(on "$node" bash -c 'grep -o "sasl2/lib[^.]*" "/proc/$(systemctl show -P MainPID holdfastd)/maps" | sort -u | xargs')"
