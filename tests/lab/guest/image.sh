# image.sh — the guest's disk, built once per change of its sources and kept in the cache.
# shellcheck shell=bash

guest_cached() {
        local key path
        key=$({ root_key tools; cat "$lab_dir"/guest/{init.c,devices.c,devices.h,record.h,make.sh}; } | sha256sum | cut -c1-16)
        path=$cache/guest-$key.raw
        if [[ ! -e $path ]]; then
                mkdir -p "$state/build/guest"
                quietly "$state/guest.log" tools_run /src/tests/lab/guest/make.sh /build/guest/guest.raw ||
                        die "the test guest could not be built; see $state/guest.log"
                cp --sparse=always "$state/build/guest/guest.raw" "$path.$$"
                mv "$path.$$" "$path"
                rm -rf "$state/build/guest"
        fi
        printf '%s' "$path"
}

# guest_image FILE [KEY=VALUE…]: a fresh disk; settings as guest.py describes.
guest_image() {
        local file=${1:?"usage: lab guest FILE [mode=write|idle|verify] [tick=MS] [marker=1] [devices=1] [address=IP] [dirty=MIB] [rate=MIB/S]"} path
        shift
        path=$(guest_cached) || exit 1
        cp --sparse=always "$path" "$file"
        (($# == 0)) || printf '%s\n' "$@" | head -c 4095 | dd of="$file" bs=4096 seek=255 conv=notrunc status=none
}
