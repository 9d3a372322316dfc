# The command line speaks PowerShell: errors in its words, objects as tables or JSON, exit codes for scripts.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
node=${NODE:-hv1}

story "What is not understood is refused in PowerShell's words, before anything runs"
code() { local want=$1 got=0; shift; "$@" >/dev/null 2>&1 </dev/null || got=$?; same "exit of '${*:3}'" "$want" "$got"; }
expect_fail "The term 'Get-VMM' is not recognized as a name of a cmdlet, function, script file, or executable program." \
        holdfast "$node" Get-VMM
expect_fail "A parameter cannot be found that matches parameter name 'Colour'." holdfast "$node" Get-VMHost -Colour blue
expect_fail "A positional parameter cannot be found that accepts argument 'hv2'." holdfast "$node" Get-VMHost hv2
expect_fail "The parameter 'CimSession' of Get-VMHost is not supported" holdfast "$node" Get-VMHost -CimSession hv2
expect_fail "missing mandatory parameters" holdfast "$node" Start-VM
expect_fail "NamedParameterNotFound,Microsoft.HyperV.PowerShell.Commands.GetVMHost" holdfast "$node" Get-VMHost -Colour blue
expect_fail "An empty pipe element is not allowed." holdfast "$node" 'Get-VM | '
code 2 holdfast "$node" Get-VMM
code 1 holdfast "$node" Get-VM there-is-no-such-machine
code 0 holdfast "$node" Get-VMHost
expect_fail 'Hyper-V was unable to find a virtual machine with name "there-is-no-such-machine".' \
        holdfast "$node" Get-VM there-is-no-such-machine
code 0 holdfast "$node" Get-VM 'no-machine-*'

story "A value from a shell variable stays one value"
expect_fail "Hyper-V was unable to find a virtual machine with name \"x; Get-VMHost | y\"." \
        holdfast "$node" Get-VM -Name 'x; Get-VMHost | y'

story "Objects"
json() { python3 -c 'import json,sys; d=json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"; }
host=$(holdfast "$node" --json Get-VMHost)
same "one object" 1 "$(json 'len(d)' <<<"$host")"
same "its type" Microsoft.HyperV.PowerShell.VMHost "$(json 'd[0]["$type"]' <<<"$host")"
same "its name" "${node^^}" "$(json 'd[0]["Name"]' <<<"$host")"
same "its processors" "$(on "$node" nproc)" "$(json 'd[0]["LogicalProcessorCount"]' <<<"$host")"
same "its authentication" Kerberos "$(json 'd[0]["VirtualMachineMigrationAuthenticationType"]' <<<"$host")"
table=$(holdfast "$node" Get-VMHost)
[[ $table == *"Name LogicalProcessorCount MemoryCapacity(M) VirtualMachineMigrationEnabled"* ]] || fail "no table: $table"
errors=$(holdfast "$node" --json Get-VM there-is-no-such-machine 2>&1 >/dev/null </dev/null || true)
same "errors are JSON too" "InvalidParameter,Microsoft.HyperV.PowerShell.Commands.GetVM" \
        "$(json 'd["Value"]["FullyQualifiedErrorId"]' <<<"$errors")"
same "a pipeline in one pair of quotes" "${node^^}" "$(holdfast "$node" 'Get-VMHost | Select-Object -ExpandProperty Name')"
same "help comes from the table" "    Get-VMHost" "$(holdfast "$node" help Get-VMHost | sed -n 2p)"

story "holdfastd keeps a record and lets in root only"
cursor=$(on "$node" journalctl -u holdfastd -n 1 -o json | json 'd["__CURSOR"]')
holdfast "$node" Get-VMHost >/dev/null
line=$(on "$node" journalctl -u holdfastd --after-cursor "$cursor" -o json COMMAND=Get-VMHost)
same "who" root "$(json 'd["USER"]' <<<"$line")"
same "with which result" done "$(json 'd["RESULT"]' <<<"$line")"
same "the socket's mode" "600 root" "$(on "$node" stat -c '%a %U' /run/holdfast/node)"
on "$node" varlinkctl introspect /run/holdfast/node io.holdfast.Node | grep -q 'method Run(' || fail "the interface is not documented"

story "A restart of holdfastd is noticed by nobody"
on "$node" systemctl restart holdfastd
same "it is back" "${node^^}" "$(holdfast "$node" 'Get-VMHost | Select-Object -ExpandProperty Name')"
