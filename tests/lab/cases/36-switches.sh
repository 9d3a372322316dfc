# Private and Internal switches, with real frames on them; adapters plugged and unplugged while the machine runs.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/device-lib.sh"
vm=wired other=wired2
clean() {
        local name
        away $vm
        fresh $other
        for name in lan36 quiet36; do holdfast "$first" "Remove-VMSwitch $name -Force" >/dev/null 2>&1 || true; done
}
trap clean EXIT
clean

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
wired_disk $vm 192.168.36.1
wired_disk $other 192.168.36.2
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
same "its switch" "" "$(switch_of "$first" $vm)"
expect_fail "unable to find a virtual switch" holdfast "$first" "Connect-VMNetworkAdapter $vm 'First card' nowhere"
expect_fail "unable to find a network adapter" holdfast "$first" "Connect-VMNetworkAdapter $vm 'Second card' lan36"
