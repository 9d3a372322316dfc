# -AsJob in real PowerShell over SSH: job objects, variables, what is received, a move with its progress.
source "$(dirname "${BASH_SOURCE[0]}")/pwsh-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/move-lib.sh"
pwsh_ready
ssh_ready "$first"
vm=ssh-job
trap 'away $vm' EXIT
machine $vm mode=write
holdfast "$first" "Stop-VM $vm -TurnOff"

said=$(pwsh_says -File /src/tests/lab/cases/89-ssh-jobs.ps1 "$first" "$second" $vm)
is() { same "$1" "$2" "$(sed -n "s/^$1: //p" <<<"$said")"; }
has() { grep -q "^$1: .*$2" <<<"$said" || fail "$1: no '$2' in: $(grep "^$1:" <<<"$said" || echo "$said")"; printf -- '- %s: %s\n' "$1" "$2"; }
is "a job" "Deserialized.Microsoft.HyperV.PowerShell.VMJob 1 Running Start-VM -Name $vm"
is "its end" "Completed,errors 0"
is "what it said" Running
is "a session variable" Paused
is "an object back" Job3
is "its error" InvalidParameter,Microsoft.HyperV.PowerShell.Commands.StartVM
has "as a table" "Id Name PSJobTypeName State .*HasMoreData Location .*Command"
is "a move" "progress True errors 0"
is "where it is" "${second^^}"
is "many of them" Completed
is "cleared" "errors 0"
is "another session" "jobs 1"
is "after a restart" 1
