# Virtual switches of every type, with real frames on them; adapters plugged while the machine runs; a destination that lacks
# the switch.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/device-lib.sh"
vm=wired other=wired2
clean() {
        local name
        away $vm
        fresh $other
        for name in lan36 quiet36 out36; do holdfast "$first" "Remove-VMSwitch $name -Force" >/dev/null 2>&1 || true; done
        holdfast "$second" "Remove-VMSwitch lan36b -Force" >/dev/null 2>&1 || true
        on "$first" sh -c 'rm -f /etc/systemd/network/20-card36.network; ip link del far36 2>/dev/null; networkctl reload; true'
}
trap clean EXIT
clean
guest() { # guest VM ADDRESS
        guest_on "$first" "/var/tmp/$1.raw" devices=1 mode=idle "address=$2"
        holdfast "$first" "Convert-VHD /var/tmp/$1.raw '$share\\$1\\$1.raw'"
        on "$first" rm -f "/var/tmp/$1.raw"
}
switch_of() { holdfast "$first" --json "Get-VMNetworkAdapter $1" | sed -n 's/.*"SwitchName":"\([^"]*\)".*/\1/p'; }

story "switches are made, and stay"
expect_fail "name of a network device" holdfast "$first" "New-VMSwitch 'External Switch' -SwitchType Private"
expect_fail "unable to find a network adapter" holdfast "$first" "New-VMSwitch out36 -NetAdapterName nowhere0"
expect_fail "would be cut off" holdfast "$first" "New-VMSwitch out36 -NetAdapterName eth0 -AllowManagementOS \$false"
expect_fail "EnableIov" holdfast "$first" "New-VMSwitch out36 -SwitchType Private -EnableIov \$true"
check "Private" holdfast "$first" "New-VMSwitch quiet36 -SwitchType Private -Notes 'machines alone'"
check "Internal" holdfast "$first" "New-VMSwitch lan36 -SwitchType Internal"
expect_fail "already has a virtual switch" holdfast "$first" "New-VMSwitch LAN36 -SwitchType Private"
on "$first" sh -c 'ip link del lan36; systemctl restart systemd-networkd'
eventually 10 on "$first" ip link show lan36
printf '%s\n' "- the network manager makes it again by itself, as at a start of the host"
on "$first" ip address add 192.168.36.254/24 dev lan36
holdfast "$first" "Get-VMNetworkAdapter -ManagementOS" | grep -q "lan36 *True *lan36 .*192.168.36.254" ||
        fail "the host's own adapter on lan36 is not listed"

story "two machines on a Private switch hear each other"
for name in $vm $other; do [[ $name == "$vm" ]] && guest $name 192.168.36.1 || guest $name 192.168.36.2; done
holdfast "$first" "New-VM $vm 128MB -VHDPath '$share\\$vm\\$vm.raw' -SwitchName quiet36" >/dev/null
holdfast "$first" "New-VM $other 128MB -VHDPath '$share\\$other\\$other.raw'" >/dev/null
check "an adapter with an address of its own" holdfast "$first" \
        "Add-VMNetworkAdapter $other -Name Wire -SwitchName quiet36 -StaticMacAddress 02-15-5D-36-00-02"
expect_fail "no MAC address" holdfast "$first" "Add-VMNetworkAdapter $other -StaticMacAddress 01-15-5D-36-00-02"
holdfast "$first" "Get-VM wired* | Get-VMNetworkAdapter" | grep -q "Wire *False *$other *quiet36 *02155D360002" ||
        fail "the adapter is not listed as Hyper-V would"
holdfast "$first" "Start-VM $vm,$other"
eventually 120 said "$first" $vm UP
eventually 120 said "$first" $other UP
says "$first" $vm "LINK up"
says "$first" $other "LINK up"
tell "$first" $vm "hail 192.168.36.2 hello"
says "$first" $other "HEARD hello"
if on "$first" ping -c 1 -W 1 192.168.36.1 >/dev/null; then fail "the host is on the Private switch"; fi
expect_fail "only while it is off" holdfast "$first" "Add-VMNetworkAdapter $vm"
expect_fail "only while it is off" holdfast "$first" "Get-VM $vm | Get-VMNetworkAdapter | Remove-VMNetworkAdapter"
holdfast "$first" "Stop-VM -TurnOff $other"

story "plugged over to the Internal switch while it runs, and unplugged"
check "Connect-VMNetworkAdapter" holdfast "$first" "Get-VMSwitch lan36 | Connect-VMNetworkAdapter $vm"
eventually 10 on "$first" ping -c 1 -W 1 192.168.36.1
check "Rename-VMNetworkAdapter" holdfast "$first" "Rename-VMNetworkAdapter $vm -NewName 'First card'"
check "Disconnect-VMNetworkAdapter" holdfast "$first" "Disconnect-VMNetworkAdapter $vm 'First*'"
says "$first" $vm "LINK down"
same "its switch" "" "$(switch_of $vm)"
expect_fail "unable to find a virtual switch" holdfast "$first" "Connect-VMNetworkAdapter $vm 'First card' nowhere"
expect_fail "unable to find a network adapter" holdfast "$first" "Connect-VMNetworkAdapter $vm 'Second card' lan36"

story "an External switch takes over its card with the addresses of this host, and gives them back"
on "$first" sh -c 'ip link add card36 type veth peer name far36; ip link set far36 up
        ip netns add far36 2>/dev/null; ip link set far36 netns far36; ip -n far36 addr add 192.168.36.100/24 dev far36
        ip -n far36 link set far36 up; ip address flush dev lan36
        printf "[Match]\nName=card36\n[Network]\nAddress=192.168.36.200/24\n" >/etc/systemd/network/20-card36.network
        networkctl reload; networkctl reconfigure card36'
eventually 10 on "$first" sh -c 'ip -4 -br address show card36 | grep -q 192.168.36.200'
check "New-VMSwitch" holdfast "$first" "New-VMSwitch out36 -NetAdapterName card36"
eventually 10 on "$first" sh -c 'ip -4 -br address show out36 | grep -q 192.168.36.200'
check "the card has none any more" on "$first" sh -c '! ip -4 -br address show card36 | grep -q 192.168'
same "the bridge has the card's MAC address" "$(on "$first" sh -c 'ip -br link show card36 | tr -s " " | cut -d" " -f3')" \
        "$(on "$first" sh -c 'ip -br link show out36 | tr -s " " | cut -d" " -f3')"
check "Connect-VMNetworkAdapter" holdfast "$first" "Connect-VMNetworkAdapter $vm 'First card' out36"
says "$first" $vm "LINK up"
eventually 15 on "$first" ip netns exec far36 ping -c 1 -W 1 192.168.36.1
printf '%s\n' "- the guest answers what is behind the card"

story "a destination that lacks the switch: found, mended on the Source of the finding, moved"
holdfast "$first" --json "Compare-VM $vm $second" | grep -q '"MessageId":33012' || fail "Compare-VM does not miss the switch"
expect_fail "Could not find Ethernet switch 'out36'" holdfast "$first" "Move-VM $vm $second"
check "Disconnect-VMNetworkAdapter" holdfast "$first" \
        "\$r = Compare-VM $vm $second; \$r.Incompatibilities[0].Source | Disconnect-VMNetworkAdapter; Compare-VM -CompatibilityReport \$r | Move-VM"
eventually 20 runs "$second" $vm
same "its switch there" "" "$(holdfast "$second" --json "Get-VMNetworkAdapter $vm" | sed -n 's/.*"SwitchName":"\([^"]*\)".*/\1/p')"
check "a switch there" holdfast "$second" "New-VMSwitch lan36b -SwitchType Internal"
on "$second" ip address add 192.168.36.253/24 dev lan36b
check "Connect-VMNetworkAdapter" holdfast "$second" "Connect-VMNetworkAdapter $vm 'First card' lan36b"
says "$second" $vm "LINK up"
eventually 15 on "$second" ping -c 1 -W 1 192.168.36.1
check "Remove-VMSwitch" holdfast "$second" "Remove-VMSwitch lan36b -Force"
says "$second" $vm "LINK down"

story "removed: the card has its addresses again"
check "Remove-VMSwitch" holdfast "$first" "Get-VMSwitch out36 | Remove-VMSwitch -Force"
eventually 10 on "$first" sh -c 'ip -4 -br address show card36 | grep -q 192.168.36.200'
check "the bridge is gone" on "$first" sh -c '! ip link show out36 2>/dev/null'
on "$first" ip netns del far36
