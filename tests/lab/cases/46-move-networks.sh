# Migration settings: what is set is true at once, stays over a restart, and moves obey it.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/move-lib.sh"
vm=move-networks
for node in "$first" "$second"; do on "$node" cp /etc/holdfast/node.json /root/node.json.good; done
mend() {
        local node
        for node in "$first" "$second"; do
                on "$node" sh -c 'cp /root/node.json.good /etc/holdfast/node.json; ip addr flush dev eth0 to 10.9.0.0/16; systemctl restart holdfastd'
        done
}
trap 'away $vm; mend' EXIT
setting() { holdfast "$1" "Get-VMHost | Select-Object -ExpandProperty $2"; }
process() { on "$1" systemctl show -p MainPID --value holdfastd; }
listening() { on "$1" sh -c 'ss -ltn | grep -q :6600'; }
again() { on "$1" systemctl restart holdfastd; eventually 20 listening "$1"; }
compare() { holdfast "$first" --json "Compare-VM $vm $second"; }
clean() { compare | grep -q '"Incompatibilities":\[\]'; }
way() { on "$second" ss -Htn state established 'sport = :6600' | awk '{ sub(/\[::ffff:/, "", $3); sub(/\].*/, "", $3); sub(/:6600$/, "", $3); print $3 }'; }
one=0
for node in "$first" "$second"; do
        one=$((one + 1))
        on "$node" ip addr add "10.9.1.$one/24" dev eth0 label eth0:lab
        on "$node" ip addr add "10.9.2.$one/24" dev eth0 label eth0:lab
done
on "$second" ip addr add 10.9.3.2/24 dev eth0 label eth0:lab    # a network that $first is not in

story "settings are true at once and after a restart"
before=$(process "$second")
holdfast "$second" 'Set-VMHost -MaximumVirtualMachineMigrations 5 -UseAnyNetworkForMigration $false -VirtualMachineMigrationAuthenticationType Kerberos'
holdfast "$second" "Set-VMHost -VirtualMachinePath '$share'"
same "the limit" 5 "$(setting "$second" MaximumVirtualMachineMigrations)"
same "the networks" False "$(setting "$second" UseAnyNetworkForMigration)"
same "the process is the same one" "$before" "$(process "$second")"
again "$second"
same "the limit afterwards" 5 "$(setting "$second" MaximumVirtualMachineMigrations)"
same "the path afterwards" "$share" "$(setting "$second" VirtualMachinePath)"

story "what there is not is refused by name, and nothing is changed"
expect_fail "can only be Kerberos" holdfast "$second" "Set-VMHost -MaximumVirtualMachineMigrations 7 -VirtualMachineMigrationAuthenticationType CredSSP"
expect_fail "can only be TCPIP" holdfast "$second" "Set-VMHost -VirtualMachineMigrationPerformanceOption Compression"
expect_fail "from 1 to 16" holdfast "$second" "Set-VMHost -MaximumVirtualMachineMigrations 17"
expect_fail "must be a UNC path" holdfast "$second" "Set-VMHost -VirtualMachinePath /vms"
expect_fail "'NumaSpanningEnabled' of Set-VMHost is not supported" holdfast "$second" 'Set-VMHost -NumaSpanningEnabled $true'
expect_fail "inside the network 10.9.1.0/24" holdfast "$second" "Add-VMMigrationNetwork 10.9.1.7/24"
expect_fail "no migration network '10.7.0.0/24'" holdfast "$second" "Remove-VMMigrationNetwork 10.7.0.0/24"
same "the limit" 5 "$(setting "$second" MaximumVirtualMachineMigrations)"

story "a host that receives only over its networks, and has none"
machine $vm mode=write
[[ $(compare) == *'"MessageId":50019'*"reached at 10.77"* ]] || fail "Compare-VM does not say it: $(compare)"
expect_fail "$second.lab.test receives virtual machines only over its migration networks (it has none)" holdfast "$first" "Move-VM $vm $second"
lives "$first" $vm

story "with a network it is reached there, as the source prefers"
holdfast "$second" "Add-VMMigrationNetwork 10.9.1.0/24 5; Add-VMMigrationNetwork 10.9.2.0/24 6; Add-VMMigrationNetwork 10.9.3.0/24 -Priority 1"
same "the networks in order" "10.9.3.0/24 10.9.1.0/24 10.9.2.0/24" \
        "$(holdfast "$second" 'Get-VMMigrationNetwork | Select-Object -ExpandProperty Subnet' | xargs)"
check "Compare-VM finds nothing" clean
cursor=$(on "$first" journalctl -n 0 --show-cursor | sed -n 's/^-- cursor: //p')
moving $vm
same "the way, without a wish of the source" 10.9.1.2 "$(way | sort -u | xargs)"
check "the network that was passed over is in the journal" \
        grep -q "a migration network is passed over.*10.9.3.2" <(on "$first" journalctl -u holdfastd --after-cursor "$cursor")
holdfast "$first" "Stop-VMMigration $vm"
ended "was cancelled"
lives "$first" $vm
holdfast "$first" "Add-VMMigrationNetwork 10.9.2.0/24; Add-VMMigrationNetwork 10.9.1.0/24 9"
moving $vm
same "the way that the source prefers" 10.9.2.2 "$(way | sort -u | xargs)"
holdfast "$first" "Stop-VMMigration $vm"
ended "was cancelled"
again "$first"
again "$second"
holdfast "$first" "Set-VMMigrationNetwork 10.9.2.* -NewPriority 10"
moving $vm
same "and after restarts and with another priority" 10.9.1.2 "$(way | sort -u | xargs)"
holdfast "$first" "Stop-VMMigration $vm"
ended "was cancelled"
lives "$first" $vm

story "a host that is switched off for migration"
holdfast "$second" Disable-VMMigration
same "it says so" False "$(setting "$second" VirtualMachineMigrationEnabled)"
[[ $(compare) == *'"MessageId":50018'* ]] || fail "Compare-VM does not say it: $(compare)"
expect_fail "Virtual machine migration is not enabled on $second.lab.test" holdfast "$first" "Move-VM $vm $second"
holdfast "$second" Enable-VMMigration
same "on again" True "$(setting "$second" VirtualMachineMigrationEnabled)"
holdfast "$first" Disable-VMMigration
again "$first"
expect_fail "Virtual machine migration is not enabled on $first.lab.test" holdfast "$first" "Move-VM $vm $second"
holdfast "$first" Enable-VMMigration
lives "$first" $vm

story "and with everything allowed it moves"
holdfast "$first" "Move-VM $vm $second"
lives "$second" $vm
warning=$(holdfast "$second" "Get-VMMigrationNetwork | Remove-VMMigrationNetwork" 2>&1)
[[ $warning == *"it has no migration network left"* ]] || fail "nobody is warned: $warning"
same "no networks any more" "" "$(holdfast "$second" 'Get-VMMigrationNetwork | Select-Object -ExpandProperty Subnet')"
