# Every broken situation of broken.table: exactly the right finding of Compare-VM, and what it prints mends it.
source "$(dirname "${BASH_SOURCE[0]}")/access-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/broken-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/broken-words.sh"
trap broken_end EXIT
broken_begin
story "as it should be: running, off, on a share that requires encryption, on another server"
for vm in broken broken-plain broken-two broken-far broken-small; do check "$vm" clean $vm; done
story "Test-VMShare says of the attribute Read-only what it is, and what takes it away"
readonly_set() { on fs1 bash -c 'PASSWD=$1 smbclient -U LAB/Administrator //fs1.lab.test/vms -c "setmode broken\\two.raw $2"' _ "$password" "$1"; }
attribute() {
        holdfast "$first" --json "Test-VMShare '$share\\broken' -ComputerName $first" | python3 -c '
import json, sys
for row in json.load(sys.stdin):
    if row["Path"].endswith("two.raw"):
        print(row["Finding"] or "none", *row["Samba"][:1])'
}
readonly_set +r >/dev/null
read -r finding command < <(attribute)
same "its finding" ReadOnlyAttribute "$finding"
check "what it prints" typed fs1 "$command"
same "and then" none "$(attribute)"

table "$here/broken.table"
((rows >= 40)) || fail "only $rows rows"
story "$rows situations, each found and mended"
