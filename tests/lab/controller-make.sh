#!/bin/bash
# controller-make.sh REALM PASSWORD SITE ADDRESS: inside dc2, once — join as a second controller, in a site of its own.
set -euo pipefail
realm=$1 password=$2 site=$3 address=$4

systemctl stop samba-ad-dc || true
rm -rf /etc/samba/smb.conf /var/lib/samba/private/*.ldb /var/lib/samba/private/*.tdb
samba-tool domain join "${realm,,}" DC -U "Administrator%$password" --dns-backend=SAMBA_INTERNAL --site="$site" \
        --option="interfaces = lo eth0" --option="bind interfaces only = yes" \
        --option="disable netbios = yes" --option="server min protocol = SMB3_00" --option="dns forwarder ="
systemctl start samba-ad-dc
printf 'nameserver %s\nsearch %s\n' "$address" "${realm,,}" >/etc/resolv.conf
until ldapsearch -x -H ldap://localhost -b '' -s base currentTime >/dev/null 2>&1; do sleep 0.2; done

# What samba_dnsupdate would do in half a minute, a record a time, at once.
kinit -k -t /var/lib/samba/private/secrets.keytab -c /tmp/make.cc 'DC2$'
domain=${realm,,} host=dc2.${realm,,}
{
        printf 'server %s\n' "$host"
        for name in "389 _ldap._tcp" "389 _ldap._tcp.dc._msdcs" "389 _ldap._tcp.$site._sites" "389 _ldap._tcp.$site._sites.dc._msdcs" \
                "88 _kerberos._tcp" "88 _kerberos._udp" "88 _kerberos._tcp.dc._msdcs" "464 _kpasswd._tcp" "464 _kpasswd._udp"; do
                printf 'update add %s.%s 900 SRV 0 100 %s %s\nsend\n' "${name#* }" "$domain" "${name% *}" "$host"
        done
} | KRB5CCNAME=FILE:/tmp/make.cc nsupdate -g
rm -f /tmp/make.cc
