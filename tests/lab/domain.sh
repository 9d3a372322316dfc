# domain.sh — the domain lab.test: its controller, its users, its file servers and who belongs to it.
# shellcheck shell=bash

# domain_up NODE…: bring what runs into the state the README promises; quick when it is there already.
domain_up() {
        local node pids=() pid
        domain_controller_up
        for node in "$@"; do
                [[ -e $state/nodes/$node/joined ]] && continue
                case $(node_role "$node") in
                fs) file_server_join "$node" & pids+=($!) ;;
                client) member_join "$node" "Domain Computers" & pids+=($!) ;;
                esac
        done
        for pid in "${pids[@]}"; do wait "$pid" || die "a file server or the client could not join; see above"; done
}

# What provisioning leaves behind is kept in the cache: later labs start with a finished domain.
domain_seed() {
        printf '%s' "$cache/domain-$({ root_key tools; cat "$lab_dir/domain-make.sh"; } | sha256sum | cut -c1-16).tar"
}

domain_controller_up() {
        local dir=$state/nodes/dc1 seed
        [[ -e $dir/joined ]] && return
        seed=$(domain_seed)
        if [[ ! -e $seed ]]; then
                say "provisioning the domain $domain, once"
                in_node dc1 bash /src/tests/lab/domain-make.sh "$realm" "$netbios" "$password" "$(node_address dc1)" \
                        >"$dir/provision.log" 2>&1 || { tail -n 30 "$dir/provision.log" >&2; die "the domain could not be provisioned"; }
                tar -C "$dir/upper" --xattrs --xattrs-include='*' -cf "$seed.$$" etc/samba var/lib/samba
                mv "$seed.$$" "$seed"
        else
                in_node dc1 rm -rf /var/lib/samba /etc/samba
                in_node dc1 tar -C / --xattrs --xattrs-include='*' -xf - <"$seed"
        fi
        in_node dc1 systemctl restart samba-ad-dc
        # the KDC answers a second or two before LDAP does
        until_true 60 in_node dc1 ldapsearch -x -H ldap://dc1 -b '' -s base currentTime || die "the domain controller does not answer"
        until_true 30 in_node dc1 host -t SRV "_ldap._tcp.$domain" "$(node_address dc1)" || die "the domain's DNS does not answer"
        in_node dc1 samba-tool dns zonecreate dc1 77.10.in-addr.arpa -U "Administrator%$password" >/dev/null 2>&1 </dev/null || true
        : >"$dir/joined"
}

file_server_join() {
        local node=$1 dir=$state/nodes/$1
        in_node "$node" bash /src/tests/lab/fs-make.sh "$realm" "$netbios" "$password" >"$dir/join.log" 2>&1 </dev/null ||
                { tail -n 20 "$dir/join.log" >&2; return 1; }
        : >"$dir/joined"
}

# member_join NODE GROUP: the lab's own way into the domain, with the administrator's password.  Hosts of a demo or a test
# join by the product's Add-Computer; this is for everything else.
member_join() {
        local node=$1 group=$2 dir=$state/nodes/$1 short=${1^^}
        printf %s "$password" | in_node "$node" adcli join --domain="$domain" --domain-controller="dc1.$domain" \
                --computer-name="$short" --host-fqdn="$node.$domain" --login-user=Administrator --stdin-password \
                --service-name=host --service-name=RestrictedKrbHost --service-name=cifs --service-name=HTTP \
                --service-name=WSMAN >"$dir/join.log" 2>&1 || { tail -n 5 "$dir/join.log" >&2; return 1; }
        # by the machine itself, so that its record is its own; it is there already after a second join
        in_node "$node" sh -c 'kinit -k -c /tmp/join.cc "$1" &&
                printf "server dc1.%s\nupdate add %s.%s 3600 A %s\nsend\n" "$2" "$3" "$2" "$4" | KRB5CCNAME=/tmp/join.cc nsupdate -g
                rm -f /tmp/join.cc' _ "$short\$@$realm" "$domain" "$node" "$(node_address "$node")" \
                >>"$dir/join.log" 2>&1 </dev/null || true
        if [[ $group != "Domain Computers" ]]; then
                in_node dc1 samba-tool group addmembers "$group" "$short\$" >>"$dir/join.log" 2>&1 </dev/null ||
                        { tail -n 5 "$dir/join.log" >&2; return 1; }
        fi
        : >"$dir/joined"
}

lab_join() {
        local node pids=() pid
        (($#)) || die "usage: lab join NODE…"
        for node in "$@"; do
                node_leader "$node" || die "node $node is not running"
                member_join "$node" "Holdfast Hosts" & pids+=($!)
        done
        for pid in "${pids[@]}"; do wait "$pid" || die "a node could not join"; done
        say "joined: $*"
}

# lab_controller up SITE | down: dc2, a second controller of the domain, for the cases that need one.  It joins into an AD
# site that is made for it, to which the lab's network then belongs; afterwards nothing of that is left in the domain.
lab_controller() {
        local dir=$state/nodes/dc2
        lock_state
        case ${1:-} in
        up) controller_join "${2:?"usage: lab controller up SITE"}" ;;
        down) controller_leave ;;
        *) die "usage: lab controller up SITE | down" ;;
        esac
}

controller_join() {
        local site=$1 zones
        node_leader dc2 || node_start dc2
        until_true 90 in_node dc2 systemctl is-active multi-user.target || die "dc2 did not boot; see $dir/console.log"
        [[ -e $dir/joined ]] && return
        in_node dc1 samba-tool sites create "$site" >"$dir/join.log" 2>&1 </dev/null || true
        in_node dc1 samba-tool sites subnet create "$network.0/24" "$site" >>"$dir/join.log" 2>&1 </dev/null || true
        in_node dc2 bash /src/tests/lab/controller-make.sh "$realm" "$password" "$site" "$(node_address dc2)" \
                >>"$dir/join.log" 2>&1 </dev/null || { tail -n 20 "$dir/join.log" >&2; die "dc2 could not join the domain"; }
        for zones in DomainDnsZones ForestDnsZones; do  # dc1 would come to know its records some seconds later
                in_node dc1 samba-tool drs replicate dc1 dc2 "DC=$zones,$base_dn" --local -U "Administrator%$password" \
                        >>"$dir/join.log" 2>&1 </dev/null || { tail -n 5 "$dir/join.log" >&2; die "dc1 does not hear of dc2"; }
        done
        printf '%s\n' "$site" >"$dir/joined"
        say "up: dc2 in the site $site"
}

controller_leave() {
        local site=
        [[ ! -e $dir/joined ]] || site=$(<"$dir/joined")
        [[ ! -d $dir ]] || node_stop dc2
        in_node dc1 samba-tool domain demote --remove-other-dead-server=dc2 >/dev/null 2>&1 </dev/null || true
        in_node dc1 samba-tool sites subnet remove "$network.0/24" >/dev/null 2>&1 </dev/null || true
        [[ ! $site ]] || in_node dc1 samba-tool sites remove "$site" >/dev/null 2>&1 </dev/null || true
        say "dc2 is gone"
}
