# Generated descriptors: what we compute is what the file server says, for five accounts in nested groups.
# ACCESS_DESCRIPTORS says how many (2,000); ACCESS_SEED where they begin.
source "$(dirname "${BASH_SOURCE[0]}")/access-lib.sh"
count=${ACCESS_DESCRIPTORS:-2000} seed=${ACCESS_SEED:-$RANDOM}
probe_ready "$host"
share_as_made

on dc1 bash -c '
        for i in 1 2 3 4 5; do
                samba-tool computer create "P$i"
                samba-tool user setpassword "P$i\$" --newpassword="$1"
        done
        for group in A B C D; do samba-tool group add "Prop $group"; done
        samba-tool group addmembers "Prop A" "P1\$,P2\$,P3\$"
        samba-tool group addmembers "Prop B" "Prop A,P4\$"
        samba-tool group addmembers "Prop C" "P2\$,P5\$"
        samba-tool group addmembers "Prop D" "Prop B"
        samba-tool group addmembers "Holdfast Hosts" "P1\$,P2\$,P3\$,P4\$,P5\$"' _ "$password" >/dev/null 2>&1 || true
gone() {
        on dc1 bash -c '
                for i in 1 2 3 4 5; do samba-tool computer delete "P$i"; done
                for group in A B C D; do samba-tool group delete "Prop $group"; done' >/dev/null 2>&1 || true
        share_as_made || true
        on "$server" rm -rf "/srv/vms/$folder"
}
trap gone EXIT
on "$host" bash -ec 'cd /root
        printf "%s\n" "$1" | kinit -c FILE:/root/admin.cc Administrator@LAB.TEST
        for i in 1 2 3 4 5; do printf "%s\n" "$1" | kinit -c "FILE:/root/p$i.cc" "P$i\$@LAB.TEST"; done' _ "$password" >/dev/null
accounts=()
for i in 1 2 3 4 5; do accounts+=("P$i\$=FILE:/root/p$i.cc"); done
fresh_files

story "files: $count descriptors, seed $seed"
check "every answer is the server's" probe property "$unc\\web01\\a.raw" FILE:/root/admin.cc "$count" "$seed" "${accounts[@]}"
story "the share's own list"
check "every answer is the server's" probe share-property "$unc" FILE:/root/admin.cc 40 "$seed" "${accounts[@]}"
