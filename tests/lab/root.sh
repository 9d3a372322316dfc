# root.sh — the two root file systems, made once from package lists and kept in the cache:
# `appliance` (image/packages, what ships) and `tools` (that plus tests/lab/packages: compilers, Samba, clients).
# shellcheck shell=bash

debian=trixie

packages() { sed 's/#.*//' "$1" | tr -s ' \n' '\n' | sed '/^$/d'; }

# Debian's mirror as this machine uses it, so that a machine with only an internal mirror works.
mirror() {
        local found
        found=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources} 2>/dev/null |
                grep -v '^ *#' | grep -oE 'https?://[^] ]+/debian/?( |$)' | head -n 1 | tr -d ' ' || true)
        found=${found%/}
        printf '%s' "${found:-http://deb.debian.org/debian}"
}

proxy_options() { apt-config dump 2>/dev/null | grep -iE '^Acquire::https?::Proxy[: ]' || true; }

need_commands() {       # need_commands COMMAND=PACKAGE…: install what this machine lacks
        local pair missing=()
        for pair in "$@"; do
                command -v "${pair%%=*}" >/dev/null || missing+=("${pair##*=}")
        done
        ((${#missing[@]})) || return 0
        say "installing on this machine: ${missing[*]}"
        mkdir -p "$cache"
        quietly "$cache/apt.log" apt-get update ||
                say "apt-get update had errors; trying with the package lists that are here"
        DEBIAN_FRONTEND=noninteractive quietly "$cache/apt.log" apt-get install -y --no-install-recommends "${missing[@]}" ||
                die "could not install ${missing[*]}; install them by hand and run the lab again"
}

machine_ready() {
        need_commands mmdebstrap=mmdebstrap systemd-nspawn=systemd-container ip=iproute2 nsenter=util-linux \
                flock=util-linux unshare=util-linux
        room_for_watches
}

# Every systemd and libvirtd of a lab watches files; the kernel's default of 128 watchers a user, counted over all
# containers, is used up by two labs, and a libvirtd that gets none answers nobody.
room_for_watches() {
        local limit=/proc/sys/fs/inotify/max_user_instances
        (($(<$limit) >= 2048)) || echo 2048 2>/dev/null >$limit || say "$limit stays at $(<$limit); more than one lab may not fit"
}

root_key() {
        { printf '%s\n' "format 2 $debian"; packages "$checkout/image/packages"
          [[ $1 == appliance ]] || { printf 'and\n'; packages "$checkout/tests/lab/packages"
                                     packages "$checkout/tests/lab/packages-sid"; }
        } | sha256sum | cut -c1-16
}

root_path() { printf '%s' "$cache/$1-$(root_key "$1")"; }

root_make() {
        local kind
        (($#)) || set -- appliance tools
        for kind in "$@"; do
                root_ready "$kind"
                printf '%s\n' "$(root_path "$kind")"
        done
}

# A root counts only under its final name, and it gets that name by one rename when it is whole.
root_ready() {
        local kind=$1 path lock
        path=$(root_path "$kind")
        [[ -d $path ]] && return
        machine_ready
        mkdir -p "$cache"
        exec {lock}>"$cache/$kind.lock"
        flock "$lock"
        if [[ ! -d $path ]]; then
                say "making the $kind root from Debian packages, once (a few minutes); log: $cache/$kind.log"
                rm -rf --one-file-system "$path.tmp"
                quietly "$cache/$kind.log" "root_build_$kind" "$path.tmp" ||
                        die "the $kind root could not be made; $cache/$kind.log says why. Check the mirror $(mirror)"
                mv "$path.tmp" "$path"
        fi
        exec {lock}>&-
}

root_build_appliance() {
        local into=$1 list option options=()
        list=$(packages "$checkout/image/packages" | paste -sd,)
        while read -r option; do
                [[ -n $option ]] && options+=("--aptopt=$option")
        done < <(proxy_options)
        mmdebstrap --variant=minbase --include="$list" --aptopt='APT::Install-Recommends "false"' "${options[@]}" \
                --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
                --dpkgopt='path-exclude=/usr/share/locale/*' "$debian" "$into" "$(mirror)" || return 1
        sed -i '/[Pp]roxy/d' "$into/etc/apt/apt.conf.d/99mmdebstrap"
        root_anonymous "$into"
}

root_build_tools() {
        local into=$1
        root_ready appliance
        cp -a --reflink=auto "$(root_path appliance)" "$into" || return 1
        # A mount namespace of its own: whatever happens in there leaves no mount behind.
        proxy_options >"$into/etc/apt/apt.conf.d/98building"
        cp -L /etc/resolv.conf "$into/etc/resolv.conf"
        printf '#!/bin/sh\nexit 101\n' >"$into/usr/sbin/policy-rc.d"    # starts no service while unpacking
        chmod +x "$into/usr/sbin/policy-rc.d"
        # shellcheck disable=SC2016
        unshare --mount --pid --fork --kill-child bash -euc '
                root=$1; shift
                mount -t proc proc "$root/proc"; mount --rbind /dev "$root/dev"
                mount -t tmpfs tmpfs "$root/tmp"; mount -t tmpfs tmpfs "$root/run"
                export DEBIAN_FRONTEND=noninteractive LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
                chroot "$root" apt-get update
                mirror=$1 sid=$2; shift 2
                chroot "$root" apt-get install -y --no-install-recommends "$@"
                # What only sid has, with lists of its own, so that nothing else ever comes from there.
                chroot "$root" env mirror="$mirror" sid="$sid" bash -euc '\''
                        mkdir -p /tmp/sid/lists/partial /tmp/sid/cache/archives/partial; cd /tmp/sid
                        echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" >list
                        options="-o Dir::Etc::sourcelist=/tmp/sid/list -o Dir::Etc::sourceparts=- \
                                 -o Dir::State::lists=/tmp/sid/lists -o Dir::Cache=/tmp/sid/cache \
                                 -o Acquire::Check-Valid-Until=false"    # signed, but a mirror may stand still
                        apt-get $options update
                        apt-get $options download $sid
                        dpkg -i ./*.deb'\'' || echo "sid has given nothing: the tests that need it will be skipped"
                chroot "$root" apt-get clean' _ "$into" "$(mirror)" \
                "$(packages "$checkout/tests/lab/packages-sid" | paste -sd' ')" $(packages "$checkout/tests/lab/packages") ||
                return 1
        rm -f "$into/etc/apt/apt.conf.d/98building" "$into/usr/sbin/policy-rc.d"
        rm -rf "$into"/var/lib/apt/lists/*
        root_anonymous "$into"
}

# Nothing of the machine it was made on, and nothing two nodes would share.
root_anonymous() {
        : >"$1/etc/machine-id"
        : >"$1/etc/resolv.conf"
        rm -f "$1/etc/hostname" "$1"/etc/ssh/ssh_host_*
}
