# The Go library that Packer, Terraform and others bring, unmodified: Kerberos over TLS, and nothing else.
source "$(dirname "${BASH_SOURCE[0]}")/remote-lib.sh"
host=$node.lab.test
person anna "Holdfast Admins"
person bob
on client test -d /usr/share/gocode/src/github.com/masterzen/winrm || skip "the Go library masterzen/winrm is not in the tools root"

# Compiled once for a source and a tools root: Go's own library comes as source, too.
program=${HOLDFAST_LAB_CACHE:-/var/cache/holdfast-lab}/winrm-go-$({
        cat "$(dirname "${BASH_SOURCE[0]}")/../remote/winrm.go"; on client dpkg-query -W 'golang*'; } | sha256sum | cut -c1-16)
if [[ ! -e $program ]]; then
        on client env HOME=/tmp GO111MODULE=off GOPATH=/usr/share/gocode GOFLAGS=-p=2 CGO_ENABLED=0 GOCACHE=/tmp/go-cache \
                go build -o /usr/local/bin/winrm-go /src/tests/lab/remote/winrm.go || fail "it does not compile"
        on client rm -rf /tmp/go-cache
        "$lab" cp client:/usr/local/bin/winrm-go "$program.$$"
        mv "$program.$$" "$program"
fi
"$lab" cp "$program" client:/usr/local/bin/winrm-go
on client chmod +x /usr/local/bin/winrm-go
json() { python3 -c 'import json,sys; d=[json.loads(l) for l in sys.stdin]; print(eval(sys.argv[1]))' "$1"; }

story "Kerberos over TLS"
cursor=$(journal_here)
got=$(as anna winrm-go kerberos "$host" 'Get-VMHost | Select-Object -ExpandProperty Name' 'Get-VM no-such-machine' dir \
        'powershell.exe -NoProfile -Command "Get-VMHost | Select-Object -ExpandProperty Name"' 'holdfast exit 3')
same "a command line" "(0, '${node^^}\r\n', '')" "$(json '(d[0]["code"], d[0]["out"], d[0]["err"])' <<<"$got")"
same "a failure" "(1, True)" "$(json '(d[1]["code"], "unable to find a virtual machine with name \"no-such-machine\"" in d[1]["err"])' <<<"$got")"
same "what is no command here" "(1, True)" "$(json '(d[2]["code"], "The term '"'dir'"' is not recognized" in d[2]["err"])' <<<"$got")"
same "a script" "(0, '${node^^}\r\n')" "$(json '(d[3]["code"], d[3]["out"])' <<<"$got")"
same "its own exit code" 3 "$(json 'd[4]["code"]' <<<"$got")"
line=$(journal_after "$cursor" COMMAND=Get-VMHost)
same "the record: who" 'LAB\anna' "$(field USER <<<"$line")"
same "the record: from where" 10.77.0.13 "$(field FROM <<<"$line")"

story "What it can say otherwise is refused"
expect_fail "http error 401" as bob winrm-go kerberos "$host" Get-VMHost
expect_fail "403" as anna winrm-go kerberos-clear "$host" Get-VMHost
for way in ntlm basic; do
        for secret in "$password" wrong; do
                expect_fail "401" as anna env WINRM_USER=anna@lab.test WINRM_PASSWORD="$secret" winrm-go $way "$host" Get-VMHost
        done
done
