# The address of a host changes: DNS has the new one by itself, and the old one no more.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/join-lib.sh"

if ! on "$host" test -e /etc/krb5.keytab; then
        leave "$host"
        join "$password" lab.test -Credential joiner >/dev/null 2>&1 || fail "$host could not join"
fi
card=$(on "$host" sh -c 'ip -o -4 route get 10.77.0.10 | sed "s/.* dev \([^ ]*\).*/\1/"')
old=$(on "$host" sh -c 'ip -o -4 route get 10.77.0.10 | sed "s/.* src \([^ ]*\).*/\1/"')
new=10.77.0.199
in_dns() { [[ $(on dc1 dig +short "$host.lab.test" @dc1.lab.test | xargs) == "$1" ]]; }
move_to() {     # move_to NEW FROM
        on "$host" sh -c "ip addr add $1/24 dev $card; ip addr del $2/24 dev $card; ip addr show $card | grep -q $1 ||
                ip addr add $1/24 dev $card; ip route replace 10.77.0.0/24 dev $card src $1; ip route replace default via 10.77.0.1"
}
trap 'move_to "$old" "$new"' EXIT

story "before"
eventually 90 in_dns "$old"

story "another address"
move_to "$new" "$old"
eventually 100 in_dns "$new"

story "and back"
move_to "$old" "$new"
eventually 100 in_dns "$old"
trap - EXIT
