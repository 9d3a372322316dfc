# The story of issue 4: from a workstation, a pipeline moves a running machine, with progress, and the receipt comes back.
source "$(dirname "${BASH_SOURCE[0]}")/remote-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/move-lib.sh"
have pypsrp || skip "pypsrp could not be had from sid"
vm=remote-move
trap 'away $vm' EXIT
person anna "Holdfast Admins"
machine $vm mode=write
move() { as anna python3 $here/move.py "$1.lab.test" $vm "$2" "$3"; }

story "stopped under way, it stays where it was"
got=$(move "$first" "$second" stop)
printf '%s\n' "- ${got//$'\n'/; }"
[[ $got == "state True"* ]] || fail "the pipeline did not stop: $got"
lives "$first" $vm

story "there, and the receipt comes back"
cursor=$(journal_here)
got=$(move "$first" "$second" move)
printf '%s\n' "- ${got//$'\n'/; }"
[[ $got == *"errors []"*"progress True"*"moved $vm Microsoft.HyperV.PowerShell.VirtualMachine"*"receipt [0]"* ]] ||
        fail "the move says: $got"
lives "$second" $vm
same "the record says who" 'LAB\anna' "$(journal_after "$cursor" COMMAND=Move-VM | field USER)"
