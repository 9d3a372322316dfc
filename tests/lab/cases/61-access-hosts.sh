# Other hosts, hosts outside the group, tickets older than the group, a share that is open to everybody, and a server with
# a will of its own.
source "$(dirname "${BASH_SOURCE[0]}")/access-lib.sh"
probe_ready "$host"
account=${host^^} other=${LAB_ACCESS_OTHER:-hv2}
outside=${other^^}
back() { samba group addmembers "Holdfast Hosts" "$outside\$" || true; }
trap 'share_as_made || true; back; on "$server" rm -rf "/srv/vms/$folder" || true' EXIT
share_as_made
fresh_files

story "other hosts"
same "both hosts of the group" "" "$(findings "-ComputerName $host,$other")"
same "the other one asked the server itself" "Server" "$(matrix "-ComputerName $other" | python3 -c '
import json, sys
print(*{row["Proof"] for row in json.load(sys.stdin) if not row["ComputerName"].startswith("(")})')"
set_sddl "$folder\\web01\\a.raw" "D:P(A;;FA;;;$admins)(A;;0x1301bf;;;$(sid "$account\$"))"
broken "a disk that is granted to one host only" "$outside File a.raw NotInherited ReadData,WriteData,AppendData,ReadExtendedAttributes,WriteExtendedAttributes,WriteAttributes,ReadPermissions,Synchronize - Server" \
        "-ComputerName $host,$other"
same "a computer outside the group, cell by cell" "CLIENT OutsideGroup Modify LAB\\Holdfast_Hosts Computed" \
        "$(findings "-ComputerName client" | awk '{ print $1, $4, $5, $6, $7 }' | sort -u)"
same "all of them" "7" "$(findings "-ComputerName client" | wc -l)"
expect_fail "has no computer" on "$host" holdfast "Test-VMShare '$unc' -ComputerName nobody -ErrorAction Stop"

story "another host that does not answer"
fresh_files
on "$other" systemctl stop holdfastd
said=$(on "$host" holdfast "Test-VMShare '$unc' -ComputerName $other" 2>&1 >/dev/null)
[[ $said == *"$other"*"computed from the directory"* ]] || fail "no warning: $said"
same "is judged by the lists" "" "$(findings "-ComputerName $other")"
set_sddl "$folder\\web01\\a.raw" "D:P(A;;FA;;;$admins)(A;;FA;;;BU)"
same "and what only the server can judge is said to be unclear" "$outside File a.raw Conditional" \
        "$(findings "-ComputerName $other" | cut -d' ' -f1-4)"
same "the host itself asked the server and knows" "$account File a.raw NotInherited" "$(findings | cut -d' ' -f1-4)"
on "$other" systemctl start holdfastd
fresh_files
sleep 2

story "a host that is taken out of the group, and put back"
as_other() { host=$other findings "$@"; }
noticed() { on "$other" bash -c 'journalctl -q --no-pager -u holdfastd | grep -c "groups of this host in the domain have changed"' || true; }
noticed_more() { (($(noticed) > $1)); }
seen=$(noticed)
samba group removemembers "Holdfast Hosts" "$outside\$"
eventually 60 noticed_more "$seen"      # it looks every 20 seconds
same "it says so itself, by the server's word" "$outside Share vms OutsideGroup Modify LAB\\Holdfast_Hosts Server" "$(as_other | grep Server)"
same "and every other cell follows from it" "OutsideGroup" "$(as_other | awk '{ print $4 }' | sort -u)"
same "also without an administrator's help" "$outside Share vms" "$(host=$other matrix_alone | dislikes | cut -d' ' -f1-3)"
(host=$other && mend)
sleep 2         # a refusal leads to a fresh ticket every second at most
same "in the group again, at once" "" "$(as_other)"

story "the negative test"
share_list --add "S-1-1-0:ALLOWED/0x0/FULL"
same "open on the share, closed on the files" "" "$(findings)"
set_sddl "$folder\\web01\\b.raw" "D:P(A;;FA;;;$admins)(A;;FA;;;$hosts)(A;;0x1200a9;;;WD)"
broken "a disk that every computer of the domain may read" "(any other) File b.raw OpenToOthers - Everyone Computed"
set_sddl "$folder\\web01" "D:PAI(A;OICI;FA;;;$admins)(A;OICI;FA;;;$hosts)(A;OICI;0x1301bf;;;AU)"
same "a folder" "(any other) Folder web01 OpenToOthers - NT_AUTHORITY\\Authenticated_Users Computed" \
        "$(findings)"
share_as_made

story "a server that refuses what its lists allow"
fresh_files
on "$server" bash -c 'sed -i "s|^\[vms\]|[vms]\n        read list = @\"LAB\\\\Holdfast Hosts\"|" /etc/samba/smb.conf; smbcontrol smbd reload-config'
sleep 1
proven=$(findings | cut -d' ' -f1-5)
on "$server" bash -c 'sed -i "/read list/d" /etc/samba/smb.conf; smbcontrol smbd reload-config'
sleep 1
same "its word stands" "$account Share vms ServerRefuses WriteData,AppendData,WriteExtendedAttributes,WriteAttributes" "$proven"
same "and afterwards" "" "$(findings)"
