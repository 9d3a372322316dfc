#!/bin/bash
# domain-make.sh REALM NETBIOS PASSWORD ADDRESS: inside dc1, once — the domain and everyone in it.
# The finished databases go into the lab's cache, so nothing here may depend on which hosts will exist.
set -euo pipefail
realm=$1 netbios=$2 password=$3 address=$4
base=DC=${realm/./,DC=}

systemctl stop samba-ad-dc || true
rm -rf /etc/samba/smb.conf /var/lib/samba/private/*.ldb /var/lib/samba/private/*.tdb
samba-tool domain provision --server-role=dc --use-rfc2307 --dns-backend=SAMBA_INTERNAL --realm="$realm" \
        --domain="$netbios" --adminpass="$password" --host-name=dc1 --host-ip="$address" \
        --option="interfaces = lo eth0" --option="bind interfaces only = yes" \
        --option="disable netbios = yes" --option="server min protocol = SMB3_00" --option="dns forwarder ="
samba-tool domain passwordsettings set --complexity=off --min-pwd-age=0 --max-pwd-age=0 --history-length=0
samba-tool user setexpiry Administrator --noexpiry
for user in joiner anna bob; do
        samba-tool user create "$user" "$password"
        samba-tool user setexpiry "$user" --noexpiry
done
samba-tool group add "Holdfast Admins"
samba-tool group add "Holdfast Hosts"
samba-tool group addmembers "Holdfast Admins" anna

# joiner may join computers and nothing else: create and delete them in OU=Nodes and CN=Computers, and there set
# properties and passwords, validated DNS names and SPNs.
samba-tool ou add "OU=Nodes,$base"
sid=$(samba-tool user show joiner --attributes=objectSid | sed -n 's/^objectSid: //p')
computer=bf967a86-0de6-11d0-a285-00aa003049e2
for container in "OU=Nodes,$base" "CN=Computers,$base"; do
        samba-tool dsacl set --objectdn="$container" --sddl="(OA;CI;CCDC;$computer;;$sid)"
        samba-tool dsacl set --objectdn="$container" --sddl="(OA;CIIO;RPWPCR;;$computer;$sid)"
        samba-tool dsacl set --objectdn="$container" --sddl="(OA;CIIO;SW;;$computer;$sid)"
done
