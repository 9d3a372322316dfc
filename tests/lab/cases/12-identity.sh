# Membership in the fabric, a wrong clock, a missing keytab; what the host asks the directory is sealed.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/join-lib.sh"

if ! on "$host" test -e /etc/krb5.keytab; then
        leave "$host"
        join "$password" lab.test -Credential joiner >/dev/null 2>&1 || fail "$host could not join"
fi
samba() { on dc1 samba-tool "$@" >/dev/null; }
fabric() { on "$host" holdfast --json 'Get-VMHost | Select-Object FabricMember'; }
fabric_is() {
        restart "$host"         # answers are kept for a minute
        eventually 20 on "$host" holdfast Get-VMHost
        local said
        said=$(fabric)
        [[ $said == *"$2"* ]] || fail "$1: Get-VMHost says $said"
        printf '%s\n' "- $1"
}

story "who is in the group"
samba group addmembers "Holdfast Hosts" "$account\$" || true
fabric_is "a direct member" true
samba group removemembers "Holdfast Hosts" "$account\$"
fabric_is "nobody's member" false
samba group add "Rack $account" || true
samba group addmembers "Rack $account" "$account\$"
samba group addmembers "Holdfast Hosts" "Rack $account"
fabric_is "a member of a member" true
samba group delete "Rack $account"
fabric_is "not any more" false
samba group addmembers "Holdfast Hosts" "$account\$"

story "the questions are sealed"
on dc1 bash -c 'timeout 8 tcpdump -i any -s 0 -w /tmp/ldap.pcap tcp port 389 >/dev/null 2>&1 & sleep 1'
fabric_is "in the fabric" true
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
        mv /etc/krb5.keytab /root/keytab.kept; systemctl daemon-reload; systemctl restart holdfastd'
put_right() {
        on "$host" bash -c 'rm -rf /run/systemd/system/holdfastd.service.d; systemctl daemon-reload
                [[ ! -e /root/keytab.kept ]] || mv /root/keytab.kept /etc/krb5.keytab; systemctl restart holdfastd'
}
trap put_right EXIT
eventually 10 on "$host" holdfast 'Get-Command Add-Computer'
expect_fail "the clock of this host is 20 minutes ahead of that of dc1.lab.test" join "$password" lab.test -Credential joiner
on "$host" test ! -e /etc/krb5.keytab || fail "it joined"
put_right
eventually 20 on "$host" klist -s -c /run/holdfast/krb5/machine
