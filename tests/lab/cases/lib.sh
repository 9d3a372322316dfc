# lib.sh — the words the cases are written in.  A case is one story; it ends at the first thing that is not so.
# shellcheck shell=bash
set -euo pipefail
lab=${LAB:-"$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/lab"}
guest_py=$(dirname "$lab")/guest/guest.py

on() { local node=$1; shift; "$lab" exec "$node" -- "$@"; }             # on NODE CMD…
holdfast() { on "$1" holdfast "${@:2}"; }                               # holdfast NODE PIPELINE…
story() { printf '# %s\n' "$*"; }
skip() { printf '%s\n' "$*"; exit 77; }
fail() { printf 'FAILED: %s\n' "$*"; exit 1; }

# check WHAT CMD…: the command must succeed.
check() {
        local what=$1
        shift
        printf '%s\n' "- $what"
        "$@" || fail "$what: '$*' gave $?"
}

# expect_fail WORDS CMD…: the command must fail and its output must hold the words.
expect_fail() {
        local words=$1 output code=0
        shift
        output=$("$@" 2>&1 </dev/null) || code=$?
        printf '%s\n' "- refused: ${output##*$'\n'}"
        ((code != 0)) || fail "'$*' should have been refused, and was not"
        [[ $output == *"$words"* ]] || fail "'$*' was refused, but not with '$words': $output"
}

# same WHAT WANTED GOT
same() {
        [[ $2 == "$3" ]] || fail "$1: wanted '$2', got '$3'"
        printf '%s\n' "- $1: $3"
}

# eventually SECONDS CMD…
eventually() {
        local end=$((SECONDS + $1))
        shift
        until "$@" >/dev/null 2>&1 </dev/null; do
                ((SECONDS < end)) || fail "not within the time: $*"
                sleep 0.2
        done
}

# after_look NODE: a host looks at its own groups every 20 s, whatever else it does; this returns when it has just done so.
after_look() {
        on dc1 timeout 45 tcpdump -nni any -c 1 "tcp port 389 and host $(on "$1" hostname -I | tr ' ' '\n' | grep -m 1 ^10.77)" \
                >/dev/null 2>&1 </dev/null || fail "$1 does not look at its groups"
        sleep 1
}

# asks_nothing NODE: its caches are empty, and for ten seconds it asks the domain for nothing by itself: its own first questions
# are over, and the next ones come 20 s after the start.  What is asked for now is known for a minute.
asks_nothing() {
        on "$1" systemctl restart holdfastd
        eventually 20 on "$1" sh -c 'ss -ltn | grep -q :6600'
        sleep 5
}

# guest_on NODE FILE [KEY=VALUE…]: a fresh guest disk inside a node.
guest_on() {
        local node=$1 file=$2 here
        shift 2
        here=$(mktemp)
        "$lab" guest "$here" "$@"
        "$lab" cp "$here" "$node:$file"
        rm -f "$here"
}
