#!/bin/bash
# with-kdc.sh TEST SKEWED-CLOCK.SO — runs TEST beside a Kerberos KDC of its own (realm LAB.TEST) on loopback.
#
# The folder $KDC holds: keytab (hv1, hv2), stale.keytab (hv1 before its key changed), unknown.keytab (an account the
# KDC has not), and krb5.conf / skewed.conf / dead.conf: a good KDC, one an hour ahead, and one that does not answer.
set -euo pipefail
test=$1 clock=$2
export PATH=/usr/sbin:/sbin:$PATH
for program in krb5kdc kdb5_util kadmin.local; do
        command -v "$program" >/dev/null || { echo "needs $program (krb5-kdc)"; exit 77; }
done

export KDC
KDC=$(mktemp -d)
pids=()
trap 'for pid in "${pids[@]}"; do kill "$pid" || true; done; rm -rf "$KDC"' EXIT

# a port of loopback that nobody has: good one, skewed one, dead one
read -r good skewed dead < <(python3 -c '
import socket
all = [socket.socket() for _ in range(3)]
for s in all: s.bind(("127.0.0.1", 0))
print(*[s.getsockname()[1] for s in all])')

conf() {        # conf NAME PORT
        cat >"$KDC/$1.conf" <<CONF
[libdefaults]
        default_realm = LAB.TEST
        dns_lookup_kdc = false
        dns_lookup_realm = false
        rdns = false
        udp_preference_limit = 1
[realms]
        LAB.TEST = {
                kdc = 127.0.0.1:$2
        }
CONF
        cat >"$KDC/$1-kdc.conf" <<CONF
[kdcdefaults]
        kdc_listen = 127.0.0.1:$2
        kdc_tcp_listen = 127.0.0.1:$2
[realms]
        LAB.TEST = {
                database_name = $KDC/principal
                key_stash_file = $KDC/stash
        }
CONF
}
conf krb5 "$good"
conf skewed "$skewed"
conf dead "$dead"

# ASan's library is for the test; the KDC's tools are as they are installed
export KRB5_CONFIG=$KDC/krb5.conf KRB5_KDC_PROFILE=$KDC/krb5-kdc.conf KRB5RCACHEDIR=$KDC
kdb5_util create -s -r LAB.TEST -P master >/dev/null
admin() { kadmin.local -r LAB.TEST -q "$*" >/dev/null; }
for name in HV1$ HV2$ host/hv1.lab.test host/hv2.lab.test anna; do
        admin addprinc -clearpolicy -randkey "$name"
done
admin addprinc -clearpolicy -randkey +ok_as_delegate ldap/dc1.lab.test         # as a domain marks its controllers
admin addprinc -clearpolicy -randkey ldap/evil.lab.test
admin ktadd -norandkey -k "$KDC/keytab" HV1$ host/hv1.lab.test
admin ktadd -norandkey -k "$KDC/other.keytab" HV2$ host/hv2.lab.test
admin ktadd -norandkey -k "$KDC/stale.keytab" HV2$ host/hv2.lab.test
admin cpw -randkey -keepold HV2$                # a joined host whose key was changed behind its back …
admin cpw -randkey HV2$
admin ktadd -norandkey -k "$KDC/other.keytab" HV2$
admin addprinc -clearpolicy -randkey GONE$
admin ktadd -norandkey -k "$KDC/unknown.keytab" GONE$ host/hv1.lab.test
admin delprinc -force GONE$

krb5kdc -n -r LAB.TEST >"$KDC/log" 2>&1 &
pids+=($!)
KRB5_CONFIG=$KDC/skewed.conf KRB5_KDC_PROFILE=$KDC/skewed-kdc.conf SKEW_S=3600 LD_PRELOAD=$clock \
        krb5kdc -n -r LAB.TEST >"$KDC/skewed.log" 2>&1 &
pids+=($!)
for port in "$good" "$skewed"; do
        for _ in $(seq 100); do
                (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
                sleep 0.05
        done
done
"$test"
