# The story everybody is shown holds: hv1 → hv2 → hv1 while the guest writes.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
"$lab" demo || fail "lab demo ended with $?"
