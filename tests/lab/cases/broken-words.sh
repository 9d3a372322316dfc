# broken-words.sh — the machines that broken.table breaks, and the words in which it says how
#
#   broken          runs on $first with a guest that answers the power button; three disks on \\fs1\vms
#   broken-plain    runs on $first without a disk; virsh makes it anew with whatever is attached to it
#   broken-two      is off; its disk lies on another share of the same server
#   broken-far      is off; all of it lies on the second file server
#   broken-small    is off; all of it lies on a share with little room
# shellcheck shell=bash disable=SC2034,SC2154
folder=broken
far="\\\\fs2.lab.test\\vms" sealed="\\\\fs1.lab.test\\vms-sealed" small="\\\\fs1.lab.test\\vms-small"
machines=(broken broken-plain broken-plain-2 broken-two broken-far broken-small dc1 broken-hog)
undo=

broken_begin() {
        local fs
        away broken
        broken_clear
        probe_ready "$first"
        on "$first" bash -c 'printf "%s\n" "$1" | kinit -c FILE:/root/admin.cc Administrator@LAB.TEST >/dev/null' _ "$password"
        for fs in fs1 fs2; do on $fs cp /etc/samba/smb.conf /root/smb.conf.good; done
        quarantine_made & small_made & wait
        guest_on "$first" /var/tmp/broken.raw mode=idle
        holdfast "$first" "Convert-VHD /var/tmp/broken.raw '$share\\broken\\broken.raw'
                New-VHD '$share\\broken\\two.raw' -SizeBytes 8MB; New-VHD '$share\\broken\\three.raw' -SizeBytes 8MB
                New-VHD '$sealed\\broken\\four.raw' -SizeBytes 8MB
                New-VM broken 256MB -VHDPath '$share\\broken\\broken.raw'
                New-VM broken-plain 64MB -NoVHD -Path '$share'
                New-VHD '$share\\broken\\install.raw' -SizeBytes 1MB
                New-VM broken-two 64MB -VHDPath '$sealed\\broken\\four.raw' -Path '$share'
                New-VM broken-far 64MB -NewVHDPath far.raw -NewVHDSizeBytes 8MB -Path '$far'
                New-VM broken-small 64MB -NewVHDPath small.raw -NewVHDSizeBytes 64MB -Path '$small'" >/dev/null
        on fs1 mv /srv/vms/broken/install.raw /srv/vms/broken/install.iso
        holdfast "$first" "Add-VMDvdDrive broken-two -Path '$share\\broken\\install.iso'
                Add-VMHardDiskDrive broken -Path '$share\\broken\\two.raw'; Add-VMHardDiskDrive broken -Path '$share\\broken\\three.raw'"
        holdfast "$first" "Start-VM broken"     # its guest is awake when a row needs it
        plain=$(on "$first" virsh dumpxml --inactive broken-plain)
        acl broken/three.raw --chown='LAB\Administrator'
        on fs1 bash -c 'getfattr -R -d -m security.NTACL -e hex --absolute-names /srv/vms/broken >/root/broken.lists'
}

broken_clear() {
        local vm node
        for vm in "${machines[@]}"; do
                for node in "$first" "$second"; do
                        on "$node" virsh destroy "$vm" >/dev/null 2>&1 || true
                        holdfast "$node" "Stop-VM -TurnOff $vm; Remove-VM -Force $vm" >/dev/null 2>&1 || true
                done
        done
        on fs1 bash -c 'rm -rf /srv/vms/broken* /srv/vms/dc1 /srv/vms-sealed/broken*; umount /srv/vms-small 2>/dev/null; rm -rf /srv/vms-small'
        on fs2 rm -rf /srv/vms/broken-far
        on "$first" sh -c 'rm -f /var/tmp/broken.raw /var/lib/libvirt/images/broken*'
}

broken_end() {
        local fs
        [[ ! $undo ]] || eval "$undo" >/dev/null 2>&1 || true
        holdfast "$first" "Stop-VMMigration broken" >/dev/null 2>&1 || true
        for fs in fs1 fs2; do
                on $fs bash -c '[ ! -e /root/smb.conf.good ] || mv /root/smb.conf.good /etc/samba/smb.conf; smbcontrol all reload-config; systemctl start smbd' || true
        done
        share_as_made || true
        other_share_as_made || true
        holdfast "$first" "Enable-VMMigration; Set-VMHost -MaximumVirtualMachineMigrations 2" >/dev/null 2>&1 || true
        holdfast "$second" "Enable-VMMigration; Set-VMHost -MaximumVirtualMachineMigrations 2 -UseAnyNetworkForMigration \$true" >/dev/null 2>&1 || true
        eventually 20 not_moving broken
        broken_clear
        rm -f "$report" "$report.err"
}

# $second is in a group that is in a group, and its tickets show that.
quarantine_made() {
        local group
        for group in "Broken Rack" "Broken Quarantine"; do samba group add "$group" || true; done
        samba group addmembers "Broken Quarantine" "Broken Rack" || true
        samba group addmembers "Broken Rack" "${second^^}\$" || return 0
        on "$second" sh -c 'rm -f /run/holdfast/krb5/machine; systemctl restart holdfastd'
        on "$first" systemctl restart holdfastd
        eventually 20 on "$first" sh -c 'ss -ltn | grep -q :6600'
        eventually 20 on "$second" sh -c 'ss -ltn | grep -q :6600'
}

small_made() {
        conf_end fs1 '[vms-small]\n        path = /srv/vms-small\n        read only = no'
        on fs1 bash -c 'mkdir -p /srv/vms-small; mount -t tmpfs -o size=96m none /srv/vms-small; chmod 777 /srv/vms-small
                samba-tool ntacl set "O:$1G:$1D:PAI(A;OICI;FA;;;$1)(A;OICI;FA;;;$2)" /srv/vms-small --service=vms-small --use-s3fs
                sharesec vms-small --replace "$2:ALLOWED/0x0/FULL,$1:ALLOWED/0x0/FULL"' _ "$admins" "$hosts" >/dev/null 2>&1
}

# ---- the file servers

conf_end() { on "$1" bash -c 'printf "$1\n" >>/etc/samba/smb.conf; smbcontrol all reload-config' _ "$2"; }
# conf SERVER SECTION KEY=VALUE…: in place of what the section says of it
conf() {
        local node=$1 section=$2 pair
        shift 2
        for pair; do
                on "$node" sed -i -e "/^\[$section\]/,/^\[/{/^ *${pair%%=*} *=/d}" -e "/^\[$section\]/a ${pair%%=*} = ${pair#*=}" /etc/samba/smb.conf
        done
        on "$node" smbcontrol all reload-config
}
lists_as_made() { on fs1 setfattr --restore=/root/broken.lists; }
# sddl PATH LIST: the whole list of something below the machine's folder; % is the folder itself
sddl() {
        lists_as_made
        sddl_too "$@"
}
sddl_too() { on "$first" env KRB5CCNAME=FILE:/run/holdfast/krb5/machine /root/access-probe set "$share\\broken${1:+\\}$1" "$2" FILE:/root/admin.cc; }
other_share_as_made() { on fs1 sharesec vms-sealed --replace "$hosts:ALLOWED/0x0/FULL,$admins:ALLOWED/0x0/FULL"; }
smbd_of() { on fs1 smbstatus -L 2>/dev/null </dev/null | awk -v name="$1" 'index($0, name) && $5 == "RDWR" { print $1; exit }'; }
# replaced FILE: another file under the same name, as a restored backup is
replaced() { on fs1 bash -c 'cd /srv/vms/broken; mv "$1" "$1.kept"; cp -a "$1.kept" "$1"; setfattr --restore=/root/broken.lists' _ "$1"; }

# ---- the machines

# plain EDIT: broken-plain runs, changed by sed
plain() {
        on "$first" virsh destroy broken-plain || true
        on "$first" bash -c 'virsh create /dev/stdin <<<"$1"' _ "$(sed "$1" <<<"$plain")"
}
device() { plain "s|<devices>|<devices>$1|"; }
not_durable() {
        undo='holdfast "$first" "Stop-VM -TurnOff broken-two"'
        conf fs1 vms-sealed 'durable handles=no'
        holdfast "$first" "Start-VM broken-two"
}
# checkpoint NAME: one that only libvirt knows of
checkpoint() {
        plain ''
        on "$first" bash -c 'virsh snapshot-create broken-plain /dev/stdin --redefine <<<"$1"' _ "<domainsnapshot><name>$1</name>
                <state>running</state><creationTime>1700000000</creationTime><memory snapshot='no'/>$(on "$first" virsh dumpxml broken-plain)</domainsnapshot>"
}
switch_here_only() {
        undo='holdfast "$first" "Stop-VM -TurnOff broken-plain; Remove-VMSwitch -Force broken0"; holdfast "$second" "Remove-VMSwitch -Force broken0"'
        holdfast "$first" "New-VMSwitch broken0 -SwitchType Private"
        device '<interface type="bridge"><mac address="52:54:00:65:65:65"/><source bridge="broken0"/><model type="virtio"/></interface>'
}
twin() { on "$second" bash -c 'virsh create /dev/stdin <<<"$1"' _ "$plain"; }
hog() {
        local kib
        kib=$(on "$second" sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo)
        holdfast "$second" "New-VM broken-hog $((kib / 2048 * 2 - 256))MB -NoVHD -Path '$share'; Start-VM broken-hog"
}
little_room_there() {
        undo='on "$second" umount /var/log/libvirt'
        on "$second" bash -c 'mount -t tmpfs -o size=20m none /var/log/libvirt; mkdir /var/log/libvirt/qemu
                fallocate -l 15m /var/log/libvirt/qemu/old-serial.log.1; touch -d "-60 days" /var/log/libvirt/qemu/old-serial.log.1'
}
# The sockets first: somebody who connects meanwhile would start it again.
libvirt_stopped() {
        on "$second" sh -c 'systemctl stop libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket; systemctl stop libvirtd.service
                ! systemctl is-active --quiet libvirtd.service'
}
# What libvirt has learned of the QEMU there is changed, as if it were a lesser one.  (Often started is no reason not to.)
# It asks QEMU what it can do before it answers anybody, and that takes a while.
libvirt_again() {
        on "$second" sh -c 'systemctl reset-failed libvirtd.service; systemctl restart libvirtd.service; timeout 60 virsh -q list --all'
        eventually 30 holdfast "$second" Get-VM
}
lesser_qemu() {         # lesser_qemu SED
        undo=whole_qemu
        on "$second" bash -c 'sed -i "$1" /var/cache/libvirt/qemu/capabilities/*.xml' _ "$1"
        libvirt_again
}
whole_qemu() {
        on "$second" rm -rf /var/cache/libvirt/qemu/capabilities
        libvirt_again
}
dc_on_share() {
        on fs1 rm -rf /srv/vms/dc1
        holdfast "$first" "New-VM dc1 64MB -NewVHDPath dc1.raw -NewVHDSizeBytes 8MB -Path '$share'"
}
forbid_emulation() {
        on "$second" bash -c 'sed -i "s/\"AllowEmulation\" *: *true/\"AllowEmulation\": false/" /etc/holdfast/node.json; systemctl restart holdfastd'
        eventually 20 on "$second" sh -c 'ss -ltn | grep -q :6600'
}
local_disk() {
        eventually 120 said "$first" broken UP  # it takes a guest to let go of a disk
        on "$first" bash -c 'truncate -s 1M /var/lib/libvirt/images/broken-local; virsh attach-disk broken /var/lib/libvirt/images/broken-local vdz --live'
}
slow_move() {
        holdfast "$first" "Move-VM broken $second -MaximumBandwidth 1" >/dev/null 2>&1 </dev/null &
        eventually 60 transfers broken
}
lose_disk() {
        on fs1 kill -9 "$(smbd_of broken/two.raw)"
        eventually 30 is_lost
}
is_lost() { local id; id=$(printf '%s' "$share\\broken\\two.raw" | tr 'A-Z' 'a-z' | sha256sum | cut -c1-32)
        on "$first" varlinkctl call -j "/run/holdfast/disk/$id/control.sock" io.holdfast.Disk.Status '{}' | grep -q '"State":"LOST"'; }
