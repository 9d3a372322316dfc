# -Confirm and what asks by itself: the question reaches the user wherever he sits, also when the machine is on another host;
# where nobody sits it is PowerShell's own error.
source "$(dirname "${BASH_SOURCE[0]}")/remote-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/vm-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/pwsh-lib.sh"
trap 'fresh ask1 ask2' EXIT
fresh ask1 ask2
for vm in ask1 ask2; do holdfast "$first" "New-VM $vm -NoVHD -Path $share" >/dev/null; done
question='Are you sure you want to remove virtual machine "ask1"?'

story "Nobody there: an error that says so, and nothing is removed"
expect_fail "HostFunctionNotImplemented,Microsoft.HyperV.PowerShell.Commands.RemoveVM" holdfast "$first" "Remove-VM ask1"
expect_fail "does not support user interaction. The host was attempting to request confirmation with the following message: $question" \
        holdfast "$first" "Remove-VM ask1"
expect_fail "HostFunctionNotImplemented" holdfast "$second" "Remove-VM ask1 -ComputerName $first"
expect_fail "HostFunctionNotImplemented" holdfast "$first" "Start-VM ask1 -Confirm"
check "they are there" holdfast "$first" "Get-VM ask1,ask2" >/dev/null

# terminal NODE PIPELINE ANSWER…: the holdfast command at a terminal of the node.
ssh_ready "$first"
terminal() { on client python3 $here/terminal-ask.py "$@" </dev/null; }
story "At a terminal of the host"
got=$(terminal "$first" "Remove-VM ask1" "?" n)
[[ $got == *"$question"*"[Y] Yes  [A] Yes to All  [N] No  [L] No to All  [?] Help (default is \"Y\"):"*"Y - Continue with only"* ]] || fail "asked: $got"
check "no: it is there" holdfast "$first" "Get-VM ask1" >/dev/null

if have pypsrp; then
        person anna "Holdfast Admins"
        answers() { as anna python3 $here/confirm.py "$1.lab.test" "${@:2}"; }
        story "A host that answers: pypsrp"
        got=$(answers "$first" "Remove-VM ask1,ask2" 2 2)
        printf '%s\n' "$got"
        same "asked for each" 2 "$(grep -c '^asked Confirm: .*&Yes.*Yes to &All.*&No.*No to A&ll.* 0$' <<<"$got")"
        same "errors" "errors []" "$(tail -n 1 <<<"$got")"
        got=$(answers "$first" "Remove-VM ask1,ask2" 3)
        same "no to all: asked once" 1 "$(grep -c ^asked <<<"$got")"
        got=$(answers "$second" "Remove-VM ask1 -ComputerName $first; Write-Output went-on" 2)
        [[ $got == *"$question"*"went-on"* ]] || fail "from the other host: $got"
        check "no: they are there" holdfast "$first" "Get-VM ask1,ask2" >/dev/null
        got=$(answers "$first" '$ConfirmPreference = "Medium"; Start-VM ask1' 2)
        [[ $got == *'Performing the operation "Start-VM" on target "ask1".'* ]] || fail "a preference: $got"
        same "not started" Off "$(state_of "$first" ask1)"
        got=$(answers "$second" "Remove-VM ask2 -ComputerName $first" 0)
        expect_fail "unable to find" holdfast "$first" "Get-VM ask2"
        story "Clients without a user: WinRS"
        got=$(as anna $here/clients.py winrs "$first.lab.test" 'powershell -Command "Remove-VM ask1"')
        [[ $got == *"does not support user interaction"* ]] || fail "WinRS: $got"
fi

pwsh_ready
story "In PowerShell, a line at a time"
said=$(on client python3 /src/tests/lab/cases/terminal.py pwsh -NoProfile -NoLogo 'Remove-Module PSReadLine' \
        "Enter-PSSession -HostName $first.lab.test" 'Remove-VM ask1' n 'Get-VM ask1 | Format-List Name' 'Start-VM ask1 -Confirm' n \
        'Remove-VM ask1' y 'Get-VM ask1' 'exit' </dev/null)
has() { [[ $said == *"$2"* ]] || fail "$1: no '$2' in: $said"; printf -- '- %s: %s\n' "$1" "$2"; }
has "the question" "$question"
has "its choices" "[Y] Yes  [A] Yes to All  [N] No  [L] No to All"
has "no" "Name : ask1"
has "-Confirm" 'Performing the operation "Start-VM" on target "ask1".'
has "yes" 'unable to find a virtual machine with name "ask1"'
