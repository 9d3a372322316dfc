# What the destination is in its domain, broken one thing at a time: the source says it, also when it cannot even connect.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/identity-lib.sh"
identity_case identity-there
each_break "$second"

story "a host whose key is old is restarted: it has no tickets, and is found out all the same"
samba user setpassword "$(account "$second")" --newpassword="Changed-$RANDOM.Xyz"
on "$second" sh -c 'rm -f /run/holdfast/krb5/machine; systemctl restart holdfastd'
eventually 30 on "$second" sh -c 'ss -ltn | grep -q :6600'
holdfast "$first" "Compare-VM $vm $second" >/dev/null 2>&1 || true      # a ticket from before would still be good
on "$first" sh -c 'rm -f /run/holdfast/krb5/machine; systemctl restart holdfastd'
eventually 30 on "$first" klist -s -c /run/holdfast/krb5/machine
finds "$vm" "no key, no tickets" "50043 $second"
