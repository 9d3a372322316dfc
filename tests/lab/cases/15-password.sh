# The password of a host's account changes under a running machine; whatever is cut off, some key in a file is the account's.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/move-lib.sh"

versions() { on "$1" klist -k /etc/krb5.keytab | awk '$1 ~ /^[0-9]+$/ { print $1 }' | sort -nu | xargs; }
newest() { versions "$1" | awk '{ print $NF }'; }
reset() { holdfast "$1" "Reset-ComputerMachinePassword${2:+ $2}"; }
restart() { on "$1" systemctl restart holdfastd; eventually 30 on "$1" sh -c 'ss -ltn | grep -q :6600'; }
nothing_left() { on "$1" test ! -e /etc/krb5.keytab.rotating; }
ticket_for_second() { on "$first" klist -c FILE:/run/holdfast/krb5/machine | grep -q "host/$second.lab.test"; }
newer() { (($(newest "$1") > $2)); }

trap 'away pw01' EXIT
story "two hosts and a machine"
restart "$first"
restart "$second"
machine pw01
after_look "$first"     # the second look of a new holdfastd brings fresh tickets, and with them only those that are asked for again
holdfast "$first" "Compare-VM pw01 $second" >/dev/null
check "$first has a ticket for $second" ticket_for_second

story "a new password, and a move with a ticket from before it"
before=$(newest "$second")
check "reset on $second" reset "$second"
same "two keys" "$before $((before + 1))" "$(versions "$second")"
same "the keytab's mode" "600 root" "$(on "$second" stat -c '%a %U' /etc/krb5.keytab)"
check "$first still has that ticket" ticket_for_second
check "move" holdfast "$first" "Move-VM pw01 $second"
lives "$second" pw01
check "reset where it came from" reset "$first"
check "reset where it runs" reset "$second"
check "move back" holdfast "$second" "Move-VM pw01 $first"
lives "$first" pw01
writes_on pw01
now=$(newest "$second")
same "of many keys the last two stay" "$((now - 1)) $now" "$(versions "$second")"
on "$second" bash -c 'kinit -k -c /tmp/pw.cc "$1" && rm /tmp/pw.cc' _ "${second^^}\$@LAB.TEST" || fail "the keytab does not open the domain"

story "a host with a machine does not leave the domain"
expect_fail 'on this host ("pw01") and would lose the share' \
        on "$first" bash -c 'echo x | holdfast --password-stdin "Remove-Computer -UnjoinDomainCredential joiner"'

story "refused, and nothing has changed"
sum=$(on "$second" sha256sum /etc/krb5.keytab)
expect_fail "fs1.lab.test does not answer" reset "$second" "-Server fs1.lab.test"
on dc1 samba-tool user disable "${second^^}\$" >/dev/null
expect_fail "is disabled" reset "$second"
on dc1 samba-tool user enable "${second^^}\$" >/dev/null
same "the keytab" "$sum" "$(on "$second" sha256sum /etc/krb5.keytab)"
check "nothing is left" nothing_left "$second"

story "cut off after the domain took it"
on "$second" cp /etc/krb5.keytab /root/before.keytab
reset "$second"
after=$(on "$second" sh -c 'sha256sum </etc/krb5.keytab')
on "$second" sh -c 'mv /etc/krb5.keytab /etc/krb5.keytab.rotating; cp /root/before.keytab /etc/krb5.keytab'
restart "$second"
same "the new key is taken" "$after" "$(on "$second" sh -c 'sha256sum </etc/krb5.keytab')"
check "nothing is left" nothing_left "$second"

story "cut off before"
on "$second" cp /root/before.keytab /etc/krb5.keytab.rotating
restart "$second"
same "the key in use stays" "$after" "$(on "$second" sh -c 'sha256sum </etc/krb5.keytab')"
check "nothing is left" nothing_left "$second"
on "$second" rm /root/before.keytab

story "by itself, when the key is old"
now=$(newest "$second")
"$lab" cp "$second:/etc/krb5.keytab" client:/tmp/keytab
on client python3 -c '
import struct
data = bytearray(open("/tmp/keytab", "rb").read())
at = 2
while at < len(data):
    size = struct.unpack_from(">i", data, at)[0]
    at += 4
    if size > 0:
        p = at
        count, = struct.unpack_from(">H", data, p)
        p += 2
        for _ in range(count + 1):
            p += 2 + struct.unpack_from(">H", data, p)[0]
        struct.pack_into(">I", data, p + 4, struct.unpack_from(">I", data, p + 4)[0] - 40 * 86400)
    at += abs(size)
open("/tmp/keytab", "wb").write(data)'
"$lab" cp client:/tmp/keytab "$second:/etc/krb5.keytab"
on client rm /tmp/keytab
on "$second" systemctl restart holdfastd
eventually 30 newer "$second" "$now"
check "and it is reached" holdfast "$first" "Compare-VM pw01 $second"
fresh pw01
