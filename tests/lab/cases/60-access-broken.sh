# Broken permissions, one way after the other: exactly the right finding, and the printed mend makes it clean.
source "$(dirname "${BASH_SOURCE[0]}")/access-lib.sh"
probe_ready "$host"
account=${host^^}

# the host is in a group that is in a group: what denies that one denies the host
for group in "Access Rack" "Access Quarantine"; do samba group add "$group" || true; done
samba group addmembers "Access Quarantine" "Access Rack" || true
if samba group addmembers "Access Rack" "$account\$"; then
        sleep 45        # twice the time in which holdfastd looks at its groups, and takes a ticket that shows them
fi
quarantine=$(sid "Access Quarantine") machine=$(sid "$account\$")
# what a file still misses when its folder gives deleting and looking at attributes
most=ReadData,WriteData,AppendData,ReadExtendedAttributes,WriteExtendedAttributes,WriteAttributes,ReadPermissions,Synchronize

story "as it should be"
share_as_made
fresh_files
same "no findings" "" "$(findings)"

story "the share's own list"
share_list --remove "$hosts:ALLOWED/0x0/FULL"
broken "no entry on the share only" "$account Share vms NoEntry Modify - Server"
share_list --replace "$hosts:ALLOWED/0x0/READ,$admins:ALLOWED/0x0/FULL"
broken "read-only on the share; the files are not blamed" \
        "$account Share vms TooLittle WriteData,AppendData,WriteExtendedAttributes,WriteAttributes,Delete LAB\\Holdfast_Hosts Server"
share_list --replace "$quarantine:DENIED/0x0/CHANGE,$hosts:ALLOWED/0x0/FULL,$admins:ALLOWED/0x0/FULL"
broken "denied by the share through a group in a group" "$account Share vms DenyEntry Modify LAB\\Access_Quarantine Server"
share_as_made

story "files"
set_sddl "$folder\\web01\\b.raw" "D:P(A;;FA;;;$admins)"
broken "one disk of three with a list of its own" "$account File b.raw NotInherited $most - Server"
fresh_files
set_sddl "$folder\\web01" "D:PAI(A;CI;FA;;;$admins)(A;CI;FA;;;$hosts)"
set_sddl "$folder\\web01\\c.raw" "D:(A;;FA;;;$admins)"
broken "one file without an entry, and the folder hands none down" "$account File c.raw NoEntry $most - Server"
fresh_files
set_sddl "$folder\\web01\\a.raw" "D:P(A;;FA;;;$admins)(A;;0x1200a9;;;$hosts)"
set_sddl "$folder\\web01" "D:PAI(A;CI;FA;;;$admins)(A;CI;0x1301bf;;;$hosts)"
broken "read-only on one disk of three" \
        "$account File a.raw TooLittle WriteData,AppendData,WriteExtendedAttributes,WriteAttributes,Delete LAB\\Holdfast_Hosts Server"
fresh_files
set_sddl "$folder\\web01" "D:PAI(A;CI;FA;;;$admins)(A;CI;0x1301bf;;;$hosts)"
set_sddl "$folder\\web01\\a.raw" "D:P(A;;FA;;;$admins)(A;;0x1300bf;;;$hosts)"
broken "one right of many" "$account File a.raw TooLittle WriteAttributes LAB\\Holdfast_Hosts Server"
fresh_files
acl "$folder/web01/a.raw" --add "ACL:$quarantine:DENIED/0x0/0x00000006"
broken "denied to a group that the host's group is in" \
        "$account File a.raw DenyEntry WriteData,AppendData LAB\\Access_Quarantine Server"
acl "$folder/web01/a.raw" --add "ACL:$machine:DENIED/0x0/FULL"
broken "denied to the host itself" "$account File a.raw DenyEntry $most LAB\\$account\$ Server"
fresh_files
set_sddl "$folder\\web01\\a.raw" "D:P(D;;0x2;;;$quarantine)(D;;FA;;;$machine)(A;;FA;;;$admins)"
broken "denied twice and never granted" "$account File a.raw DenyEntry $most LAB\\$account\$ Server"
fresh_files
set_sddl "$folder\\web01" "D:PAI(A;;FA;;;$admins)(A;;0x1301bf;;;$hosts)"
set_sddl "$folder\\web01\\c.raw" "D:P(A;;RCWDWO;;;$admins)"
acl "$folder/web01/c.raw" --chown="LAB\\$account\$"
broken "it owns the file and has nothing else" \
        "$account File c.raw OwnerOnly ReadData,WriteData,AppendData,ReadExtendedAttributes,WriteExtendedAttributes,WriteAttributes,Delete,Synchronize - Server"

story "folders"
fresh_files
set_sddl "$folder\\web01" "D:PAI(A;OICI;FA;;;$admins)"
broken "inheritance broken at a folder" "$account Folder web01 NotInherited ListDirectory,CreateFiles,CreateDirectories,ReadPermissions,Synchronize - Server"
set_sddl "$folder\\web01" "D:PAI(A;OICI;FA;;;$admins)(A;OICI;0x1200a9;;;$hosts)"
broken "a folder in which nothing can be made" "$account Folder web01 TooLittle CreateFiles,CreateDirectories LAB\\Holdfast_Hosts Server"
fresh_files
set_sddl "$folder\\web01\\b.raw" "D:P(A;;FA;;;$admins)"
set_sddl "$folder\\web01\\c.raw" "D:P(A;;FA;;;$admins)(A;;0x1200a9;;;$hosts)"
share_list --replace "$hosts:ALLOWED/0x0/READ,$admins:ALLOWED/0x0/FULL"
same "three things at once, each by its name" "3" "$(findings | wc -l)"
mend
same "and each mended" "" "$(findings)"
share_as_made

story "a host without an administrator's help"
fresh_files
set_sddl "$folder\\web01\\b.raw" "D:P(A;;FA;;;$admins)"
same "it may not read why, but the server said that it may not" "$account File b.raw NotReadable $most - Server" \
        "$(matrix_alone | dislikes)"
matrix() { matrix_alone "$@"; }
mend
same "and what it printed mends it" "" "$(matrix_alone | dislikes)"
unset -f matrix
source "$(dirname "${BASH_SOURCE[0]}")/access-lib.sh"

story "what is no finding"
fresh_files
set_sddl "$folder\\web01" "D:PAI(A;;FA;;;$admins)(A;;FA;;;$hosts)"
set_sddl "$folder\\web01\\a.raw" "D:P(A;;FA;;;$admins)(A;;0x1201bf;;;$hosts)"
same "deleting is granted by the folder" "" "$(findings)"
set_sddl "$folder\\web01\\a.raw" "D:NO_ACCESS_CONTROL"
same "a NULL list refuses nothing, and an open proves it" "" "$(findings)"
set_sddl "$folder\\web01\\a.raw" "D:P(A;;FA;;;$admins)(A;;0x1301bf;;;AU)"
same "the share keeps everybody else out" "" "$(findings)"
