# Whatever dies while the memory is on its way: the machine goes on running where it was, its disk writable.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/move-lib.sh"
vm=bad-days
route="10.77.0.0"
mend() {
        on "$first" ip route del blackhole "$route/32" 2>/dev/null || true      # there only when the case failed
        on "$second" systemctl start holdfastd
        on "$first" systemctl start holdfastd
        away $vm
}
trap mend EXIT
machine $vm mode=write
route=$(on "$first" getent ahostsv4 "$second.lab.test" | awk 'NR == 1 { print $1 }')
after() { lives "$first" $vm; writes_on $vm; }

story "QEMU on the destination is killed"
moving $vm
on "$second" sh -c "kill -9 \$(pgrep -f '[g]uest=$vm,')"
ended "goes on running on $first.lab.test"
after

story "holdfastd on the destination is killed"
moving $vm
on "$second" systemctl kill -s KILL holdfastd
ended "goes on running on $first.lab.test"
eventually 30 on "$second" sh -c 'ss -ltn | grep -q :6600'
after

story "holdfastd on the source is killed"
moving $vm
on "$first" systemctl kill -s KILL holdfastd
ended "holdfastd ended"
eventually 30 on "$first" sh -c 'ss -ltn | grep -q :6600'
after
check "the job says what became of it" grep -q "the machine runs on this host" <(holdfast "$first" "Get-VMMigration $vm | Select-Object -First 1 -ExpandProperty Reason")

story "the network between the hosts swallows everything"
moving $vm
before=$SECONDS
on "$first" ip route add blackhole "$route/32"
ended "goes on running on $first.lab.test"
((SECONDS - before <= 20)) || fail "it took $((SECONDS - before)) seconds to notice"
lives_here() { runs "$first" $vm && owner "$first" $vm; }
eventually 20 lives_here
on "$first" ip route del blackhole "$route/32"
after

story "and after all that it moves"
holdfast "$first" "Move-VM $vm $second"
lives "$second" $vm
writes_on $vm
most=$(flushed $vm)
holdfast "$second" "Stop-VM $vm"
check "no record is missing or torn" on "$server" python3 /src/tests/lab/guest/guest.py verify "/srv/vms/$vm/$vm.raw" --flushed "$most"
