# Port 6600: who is let in, and what a machine in the middle, a stranger and a liar get.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/move-lib.sh"
probe_on "$first" "$second" client
probe() { on "$1" env KRB5CCNAME=FILE:/run/holdfast/krb5/machine /root/channel-probe "${@:2}"; }
trap 'on client sh -c "rm -f /root/channel-probe; [ ! -e /etc/krb5.keytab.mine ] || mv /etc/krb5.keytab.mine /etc/krb5.keytab"
        on "$first" sh -c "sed -i /probe-relay/d /etc/hosts"' EXIT

story "a member of the fabric is let in, proven on both sides"
check "connected with TLS 1.3 as $second" grep -q "connected to $second.lab.test (${second^^}\\$) with TLS1.3" <(probe "$first" call "$second")

story "it may ask only for what there is"
expect_fail "does not know the request" probe "$first" call "$second" shell '{"Token":"01234567-89ab-4cde-8f01-23456789abcd"}'
expect_fail "not a UUID" probe "$first" call "$second" give '{"Token":"../../../../etc/passwd"}'
expect_fail "knows of no move" probe "$first" call "$second" give '{"Token":"01234567-89ab-4cde-8f01-23456789abcd"}'
expect_fail "lacks a value" probe "$first" call "$second" compare '{"Token":"01234567-89ab-4cde-8f01-23456789abcd"}'

story "a computer of the domain outside the group is refused, and told so"
on client sh -c '[ ! -e /etc/krb5.keytab ] || cp /etc/krb5.keytab /etc/krb5.keytab.mine; mkdir -p /run/holdfast'
expect_fail "is not in the group" probe client call "$second"

story "a machine in the middle cannot pass the hello on: it is bound to another TLS connection"
middle=$(on client hostname -I | awk '{ print $1 }')
on client /root/channel-probe relay "$second.lab.test" >/dev/null 2>&1 </dev/null &
eventually 20 on client sh -c 'ss -ltn | grep -q :6600'
on "$first" sh -c "echo '$middle $second.lab.test # probe-relay' >>/etc/hosts"
expect_fail "not at the other end of this TLS connection" probe "$first" call "$second"
on "$first" sed -i /probe-relay/d /etc/hosts
check "without it in the middle" probe "$first" call "$second"

story "strangers who say nothing cannot fill the house"
held=$(probe "$first" flood "$second.lab.test" 64)
held=${held##* }
((held <= 17)) || fail "$held strangers were let in at once"
printf '%s\n' "- of 64 silent connections $held are held"
eventually 30 probe "$first" call "$second"
