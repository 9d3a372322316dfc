# Between the hosts nothing of the guest's memory can be read.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/move-lib.sh"
vm=move-wire
marker=HOLDFAST-PLANTED-MARKER-0123456789
source "$lab_dir/common.sh"
source "$lab_dir/enter.sh"
capture=/root/wire-$$.pcap
trap '[[ ${sniffer:-} ]] && kill $sniffer 2>/dev/null; on client rm -f $capture; away $vm' EXIT
machine $vm mode=idle marker=1
eventually 60 said "$first" $vm MARKER

story "the marker is in the guest's memory, so a capture in the clear would hold it"
on "$first" virsh qemu-monitor-command $vm \
        '{"execute": "pmemsave", "arguments": {"val": 0, "size": 268435456, "filename": "/var/lib/libvirt/qemu/wire.mem"}}'
check "found in memory" on "$first" grep -qa "$marker" /var/lib/libvirt/qemu/wire.mem
on "$first" rm -f /var/lib/libvirt/qemu/wire.mem

story "everything that $second receives and sends is captured while the machine moves"
node_leader client || fail "client is not running"
nsenter --mount="/proc/$leader/ns/mnt" --net="/run/netns/$lab_netns" -- \
        tcpdump -i "$second" -U -s 0 -w "$capture" >/dev/null 2>&1 &
sniffer=$!
eventually 20 on client test -s "$capture"
holdfast "$first" "Move-VM $vm $second"
kill $sniffer
wait $sniffer || true
sniffer=
lives "$second" $vm
packets=$(on client tcpdump -r "$capture" -n "tcp port 6600" 2>/dev/null | wc -l)
bytes=$(on client stat -c %s "$capture")
((packets > 1000 && bytes > 16 * 1024 * 1024)) || fail "only $packets packets of port 6600, $bytes bytes: this is no move"
printf '%s\n' "- $packets packets of port 6600, $bytes bytes captured"
for word in "$marker" "HOLDFAST-PLANTED" "QEVM" "<domain" "$vm"; do
        ! on client grep -qa -- "$word" "$capture" || fail "the capture holds '$word'"
        printf '%s\n' "- nowhere in it: $word"
done
