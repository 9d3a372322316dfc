# Small files on the share: whole or not at all, for the right account, with sentences that say what to do.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/disk-lib.sh"
trap disk_end EXIT
probe_install
top="$share\\$folder"

story "folders and files"
check "a folder in a folder" files "$one" make-folder "$top\\web 01\\Grün"
check "again is no mistake" files "$one" make-folder "$top\\web 01\\Grün"
check "a file" files "$one" write "$top\\web 01\\web.vm" first
same "content, seen by $two" first "$(files "$two" read "$top\\web 01\\web.vm")"
check "replaced" files "$two" write "$top\\web 01\\web.vm" second
same "content, seen by $one" second "$(files "$one" read "$top\\web 01\\web.vm")"
expect_fail "it exists already" files "$one" write-new "$top\\web 01\\web.vm" third
same "content" second "$(files "$one" read "$top\\web 01\\web.vm")"
same "the listing" "Grün 0 folder|web.vm 6" "$(files "$one" list "$top\\web 01" | sort | paste -sd'|')"
same "exists" "folder file nothing" \
        "$(files "$one" exists "$top\\web 01") $(files "$one" exists "$top\\web 01\\web.vm") $(files "$one" exists "$top\\none\\none")"

story "a reader never sees a part"
big=$(head -c 100000 /dev/zero | tr '\0' x)
(for i in $(seq 12); do files "$one" write "$top\\ledger" "$i$big" || exit 1; done) >/dev/null 2>&1 </dev/null &
writer=$!
eventually 10 files "$two" exists "$top\\ledger"
seen=0
while kill -0 "$writer" 2>/dev/null; do
        if text=$(files "$two" read "$top\\ledger" 2>/dev/null </dev/null); then
                ((${#text} == 100001 || ${#text} == 100002)) || fail "a part: ${#text} bytes"
                seen=$((seen + 1))
        fi
done
wait "$writer" || fail "writing failed"
((seen > 0)) || fail "nothing was read in the meantime"
story "($seen reads in the meantime, all whole)"
same "temporary names left" "" "$(on "$server" find "/srv/vms/$folder" -name '.holdfast-*')"

story "several threads of one process"
check "8 threads write, read and list" files "$one" threads "$top" 5

story "refusals"
expect_fail "it does not exist" files "$one" read "$top\\none"
expect_fail "it is a folder" files "$one" read "$top\\web 01"
expect_fail "a part of the path is a file" files "$one" list "$top\\ledger"
expect_fail "the folder is not empty" files "$one" remove-folder "$top\\web 01"
expect_fail "the folder does not exist" files "$one" write "$top\\none\\x" x
expect_fail "the file server has no share of this name" files "$one" list "\\\\$server.lab.test\\none"
expect_fail "does not resolve" files "$one" list '\\nowhere.lab.test\vms'
expect_fail "does not answer" files "$one" list '\\client.lab.test\vms'
expect_fail "cannot use this host's ticket" on "$one" env KRB5CCNAME=FILE:/none /root/disk-probe files list "$top"
on "$server" bash -c "touch /srv/vms/$folder/closed && chmod 0 /srv/vms/$folder/closed"
expect_fail "denies access to this host's computer account" files "$one" read "$top\\closed"

story "it was sealed, and as the host's own account"
owner=$(on "$server" stat -c %U "/srv/vms/$folder/ledger")
same "owner of the file" "lab\\$one\$" "${owner,,}"
check "remove" files "$one" remove "$top\\ledger"
expect_fail "it does not exist" files "$one" remove "$top\\ledger"
