# pwsh-lib.sh — real PowerShell on `client`, as the .NET tool that Microsoft publishes.  Where it cannot be had, the case is
# skipped and says why.
# shellcheck shell=bash
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
pwsh_cache=${HOLDFAST_LAB_CACHE:-/var/cache/holdfast-lab}/pwsh

# Once for all checkouts: a folder that is there is whole.
pwsh_get() {
        local lock log=$pwsh_cache.log
        exec {lock}>"$pwsh_cache.lock"
        flock "$lock"
        if [[ ! -d $pwsh_cache ]]; then
                rm -rf "$pwsh_cache.tmp"
                DOTNET_CLI_HOME=$pwsh_cache.home DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 timeout 300 \
                        dotnet tool install --tool-path "$pwsh_cache.tmp" --version '7.6.*' PowerShell >"$log" 2>&1 </dev/null &&
                        mv "$pwsh_cache.tmp" "$pwsh_cache"
        fi
        exec {lock}>&-
        [[ -d $pwsh_cache ]]
}

pwsh_ready() {
        local dotnet
        command -v dotnet >/dev/null || skip "no .NET SDK on this machine, so PowerShell cannot be had as a .NET tool"
        pwsh_get || skip "the .NET tool PowerShell cannot be installed on this machine: $(tail -n 1 "$pwsh_cache.log")"
        if ! on client test -x /usr/local/bin/pwsh; then
                dotnet=$(dirname "$(readlink -f "$(command -v dotnet)")")
                on client mkdir -p /opt/dotnet /opt/pwsh
                tar -C "$dotnet" -cf - dotnet host shared/Microsoft.NETCore.App | on client tar -C /opt/dotnet -xf -
                tar -C "$(dirname "$(find "$pwsh_cache" -path '*/unix/pwsh.dll')")" -cf - . | on client tar -C /opt/pwsh -xf -
                printf '%s\n' '#!/bin/sh' \
                        'export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 HOME=/root NO_COLOR=1' \
                        'export POWERSHELL_TELEMETRY_OPTOUT=1 POWERSHELL_UPDATECHECK=Off TERM=${TERM:-dumb}' \
                        'exec /opt/dotnet/dotnet /opt/pwsh/pwsh.dll "$@"' | on client tee /usr/local/bin/pwsh >/dev/null
                on client chmod +x /usr/local/bin/pwsh
        fi
        on client pwsh -NoProfile -Version >/dev/null 2>&1 </dev/null ||
                skip "PowerShell does not start with this machine's .NET $(dotnet --version)"
}

# client signs in to NODE as root by key, and knows the key of NODE.
ssh_ready() {
        local node=$1 key
        on client sh -c 'mkdir -p -m 700 /root/.ssh; [ -e /root/.ssh/id_ed25519 ] || ssh-keygen -q -t ed25519 -N "" -f /root/.ssh/id_ed25519'
        key=$(on client cat /root/.ssh/id_ed25519.pub)
        on "$node" sh -c "mkdir -p -m 700 /root/.ssh; grep -qs '$key' /root/.ssh/authorized_keys || echo '$key' >>/root/.ssh/authorized_keys
                systemctl reload-or-restart ssh"
        eventually 20 on client sh -c "ssh-keyscan -t ed25519 $node.lab.test 2>/dev/null | grep -q ed25519 &&
                ssh-keyscan -t ed25519 $node.lab.test >/root/.ssh/known_hosts"
}

# pwsh_says ARGUMENT…: what PowerShell on client prints, both streams, without blanks at line ends.  It has been seen to stay for
# ever after its last statement, with every session closed: what it printed counts, so it is then ended.
pwsh_says() {
        { on client timeout --kill-after=5 240 pwsh -NoProfile -NonInteractive "$@" 2>&1 </dev/null || true; } | sed 's/[[:space:]]*$//'
}
