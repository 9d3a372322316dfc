# A host leaves the domain whole, and joins again without a restart; what is refused changes nothing.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/join-lib.sh"

unjoin() {      # unjoin PASSWORD USER
        on "$host" bash -c 'printf "%s\n" "$1" | holdfast --password-stdin "Remove-Computer -UnjoinDomainCredential $2 -PassThru"' _ "$@"
}
address() { on dc1 dig +short "$host.lab.test" @dc1.lab.test; }

story "a member"
leave "$host"
join "$password" lab.test -Credential joiner >/dev/null 2>&1 || fail "$host could not join"
member "$host"
pid=$(on "$host" systemctl show -P MainPID holdfastd)
own=$(address)
[[ $own ]] || fail "it has no address in DNS"

still_member() {
        check "$1: the key is good" on "$host" bash -c 'kinit -k -c /tmp/l.cc "$1" && rm /tmp/l.cc' _ "$account\$@LAB.TEST"
        same "$1: its address" "$own" "$(address)"
}

story "refused"
expect_fail "the password is wrong" unjoin wrong joiner
expect_fail "is not a user of lab.test" unjoin "$password" "'OTHER\\joiner'"
still_member "refused before"
expect_fail "may not delete the computer account $account\$" unjoin "$password" bob
still_member "refused by the domain"

story "it leaves"
output=$(unjoin "$password" joiner 2>&1) || fail "Remove-Computer: $output"
[[ $output == *HasSucceeded* && $output != *WARNING* ]] || fail "it said: $output"
[[ $output != *"$password"* ]] || fail "the password was printed"
! on dc1 samba-tool computer show "$account" >/dev/null 2>&1 || fail "the account is still there"
same "its address" "" "$(address)"
on "$host" bash -c 'shopt -s nullglob; all=(/etc/krb5.keyta* /run/holdfast/krb5/machin*); ((${#all[@]} == 0))' || fail "something was left"
expect_fail "has not joined a domain" on "$host" holdfast Reset-ComputerMachinePassword
expect_fail "has not joined a domain" unjoin "$password" joiner

story "and joins again"
join "$password" lab.test -Credential joiner >/dev/null 2>&1 || fail "$host could not join again"
member "$host"
same "its address" "$own" "$(address)"
back() { [[ $(on dc1 dig +short -x "$own" @dc1.lab.test) == "$host.lab.test." ]]; }
eventually 60 back
eventually 30 on "$host" sh -c 'ss -ltn | grep -q :6600'
eventually 60 on "$host" holdfast "New-VHD '\\\\fs1.lab.test\\vms\\leave.raw' -SizeBytes 1MB"
same "holdfastd was not restarted" "$pid" "$(on "$host" systemctl show -P MainPID holdfastd)"
on fs1 rm -f /srv/vms/leave.raw

story "it leaves, and its account stays: disabled, in its groups"
unjoin_kept() { on "$host" bash -c 'printf "%s\n" "$1" | holdfast --password-stdin "Remove-Computer -UnjoinDomainCredential $2 -KeepAccount"' _ "$@"; }
disabled() { (( $(on dc1 samba-tool computer show "$account" --attributes=userAccountControl | sed -n 's/^userAccountControl: //p') & 2 )); }
expect_fail "may not disable the computer account $account\$" unjoin_kept "$password" bob
still_member "refused by the domain"
unjoin_kept "$password" Administrator || fail "Remove-Computer -KeepAccount failed"
check "the account is disabled" disabled
check "it is in the group" grep -qixF "$account\$" <(on dc1 samba-tool group listmembers "Holdfast Hosts")
same "its address" "" "$(address)"
on "$host" bash -c 'shopt -s nullglob; all=(/etc/krb5.keyta* /run/holdfast/krb5/machin*); ((${#all[@]} == 0))' || fail "something was left"

story "enabled and joined again it is a host at once"
on dc1 samba-tool user enable "$account\$" >/dev/null
join "$password" lab.test -Credential Administrator 2>&1 || fail "$host could not join again"
same "its address" "$own" "$(address)"
eventually 60 on "$host" holdfast "New-VHD '\\\\fs1.lab.test\\vms\\leave.raw' -SizeBytes 1MB"
on fs1 rm -f /srv/vms/leave.raw
