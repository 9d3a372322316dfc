# Real PowerShell manages a host over SSH: Invoke-Command, sessions, implicit remoting, errors, streams.
source "$(dirname "${BASH_SOURCE[0]}")/pwsh-lib.sh"
pwsh_ready
ssh_ready hv1

said=$(pwsh_says -File /src/tests/lab/cases/80-ssh.ps1 hv1.lab.test)
is() { same "$1" "$2" "$(sed -n "s/^$1: //p" <<<"$said")"; }
has() { grep -q "^$1: .*$2" <<<"$said" || fail "$1: no '$2' in: $(grep "^$1:" <<<"$said" || echo "$said")"; printf -- '- %s: %s\n' "$1" "$2"; }

story "Objects come back with their types"
is "a name" HV1
is "its type" Deserialized.Microsoft.HyperV.PowerShell.VMHost
is "a number" Int64
is "an enumeration" Kerberos
is "a session" Opened
is "a pipeline" HV1
is "statements" HV1,1
is "a condition" HV1
is "variables" "HV1 hv1.lab.test,HV1"

story "Values travel"
is "using" HV1
is "using in a script" HV1
is "arguments" HV1
is "a script with arguments" HV1
is "a member of using" HV1
is "never code" "it's; Get-VM"
is "a list" 1,two,True
is "input" a,b
is "an object back" HV1

story "Errors are PowerShell's own"
is "an error" InvalidParameter,Microsoft.HyperV.PowerShell.Commands.GetVM
is "its category" InvalidArgument
is "no command" CommandNotFoundException
is "no parameter" NamedParameterNotFound,Microsoft.HyperV.PowerShell.Commands.GetVM
has "not ours" "The parameter 'CimSession' of Get-VM is not supported"
has "no language" "'foreach' is not supported here"
is "stop" "caught InvalidParameter,Microsoft.HyperV.PowerShell.Commands.GetVM"
is "merged" InvalidParameter,Microsoft.HyperV.PowerShell.Commands.GetVM

story "Streams"
is "streams" o1
same "warnings, words and details, each once" "WARNING: w1 VERBOSE: v1 i1" "$(grep -E '^(WARNING: w1|VERBOSE: v1|i1)$' <<<"$said" | paste -sd' ')"
has "What if" "Performing the operation \"New-VM\" on target \"x\"."

story "Implicit remoting"
is "a proxy" Function
is "it runs" HV1
is "its errors" InvalidParameter,Microsoft.HyperV.PowerShell.Commands.GetVM
is "its pipeline" n2,n1
is "its switches" "errors 0"
has "help" "Gets the virtual machines"
is "completion" "Select-Object 13 3"
