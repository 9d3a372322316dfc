# join-lib.sh — leaving and joining, for the cases that do it on a host of their own.
# shellcheck shell=bash disable=SC2034
host=${LAB_JOIN_HOST:-hv3}
account=${host^^}
password=Passw0rd.lab

if ! on "$host" true 2>/dev/null; then
        "$lab" up --hosts "${host#hv}"
fi
on "$host" test -e /usr/bin/holdfast || "$lab" push "$host"

restart() { on "$1" systemctl restart holdfastd; }

# leave HOST: no member any more, and the domain does not remember it.
leave() {
        on "$1" rm -rf /etc/krb5.keytab /run/holdfast/krb5/machine
        on dc1 samba-tool computer delete "${1^^}" >/dev/null 2>&1 || true
        # what is left of its DNS record belongs to the deleted account, and a new one may not replace it
        on dc1 ldbdel -H /var/lib/samba/private/sam.ldb \
                "DC=$1,DC=lab.test,CN=MicrosoftDNS,DC=DomainDnsZones,DC=lab,DC=test" >/dev/null 2>&1 || true
        on dc1 ldbdel -H /var/lib/samba/private/sam.ldb \
                "DC=$(on "$1" hostname -I | awk '{ split($1, a, "."); print a[4] "." a[3] }'),DC=77.10.in-addr.arpa,CN=MicrosoftDNS,DC=DomainDnsZones,DC=lab,DC=test" \
                >/dev/null 2>&1 || true
        restart "$1"
}

# join PASSWORD ARGUMENT…: Add-Computer on the host, the password on standard input.
join() {
        on "$host" bash -c 'printf "%s\n" "$1" | holdfast --password-stdin "Add-Computer ${*:2}"' _ "$@"
}

# member HOST: an administrator lets it into the fabric.
member() { on dc1 samba-tool group addmembers "Holdfast Hosts" "${1^^}\$" >/dev/null; }
