# Whatever dies at the switch, when the guest stands on the other side and its disk is between the two: one end, and a name for it.
#
# The disk process of the destination is frozen while the memory flows, so the guest arrives there, the source gives its
# disk away, and nobody owns it until the process is thawed: the moment between is held open as long as a story needs.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/move-lib.sh"
vm=at-switch id= route=
signal_disk() { on "$second" systemctl kill -s "$1" "holdfast-disk@$id"; }
mend() {
        [[ ! $route ]] || on "$first" ip route del blackhole "$route/32" 2>/dev/null || true
        [[ ! $id ]] || signal_disk CONT 2>/dev/null || true
        on "$second" systemctl start holdfastd
        on "$first" systemctl start holdfastd
        away $vm
}
trap mend EXIT

state_by_id() {
        on "$1" varlinkctl call -j "/run/holdfast/disk/$id/control.sock" io.holdfast.Disk.Status '{}' 2>/dev/null |
                sed -n 's/.*"State":"\([A-Z]*\)".*/\1/p'
}
given() { [[ $(state_by_id "$first") == GIVEN ]]; }
# between: the guest runs there, the source has let go, nobody writes.
between() {
        moving $vm "-MaximumBandwidth 12"
        signal_disk STOP
        eventually 120 runs "$second" $vm
        eventually 30 given
        same "writers at the switch" "" "$(writers "$vm/$vm.raw")"
}
up() { eventually 30 on "$1" sh -c 'ss -ltn | grep -q :6600'; }
# settled NODE: it lives there, its guest goes on, nothing is missing.  Then it is back on $first for the next story.
settled() {
        lives "$1" $vm
        writes_on $vm
}
told_moved() { [[ $(holdfast "$first" "Get-VMMigration $vm | Select-Object -First 1 -ExpandProperty State") == Completed* ]]; }
back() {
        eventually 60 holdfast "$second" "Move-VM $vm $first"
        lives "$first" $vm >/dev/null
}

machine $vm mode=write
id=$(disk_id "$first" $vm)

story "holdfastd on the source is killed"
between
on "$first" systemctl kill -s KILL holdfastd
up "$first"
signal_disk CONT
settled "$second"
ended "holdfastd ended"
back

story "holdfastd on the destination is killed"
between
on "$second" systemctl kill -s KILL holdfastd
up "$second"
signal_disk CONT
settled "$second"
wait "$mover" || true           # the source learns of it by the channel's end or by asking: either is right
eventually 30 told_moved
back

story "the network between the hosts swallows everything: nobody resumes on a guess"
route=$(on "$first" getent ahostsv4 "$second.lab.test" | awk 'NR == 1 { print $1 }')
between
on "$first" ip route add blackhole "$route/32"
sleep 15
same "writers while the hosts cannot hear each other" "" "$(writers "$vm/$vm.raw")"
signal_disk CONT
on "$first" ip route del blackhole "$route/32"
settled "$second"
wait "$mover" || true
eventually 30 told_moved
back

story "the destination's guest dies before it has its disk: it is off, by name, and starts again from its disk"
between
on "$second" sh -c "kill -9 \$(pgrep -f '[g]uest=$vm,')"
signal_disk CONT
off() { [[ $(state_of "$second" $vm) == Off ]]; }
eventually 30 off
wait "$mover" || true
eventually 30 nothing_on "$first" $vm
released() { [[ ! $(writers "$vm/$vm.raw") ]]; }
eventually 30 released
check "it starts" holdfast "$second" "Start-VM $vm"
settled "$second"
most=$(flushed $vm)
holdfast "$second" "Stop-VM $vm"
check "no record is missing or torn" on "$server" python3 /src/tests/lab/guest/guest.py verify "/srv/vms/$vm/$vm.raw" --flushed "$most"
