#!/bin/bash
# make.sh OUT: inside the tools root — the guest's disk.  Layout (record.h has the numbers):
#
#   0        GRUB's boot sector, then its core image        (no file system anywhere: GRUB reads by block numbers)
#   1020 KiB config block, text
#   1 MiB    kernel, then initrd with init and three modules
#   24 MiB   modules for devices=1, read by init itself: the BIOS takes a second for every MiB
#   32 MiB   ring of records, to the end
set -euo pipefail
out=$1 source=/src/tests/lab/guest size_mib=64
work=$(mktemp -d)
cd "$work"

kernel=$(ls /boot/vmlinuz-*-cloud-amd64 | tail -n 1)
modules=/lib/modules/${kernel#/boot/vmlinuz-}/kernel
mkdir tree
gcc -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -static -pthread -s -o tree/init "$source/init.c" "$source/devices.c"
unpack() { python3 -c 'import lzma, sys; sys.stdout.buffer.write(lzma.open(sys.argv[1]).read())' "$modules/$1.ko.xz"; }
for module in drivers/block/virtio_blk drivers/input/evdev drivers/acpi/button; do unpack "$module" >"tree/${module##*/}.ko"; done
(cd tree && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) >initrd

sectors() { echo $((($(stat -c %s "$1") + 511) / 512)); }
kernel_at=2048 kernel_sectors=$(sectors "$kernel")
initrd_at=$((kernel_at + kernel_sectors)) initrd_sectors=$(sectors initrd)
((initrd_at + initrd_sectors <= 24 * 2048)) || { echo "kernel and initrd do not fit below 24 MiB"; exit 1; }

cat >early.cfg <<CFG
linux (hd0)${kernel_at}+${kernel_sectors} console=ttyS0,115200 quiet loglevel=3 nokaslr mitigations=off panic=-1 random.trust_cpu=on no_timer_check audit=0 nosmp=0 rdinit=/init
initrd (hd0)${initrd_at}+${initrd_sectors}
boot
CFG
grub-mkimage -O i386-pc -c early.cfg -p '(hd0)' -o core.img biosdisk linux boot
core_sectors=$(sectors core.img)
((core_sectors < 2040)) || { echo "GRUB's core image does not fit below 1020 KiB"; exit 1; }

truncate -s "${size_mib}M" "$out"
put() { dd if="$1" of="$out" bs=512 seek="$2" conv=notrunc status=none; }
# What grub-bios-setup would do: the boot sector loads the sector after it, which names where the rest lies.
le() { python3 -c 'import sys; sys.stdout.buffer.write(int(sys.argv[1]).to_bytes(int(sys.argv[2]), "little"))' "$1" "$2"; }
patch() { dd of="$1" bs=1 seek=$(($2)) conv=notrunc status=none; }
cp /usr/lib/grub/i386-pc/boot.img boot.img
le 1 8 | patch boot.img 0x5c
printf '\x90\x90' | patch boot.img 0x66
le 2 8 | patch core.img 0x1f4
le $((core_sectors - 1)) 2 | patch core.img 0x1fc
head -c 440 boot.img >boot440.img
printf '\x55\xaa' | dd of="$out" bs=1 seek=510 conv=notrunc status=none
put boot440.img 0
put core.img 1
put "$kernel" "$kernel_at"
put initrd "$initrd_at"
# In the order in which they need each other: the size as text in 16 bytes, then the module; at the end a size of 0.
for module in net/core/failover drivers/net/net_failover drivers/net/virtio_net drivers/scsi/scsi_common drivers/scsi/scsi_mod \
        drivers/scsi/virtio_scsi drivers/scsi/sd_mod drivers/cdrom/cdrom drivers/scsi/sr_mod drivers/ata/libata drivers/ata/ata_piix; do
        unpack "$module" >module
        printf '%-15s\n' "$(stat -c %s module)"
        cat module
done >modules
printf '%-15s\n' 0 >>modules
(($(stat -c %s modules) <= 8 << 20)) || { echo "the modules do not fit below 32 MiB"; exit 1; }
put modules $((24 * 2048))
rm -rf "$work"
