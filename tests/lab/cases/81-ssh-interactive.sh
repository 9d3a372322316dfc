# Enter-PSSession over SSH, at a terminal: prompt, tables, errors, variables of the session, Ctrl+C; and hostile input.
source "$(dirname "${BASH_SOURCE[0]}")/pwsh-lib.sh"
pwsh_ready
ssh_ready hv1

story "A line at a time, as on a Windows host"
said=$(on client python3 /src/tests/lab/cases/terminal.py pwsh -NoProfile -NoLogo \
        'Remove-Module PSReadLine' 'Enter-PSSession -HostName hv1.lab.test' 'Get-VMHost' 'Get-VM none' \
        '$mine = Get-VMHost' '"it is $($mine.Name)"' 'Get-VMHost | Where-Object { $_.Name -eq "nobody" }' \
        'Add-Computer -DomainName nosuch.test -Credential joiner' 'a secret' 'if ($true) { 1 }' 'Get-VMHost | Format-List Name' 'exit' '"back at $([Environment]::MachineName)"' </dev/null)
has() { [[ $said == *"$2"* ]] || fail "$1: no '$2' in: $said"; printf -- '- %s: %s\n' "$1" "$2"; }
has "the prompt" "[hv1.lab.test]: PS> "
has "a table" "Name LogicalProcessorCount MemoryCapacity(M) VirtualMachineMigrationEnabled"
has "a row" "HV1  $(on hv1 nproc)"
has "an error" 'Get-VM : Hyper-V was unable to find a virtual machine with name "none".'
has "its id" "FullyQualifiedErrorId : InvalidParameter,Microsoft.HyperV.PowerShell.Commands.GetVM"
has "a variable" "it is HV1"
has "a question" "Password for user joiner:"
has "and with the answer the command runs" "this host is already a member of lab.test"
[[ $said != *"a secret"* ]] || fail "the password is on the screen"
has "a refusal" "'if' is not supported here"
has "a list" "Name : HV1"
has "out again" "back at client"

story "What is no PowerShell client is turned away, and nothing stays"
expect_fail "no PowerShell packet" on hv1 bash -c 'set -o pipefail; printf "hello\n" | holdfast psrp | cat'
expect_fail "must be pipes or sockets" on hv1 holdfast psrp
check "an end without a beginning is none" on hv1 bash -c 'set -o pipefail; : | holdfast psrp | cat'
eventually 10 on hv1 sh -c '! pgrep -x holdfast'
