# Grant-VMShareAccess: shows, changes only what the hosts need, as the administrator; nothing else is written by looking.
source "$(dirname "${BASH_SOURCE[0]}")/access-lib.sh"
probe_ready "$host"
account=${host^^}
share_as_made
fresh_files
grant() { on "$host" bash -c 'printf "%s\n" "$1" | holdfast --password-stdin "Grant-VMShareAccess $2"' _ "$1" "'$unc' -Credential $2"; }
everything() { on "$server" bash -c 'cd /srv/vms; find . -printf "%p %T@ %C@ %s %U %G %m\n" | sort; sharesec vms --view'; }

story "looking changes nothing"
set_sddl "$folder\\web01\\b.raw" "D:P(A;;FA;;;$admins)"
before=$(everything)
findings >/dev/null
findings "-ComputerName hv1,hv2,client" >/dev/null
[[ $before == "$(everything)" ]] || fail "looking changed times, sizes, owners, modes or lists"

story "-WhatIf"
share_list --replace "$hosts:ALLOWED/0x0/READ,$admins:ALLOWED/0x0/FULL"
before=$(everything)
shown=$(grant "$password" "Administrator -WhatIf")
[[ $shown == *'"Grant Modify to LAB\Holdfast Hosts" on target "'*b.raw* ]] || fail "it does not show: $shown"
same "two changes are shown" "2" "$(grep -c 'What if' <<<"$shown")"
[[ $before == "$(everything)" ]] || fail "-WhatIf changed something"

story "who may not"
expect_fail "the password is wrong" grant wrong Administrator
expect_fail "no such user" grant "$password" nobody
expect_fail "not of the domain" grant "$password" "anna@OTHER.TEST"
grant "$password" bob >/dev/null 2>&1 && fail "bob may not change permissions"
[[ $before == "$(everything)" ]] || fail "somebody without the rights changed something"

story "as the administrator"
check "grant" grant "$password" Administrator
same "clean afterwards" "" "$(findings)"
new=$(probe look "$unc" | grep b.raw)
same "one entry more, for the hosts' group, Modify" "$(sed "s/.*D:P/D:P/" <<<"$new")" "D:P(A;;FA;;;$admins)(A;;0x1301bf;;;$hosts)"
same "again there is nothing to do" "" "$(grant "$password" "Administrator -WhatIf")"

story "a denial goes, everything else stays"
set_sddl "$folder\\web01\\c.raw" "D:P(D;;0x2;;;$(sid "$account\$"))(D;;FA;;;AN)(A;;FA;;;$admins)(A;;FA;;;$hosts)"
check "grant" grant "$password" Administrator
same "what is left" "D:P(D;;FA;;;AN)(A;;FA;;;$admins)(A;;FA;;;$hosts)" "$(probe look "$unc" | sed -n "s/.*c.raw.*D:P/D:P/p")"
[[ $(on "$host" find /tmp /run /root -newer /etc/krb5.keytab -name 'krb5cc*' 2>/dev/null) == "" ]] || fail "a ticket was left behind"

story "what changed since the last look"
changes() {
        matrix "$@" | python3 -c '
import json, re, sys
for row in json.load(sys.stdin):
    if row.get("Changed"):
        print(row["Layer"], row["Path"].split("\\")[-1], re.sub(r"20\S+Z", "THEN", row["Changed"]))'
}
fresh_files
changes >/dev/null
same "nothing" "" "$(changes)"
set_sddl "$folder\\web01\\b.raw" "D:P(A;;FA;;;$admins)(A;;FA;;;$hosts)(A;;FR;;;AU)"
same "somebody may read it now" "File b.raw the permissions were changed since THEN, the access is the same" "$(changes)"
set_sddl "$folder\\web01\\b.raw" "D:P(A;;FA;;;$admins)"
same "the host may not any more" "File b.raw access was granted on THEN; the permissions were changed since" "$(changes)"
on "$server" rm "/srv/vms/$folder/web01/b.raw"
on "$server" cp "/srv/vms/$folder/web01/a.raw" "/srv/vms/$folder/web01/d.raw"
same "a file that was not there" "new since THEN" "$(changes | sed -n 's/File d.raw //p')"
