# Membership in the fabric, a wrong clock, a missing keytab; what the host asks the directory is sealed.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/join-lib.sh"

if ! on "$host" test -e /etc/krb5.keytab; then
        leave "$host"
        join "$password" lab.test -Credential joiner >/dev/null 2>&1 || fail "$host could not join"
fi
samba() { on dc1 samba-tool "$@" >/dev/null; }
# The question every peer is asked, without a peer: auth-probe calls auth/directory.h on the host.
if [[ ${AUTH_PROBE:-} ]]; then
        "$lab" cp "$AUTH_PROBE" "$host:/root/auth-probe"
else
        here=$(mktemp)
        "$lab" tools cat /build/plain/tests/unit/auth/auth-probe >"$here" </dev/null
        "$lab" cp "$here" "$host:/root/auth-probe"
        rm -f "$here"
fi
on "$host" chmod 755 /root/auth-probe
require() { on "$host" /root/auth-probe require "$account\$"; }
outside="$account\$ is not in the group 'Holdfast Hosts'; an administrator adds it with: Add-ADGroupMember 'Holdfast Hosts' $account\$"

story "who is in the group"
samba group addmembers "Holdfast Hosts" "$account\$" 2>/dev/null || true
check "a direct member" require
samba group removemembers "Holdfast Hosts" "$account\$"
expect_fail "$outside" require
samba group add "Rack $account" 2>/dev/null || true
samba group addmembers "Rack $account" "$account\$"
samba group addmembers "Holdfast Hosts" "Rack $account"
check "a member of a member" require
samba group delete "Rack $account"
expect_fail "$outside" require
samba group addmembers "Holdfast Hosts" "Domain Computers"
check "a member by its primary group" require
samba group removemembers "Holdfast Hosts" "Domain Computers"
expect_fail "$outside" require
samba group addmembers "Holdfast Hosts" "$account\$"
samba user disable "$account\$"
"$lab" cp "$host:/root/auth-probe" hv1:/root/auth-probe         # a disabled host gets no ticket itself
expect_fail "the computer account $account\$ is disabled" on hv1 /root/auth-probe require "$account\$"
samba user enable "$account\$"
expect_fail "has no computer HV99\$" on "$host" /root/auth-probe require 'HV99$'
same "asked twice, answered once" "questions 3 questions 3" \
        "$(require | grep questions | xargs)"

story "a connection that died is made again"
asked=$(on "$host" bash -c '(sleep 1; ss -K dport = 389 >/dev/null 2>&1; echo) | /root/auth-probe again "$1"' _ "$account\$" |
        grep questions | xargs)
if [[ $asked == "questions 3 questions 6" ]]; then
        story "(this kernel does not close connections of others: not tried)"
else
        same "three questions, one that failed, three again" "questions 3 questions 7" "$asked"
fi

story "the questions are sealed"
on dc1 bash -c 'timeout 8 tcpdump -i any -s 0 -w /tmp/ldap.pcap tcp port 389 >/dev/null 2>&1 & sleep 1'
check "in the fabric" require
sleep 8
size=$(on dc1 stat -c %s /tmp/ldap.pcap)
((size > 2000)) || fail "nothing was captured ($size bytes)"
! on dc1 grep -qaiE 'Holdfast Hosts|tokenGroups|sAMAccountName' /tmp/ldap.pcap || fail "the question can be read on the wire"
on dc1 rm -f /tmp/ldap.pcap

story "a clock that is 20 minutes ahead"
on client gcc -shared -fPIC -D_GNU_SOURCE -o /tmp/skew.so /src/tests/unit/auth/skewed-clock.c
"$lab" cp client:/tmp/skew.so "$host:/var/lib/skew.so"
on "$host" bash -c 'mkdir -p /run/systemd/system/holdfastd.service.d
        printf "[Service]\nEnvironment=LD_PRELOAD=/var/lib/skew.so SKEW_S=1200\n" >/run/systemd/system/holdfastd.service.d/skew.conf
        systemctl daemon-reload; systemctl restart holdfastd'
put_right() {
        on "$host" bash -c 'rm -rf /run/systemd/system/holdfastd.service.d; systemctl daemon-reload
                [[ ! -e /root/keytab.kept ]] || mv /root/keytab.kept /etc/krb5.keytab; systemctl restart holdfastd'
}
trap put_right EXIT
eventually 20 on "$host" bash -c "journalctl -q --no-pager -u holdfastd --since=-60s |
        grep -q 'the clock of this host differs from the domain.s by more than 5 minutes'"
expect_fail "cannot be checked now: the clock of this host differs" join "$password" lab.test -Credential joiner
on "$host" mv /etc/krb5.keytab /root/keytab.kept
expect_fail "this host has not joined a domain (no usable key in /etc/krb5.keytab); join it with: Add-Computer" require
expect_fail "the clock of this host is 20 minutes ahead of that of dc1.lab.test" join "$password" lab.test -Credential joiner
on "$host" test ! -e /etc/krb5.keytab || fail "it joined"
put_right
eventually 20 on "$host" klist -s -c /run/holdfast/krb5/machine
