# broken-lib.sh — reading broken.table: break, ask, judge, mend by what was printed, ask again
# shellcheck shell=bash disable=SC2034
source "$(dirname "${BASH_SOURCE[0]}")/move-lib.sh"
here=$(dirname "${BASH_SOURCE[0]}")
password=Passw0rd.lab
report=$(mktemp)
exec {told}>&1
fail() { printf 'FAILED: %s\n' "$*" >&$told; exit 1; }         # also from where a row breaks something, unheard

# ask VM [HOST]: Compare-VM, its report into $report.
ask() { holdfast "$first" --json "Compare-VM $1 ${2:-$second}" >"$report" 2>/dev/null </dev/null || fail "Compare-VM $1 said nothing"; }

# judge WANTED: "" when the report holds exactly the wanted findings, "HOST ID WORDS; …" each, ~ before advice.
judge() {
        python3 - "$report" "$1" <<'PYTHON'
import json, sys
report = json.load(open(sys.argv[1]))[0]
found = [(mark, f) for mark, kind in (("", "Incompatibilities"), ("~", "Advice")) for f in report[kind]]
line = lambda mark, f: f'{mark}{f["ComputerName"].split(".")[0]} {f["MessageId"]} {f["Message"]} [{f["Evidence"]}]'
wanted = [w.strip() for w in sys.argv[2].split(";") if w.strip()]
for want in wanted:
    host, number, words = (want.split(" ", 2) + [""])[:3]
    for one in found:
        mark, f = one
        if line(mark, f).startswith(f"{host} {number} ") and words in line(mark, f):
            found.remove(one)
            break
    else:
        print("missing:", want)
for mark, f in found:
    print("too much:", line(mark, f))
PYTHON
}

# printed server|host: the commands that the findings print, a line each, each with the node it belongs on.
printed() {
        python3 - "$report" "$1" <<'PYTHON'
import json, sys
report = json.load(open(sys.argv[1]))[0]
seen = []
for f in report["Incompatibilities"] + report["Advice"]:
    lines = []
    if sys.argv[2] == "server":
        assert not f["Samba"] or f["Windows"] or f["NetApp"] or "sed -i" in f["Samba"][0], "nothing for other file servers"
        server = f["Path"].strip("\\").split(".")[0]
        lines = [("dc1" if c.startswith("samba-tool") else server, c) for c in f["Samba"]]
    elif f["Remedy"]:
        lines = [(f["RemedyComputerName"].split(".")[0], c) for c in f["Remedy"].split("\n")]
    for one in lines:
        if one not in seen:
            seen.append(one)
for node, command in seen:
    print(node, command)
PYTHON
}

# typed NODE COMMAND: as an administrator of it types it; a Verb-Noun is the product's, all else the shell's.
typed() {
        case $2 in
        *"-Credential Administrator"*) printf '%s\n' "$password" | on "$1" holdfast --password-stdin "$2" ;;
        [A-Z]*-[A-Z]*) on "$1" holdfast "$2" </dev/null ;;
        *) on "$1" env PASSWD=$password bash -c "$2" </dev/null ;;
        esac
}

# mend HOW: server, host: what is printed for them; off: the same for a machine in which there is no guest that could be
# asked to shut down.
mend() {
        local how node command count=0
        for how in ${1//+/ }; do
                while read -r node command; do
                        count=$((count + 1))
                        [[ $how == off && $command == Stop-VM* ]] && command="$command -TurnOff"
                        [[ ! ${VERBOSE:-} ]] || printf '  %s $ %s\n' "$node" "$command"
                        typed "$node" "$command" >/dev/null 2>"$report.err" || fail "$node: '$command' gave $?: $(<"$report.err")"
                done < <(printed "${how/off/host}")
        done
        ((count > 0)) || fail "nothing was printed that could mend it: $(<"$report")"
}

clean() { ask "$1"; [[ ! $(judge "") ]]; }

# row SITUATION VM BREAK FINDINGS MEND
row() {
        local what=$1 vm=$2 break=$3 wanted=$4 how=$5 wrong host= began=$((${EPOCHREALTIME/./} / 1000))
        [[ $vm != *@* ]] || { host=${vm#*@}; vm=${vm%@*}; }
        eval "$break" >/dev/null 2>"$report.err" </dev/null || fail "$what: cannot be broken: $(<"$report.err")"
        ask "$vm" "$host"
        wrong=$(judge "$wanted")
        [[ ! $wrong ]] || fail "$what: $wrong"
        case $how in
        unprinted*) eval "${how#unprinted}" >/dev/null 2>&1 </dev/null || fail "$what: cannot be mended" ;;
        hand*)
                [[ ! $(printed server)$(printed host) ]] || fail "$what: a mend is printed: $(printed server)$(printed host)"
                eval "${how#hand}" >/dev/null 2>&1 </dev/null || fail "$what: cannot be mended by hand"
                ;;
        *) mend "$how" ;;
        esac
        # what a host was told of the domain, or a guest is asked to let go, takes a moment
        eventually_clean "$what" "$vm"
        if [[ ${undo:-} ]]; then eval "$undo" >/dev/null 2>&1 </dev/null || true; fi
        undo=
        rows=$((rows + 1))
        printf '%s\n' "- $what ($((${EPOCHREALTIME/./} / 1000 - began)) ms)"
}
eventually_clean() {
        local end=$((SECONDS + 15))
        until clean "$2"; do
                ((SECONDS < end)) || fail "$1: after the mend: $(judge "")"
                sleep 0.3
        done
}

# table FILE: every row of it, or those whose situation matches $ROWS; columns are separated by " | "
table() {
        local line field
        rows=0
        while IFS= read -r line || [[ $line ]]; do
                [[ $line && $line != \#* ]] || continue
                if [[ $line == "== "* ]]; then
                        story "${line#== }"
                        continue
                fi
                mapfile -t field < <(sed 's/ | /\n/g' <<<"$line")
                ((${#field[@]} == 5)) || fail "a row with ${#field[@]} columns: $line"
                [[ ${field[0]} =~ ${ROWS:-} ]] || continue
                row "${field[@]}"
        done <"$1"
}
