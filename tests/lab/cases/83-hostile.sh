# Clients that no administrator has: answered or cut off, never a crash, and memory stays bounded.
source "$(dirname "${BASH_SOURCE[0]}")/remote-lib.sh"
host=$node.lab.test
person anna "Holdfast Admins"
hostile() { as anna python3 $here/hostile.py "$1" "$host"; }
hostile nothing >/dev/null      # the gateway is started by the first connection
pid=$(gateway_pid)
still_there() { same "the gateway is the same process" "$pid" "$(gateway_pid)"; }
answers() {                     # answers WHAT LINE…: each line begins so
        local got lines i=0 want
        got=$(hostile "$1")
        mapfile -t lines <<<"$got"
        for want in "${@:2}"; do
                [[ ${lines[i]} == "$want"* ]] || fail "$1 was answered: $got"
                i=$((i + 1))
        done
        printf '%s\n' "- $1: ${got//$'\n'/; }"
}

story "Sealed messages that were changed, repeated, reordered or come from another connection end the sign-in"
answers replay "200 400 the encrypted message is a repetition, or out of order" "then 401"
answers reorder "200 400 the encrypted message is a repetition, or out of order"
answers changed "400 the encrypted message was changed on the way"
answers elsewhere "400 the encrypted message was changed on the way"
answers token-again "200 401"
answers framing "400 400 400 400 400 400"

story "Hostile XML is a fault"
got=$(hostile xml)
[[ $(grep -c ' 500 True$' <<<"$got") == 13 && $got == *"well 200" ]] || fail "hostile XML: $got"
printf '%s\n' "- ${got//$'\n'/; }"

story "Too long is refused unread"
answers oversized "413 The message is longer than the MaxEnvelopeSize" "411 A chunked request is not supported." "header refused"
still_there

story "Strangers who never finish are cut off, and disturb nobody"
got=$(hostile loris)
longest=$(sed -n 's/^longest //p' <<<"$got")
[[ $got == "meanwhile 200"* ]] && ((longest >= 15 && longest <= 40)) || fail "slow strangers: $got"
printf '%s\n' "- ${got//$'\n'/; } s"
still_there

if have pypsrp; then
        story "A hundred shells at once: thirty served, the rest refused with the code for it"
        person sally "Holdfast Readers"         # nobody else's shells count for her
        got=$(as sally $here/clients.py shells "$host" 100)
        same "what became of them" "refused 2150859173 times 70;served 0 times 30" "${got//$'\n'/;}"
        got=$(as sally $here/clients.py shells "$host" 30)
        same "and afterwards" "served 0 times 30" "$got"
        still_there
fi

story "Output that nobody fetches does not grow without end"
person hugo "Holdfast Readers"
got=$(as hugo python3 $here/hostile.py hoard "$host")
[[ $got == "refused 2150859174 after "*"afterwards 200" ]] || fail "hoarding: $got"
printf '%s\n' "- ${got//$'\n'/; }"
still_there

story "Memory"
peak=$(on "$node" awk '/^VmHWM/ { print $2 }' "/proc/$pid/status")
((peak > 1024 && peak < 400 * 1024)) || fail "the gateway needed $peak KiB"
printf '%s\n' "- the gateway's peak: $peak KiB"

if have pypsrp; then
        story "Clients who go away while they wait, and a gateway that stops under them"
        as anna timeout -s KILL 5 $here/clients.py waiting "$host" || true
        as anna $here/clients.py waiting "$host" >/tmp/waiting-$$ 2>&1 &
        waiting=$!
        eventually 20 grep -q waiting /tmp/waiting-$$
        sleep 1
        still_there
        on "$node" systemctl stop holdfast-gateway 2>/dev/null
        same "it stopped well" success "$(on "$node" systemctl show -P Result holdfast-gateway)"
        wait $waiting || true
        [[ $(tail -n 1 /tmp/waiting-$$) != waiting ]] || fail "the client heard nothing: $(cat /tmp/waiting-$$)"
        printf '%s\n' "- the client heard: $(tail -n 1 /tmp/waiting-$$)"
        rm -f /tmp/waiting-$$
        check "and it is there again for the next" as anna $here/clients.py winrs "$host" Get-VMHost >/dev/null
        pid=$(gateway_pid)
fi
