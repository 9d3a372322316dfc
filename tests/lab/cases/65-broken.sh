# Every broken situation of broken.table: exactly the right finding of Compare-VM, and what it prints mends it.
source "$(dirname "${BASH_SOURCE[0]}")/access-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/broken-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/broken-words.sh"
trap broken_end EXIT
broken_begin
story "as it should be: running, off, on a share that requires encryption, on another server"
for vm in broken broken-plain broken-two broken-far broken-small; do check "$vm" clean $vm; done
table "$here/broken.table"
((rows >= 40)) || fail "only $rows rows"
story "$rows situations, each found and mended"
