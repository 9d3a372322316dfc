# A host keeps what the domain has of it: names and full name at the start, the way back from its address, and never more.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/join-lib.sh"

if ! on "$host" test -e /etc/krb5.keytab; then
        leave "$host"
        join "$password" lab.test -Credential joiner >/dev/null 2>&1 || fail "$host could not join"
fi
samba() { on dc1 samba-tool "$@" >/dev/null 2>&1 </dev/null; }
own=$(on "$host" sh -c 'ip -o -4 route get 10.77.0.10 | sed "s/.* src \([^ ]*\).*/\1/"')
dn="CN=$account,$(on dc1 samba-tool computer show "$account" | sed -n 's/^dn: CN=[^,]*,//p')"
names() { on dc1 samba-tool spn list "$account\$" | sed 's/^[[:space:]]*//'; }
has() { names | grep -ixF "$1" >/dev/null; }
named() { [[ $(on dc1 samba-tool computer show "$account" --attributes=dNSHostName | sed -n 's/^dNSHostName: //p') == "$1" ]]; }
back() { [[ $(on dc1 dig +short -x "$own" @dc1.lab.test) == "$1" ]]; }
back_gone() { back ""; }
no_pointer() { samba dns delete dc1 77.10.in-addr.arpa "${own##*.}.0" PTR "$host.lab.test" -U "Administrator%$password" || true; }
zone_back() { samba dns zonecreate dc1 77.10.in-addr.arpa -U "Administrator%$password" || true; }

story "names that were lost, and a wrong one, are right after the start"
samba spn delete "WSMAN/$host.lab.test" "$account\$"
samba spn delete "host/$account" "$account\$"
on dc1 bash -c 'ldbmodify -H /var/lib/samba/private/sam.ldb' >/dev/null <<LDIF
dn: $dn
changetype: modify
replace: dNSHostName
dNSHostName: wrong.lab.test
LDIF
check "the domain has another name of it" named wrong.lab.test
no_pointer
eventually 10 back_gone
restart "$host"
eventually 60 named "$host.lab.test"
eventually 30 has "WSMAN/$host.lab.test"
eventually 30 has "host/$account"
check "it said so" on "$host" bash -c 'journalctl -q --no-pager -u holdfastd --since=-2min | grep "service principal names of .* were written anew" >/dev/null'

story "the way back from its address"
eventually 60 back "$host.lab.test."

story "as itself it could not write another name, and it did not try"
on "$host" bash -c 'KRB5CCNAME=FILE:/run/holdfast/krb5/machine nsupdate -g' <<<"server dc1.lab.test
update add fs1.lab.test 3600 A $own
send" 2>/dev/null && fail "a host may write the record of another"
same "names of the account" 12 "$(names | grep -cixE "(host|RestrictedKrbHost|HTTP|WSMAN|cifs|Microsoft Virtual System Migration Service)/($account|$host.lab.test)")"

story "a domain without a zone for the way back is no error"
trap zone_back EXIT
samba dns zonedelete dc1 77.10.in-addr.arpa -U "Administrator%$password"
since=$(on "$host" date '+%F %T')
check "all of it anew" on "$host" holdfast "Test-ComputerSecureChannel -Repair"
! on "$host" journalctl -q --no-pager -u holdfastd --since="$since" -p warning | grep "could not be registered" >/dev/null ||
        fail "it complained: $(on "$host" journalctl -q --no-pager -u holdfastd --since="$since" -p warning)"
zone_back
check "with the zone, the record" on "$host" holdfast "Test-ComputerSecureChannel -Repair"
eventually 10 back "$host.lab.test."
trap - EXIT
