# A host joins with a delegated user's password: refusals change nothing, and the account has what it needs.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/join-lib.sh"

story "a host that is no member says how it becomes one"
leave "$host"
conf_before=$(on "$host" cat /etc/krb5.conf | sha256sum)
nothing_changed() {
        [[ $(on "$host" cat /etc/krb5.conf | sha256sum) == "$conf_before" ]] || fail "$1: krb5.conf has changed"
        on "$host" bash -c 'shopt -s nullglob; all=(/etc/*.joining /etc/krb5.conf.[bd]* /run/holdfast-join-* /etc/krb5.keyta[b]); ((${#all[@]} == 0))' ||
                fail "$1: something was left behind"
        ! on dc1 samba-tool computer show "${2:-$account}" >/dev/null 2>&1 || fail "$1: an account was made"
}

story "refusals before any credential is sent"
expect_fail "has 18 characters and a domain allows 15" join "$password" lab.test -Credential joiner -NewName HOLDFAST-NODE-0018
expect_fail "is not a computer name" join "$password" lab.test -Credential joiner -NewName hv_x
expect_fail "'OTHER\\joiner' is not a user of lab.test" join "$password" lab.test -Credential "'OTHER\\joiner'"
expect_fail "write it in full" join "$password" LAB -Credential joiner
expect_fail "knows no _ldap._tcp.dc._msdcs.other.test (SRV)" join "$password" other.test -Credential joiner
expect_fail "knows no _ldap._tcp.dc._msdcs.other.test (SRV)" join "$password" other.test -Credential joiner -Server dc1.lab.test
expect_fail "fs1.lab.test does not answer" join "$password" lab.test -Credential joiner -Server fs1.lab.test
on "$host" cp /etc/resolv.conf /root/resolv.conf.good
on "$host" bash -c 'echo "nameserver 10.77.0.13" >/etc/resolv.conf'       # client: runs no DNS server
expect_fail "no answer from the DNS server 10.77.0.13" join "$password" lab.test -Credential joiner
on "$host" cp /root/resolv.conf.good /etc/resolv.conf
nothing_changed "refused before"

story "refusals by the domain"
expect_fail "the password of joiner is wrong" join wrong lab.test -Credential joiner
expect_fail "has no user nobody" join "$password" lab.test -Credential nobody
expect_fail "may not add or change the computer account" join "$password" lab.test -Credential anna
expect_fail "no organizational unit OU=Nope,DC=lab,DC=test" join "$password" lab.test -Credential joiner \
        -OUPath "'OU=Nope,DC=lab,DC=test'"
nothing_changed "refused by the domain"

story "a long krb5.conf comes back whole"
on "$host" sh -c 'cp /etc/krb5.conf /root/krb5.conf.good; yes "# a comment of somebody" | head -c 70000 >>/etc/krb5.conf'
long=$(on "$host" sha256sum /etc/krb5.conf)
expect_fail "the password of joiner is wrong" join wrong lab.test -Credential joiner
same "krb5.conf" "$long" "$(on "$host" sha256sum /etc/krb5.conf)"
on "$host" mv /root/krb5.conf.good /etc/krb5.conf
nothing_changed "a long krb5.conf"

story "holdfastd is killed while it joins"
on "$host" bash -c 'mv /usr/sbin/adcli /usr/sbin/adcli.real
        printf "#!/bin/sh\necho key >/etc/krb5.keytab.joining\nsleep 60\n" >/usr/sbin/adcli; chmod 755 /usr/sbin/adcli'
join "$password" lab.test -Credential joiner >/dev/null 2>&1 &
eventually 30 on "$host" test -s /etc/krb5.keytab.joining
on "$host" systemctl kill --signal=KILL holdfastd
wait $! || true
on "$host" mv /usr/sbin/adcli.real /usr/sbin/adcli
eventually 30 on "$host" holdfast Get-VMHost
nothing_changed "killed"

story "what it would do"
output=$(join "$password" lab.test -Credential joiner -WhatIf)
[[ $output == *"Performing the operation \"Join in domain 'lab.test'\" on target"* ]] || fail "-WhatIf said: $output"
nothing_changed "-WhatIf"

story "the join"
output=$(join "$password" lab.test -Credential "'LAB\\joiner'" -OUPath "'OU=Nodes,DC=lab,DC=test'" -PassThru 2>&1) ||
        fail "Add-Computer: $output"
[[ $output == *HasSucceeded* && $output == *True* ]] || fail "-PassThru gave: $output"
[[ $output == *"Add-ADGroupMember 'Holdfast Hosts' $account\$"* ]] || fail "it did not say what is still to do: $output"
[[ $output != *"$password"* ]] || fail "the password was printed"
! on "$host" bash -c "journalctl -q --no-pager | grep -qF '$password'" || fail "the password is in the journal"
same "the keytab's mode" "600 root" "$(on "$host" stat -c '%a %U' /etc/krb5.keytab)"
dn=$(on dc1 samba-tool computer show "$account" | sed -n 's/^dn: //p')
same "the account is in the OU" "CN=$account,OU=Nodes,DC=lab,DC=test" "$dn"
spns=$(on dc1 samba-tool spn list "$account\$" | tr -d '\t ')
for service in host HTTP WSMAN cifs RestrictedKrbHost MicrosoftVirtualSystemMigrationService; do
        for name in "$account" "$host.lab.test"; do
                grep -qixF "$service/$name" <<<"$spns" || fail "the account has no SPN $service/$name"
        done
done
same "its address in DNS" "$(on "$host" hostname -I | awk '{print $1}')" "$(on dc1 dig +short "$host.lab.test" @dc1.lab.test)"
check "tickets are there" on "$host" klist -s -c /run/holdfast/krb5/machine

story "a second join is refused"
expect_fail "this host is already a member of lab.test as $account\$" join "$password" lab.test -Credential joiner

story "a host whose key the domain no longer accepts may join again"
on dc1 samba-tool user setpassword "$account\$" --newpassword="Changed-$RANDOM.Xyz" >/dev/null
output=$(join "$password" lab.test -Credential joiner 2>&1) || fail "joining again: $output"
member "$host"
