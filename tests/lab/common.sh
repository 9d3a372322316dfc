# common.sh — names, paths and words that every part of the lab uses.  Sourced, never run.
# shellcheck shell=bash disable=SC2034,SC1091

checkout=$(cd "$lab_dir/../.." && pwd)
lab_id=$(printf %s "$checkout" | sha256sum) lab_id=${lab_id:0:8}
cache=${HOLDFAST_LAB_CACHE:-/var/cache/holdfast-lab}
state=${HOLDFAST_LAB_STATE:-/var/lib/holdfast-lab}/$lab_id
lab_netns=hf-$lab_id

domain=lab.test
realm=LAB.TEST
netbios=LAB
base_dn=DC=lab,DC=test
password=Passw0rd.lab
network=10.77.0

say() { printf '%s\n' "lab: $*" >&2; }
die() { printf '%s\n' "lab: $*" >&2; exit 1; }

source_all() {
        local part
        for part in enter root net nodes domain build guest/image test demo; do
                source "$lab_dir/$part.sh"
        done
}

# quietly LOG CMD…: run with output in a file that is shown only when the command fails.
quietly() {
        local log=$1
        shift
        "$@" >"$log" 2>&1 </dev/null || { tail -n 40 "$log" >&2; return 1; }
}

# until_true SECONDS CMD…: poll ten times a second.
until_true() {
        local end=$((SECONDS + $1))
        shift
        until "$@" >/dev/null 2>&1 </dev/null; do
                ((SECONDS < end)) || return 1
                sleep 0.1
        done
}

# Only one `lab` at a time changes what belongs to this checkout.
lock_state() {
        mkdir -p "$state"
        exec {lock_fd}>"$state/lock"
        flock -w 900 "$lock_fd" || die "another lab command has held $state/lock for 15 minutes; let it end first"
}
