# A domain user manages a host from a workstation by WinRS: sealed on 5985, over TLS on 5986.
source "$(dirname "${BASH_SOURCE[0]}")/remote-lib.sh"
person anna "Holdfast Admins"
host=$node.lab.test
json() { python3 -c 'import json,sys; d=[json.loads(l) for l in sys.stdin]; print(eval(sys.argv[1]))' "$1"; }

story "pywinrm over TLS"
got=$(as anna $here/clients.py pywinrm "$host" 'Get-VMHost | Select-Object -ExpandProperty Name' \
        'ps Get-VMHost | Select-Object -ExpandProperty Name' 'ps Get-VM no-such-machine' 'dir')
same "a command line" "(0, '${node^^}\r\n', '')" "$(json '(d[0]["code"], d[0]["out"], d[0]["err"])' <<<"$got")"
same "a script" "(0, '${node^^}\r\n', '')" "$(json '(d[1]["code"], d[1]["out"], d[1]["err"])' <<<"$got")"
same "a failure's code" 1 "$(json 'd[2]["code"]' <<<"$got")"
same "a failure's words" True "$(json '"unable to find a virtual machine with name \"no-such-machine\"" in d[2]["err"]' <<<"$got")"
same "what is no command here" "(1, True)" "$(json '(d[3]["code"], "The term '"'dir'"' is not recognized" in d[3]["err"])' <<<"$got")"

story "its clear-text attempt on 5985"
expect_fail "Code 403" as anna $here/clients.py pywinrm-clear "$host" Get-VMHost

story "exit N is the exit code"
got=$(as anna $here/clients.py pywinrm "$host" 'ps Get-VMHost | Out-Null; exit 3' 'ps exit 0')
same "codes" "[3, 0]" "$(json '[x["code"] for x in d]' <<<"$got")"

have pypsrp || skip "pypsrp could not be had from sid"
for way in winrs winrs-tls; do
        story "pypsrp's WinRS: $way"
        cursor=$(journal_here)
        got=$(as anna $here/clients.py $way "$host" 'holdfast Get-VMHost | Select-Object -ExpandProperty Name' Get-VMM \
                'powershell.exe -NoProfile -Command "Get-VMHost | Select-Object -ExpandProperty Name"' 'powershell -File x.ps1')
        same "a command line" "${node^^}" "$(json 'd[0]["out"].strip()' <<<"$got")"
        same "a wrong one" "(1, True)" "$(json '(d[1]["code"], "CommandNotFoundException" in d[1]["err"])' <<<"$got")"
        same "powershell -Command" "${node^^}" "$(json 'd[2]["out"].strip()' <<<"$got")"
        same "powershell -File" "(1, True)" "$(json '(d[3]["code"], "option '"'-File'"' is not supported" in d[3]["err"])' <<<"$got")"
        line=$(journal_after "$cursor" COMMAND=Get-VMHost)
        same "the record: who" 'LAB\anna' "$(field USER <<<"$line")"
        same "the record: from where" "$(on client hostname -I | tr ' ' '\n' | grep ^10.77)" "$(field FROM <<<"$line")"
        same "the record: with which result" done "$(field RESULT <<<"$line")"
done
