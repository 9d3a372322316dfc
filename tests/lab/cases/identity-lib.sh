# identity-lib.sh — for the cases about how hosts stand in their domain: break one thing, read the finding, run its remedy
# shellcheck shell=bash disable=SC2034
source "$(dirname "${BASH_SOURCE[0]}")/vm-lib.sh"
password=Passw0rd.lab
account() { printf '%s$' "${1^^}"; }
samba() { on dc1 samba-tool "$@" >/dev/null 2>&1 </dev/null; }

# forget HOST…: what a host knows of its standing is as old as its keytab
forget() { local node; for node; do on "$node" touch /etc/krb5.keytab; done; }

# ---- clocks: holdfastd alone has another one, by a library that reads how wrong it is from a file -------------------

clocks() {      # clocks HOST…
        local node
        on client gcc -shared -fPIC -D_GNU_SOURCE -o /tmp/skew.so /src/tests/unit/auth/skewed-clock.c
        for node; do
                "$lab" cp client:/tmp/skew.so "$node:/var/lib/skew.so"
                on "$node" bash -c 'printf "%-15s\n" 0 >/var/lib/skew; mkdir -p /run/systemd/system/holdfastd.service.d
                        printf "[Service]\nEnvironment=LD_PRELOAD=/var/lib/skew.so SKEW_FILE=/var/lib/skew\n" \
                                >/run/systemd/system/holdfastd.service.d/skew.conf
                        systemctl daemon-reload; systemctl restart holdfastd'
        done
        for node; do eventually 30 on "$node" sh -c 'ss -ltn | grep -q :6600'; done
}
clocks_done() {
        local node
        for node; do
                on "$node" bash -c 'rm -rf /run/systemd/system/holdfastd.service.d; systemctl daemon-reload
                        systemctl restart holdfastd; rm -f /var/lib/skew /var/lib/skew.so'
        done
        for node; do eventually 30 on "$node" sh -c 'ss -ltn | grep -q :6600'; done
}
skew() { on "$1" bash -c 'printf "%-15s\n" "$1" | dd of=/var/lib/skew conv=notrunc status=none' _ "$2"; }

# ---- findings and remedies ---------------------------------------------------------------------------------------------

# report VM: Compare-VM's findings, a line each: ID HOST
report() {
        compared=$(holdfast "$first" --json "Compare-VM $1 $second") || fail "Compare-VM failed"
        python3 -c '
import json, sys
for f in json.loads(sys.argv[1])[0]["Incompatibilities"]:
    assert f["Evidence"], "a finding without evidence"
    assert f["Remedy"] or f["Windows"] and f["Samba"], ("a finding without a mend", f["MessageId"], f["Message"], f["Evidence"])
    print(f["MessageId"], f["ComputerName"].split(".")[0])' "$compared"
}
told() { python3 -c '
import json, sys
for f in json.loads(sys.argv[1])[0]["Incompatibilities"]:
    print(f["Message"], "|", f["Evidence"], "|", f["Remedy"], *f["Windows"])' "$compared"; }

# remedies: what was printed, as an administrator types it, each where it belongs; for the directory what is printed for
# Samba, which the lab's domain controller is.
remedies() {
        local node command
        while IFS=$'\t' read -r node command; do
                [[ $command ]] || fail "a finding without a remedy"
                printf '  %s$ %s\n' "$node" "$command"
                remedy "$node" "$command" || fail "'$command' gave $?"
        done < <(python3 -c '
import json, sys
for f in json.loads(sys.argv[1])[0]["Incompatibilities"]:
    for command in f["Remedy"].split("\n") if f["Remedy"] else []:
        print(f["RemedyComputerName"].split(".")[0], command, sep="\t")
    for command in f["Samba"]:
        print("dc1", command, sep="\t")' "$compared")
}
remedy() {
        case $2 in
        "timedatectl set-ntp true") skew "$1" 0 ;;      # the machine's clock is right; only the library's is not
        Test-ComputerSecureChannel*)
                on "$1" bash -c 'printf "%s\n" "$1" | holdfast --password-stdin "$2"' _ "$password" "$2" >/dev/null ;;
        samba-tool*) on "$1" bash -c "$2" >/dev/null 2>&1 </dev/null ;;
        *) return 1 ;;
        esac
}
remedies_quietly() { remedies >/dev/null; }

# finds VM WHAT WANTED: exactly this finding; after its remedy, none.
finds() {
        forget "$first" "$second"
        report "$1" >/tmp/report.$$
        same "$2" "$3" "$(paste -sd, /tmp/report.$$)"
        rm -f /tmp/report.$$
        told | sed 's/^/  /'
        remedies
        forget "$first" "$second"
        eventually 40 clean "$1"
        printf '%s\n' "- and nothing after it"
}
clean() { [[ ! $(report "$1") ]]; }

# identity_case VM: the machine that is compared, both hosts with a clock of their own, and everything right again at the end
identity_case() {
        vm=$1
        trap put_right EXIT
        clocks "$first" "$second"
        fresh "$vm"
        holdfast "$first" "New-VM $vm -MemoryStartupBytes 128MB -NewVHDPath '$share\\$vm\\$vm.raw' -NewVHDSizeBytes 8MB" >/dev/null
        story "as it should be"
        eventually 60 clean "$vm"
}
put_right() {
        local node
        samba computer delete LAB-OTHER || true
        for node in "$first" "$second"; do samba group addmembers "Holdfast Hosts" "$(account "$node")" || true; done
        clocks_done "$first" "$second"
        fresh "$vm"
}
address() { on "$1" sh -c 'ip -o -4 route get 10.77.0.10 | sed "s/.* src \([^ ]*\).*/\1/"'; }

# each_break NODE
each_break() {
        local node=$1 own
        own=$(address "$node")

        story "$node: the clock"
        skew "$node" 600
        finds "$vm" "10 minutes ahead" "50002 $node"
        skew "$node" -600
        finds "$vm" "10 minutes behind" "50002 $node"

        story "$node: its name in the DNS"
        samba dns update dc1 lab.test "$node" A "$own" 10.77.0.250 -U "Administrator%$password"
        finds "$vm" "another address" "50041 $node"
        samba dns delete dc1 lab.test "$node" A "$own" -U "Administrator%$password"
        finds "$vm" "no address" "50041 $node"

        story "$node: its service principal names"
        samba spn delete "host/$node.lab.test" "$(account "$node")"
        finds "$vm" "one is missing" "50042 $node"
        samba computer create LAB-OTHER || true
        samba spn delete "WSMAN/$node.lab.test" "$(account "$node")"
        samba spn add "WSMAN/$node.lab.test" 'LAB-OTHER$'
        finds "$vm" "another account has it" "50042 $node"
        samba computer delete LAB-OTHER

        story "$node: its key"
        samba user setpassword "$(account "$node")" --newpassword="Changed-$RANDOM.Xyz"
        finds "$vm" "the domain has a newer one" "50043 $node"

        story "$node: the group of hosts"
        samba group removemembers "Holdfast Hosts" "$(account "$node")"
        finds "$vm" "outside" "50044 $node"
}
