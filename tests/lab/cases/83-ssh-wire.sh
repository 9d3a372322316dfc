# The SSH transport by hand-made packets: where no PowerShell can be had, and what PowerShell would never send.
source "$(dirname "${BASH_SOURCE[0]}")/pwsh-lib.sh"
ssh_ready hv1
on client python3 /src/tests/lab/cases/psrp-wire.py hv1.lab.test || fail "the wire is not as it should be"
check "the journal tells" grep -q "PowerShell over SSH: a PSRP message is larger than 8 MiB" <(on hv1 journalctl -n 100 -o cat)
check "holdfastd is well" holdfast hv1 Get-VMHost
eventually 20 on hv1 sh -c '! pgrep -x holdfast'
