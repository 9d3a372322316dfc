# People of the domain manage a host over SSH by Kerberos: each as himself, each within his role, and nobody gets more.
source "$(dirname "${BASH_SOURCE[0]}")/pwsh-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/remote-lib.sh"
host=$node.lab.test
ssh_ready "$node"
person anna "Holdfast Admins"
person olga "Holdfast Operators"
person rita "Holdfast Readers"
person bob
options=(-o BatchMode=yes -o ConnectTimeout=10 -o PreferredAuthentications=gssapi-with-mic,publickey)
# comes WHO USER ARGUMENT…: WHO's ticket asks sshd for USER.
comes() { as "$1" timeout 60 ssh "${options[@]}" -l "$2" "${@:3}"; }
trap 'on dc1 systemctl kill -s CONT samba-ad-dc; on client sed -i "/ $host /d" /etc/hosts; for one in eve "root\$"; do on dc1 samba-tool user delete "$one" >/dev/null 2>&1 || true; done' EXIT

story "a user of the domain has one number on every host"
rid=$(on dc1 samba-tool user show anna --attributes=objectSid | sed -n 's/^objectSid: .*-//p')
want="$((0x70000000 + rid)):$(on "$node" getent group holdfast-people | cut -d: -f3):LAB\\anna:/:/usr/bin/holdfast"
for name in anna@lab.test 'LAB\anna' anna@LAB $((0x70000000 + rid)); do
        same "$name" "$want" "$(on "$node" getent passwd "$name" | cut -d: -f3-)"
done
same "by number" anna@lab.test "$(on "$node" getent passwd $((0x70000000 + rid)) | cut -d: -f1)"
same "on the other host" "$((0x70000000 + rid))" "$(on hv2 id -u anna@lab.test)"
for name in anna bob@lab.test bob@elsewhere.test 'OTHER\anna' nobody-such@lab.test "${node^^}\$@lab.test" $((0x70000000)) 1879999999; do
        expect_fail "" on "$node" getent passwd "$name"
done
same "root" "root:x:0:0:root:/root:/bin/bash" "$(on "$node" getent passwd root)"
expect_fail "" on "$node" setpriv --reuid holdfast-gateway --clear-groups getent passwd anna@lab.test

story "a command, as oneself"
cursor=$(journal_here)
same "Get-VMHost" "${node^^}" "$(comes anna anna@lab.test "$host" 'Get-VMHost | ForEach-Object Name')"
line=$(journal_after "$cursor" COMMAND=Get-VMHost)
same "the record: who" 'LAB\anna' "$(field USER <<<"$line")"
same "the record: from where" 10.77.0.13 "$(field FROM <<<"$line")"
same "the other spelling" "${node^^}" "$(comes anna 'LAB\anna' "$host" "holdfast 'Get-VMHost | ForEach-Object Name'")"
same "to another host" HV2 "$(comes anna anna@lab.test "$host" 'Get-VMHost -ComputerName hv2 | ForEach-Object Name')"

story "each within his role"
check "a reader reads" comes rita rita@lab.test "$host" Get-VMHost >/dev/null
expect_fail "required permission" comes rita rita@lab.test "$host" 'Start-VM no-such-machine'
expect_fail "unable to find a virtual machine" comes olga olga@lab.test "$host" 'Start-VM no-such-machine'
expect_fail "required permission" comes olga olga@lab.test "$host" 'Remove-VM no-such-machine -Force'
cursor=$(journal_here)
expect_fail "Permission denied" comes bob 'LAB\bob' "$host" Get-VMHost
line=$(journal_after "$cursor" RESULT=refused)
same "the record: who" 'LAB\bob' "$(field USER <<<"$line")"
[[ $(field MESSAGE <<<"$line") == *"LAB\\bob is in none of the groups"* ]] || fail "the record says: $line"

story "nobody comes as somebody else"
for name in rita@lab.test 'LAB\Administrator' root anna holdfast-gateway "$((0x70000000 + rid))"; do
        expect_fail "Permission denied" comes anna "$name" -o PubkeyAuthentication=no "$host" Get-VMHost
done
on dc1 samba-tool user create 'root$' "$password" >/dev/null    # its ticket says root@LAB.TEST
on client bash -c 'echo "$1" | KRB5CCNAME=FILE:/tmp/cc-false kinit "$2" >/dev/null' _ "$password" 'root@LAB.TEST'
[[ $(as false klist) == *"Default principal: root@LAB.TEST"* ]] || fail "the domain gives no such ticket"
expect_fail "Permission denied" comes false root -o PubkeyAuthentication=no "$host" Get-VMHost

story "an account with the name of a former one is another: the old ticket does not do"
person eve "Holdfast Admins"
as eve kvno -q "host/$host"
on dc1 samba-tool user delete eve >/dev/null
on dc1 samba-tool user create eve "$password" >/dev/null
on dc1 samba-tool group addmembers "Holdfast Admins" eve >/dev/null
expect_fail "Permission denied" comes eve eve@lab.test "$host" Get-VMHost
person eve
check "her own does" comes eve eve@lab.test "$host" Get-VMHost >/dev/null

story "no shell, no file, no network"
expect_fail "gives no shell" comes anna anna@lab.test "$host"
expect_fail "is not recognized" comes anna anna@lab.test "$host" cat /etc/shadow
expect_fail "is not recognized" comes anna anna@lab.test "$host" /bin/sh -c id
expect_fail "PTY allocation request failed" comes anna anna@lab.test -tt "$host" Get-VMM
expect_fail "" as anna timeout 30 sftp "${options[@]}" -b /dev/null "anna@lab.test@$host"
expect_fail "" as anna timeout 30 scp "${options[@]}" "anna@lab.test@$host:/etc/passwd" /tmp/passwd.anna
expect_fail "administratively prohibited" comes anna anna@lab.test -W localhost:22 "$host"
expect_fail "forwarding failed" comes anna anna@lab.test -o ExitOnForwardFailure=yes -R 0:localhost:22 "$host" Get-VMHost
expect_fail "Permission denied" on client ssh "${options[@]}" -l anna@lab.test -o GSSAPIAuthentication=no "$host" Get-VMHost
expect_fail "Permission denied" on "$node" setpriv --reuid anna@lab.test --regid nogroup --clear-groups varlinkctl call \
        --more /run/holdfast/people io.holdfast.Node.Run '{"Pipeline":"Get-VMHost","Origin":"10.0.0.1"}'
expect_fail "PermissionDenied" on "$node" setpriv --reuid holdfast-gateway --regid holdfast-people --clear-groups varlinkctl \
        call --more /run/holdfast/people io.holdfast.Node.Run '{"Pipeline":"Get-VMHost","Origin":"10.0.0.1"}'
expect_fail "InvalidParameter" on "$node" setpriv --reuid $((0x70000000 + rid)) --regid holdfast-people --clear-groups \
        varlinkctl call --more /run/holdfast/people io.holdfast.Node.Run '{"Pipeline":"Get-VMHost","Origin":"my desk"}'
expect_fail "required permission" on "$node" setpriv --reuid $((0x70000000 + rid)) --regid holdfast-people --clear-groups \
        holdfast --socket /run/holdfast/node Get-VMHost

story "PowerShell"
if (pwsh_ready); then
        said=$(as anna timeout --kill-after=5 240 pwsh -NoProfile -NonInteractive -Command "
                'mine: ' + (Invoke-Command -HostName $host -UserName anna@lab.test { Get-VMHost }).Name
                \$s = New-PSSession -HostName $host -UserName 'LAB\\anna'; 'session: ' + \$s.State
                'again: ' + (Invoke-Command -Session \$s { Get-VMHost | ForEach-Object Name })
                'error: ' + (Invoke-Command -Session \$s { Get-VM no-such-machine } 2>&1).FullyQualifiedErrorId" 2>&1 </dev/null || true)
        for want in "mine: ${node^^}" "session: Opened" "again: ${node^^}" "error: InvalidParameter,Microsoft.HyperV.PowerShell.Commands.GetVM"; do
                grep -qxF "$want" <<<"$said" || fail "no '$want' in: $said"
                printf '%s\n' "- $want"
        done
else
        printf '%s\n' "- no PowerShell here: left out"
fi

# quick WHAT CMD…: within five seconds
quick() {
        local begin=$SECONDS
        check "$@"
        ((SECONDS - begin <= 5)) || fail "$1 took $((SECONDS - begin)) s"
}

story "the domain is silent: root comes in at once, people hear no for an answer"
address=$(on "$node" hostname -I | tr ' ' '\n' | grep ^10.77)
on client sed -i "\$ a $address $host $node" /etc/hosts             # the controller is the name server, too
on dc1 systemctl kill -s STOP samba-ad-dc
on "$node" systemctl restart holdfastd
quick "root" on client ssh "${options[@]}" "root@$host" true
begin=$SECONDS
expect_fail "Permission denied" comes anna anna@lab.test "$host" Get-VMHost
((SECONDS - begin <= 20)) || fail "a person waited $((SECONDS - begin)) s"
quick "root while people wait" on client ssh "${options[@]}" "root@$host" true
on dc1 systemctl kill -s CONT samba-ad-dc
on client sed -i "/ $host /d" /etc/hosts
eventually 60 comes anna anna@lab.test "$host" Get-VMHost

story "holdfastd is down: root comes in all the same"
on "$node" systemctl stop holdfastd
quick "root" on client ssh "${options[@]}" "root@$host" true
expect_fail "Permission denied" comes anna anna@lab.test "$host" Get-VMHost
on "$node" systemctl start holdfastd
eventually 30 comes anna anna@lab.test "$host" Get-VMHost
