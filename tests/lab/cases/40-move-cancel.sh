# A move can be watched and cancelled; cancelled, it leaves everything as it was, and the next one goes through.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/move-lib.sh"
vm=move-cancel
trap 'away $vm' EXIT
machine $vm mode=write

story "under way it is shown, and nobody else may touch the machine"
moving $vm
check "Get-VMMigration shows it" grep -q "Transfer" <(holdfast "$first" "Get-VMMigration $vm -Running")
expect_fail "is being moved already" holdfast "$first" "Move-VM $vm $second"
expect_fail "is being moved to another host" holdfast "$first" "Stop-VM $vm -TurnOff"
expect_fail "already has the virtual machine" holdfast "$second" "Import-VM '$share\\$vm\\$vm.vm'"

story "cancelled"
holdfast "$first" "Stop-VMMigration $vm"
ended "was cancelled"
lives "$first" $vm
writes_on $vm
expect_fail "is not being moved" holdfast "$first" "Stop-VMMigration $vm"

story "there and back, and the receipts say so"
holdfast "$first" "Move-VM $vm $second"
lives "$second" $vm
same "the ledger" "$second.lab.test" "$(ledger_host $vm)"
writes_on $vm
report=$(holdfast "$second" --json "Move-VM $vm $first -Passthru")
lives "$first" $vm
[[ $report == *'"BytesMoved":0'* && $report == *'"Encrypted":true'* && $report == *TLS1.3* ]] ||
        fail "the object brings no such report: $report"
check "two receipts on the share" on "$server" python3 /src/tests/lab/judge.py receipts "/srv/vms/$vm/Receipts" 2
most=$(flushed $vm)
holdfast "$first" "Stop-VM $vm"
check "no record is missing or torn" on "$server" python3 /src/tests/lab/guest/guest.py verify "/srv/vms/$vm/$vm.raw" --flushed "$most"

story "a machine that is off changes hosts, too"
holdfast "$first" "Move-VM $vm $second"
same "it is known to $second" Off "$(state_of "$second" $vm)"
expect_fail "unable to find" holdfast "$first" "Get-VM $vm"
