#!/bin/bash
# fs-make.sh REALM NETBIOS PASSWORD: inside a file server, once — join, then two shares for the hosts alone.
# Both gates are closed to everyone else: the share's own list and the security descriptor of its folder.
set -euo pipefail
realm=$1 netbios=$2 password=$3

net ads join -U "Administrator%$password" --no-dns-updates
samba-tool dns add "dc1.${realm,,}" "${realm,,}" "$(hostname)" A "$(hostname -i)" -U "Administrator%$password" || true
touch /etc/samba/joined
systemctl start winbind
until wbinfo --ping-dc >/dev/null; do sleep 0.2; done

sid() { wbinfo -n "$netbios\\$1" | cut -d' ' -f1; }
hosts=$(sid "Holdfast Hosts") admins=$(sid "Domain Admins")
for share in vms vms-sealed; do
        mkdir -p "/srv/$share"
        chmod 0777 "/srv/$share"        # the gates are the two below, as on a Windows file server
        samba-tool ntacl set "O:${admins}G:${admins}D:PAI(A;OICI;FA;;;$admins)(A;OICI;FA;;;$hosts)" "/srv/$share" \
                --service="$share" --use-s3fs
        sharesec "$share" --replace "$hosts:ALLOWED/0x0/FULL,$admins:ALLOWED/0x0/FULL"
done
systemctl start smbd
