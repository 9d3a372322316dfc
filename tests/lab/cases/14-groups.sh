# The groups of a host change while it works: no restart, a refused command has a fresh ticket at once.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/join-lib.sh"

server=fs1
share="\\\\$server.lab.test\\vms\\groups"
number=0
new_disk() {    # of a name that no earlier one had
        number=$((number + 1))
        on "$host" holdfast "New-VHD '$share\\d$number.raw' -SizeBytes 1MB"
}
noticed() { on "$host" bash -c 'journalctl -q --no-pager -u holdfastd | grep -c "groups of this host in the domain have changed; it has fresh tickets"' || true; }
noticed_more() { (($(noticed) > $1)); }
trap 'member "$host" 2>/dev/null || true; on "$server" rm -rf /srv/vms/groups' EXIT

on "$server" rm -rf /srv/vms/groups
if ! on "$host" test -e /etc/krb5.keytab; then
        leave "$host"
        join "$password" lab.test -Credential joiner >/dev/null 2>&1 || fail "$host could not join"
fi
member "$host" 2>/dev/null || true
pid=$(on "$host" systemctl show -P MainPID holdfastd)

story "as it should be"
eventually 60 new_disk
sleep 3         # since the last start it has looked once

story "the host is taken out of the group"
seen=$(noticed)
on dc1 samba-tool group removemembers "Holdfast Hosts" "$account\$" >/dev/null
eventually 60 noticed_more "$seen"
expect_fail "$server.lab.test" new_disk
sleep 2         # refusals lead to a fresh ticket every second at most

story "and put back: the next command works"
seen=$(noticed)
member "$host"
check "a new disk, at once" new_disk
eventually 60 noticed_more "$seen"

story "a host that nobody uses learns of it, too"
seen=$(noticed)
on dc1 samba-tool group removemembers "Holdfast Hosts" "$account\$" >/dev/null
eventually 60 noticed_more "$seen"
seen=$(noticed)
member "$host"
eventually 60 noticed_more "$seen"
check "its ticket opens the share" new_disk
same "holdfastd was not restarted" "$pid" "$(on "$host" systemctl show -P MainPID holdfastd)"
