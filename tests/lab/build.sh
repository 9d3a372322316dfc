# build.sh — compiling in the tools root, and bringing the result onto hosts.
# shellcheck shell=bash

# tools_run CMD…: in a throw-away tools root with the checkout at /src (read-only), the build folders at /build and no
# network but loopback.  Everything is in a mount namespace of its own, so even a killed run leaves nothing behind.
tools_run() {
        (($#)) || die "usage: lab tools CMD…"
        root_ready tools
        mkdir -p "$state/build" "$cache/.mount"
        LAB_ROOT=$(root_path tools) LAB_MOUNT=$cache/.mount LAB_SRC=$checkout LAB_BUILD=$state/build \
                unshare --mount --net --pid --uts --ipc --fork --kill-child "$lab_dir/tools.sh" "$@"
}

# build_in KIND OPTIONS…: configure once, then compile.  KIND plain is what hosts get, check has the sanitizers.
build_in() {
        local kind=$1 stamp dir=$state/build/$1
        shift
        stamp="$(root_key tools) $*"
        [[ -e $dir/lab-stamp && $(<"$dir/lab-stamp") == "$stamp" ]] || rm -rf "$dir"
        if [[ ! -e $dir/build.ninja ]]; then
                tools_run meson setup "/build/$kind" /src "$@" || return 1
                printf '%s' "$stamp" >"$dir/lab-stamp"
        fi
        tools_run meson compile -C "/build/$kind"
}

build_run() {
        lock_state
        build_stage
}

build_stage() {
        mkdir -p "$state"
        say "building; log: $state/build.log"
        quietly "$state/build.log" build_plain || die "the build failed; see $state/build.log"
}

# The product as hosts get it, in $state/product; replaced only by a whole one.
build_plain() {
        rm -rf "$state/build/stage"
        build_in plain || return 1
        tools_run meson install -C /build/plain --no-rebuild --quiet --destdir /build/stage || return 1
        mkdir -p "$state/build/stage"
        rm -rf "$state/product"
        mv "$state/build/stage" "$state/product"
}

build_check() { build_in check -Db_sanitize=address,undefined; }

build_push() {
        local node nodes=("$@")
        [[ -d $state/product ]] || die "nothing is built yet. Run: tests/lab/lab build"
        (($#)) || for node in $(nodes_known); do
                [[ $(node_role "$node") == hv ]] && node_leader "$node" && nodes+=("$node")
        done
        for node in "${nodes[@]}"; do
                tar -C "$state/product" --owner=0 --group=0 -cf - . |
                        in_node "$node" tar -C / --no-overwrite-dir --no-same-owner -xpf - ||
                        die "$node did not take the product"
                in_node "$node" bash -ec '
                        systemd-sysusers; systemd-tmpfiles --create 2>/dev/null || true
                        systemctl daemon-reload
                        [[ ! -e /usr/lib/systemd/system/holdfastd.service ]] || systemctl restart holdfastd
                        systemctl stop holdfast-gateway
                        systemctl start holdfast-gateway-http.socket holdfast-gateway-https.socket' </dev/null ||
                        die "holdfastd on $node did not start; look at: lab exec $node -- journalctl -u holdfastd -n 30"
                say "pushed to $node"
        done
}
