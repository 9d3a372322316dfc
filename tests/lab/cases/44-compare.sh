# What a destination finds by looking: asked by a real host, with one thing at a time that is not so.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/move-lib.sh"
vm=compare-me
trap 'away $vm; on "$first" rm -f /root/channel-probe' EXIT
probe_on "$first"
fresh $vm
holdfast "$first" "New-VM $vm -MemoryStartupBytes 128MB -NewVHDPath '$share\\$vm\\$vm.raw' -NewVHDSizeBytes 8MB" >/dev/null

before=$(on "$second" journalctl -n 1 -o json | python3 -c 'import json, sys; print(json.load(sys.stdin)["__CURSOR"])')

# ask CHANGE: the answer of $second to a request that is right but for CHANGE (Python, over the dictionary r)
ask() {
        local request
        request=$(on "$server" python3 - "$vm" "$first" "$1" <<'PYTHON'
import json, sys, time, re
vm, first, change = sys.argv[1:]
r = {"Token": "01234567-89ab-4cde-8f01-23456789abcd", "Keep": False, "Running": True, "Emulated": True,
     "Realtime": int(time.time() * 1e6), "NextEpoch": 5, "Source": f"{first}.lab.test",
     "Definition": open(f"/srv/vms/{vm}/{vm}.vm").read(),
     "Disks": [{"FileId": "0" * 16, "VolumeId": "0" * 16, "SizeBytes": 8388608}]}
exec(change)
print(json.dumps(r))
PYTHON
        )
        on "$first" env KRB5CCNAME=FILE:/run/holdfast/krb5/machine /root/channel-probe call "$second" compare "$request" 2>&1 |
                tail -n 1
}
finds() {       # finds CHANGE ID WORDS
        local answer
        answer=$(ask "$1")
        [[ $answer == *"\"MessageId\":$2"* && $answer == *"$3"* ]] || fail "with $1 it should have found $2 ($3): $answer"
        printf '%s\n' "- $2: $3"
}

story "another file than the source's is noticed, and nothing else is wrong"
finds 'pass' 50014 "is another file for $second.lab.test"
[[ $(ask 'pass') == *'"Advice":false'*'"Advice":false'* ]] && fail "it found more than it should: $(ask 'pass')"

story "each wrong thing by its name"
finds 'r["Realtime"] -= 600 * 10**6' 50002 "the clocks of $first.lab.test and $second.lab.test are"
finds 'r["Realtime"] += 400 * 10**6' 50002 "seconds apart"
finds 'r["Definition"] = re.sub(r"<(memory|currentMemory)( unit=.KiB.)?>\d+<", lambda m: f"<{m[1]}{m[2] or str()}>8589934592<", r["Definition"])' \
        50006 "of memory free and"
finds 'r["Definition"] = r["Definition"].replace("</devices>", "<interface type=\"bridge\"><mac address=\"52:54:00:01:02:03\"/><source bridge=\"nowhere\"/><model type=\"virtio\"/></interface></devices>")' \
        33012 "Could not find Ethernet switch 'nowhere'"
finds 'r["Definition"] = r["Definition"].replace("compare-me.raw", "missing.raw")' 40010 "missing.raw"

story "the processor, by name"
cpu='r["Processor"] = {"Vendor": "", "Model": "qemu64", "Features": ["avx512f", "hle"]}'
host='r["HostProcessor"] = {"Vendor": "VIA", "Model": "Nehalem", "Features": []}'
finds "$cpu" 50020 "lacks what \\\"$vm\\\" runs with: "
finds "$cpu" 50020 "avx512f"
finds "$cpu; $host" 50020 "a model for both hosts: "
finds "r[\"Processor\"] = {\"Vendor\": \"\", \"Model\": \"Nothing-v9\", \"Features\": []}" 50020 "Nothing-v9"
finds "r[\"Emulated\"] = False; $host" 50021 "is made by VIA and that of"
[[ $(ask 'r["Processor"] = {"Vendor": "", "Model": "<", "Features": []}') == *"describes a processor badly"* ]] || fail "it was taken"

story "Compare-VM tells everything at once"
both=$(ask 'r["Realtime"] -= 600 * 10**6')
[[ $both == *'"MessageId":50002'* && $both == *'"MessageId":50014'* ]] || fail "the clock hides the disk: $both"

story "each disk that cannot be used is named, and the others are let go again"
three='r["Disks"] *= 3; r["Definition"] = re.sub(r"<hf:disk[^>]*>([^<]*)compare-me.raw(</hf:disk>)", r"<hf:disk>\1missing1.raw\2<hf:disk>\1compare-me.raw\2<hf:disk>\1missing2.raw\2", r["Definition"])'
three_found=$(ask "$three")
for each in '"MessageId":40010'*missing1.raw '"MessageId":50014'*compare-me.raw '"MessageId":40010'*missing2.raw; do
        # shellcheck disable=SC2053
        [[ $three_found == *$each* ]] || fail "$each is not named: $three_found"
done
same "disk processes on $second" 0 "$(on "$second" sh -c 'ls /run/holdfast/disk | wc -l')"

story "a list that changes is seen by the next look: nothing of the file server's word is kept"
list_is() {     # list_is RIGHTS: what the group of the hosts may do with the disk
        on "$server" env PASSWD=Passw0rd.lab smbcacls -U Administrator "//$server.lab.test/vms" "$vm\\$vm.raw" \
                -S "OWNER:LAB\\Domain Admins,ACL:LAB\\Holdfast Hosts:ALLOWED/0x0/$1" >/dev/null </dev/null
}
list_is FULL
[[ $(ask 'pass') != *'"MessageId":50012'* ]] || fail "it dislikes a full right: $(ask 'pass')"
list_is READ
finds 'pass' 50012 "may not write"
list_is FULL
[[ $(ask 'pass') != *'"MessageId":50012'* ]] || fail "it remembers the list of before"
story "and who only looks starts no disk process"
same "starts of disk processes on $second" 0 \
        "$(on "$second" journalctl -u 'holdfast-disk@*' -o cat --after-cursor "$before" | grep -c Starting || true)"

story "the same name is there already"
holdfast "$second" "New-VM $vm -MemoryStartupBytes 128MB -NoVHD -Path '$share\\$vm-two'" >/dev/null
finds 'pass' 50007 "already has another virtual machine named"
holdfast "$second" "Remove-VM $vm -Force"
on "$server" rm -rf "/srv/vms/$vm-two"

story "a request that lies about its source is refused"
[[ $(ask 'r["Source"] = "hv9.lab.test"') == *"names hv9.lab.test as the source"* ]] || fail "it was not"
story "and nothing of all that is left"
eventually 20 nothing_on "$second" $vm
same "disk processes on $second" 0 "$(on "$second" sh -c 'ls /run/holdfast/disk | wc -l')"
