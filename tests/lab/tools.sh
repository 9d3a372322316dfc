#!/bin/bash
# tools.sh CMD…: the inside of tools_run (build.sh): already in own namespaces, make the root and enter it.
set -euo pipefail
mount --make-rprivate /
mount -t tmpfs tmpfs "$LAB_MOUNT"
mkdir "$LAB_MOUNT"/{upper,work,root}
root=$LAB_MOUNT/root
mount -t overlay overlay -o "lowerdir=$LAB_ROOT,upperdir=$LAB_MOUNT/upper,workdir=$LAB_MOUNT/work" "$root"
mkdir -p "$root"/{src,build}
mount --bind "$LAB_SRC" "$root/src"
mount -o remount,bind,ro "$root/src"
mount --bind "$LAB_BUILD" "$root/build"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/dev/shm"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
if [[ ${LAB_EXTRA:-} ]]; then   # one more folder, seen as /extra
        mkdir "$root/extra"
        mount --bind "$LAB_EXTRA" "$root/extra"
fi
ip link set lo up
hostname tools
exec chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TERM="${TERM:-dumb}" \
        /bin/sh -c 'cd /src && exec "$@"' sh "$@"
