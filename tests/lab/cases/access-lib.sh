# access-lib.sh — for the cases about who may do what: a folder with a machine's files, broken one way after the other
# shellcheck shell=bash disable=SC2034
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
host=${LAB_ACCESS_HOST:-hv1}
server=fs1
password=Passw0rd.lab
folder=access
unc="\\\\$server.lab.test\\vms\\$folder"

probe() {       # on the host, as its own account
        on "$host" env KRB5CCNAME=FILE:/run/holdfast/krb5/machine /root/access-probe "$@"
}
probe_ready() {
        local here
        here=$(mktemp)
        "$lab" tools cat /build/plain/tests/probe/access-probe >"$here" </dev/null
        "$lab" cp "$here" "$1:/root/access-probe"
        rm -f "$here"
        on "$1" chmod 755 /root/access-probe
}

sid() { on "$server" wbinfo -n "LAB\\$1" | cut -d' ' -f1; }
samba() { on dc1 samba-tool "$@" >/dev/null 2>&1 </dev/null; }
# As the administrator, on the file server.  acl PATH-BELOW-THE-SHARE smbcacls' arguments…
acl() { on "$server" env PASSWD=$password smbcacls -U Administrator "//$server.lab.test/vms" "$@" >/dev/null </dev/null; }
# set_sddl PATH SDDL: the whole list, also ones that smbcacls cannot write
set_sddl() {
        on "$host" bash -c 'printf "%s\n" "$1" | kinit -c FILE:/root/admin.cc Administrator@LAB.TEST >/dev/null' _ "$password"
        probe set "\\\\$server.lab.test\\vms\\$1" "$2" FILE:/root/admin.cc
}
share_list() { on "$server" sharesec vms "$@" >/dev/null; }
share_as_made() { share_list --replace "$hosts:ALLOWED/0x0/FULL,$admins:ALLOWED/0x0/FULL"; }

# A machine's folder with three disks, all of it inherited from the share's own folder.
fresh_files() {
        on "$server" rm -rf "/srv/vms/$folder"
        on "$server" bash -c 'echo x >/tmp/x; PASSWD=$1 smbclient -U LAB/Administrator "//$2.lab.test/vms" -c "
                mkdir $3; mkdir $3\\web01; cd $3\\web01; put /tmp/x web01.vm; put /tmp/x a.raw; put /tmp/x b.raw; put /tmp/x c.raw"' \
                _ "$password" "$server" "$folder" >/dev/null 2>&1 </dev/null
}

# matrix [ARGUMENT…]: Test-VMShare as JSON, lists read with an administrator's ticket.
matrix() {
        on "$host" bash -c 'printf "%s\n" "$1" | holdfast --password-stdin --json "Test-VMShare $2"' _ "$password" \
                "'$unc' -Credential Administrator $*"
}
matrix_alone() { on "$host" holdfast --json "Test-VMShare '$unc' $*"; }        # as a host without anybody's help sees it

# dislikes: what a matrix does not like, a line each: HOST LAYER FILE FINDING RIGHTS ACCOUNT PROOF
dislikes() {
        python3 -c '
import json, sys
for row in json.load(sys.stdin):
    if not row["Passed"]:
        print(row["ComputerName"], row["Layer"], row["Path"].split("\\")[-1], row["Finding"], ",".join(row["MissingRights"]) or "-",
              row["Account"].replace(" ", "_") or "-", row["Proof"])'
}
findings() { matrix "$@" | dislikes; }

# mend [ARGUMENT…]: the printed commands for Samba, as an administrator types them, each where it belongs.
mend() {
        local commands command
        commands=$(matrix "$@" | python3 -c '
import json, sys
seen = set()
for row in json.load(sys.stdin):
    if row["Passed"]:
        continue
    assert row["Windows"] and row["NetApp"], "a finding without a command for Windows or NetApp"
    for command in row["Samba"]:
        if command not in seen:
            print(command)
            seen.add(command)') || fail "a finding without commands"
        [[ $commands ]] || fail "nothing was printed that could mend it"
        while read -r command; do
                printf '  $ %s\n' "$command"
                case $command in
                samba-tool*) on dc1 bash -c "$command" >/dev/null </dev/null ;;
                *) on "$server" env PASSWD=$password bash -c "$command" >/dev/null </dev/null ;;
                esac || fail "'$command' gave $?"
        done <<<"$commands"
}

# broken WHAT FINDINGS [ARGUMENT…]: exactly these findings; after the mend, none.
broken() {
        local what=$1 wanted=$2
        shift 2
        same "$what" "$wanted" "$(findings "$@")"
        mend "$@"
        same "$what, after the mend" "" "$(findings "$@")"
}

hosts=$(sid "Holdfast Hosts") admins=$(sid "Domain Admins")
trap 'share_as_made || true; on "$server" rm -rf "/srv/vms/$folder" || true' EXIT
