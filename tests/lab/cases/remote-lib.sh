# remote-lib.sh — people of the domain at their workstation, with remoting clients.
# shellcheck shell=bash
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
node=${NODE:-hv1}
password=Passw0rd.lab
here=/src/tests/lab/remote

# person NAME GROUP…: exists, is in these groups, and has a fresh ticket on client.
person() {
        local name=$1 group
        shift
        on dc1 samba-tool user show "$name" >/dev/null 2>&1 || on dc1 samba-tool user create "$name" "$password" >/dev/null
        for group in "$@"; do
                on dc1 samba-tool group show "$group" >/dev/null 2>&1 || on dc1 samba-tool group add "$group" >/dev/null
                on dc1 samba-tool group addmembers "$group" "$name" >/dev/null
        done
        on client bash -c 'printf "%s\n" "$2" | KRB5CCNAME=FILE:/tmp/cc-$1 kinit "$1@LAB.TEST" >/dev/null' _ "$name" "$password"
}

# as NAME CMD…: on client, with that person's ticket and no other.
as() {
        local name=$1
        shift
        on client env KRB5CCNAME="FILE:/tmp/cc-$name" PYTHONWARNINGS=ignore "$@"
}

# journal CURSOR FIELD=VALUE…: holdfastd's lines after the cursor.
journal_here() { on "$node" journalctl -u holdfastd -n 1 -o json | python3 -c 'import json,sys; print(json.load(sys.stdin)["__CURSOR"])'; }
journal_after() { on "$node" journalctl -u holdfastd -o json --after-cursor "$@"; }
field() { python3 -c 'import json,sys; print(json.loads(sys.stdin.readline()).get(sys.argv[1], ""))' "$1"; }

have() { on client python3 -c "import $1" 2>/dev/null; }
gateway_pid() { on "$node" systemctl show -P MainPID holdfast-gateway; }
