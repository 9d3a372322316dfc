# From a workstation: settings and states of a machine by pypsrp, as on Hyper-V; this one has no disk, so nothing has to boot.
source "$(dirname "${BASH_SOURCE[0]}")/remote-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/vm-lib.sh"
have pypsrp || skip "pypsrp could not be had from sid"
vm=remote87
person anna "Holdfast Admins"
person olga "Holdfast Operators"
trap 'fresh $vm' EXIT
fresh $vm
check "New-VM" holdfast "$node" "New-VM $vm 64MB -NoVHD -Path $share"

# says WHO WORDS TEXT [WORDS TEXT]…: what each text prints, or its error, holds the words; one sign-in for all.
says() {
        local who=$1 wanted=() texts=() got i
        shift
        while (($#)); do
                wanted+=("$1") texts+=("$2")
                shift 2
        done
        mapfile -t got < <(as "$who" $here/clients.py psrp "$node.lab.test" "${texts[@]}")
        for i in "${!texts[@]}"; do
                [[ ${got[i]:-nothing} == *"${wanted[i]}"* ]] || fail "'${texts[i]}' says ${got[i]:-nothing}"
                printf '%s\n' "- ${texts[i]}: ${wanted[i]}"
        done
}

story "typed settings go there and come back"
says anna '"out": "2"' "Get-VM $vm | Set-VMProcessor -Count 2 -Passthru | Select-Object -ExpandProperty Count" \
        '"out": "100663296"' "Set-VMMemory $vm -StartupBytes 96MB; (Get-VMMemory $vm).Startup" \
        "Microsoft.HyperV.PowerShell.VMFirmware" "Get-VMFirmware $vm | Get-Member" \
        "can only be Disabled" "Set-VM $vm -CheckpointType Standard"

story "an operator runs it and does not change it"
says olga "do not have the required permission" "Set-VM $vm -Notes x" \
        '"out": "Running"' "Start-VM $vm; (Get-VM $vm).State" \
        '"out": "Paused"' "Suspend-VM $vm; (Get-VM $vm).State" \
        '"out": "Saved"' "Save-VM $vm; (Get-VM $vm).State" \
        "no saved state" "Remove-VMSavedState $vm; Remove-VMSavedState $vm" \
        '"out": "Running"' "Start-VM $vm; Save-VM $vm; Resume-VM $vm; (Get-VM $vm).State" \
        '"out": "Off"' "Stop-VM $vm -TurnOff; (Get-VM $vm).State"
