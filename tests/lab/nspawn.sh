#!/bin/bash
# nspawn.sh CGROUP PIDFILE -- OPTIONS…: become systemd-nspawn in a control group of its own.
# Without one, several containers started by the same shell would share one and disturb each other's systemd.
set -euo pipefail
lab_dir=$(dirname "$0") lab_netns='' state=''
source "$lab_dir/enter.sh"
group=$1 pid_file=$2
shift 3
: "$lab_netns$state"
for tree in $(cgroup_trees); do
        mkdir -p "$tree/$group" && echo $$ >"$tree/$group/cgroup.procs" || true
done
printf '%s %s\n' $$ "$(process_start $$)" >"$pid_file"
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
exec systemd-nspawn --quiet --boot --register=no --keep-unit --console=read-only --resolv-conf=off --timezone=off \
        --link-journal=no "$@"
