# A pre-staged account: the host joins with a one-time password, no user's credential ever reaches it.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/join-lib.sh"

once=One-time.$RANDOM$RANDOM
leave "$host"

story "before the account is there"
expect_fail "has no pre-staged account $account\$" join "$once" lab.test -Credential "'$account\$'"

story "the administrator pre-stages it"
printf '%s' "$password" | "$lab" exec client -- adcli preset-computer --domain=lab.test --login-user=joiner --stdin-password \
        --one-time-password="$once" "$host.lab.test" >/dev/null
expect_fail "is another computer's" join "$once" lab.test -Credential "'HV99\$'"
expect_fail "wants this computer's own account" join "$once" lab.test -Credential joiner -OneTimePassword
expect_fail "is wrong or was used before" join "not-$once" lab.test -Credential "'$account\$'"
output=$(join "$once" lab.test -Credential "'$account\$'" -OneTimePassword 2>&1) || fail "Add-Computer: $output"
on dc1 samba-tool spn list "$account\$" | grep -qi "WSMAN/$host.lab.test" || fail "the host could not add its own SPNs"
check "tickets are there" on "$host" klist -s -c /run/holdfast/krb5/machine

story "the password was for one time"
on "$host" mv /etc/krb5.keytab /root/keytab.kept
expect_fail "is wrong or was used before" join "$once" lab.test -Credential "'$account\$'"
on "$host" mv /root/keytab.kept /etc/krb5.keytab
restart "$host"
member "$host"
