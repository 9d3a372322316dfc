# Real PowerShell manages a host over SSH: Invoke-Command, sessions, implicit remoting, errors, streams.
source "$(dirname "${BASH_SOURCE[0]}")/pwsh-lib.sh"
pwsh_ready
ssh_ready hv1
node=hv1.lab.test
has() { [[ $3 == *"$2"* ]] || fail "$1: no '$2' in: $3"; printf -- '- %s: %s\n' "$1" "$2"; }

story "Objects come back with their types"
same "a name" HV1 "$(ps "(Invoke-Command -HostName $node { Get-VMHost }).Name")"
same "the type" Deserialized.Microsoft.HyperV.PowerShell.VMHost \
        "$(ps "(Invoke-Command -HostName $node { Get-VMHost }).PSObject.TypeNames[0]")"
same "a number is a number" "$(on hv1 nproc)" "$(ps "[int](Invoke-Command -HostName $node { Get-VMHost }).LogicalProcessorCount")"
same "an enumeration has its name" Kerberos "$(ps "[string](Invoke-Command -HostName $node { Get-VMHost }).VirtualMachineMigrationAuthenticationType")"
same "a pipeline" HV1 "$(ps "Invoke-Command -HostName $node { Get-VMHost | Select-Object -ExpandProperty Name }")"
same "several statements" $'HV1\n1' "$(ps "Invoke-Command -HostName $node { Get-VMHost | ForEach-Object Name; Get-VMHost | Measure-Object | ForEach-Object Count }")"

story "Values travel"
same "using" HV1 "$(ps "\$p = 'Name'; Invoke-Command -HostName $node { Get-VMHost | Select-Object -ExpandProperty \$using:p }")"
same "arguments" HV1 "$(ps "Invoke-Command -HostName $node { param(\$p) Get-VMHost | Select-Object -ExpandProperty \$p } -ArgumentList Name")"
same "a value is never code" "it's; Get-VM" "$(ps "\$p = \"it's; Get-VM\"; Invoke-Command -HostName $node { Write-Output \$using:p }")"
same "piped input" $'a\nb' "$(ps "'a', 'b' | Invoke-Command -HostName $node { \$input | Write-Output }")"

story "Errors are PowerShell's own"
has "a cmdlet's" "InvalidParameter,Microsoft.HyperV.PowerShell.Commands.GetVM" \
        "$(ps "Invoke-Command -HostName $node { Get-VM none } 2>\$null; \$Error[0].FullyQualifiedErrorId")"
has "an unknown command" "CommandNotFoundException" "$(ps "Invoke-Command -HostName $node { Get-Foo }; \$Error[0].FullyQualifiedErrorId")"
has "a parameter that is not there" "NamedParameterNotFound,Microsoft.HyperV.PowerShell.Commands.GetVM" \
        "$(ps "Invoke-Command -HostName $node { Get-VM -Colour blue }; \$Error[0].FullyQualifiedErrorId")"
has "a parameter Hyper-V has and we do not" "The parameter 'CimSession' of Get-VM is not supported" \
        "$(ps "Invoke-Command -HostName $node { Get-VM -CimSession x }")"
has "its category" "InvalidArgument" "$(ps "Invoke-Command -HostName $node { Get-VM none } 2>\$null; \$Error[0].CategoryInfo.Category")"
has "what is no part of the language" "not supported here" "$(ps "Invoke-Command -HostName $node { foreach (\$i in 1) { Get-VM } }")"

story "Streams"
words=$(ps "Invoke-Command -HostName $node { Write-Warning w1; Write-Host h1; Write-Verbose v1 -Verbose; Write-Error e1 }")
has "warning" "WARNING: w1" "$words"
has "host" "h1" "$words"
has "verbose" "VERBOSE: v1" "$words"
has "error" "e1" "$words"
same "a warning once" 1 "$(grep -c w1 <<<"$words")"

story "A session, and implicit remoting"
same "a session serves many commands" $'Opened\nHV1\nHV1' "$(ps "\$s = New-PSSession -HostName $node; [string]\$s.State
        Invoke-Command -Session \$s { (Get-VMHost | ForEach-Object Name) } 2>\$null
        foreach (\$i in 1, 2) { Invoke-Command -Session \$s { Get-VMHost | ForEach-Object Name } }; Remove-PSSession \$s")"
imported=$(ps "\$s = New-PSSession -HostName $node; \$null = Import-PSSession \$s -CommandName *-VM* -AllowClobber
        (Get-Command Move-VM).CommandType; (Get-VMHost).Name; Get-VM -Name none; \$Error[0].FullyQualifiedErrorId
        'n1', 'n2' | Get-VM; (Get-Help Get-VM) -join ' '")
has "a proxy" "Function" "$imported"
has "it runs" "HV1" "$imported"
has "its errors" "InvalidParameter,Microsoft.HyperV.PowerShell.Commands.GetVM" "$imported"
has "it takes a pipeline" 'name "n2"' "$imported"
has "help" "Gets the virtual machines" "$imported"
