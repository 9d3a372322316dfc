# A host joins anew while another keeps a ticket for it: the next connection gets a fresh ticket by itself.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/join-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/move-lib.sh"
probe_on "$first"
reach() { on "$first" env KRB5CCNAME=FILE:/run/holdfast/krb5/machine /root/channel-probe call "$host" >/dev/null; }
serves() { eventually 30 on "$host" sh -c 'ss -ltn | grep -q :6600'; }
anew() {
        leave "$host"
        join "$password" lab.test -Credential joiner
        member "$host"
        restart "$host"
        serves
}

story "a ticket is kept"
anew
eventually 20 reach
check "$first has a ticket for $host" grep -q "host/$host.lab.test" <(on "$first" klist -c FILE:/run/holdfast/krb5/machine)

story "the host has new keys"
anew
check "it is reached all the same" reach
