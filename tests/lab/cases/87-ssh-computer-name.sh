# -ComputerName in real PowerShell: objects, errors and names, several hosts at once.
source "$(dirname "${BASH_SOURCE[0]}")/pwsh-lib.sh"
first=hv1 second=hv2
pwsh_ready
ssh_ready "$first"
said=$(pwsh_says -File /src/tests/lab/cases/87-ssh-computer-name.ps1 "$first" "$second")
is() { same "$1" "$2" "$(sed -n "s/^$1: //p" <<<"$said")"; }
has() { grep -q "^$1: .*$2" <<<"$said" || fail "$1: no '$2' in: $(grep "^$1:" <<<"$said" || echo "$said")"; printf -- '- %s: %s\n' "$1" "$2"; }
is "both" HV1,HV2
is "its type" Deserialized.Microsoft.HyperV.PowerShell.VMHost
is "here by other names" HV1
is "piped names" HV2
is "the others go on" "HV2,errors 2"
has "unknown" "The operation on computer 'nosuch' failed: there is no host nosuch"
is "its id" "ObjectNotFound,Microsoft.HyperV.PowerShell.Commands.GetVM nosuch"
has "no member" "CLIENT\\$ is not in the group"
is "an error from there" InvalidParameter,Microsoft.HyperV.PowerShell.Commands.GetVM
is "silenced" "errors 0"
is "stop" "caught InvalidParameter,Microsoft.HyperV.PowerShell.Commands.GetVM"
is "not here" NotSupported,Microsoft.HyperV.PowerShell.Commands.AddVMMigrationNetwork
has "What if" "Performing the operation \"Add-VMMigrationNetwork\" on target \"10.9.9.0/24\""
is "settings" HV2,10.9.9.0/24
