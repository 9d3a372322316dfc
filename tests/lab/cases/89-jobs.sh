# -AsJob: a command becomes a job of the session it was given in, from a workstation and on the host.
source "$(dirname "${BASH_SOURCE[0]}")/remote-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/move-lib.sh"
have pypsrp || skip "pypsrp could not be had from sid"
vm=as-job
trap 'away $vm' EXIT
person olga "Holdfast Operators"
machine $vm mode=write
jobs() { said=$(as olga timeout 240 python3 $here/jobs.py "$1" $vm "$2" "$3"); }
is() { same "$1" "$2" "$(sed -n "s/^$1: //p" <<<"$said")"; }

story "on the host, where a session is one text"
holdfast "$first" "Stop-VM $vm -TurnOff"
holdfast "$first" "Start-VM $vm -AsJob | Wait-Job | Receive-Job"
same "it runs" Running "$(state_of "$first" $vm)"
holdfast "$first" "Stop-VM $vm -TurnOff -AsJob | Receive-Job -Wait -AutoRemoveJob"
same "it is off" Off "$(state_of "$first" $vm)"
expect_fail "unable to find" holdfast "$first" "Start-VM none -AsJob | Wait-Job | Receive-Job"
expect_fail "matches parameter name 'AsJob'" holdfast "$first" "Get-VM -AsJob"
said=$(holdfast "$first" "Stop-VM $vm -AsJob -WhatIf; Get-Job" 2>&1)
same "-WhatIf says what would be, and there is no job" "What if: Performing the operation \"Stop-VM\" on target \"$vm\"." "$said"
said=$(holdfast "$first" "Start-VM none -AsJob" 2>&1)
[[ $said == *"Id Name PSJobTypeName State   HasMoreData Location  Command"*"1  Job1 VMJob         Running True        localhost Start-VM -Name none"* ]] ||
        fail "the job is shown so: $said"
said=$(holdfast "$first" "Start-VM $vm -AsJob -ComputerName nosuch | Wait-Job | ForEach-Object Location; Receive-Job 1" 2>&1 || true)
[[ $said == *nosuch*"there is no host nosuch"* ]] || fail "a host that is not there: $said"

story "from a workstation: begun, waited for, received"
cursor=$(journal_here)
jobs "$first.lab.test" "$second" life
is "at once" True
is "its type" Microsoft.HyperV.PowerShell.VMJob
is "job" "(1, 'Job1', 'VMJob', 'Running', 'localhost', 'Start-VM -Name $vm')"
is "another session" "([], [], ['JobWithSpecifiedSessionIdNotFound'])"
is "ended" Completed
is "received" "([], [])"
is "the machine" Running
is "failed" "(2, 'Failed', True)"
is "kept" "([], ['InvalidParameter'])"
is "its error" "([], ['InvalidParameter'])"
is "only once" "([], [])"
is "nobody to ask" "['HostFunctionNotImplemented']"
is "not for reading" "['NamedParameterNotFound']"
is "the end" True
same "the record says who" 'LAB\olga' "$(journal_after "$cursor" COMMAND=Start-VM | field USER)"
same "and that it was a job, once" 1 "$(journal_after "$cursor" COMMAND=Start-VM RESULT=done | grep -c 'as a job')"
eventually 120 said "$first" "$vm" "UP"

story "a move as a job: watched, stopped, disconnected from, and at last done"
jobs "$first.lab.test" "$second" move
is "not within the time" "[]"
is "the time" True
is "progress" True
is "the same move" Transfer
is "after a disconnection" Running
is "not while it runs" "['InvalidOperation']"
is "stopped" Stopped
is "no move" "[]"
is "moved" "('$vm', 'Microsoft.HyperV.PowerShell.VirtualMachine', 'Completed')"
is "its progress" True
is "left" 1
is "from there" "('Completed', '$second')"
is "the end" True
lives "$first" $vm
writes_on $vm

story "the session ends while it moves: it stays where it was, and writes"
jobs "$first.lab.test" "$second" leave
is "under way" True
eventually 30 not_moving $vm
lives "$first" $vm
writes_on $vm

story "a job that says too much, and too many jobs"
memory() { on "$first" sh -c 'awk "/^VmRSS/ { print \$2 }" /proc/$(systemctl show -P MainPID holdfastd)/status'; }
before=$(memory)
jobs "$first.lab.test" "$second" many
is "errors" True
is "told" True
is "too many" "['LimitExceeded']"
is "room" 101
is "the end" True
after=$(memory)
((after < before + 48 * 1024)) || fail "holdfastd grew from $before to $after KiB"
printf '%s\n' "- memory: $before, then $after KiB"
