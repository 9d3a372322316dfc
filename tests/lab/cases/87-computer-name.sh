# -ComputerName: commands on another host, over the hosts' own channel; who asks is known there, and judged there.
source "$(dirname "${BASH_SOURCE[0]}")/remote-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/move-lib.sh"
vm=elsewhere
trap 'on "$second" sh -c "[ ! -e /root/node.json.good ] || { mv /root/node.json.good /etc/holdfast/node.json; systemctl restart holdfastd; }"; away $vm' EXIT

# settings JSON: holdfastd on $second with these in front of its own.
settings() {
        on "$second" sh -c "[ -e /root/node.json.good ] || cp /etc/holdfast/node.json /root/node.json.good
                sed 's/{/{ $1,/' /root/node.json.good >/etc/holdfast/node.json; systemctl restart holdfastd"
        eventually 20 holdfast "$second" Get-VMHost
}

story "From a terminal on $first"
same "two hosts" "${first^^},${second^^}" "$(holdfast "$first" --json "Get-VMHost -ComputerName $first,$second" | sed -n 's/.*"Name":"\([A-Z0-9]*\)".*/\1/p' | sort | paste -sd,)"
expect_fail "The operation on computer 'nosuch' failed: there is no host nosuch" holdfast "$first" "Get-VM -ComputerName nosuch"
expect_fail "is not in the group" holdfast "$first" "Get-VM -ComputerName client"

story "What another host does not answer, and what it does not run"
on "$second" systemctl stop holdfastd
expect_fail "The operation on computer '$second' failed" holdfast "$first" "Get-VM -ComputerName $second"
on "$second" systemctl start holdfastd
eventually 20 holdfast "$first" "Get-VM -ComputerName $second"
expect_fail "NamedParameterNotFound" holdfast "$first" "Reset-ComputerMachinePassword -ComputerName $second"

if have pypsrp; then
        person anna "Holdfast Admins"
        person olga "Holdfast Operators"
        person rita "Holdfast Readers"
        ask() { as "$1" $here/clients.py psrp "$first.lab.test" "$2"; }
        NODE=$second
        node=$second

        story "Who asks is on record where it runs"
        cursor=$(journal_here)
        got=$(ask anna "Get-VMHost -ComputerName $second | ForEach-Object Name")
        [[ $got == *"\"code\": 0"*"${second^^}"* ]] || fail "anna heard: $got"
        line=$(journal_after "$cursor" COMMAND=Get-VMHost | tail -n 1)
        same "the record" "LAB\\anna by way of ${first^^} from 10.77.0.13 ran Get-VMHost" "$(field MESSAGE <<<"$line")"
        same "by whom, through whom" "LAB\\anna ${first^^}" "$(field USER <<<"$line") $(field VIA <<<"$line")"

        story "With the role that this host gave and that one gives, too"
        [[ $(ask rita "Get-VMHost -ComputerName $second | ForEach-Object Name") == *"${second^^}"* ]] || fail "a reader does not read"
        [[ $(ask rita "Stop-VM none -ComputerName $second") == *"required permission"* ]] || fail "a reader was not stopped"
        [[ $(ask olga "Stop-VM none -ComputerName $second") == *"unable to find a virtual machine"* ]] || fail "an operator was stopped"
        settings '"OperatorGroups": [ "Holdfast Admins" ]'
        got=$(ask olga "Stop-VM none -ComputerName $second")
        [[ $got == *"The operation on computer"* || $got == *"LAB\\\\olga is in none of the groups"* ]] || fail "olga is nobody on $second, and heard: $got"
        settings '"MaximumPeerRole": "Reader"'
        [[ $(ask anna "Get-VMHost -ComputerName $second | ForEach-Object Name") == *"${second^^}"* ]] || fail "more than reading was taken from anna"
        [[ $(ask anna "Stop-VM none -ComputerName $second") == *"required permission"* ]] || fail "$first vouched for more than it may"
        settings '"MaximumPeerRole": "None"'
        [[ $(ask anna "Get-VMHost -ComputerName $second") == *"MaximumPeerRole in node.json is None"* ]] || fail "$first vouched for somebody"
        on "$second" sh -c 'mv /root/node.json.good /etc/holdfast/node.json; systemctl restart holdfastd'
        eventually 20 holdfast "$first" "Get-VM -ComputerName $second"

        story "An account that was disabled since is nobody"
        on dc1 samba-tool user disable rita >/dev/null
        on "$second" systemctl restart holdfastd        # what the directory said is kept for a minute
        eventually 20 holdfast "$first" "Get-VM -ComputerName $second"
        got=$(ask rita "Get-VMHost -ComputerName $second")
        [[ $got == *"has no enabled user"* ]] || fail "rita heard: $got"
        on dc1 samba-tool user enable rita >/dev/null
fi

story "A machine that is there: seen, moved, and stopped on the way"
machine $vm mode=write
same "seen from $second" "$vm ${first^^}" "$(holdfast "$second" --json "Get-VM $vm -ComputerName $first | Select-Object Name,ComputerName" | sed -n 's/.*"Name":"\([a-z]*\)".*"ComputerName":"\([A-Z0-9]*\)".*/\1 \2/p')"
if have pypsrp; then
        got=$(as anna python3 $here/elsewhere.py "$second.lab.test" $vm "$first" "$second")
        printf '%s\n' "- ${got//$'\n'/; }"
        [[ $got == "progress Moving virtual machine $vm to $second"*"stopped True True" ]] || fail "the move says: $got"
        lives "$first" $vm
fi
holdfast "$second" "Get-VM -ComputerName $first | Where-Object Name -eq $vm | Move-VM -DestinationHost $second"
lives "$second" $vm
same "the object knows its host" "" "$(holdfast "$first" "Get-VM $vm -ComputerName $second | Stop-VM -TurnOff")"
same "it is off" Off "$(state_of "$second" $vm)"
