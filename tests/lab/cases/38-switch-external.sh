# An External switch over a network card with addresses of the host; a destination that lacks the switch.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/device-lib.sh"
vm=outward
clean() {
        away $vm
        holdfast "$first" "Remove-VMSwitch out38 -Force" >/dev/null 2>&1 || true
        holdfast "$second" "Remove-VMSwitch lan38 -Force" >/dev/null 2>&1 || true
        on "$first" sh -c 'rm -f /etc/systemd/network/20-card38.network; ip netns del far38 2>/dev/null; ip link del card38 2>/dev/null
                networkctl reload; true'
}
trap clean EXIT
clean
wired_disk $vm 192.168.38.1
holdfast "$first" "New-VM $vm 128MB -VHDPath '$share\\$vm\\$vm.raw'" >/dev/null
holdfast "$first" "Add-VMNetworkAdapter $vm -Name 'First card'; Start-VM $vm"

story "an External switch takes over its card with the addresses of this host, and gives them back"
on "$first" sh -c 'ip link add card38 type veth peer name far38; ip link set far38 up
        ip netns add far38 2>/dev/null; ip link set far38 netns far38; ip -n far38 addr add 192.168.38.100/24 dev far38
        ip -n far38 link set far38 up
        printf "[Match]\nName=card38\n[Network]\nAddress=192.168.38.200/24\n" >/etc/systemd/network/20-card38.network
        networkctl reload; networkctl reconfigure card38'
eventually 10 on "$first" sh -c 'ip -4 -br address show card38 | grep -q 192.168.38.200'
check "New-VMSwitch" holdfast "$first" "New-VMSwitch out38 -NetAdapterName card38"
eventually 10 on "$first" sh -c 'ip -4 -br address show out38 | grep -q 192.168.38.200'
check "the card has none any more" on "$first" sh -c '! ip -4 -br address show card38 | grep -q 192.168'
same "the bridge has the card's MAC address" "$(on "$first" sh -c 'ip -br link show card38 | tr -s " " | cut -d" " -f3')" \
        "$(on "$first" sh -c 'ip -br link show out38 | tr -s " " | cut -d" " -f3')"
eventually 120 said "$first" $vm UP
check "Connect-VMNetworkAdapter" holdfast "$first" "Connect-VMNetworkAdapter $vm 'First card' out38"
says "$first" $vm "LINK up"
eventually 15 on "$first" ip netns exec far38 ping -c 1 -W 1 192.168.38.1
printf '%s\n' "- the guest answers what is behind the card"

story "a destination that lacks the switch: found, mended on the Source of the finding, moved"
holdfast "$first" --json "Compare-VM $vm $second" | grep -q '"MessageId":33012' || fail "Compare-VM does not miss the switch"
expect_fail "Could not find Ethernet switch 'out38'" holdfast "$first" "Move-VM $vm $second"
check "Disconnect-VMNetworkAdapter" holdfast "$first" \
        "\$r = Compare-VM $vm $second; \$r.Incompatibilities[0].Source | Disconnect-VMNetworkAdapter; Compare-VM -CompatibilityReport \$r | Move-VM"
eventually 20 runs "$second" $vm
same "its switch there" "" "$(switch_of "$second" $vm)"
check "a switch there" holdfast "$second" "New-VMSwitch lan38 -SwitchType Internal"
on "$second" ip address add 192.168.38.253/24 dev lan38
check "Connect-VMNetworkAdapter" holdfast "$second" "Connect-VMNetworkAdapter $vm 'First card' lan38"
says "$second" $vm "LINK up"
eventually 15 on "$second" ping -c 1 -W 1 192.168.38.1
check "Remove-VMSwitch" holdfast "$second" "Remove-VMSwitch lan38 -Force"
says "$second" $vm "LINK down"

story "removed: the card has its addresses again"
check "Remove-VMSwitch" holdfast "$first" "Get-VMSwitch out38 | Remove-VMSwitch -Force"
eventually 10 on "$first" sh -c 'ip -4 -br address show card38 | grep -q 192.168.38.200'
check "the bridge is gone" on "$first" sh -c '! ip link show out38 2>/dev/null'
