# A host joins with a blob that an administrator's tool has made: no credential comes to it, and no blob is left.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/join-lib.sh"
blob=/root/odj.blob
trap 'on "$host" rm -f $blob; on fs1 rm -f /tmp/odj.blob' EXIT

provision() {   # provision COMPUTER: Samba's djoin, on a file server that an administrator sits at
        on fs1 rm -f /tmp/odj.blob
        on fs1 net offlinejoin provision domain=lab.test machine_name="$1" reuse=true savefile=/tmp/odj.blob \
                -U "LAB/Administrator%$password" >/dev/null 2>&1 </dev/null || fail "no blob was made"
        "$lab" cp fs1:/tmp/odj.blob "$host:$blob"
}
offline() { on "$host" holdfast "Add-Computer -OfflineJoinFile $blob $*"; }
pwd_set() { on dc1 samba-tool computer show "$account" --attributes=pwdLastSet | sed -n 's/^pwdLastSet: //p'; }

story "what is no blob"
leave "$host"
on "$host" bash -c "echo hello there >$blob"
expect_fail "is no blob of djoin" offline
expect_fail "wants the whole path" on "$host" holdfast "Add-Computer -OfflineJoinFile odj.blob"
expect_fail "cannot be opened" on "$host" holdfast "Add-Computer -OfflineJoinFile /root/nothing"
on "$host" ln -sf /etc/shadow /root/odj.link
expect_fail "cannot be opened" on "$host" holdfast "Add-Computer -OfflineJoinFile /root/odj.link"
on "$host" rm /root/odj.link
provision "$account"
on "$host" bash -c "head -c 3000 $blob >$blob.cut; mv $blob.cut $blob"
expect_fail "is no blob of djoin" offline
on "$host" test ! -e /etc/krb5.keytab || fail "it joined"

story "a blob whose password was changed since"
on dc1 samba-tool user setpassword "$account\$" --newpassword="Changed-$RANDOM.Xyz" >/dev/null
"$lab" cp fs1:/tmp/odj.blob "$host:$blob"
expect_fail "does not take the blob's password" offline
on "$host" bash -c 'shopt -s nullglob; all=(/etc/*.joining /etc/krb5.conf.[bd]* /run/holdfast-join-* /etc/krb5.keyta[b]); ((${#all[@]} == 0))' ||
        fail "something was left behind"
check "the blob is still there" on "$host" test -s $blob

story "the join: with what is in the blob, and without adcli"
provision "$account"
changed=$(on dc1 samba-tool computer show "$account" --attributes=uSNChanged | sed -n 's/^uSNChanged: //p')
on "$host" bash -c 'mv /usr/sbin/adcli /usr/sbin/adcli.away'
output=$(offline -WhatIf)
[[ $output == *"Join in domain 'lab.test'"* ]] || fail "-WhatIf said: $output"
same "-WhatIf wrote nothing" "$changed" "$(on dc1 samba-tool computer show "$account" --attributes=uSNChanged | sed -n 's/^uSNChanged: //p')"
before=$(pwd_set)
output=$(offline -PassThru 2>&1) || { on "$host" mv /usr/sbin/adcli.away /usr/sbin/adcli; fail "Add-Computer: $output"; }
on "$host" mv /usr/sbin/adcli.away /usr/sbin/adcli
[[ $output == *HasSucceeded* && $output == *True* ]] || fail "-PassThru gave: $output"
[[ $output == *"Add-ADGroupMember 'Holdfast Hosts' $account\$"* ]] || fail "it did not say what is still to do: $output"
same "the keytab's mode" "600 root" "$(on "$host" stat -c '%a %U' /etc/krb5.keytab)"
check "the blob is gone" on "$host" test ! -e $blob
[[ $(pwd_set) != "$before" ]] || fail "the blob's password is still the account's"

story "every copy of the blob is worth nothing"
on "$host" mv /etc/krb5.keytab /root/keytab.kept
restart "$host"
"$lab" cp fs1:/tmp/odj.blob "$host:$blob"
expect_fail "does not take the blob's password" offline
on "$host" mv /root/keytab.kept /etc/krb5.keytab
restart "$host"

story "a member like any other"
member "$host"
eventually 30 on "$host" klist -s -c /run/holdfast/krb5/machine
eventually 60 on "$host" holdfast "New-VHD '\\\\fs1.lab.test\\vms\\offline.raw' -SizeBytes 1MB"
on fs1 rm -f /srv/vms/offline.raw
names() { on dc1 samba-tool spn list "$account\$" | sed 's/^[[:space:]]*//'; }
has() { names | grep -ixF "$1" >/dev/null; }
eventually 60 has "WSMAN/$host.lab.test"
own=$(on "$host" sh -c 'ip -o -4 route get 10.77.0.10 | sed "s/.* src \([^ ]*\).*/\1/"')
in_dns() { [[ $(on dc1 dig +short "$host.lab.test" @dc1.lab.test) == "$own" ]]; }
eventually 60 in_dns
expect_fail "already a member" offline
! on "$host" bash -c 'journalctl -q --no-pager -u holdfastd | grep -c "ARAI" >/dev/null' || fail "the blob is in the journal"
