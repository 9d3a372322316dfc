# A machine is turned off while the file server cannot be reached: its ledger says so as soon as the share is back.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/move-lib.sh"
vm=away39
address=$(on "$first" getent ahostsv4 "$server.lab.test" | awk 'NR == 1 { print $1 }')
back() { on "$first" ip route del unreachable "$address/32" 2>/dev/null || true; }
trap 'back; away $vm' EXIT
machine $vm mode=write
same "the ledger" "$first.lab.test" "$(ledger_host $vm)"

story "the share is away, and the machine is turned off"
on "$first" ip route add unreachable "$address/32"
expect_fail "is off, but its files were not released" holdfast "$first" "Stop-VM -TurnOff $vm"
same "state" Off "$(state_of "$first" $vm)"
check "no disk process is left" idle "$first" "$share\\$vm\\$vm.raw"
same "the ledger does not know yet" "$first.lab.test" "$(ledger_host $vm)"

story "the share is back"
back
told() { [[ -z $(ledger_host $vm) ]]; }
eventually 20 told
check "Start-VM on the other host" holdfast "$first" "Move-VM $vm $second"
check "Start-VM" holdfast "$second" "Start-VM $vm"
same "the ledger" "$second.lab.test" "$(ledger_host $vm)"
