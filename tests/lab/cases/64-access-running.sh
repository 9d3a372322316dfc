# Looking disturbs no running machine, asks the directory nothing when it was asked a moment ago, and takes machines from
# the pipeline.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/move-lib.sh"
vm=access-running
trap 'away $vm; on dc1 rm -f /tmp/access.pcap' EXIT
machine $vm mode=idle
unc="$share\\$vm"
lease() { on "$server" smbstatus -L 2>/dev/null </dev/null | grep "$vm.raw" | awk '{ print $4, $5, $6 }' | sort; }

story "a running machine"
eventually 20 owner "$first" $vm
before=$(disk_state "$first" $vm) held=$(lease)
for ((i = 0; i < 5; i++)); do
        holdfast "$first" "Test-VMShare '$unc' -ComputerName $first,$second" >/dev/null
done
same "its disk stays as it was" "$before" "$(disk_state "$first" $vm)"
same "and what the file server holds for it, lease included" "$held" "$(lease)"
same "its guest runs" running "$(on "$first" virsh domstate $vm | head -n 1)"

story "from the pipeline"
same "Get-VM | Test-VMShare proves every file of it" "True" \
        "$(holdfast "$first" --json "Get-VM $vm | Test-VMShare" | python3 -c '
import json, sys
rows = json.load(sys.stdin)
names = {row["Path"].split("\\")[-1] for row in rows if row["Layer"] == "File"}
print({"access-running.raw", "access-running.vm", "owner.json"} <= names and all(row["Passed"] for row in rows))')"
same "only what failed" "" "$(holdfast "$first" "Get-VM $vm | Test-VMShare | Where-Object Passed -eq \$false")"

story "a warm look costs the domain controllers nothing, for hosts that are in the group"
asks_nothing "$first"
holdfast "$first" "Test-VMShare '$unc' -ComputerName $first,$second; Test-VMShare '$unc'" >/dev/null
on dc1 bash -c 'timeout 10 tcpdump -i any -n -U -w /tmp/access.pcap "tcp port 389 or port 88" >/dev/null 2>&1 & sleep 1'
address=$(on "$first" hostname -I | awk '{ print $1 }')
holdfast "$first" "Test-VMShare '$unc' -ComputerName $first,$second" >/dev/null
holdfast "$first" "Test-VMShare '$unc'" >/dev/null
sleep 1
packets() { on dc1 tcpdump -n -r /tmp/access.pcap "host $address" 2>/dev/null </dev/null | wc -l; }
seen() { (($(packets) > 0)); }
same "packets to and from LDAP and the KDC" 0 "$(packets)"
on "$first" bash -c 'exec 3<>/dev/tcp/dc1.lab.test/389'
eventually 5 seen       # one would have been
