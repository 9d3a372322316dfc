# From a workstation: settings and states of a machine by pypsrp, as on Hyper-V; this one has no disk, so nothing has to boot.
source "$(dirname "${BASH_SOURCE[0]}")/remote-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/vm-lib.sh"
have pypsrp || skip "pypsrp could not be had from sid"
vm=remote87
person anna "Holdfast Admins"
person bob "Holdfast Operators"
trap 'fresh $vm' EXIT
fresh $vm
check "New-VM" holdfast "$node" "New-VM $vm 64MB -NoVHD -Path $share"

# says WHO WORDS TEXT: what the text prints, or its error, holds the words.
says() {
        local got
        got=$(as "$1" $here/clients.py psrp "$node.lab.test" "$3")
        [[ $got == *"$2"* ]] || fail "'$3' says $got"
        printf '%s\n' "- $3: $2"
}

story "typed settings go there and come back"
says anna '"out": "2"' "Get-VM $vm | Set-VMProcessor -Count 2 -Passthru | Select-Object -ExpandProperty Count"
says anna '"out": "100663296"' "Set-VMMemory $vm -StartupBytes 96MB; (Get-VMMemory $vm).Startup"
says anna "Microsoft.HyperV.PowerShell.VMFirmware" "Get-VMFirmware $vm | Get-Member"
says anna "can only be Disabled" "Set-VM $vm -CheckpointType Standard"

story "an operator runs it and does not change it"
says bob "do not have the required permission" "Set-VM $vm -Notes x"
says bob '"out": "Running"' "Start-VM $vm; (Get-VM $vm).State"
says bob '"out": "Paused"' "Suspend-VM $vm; (Get-VM $vm).State"
says bob '"out": "Saved"' "Save-VM $vm; (Get-VM $vm).State"
says anna "current state" "Set-VMMemory $vm -StartupBytes 64MB"
says bob '"out": "Running"' "Resume-VM $vm; (Get-VM $vm).State"
says bob '"out": "Off"' "Stop-VM $vm -TurnOff; (Get-VM $vm).State"
