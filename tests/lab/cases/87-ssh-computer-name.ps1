# What 87-ssh-computer-name.sh asks of PowerShell; a line "name: value" each.
param([string]$node, [string]$other)
$ErrorActionPreference = 'Continue'
function say([string]$name, [scriptblock]$what) {
        $Error.Clear()
        $value = (& $what 2>$null) -join ','
        "${name}: $value" -replace "`r?`n", ' '
}
$s = New-PSSession -HostName "$node.lab.test"
$in = @{ Session = $s }
say 'both' { Invoke-Command @in { Get-VMHost -ComputerName hv1, hv2 | Sort-Object Name | Select-Object -ExpandProperty ComputerName } }
say 'its type' { (Invoke-Command @in { Get-VMHost -ComputerName $using:other }).PSObject.TypeNames[0] }
say 'here by other names' { (Invoke-Command @in { Get-VMHost -ComputerName localhost, ., $using:node }).Name }
say 'piped names' { Invoke-Command @in { 'hv2' | Get-VMHost | ForEach-Object Name } }
say 'the others go on' { (Invoke-Command @in { Get-VMHost -ComputerName nosuch, $using:other, client }).Name; "errors $($Error.Count)" }
say 'unknown' { Invoke-Command @in { Get-VM -ComputerName nosuch }; $Error[0].Exception.Message }
say 'its id' { Invoke-Command @in { Get-VM -ComputerName nosuch }; "$($Error[0].FullyQualifiedErrorId) $($Error[0].CategoryInfo.TargetName)" }
say 'no member' { Invoke-Command @in { Get-VM -ComputerName client }; $Error[0].Exception.Message }
say 'an error from there' { Invoke-Command @in { Get-VM none -ComputerName $using:other }; $Error[0].FullyQualifiedErrorId }
say 'silenced' { Invoke-Command @in { Get-VM none -ComputerName $using:other -ErrorAction SilentlyContinue }; "errors $($Error.Count)" }
say 'stop' { try { Invoke-Command @in { Get-VM none -ComputerName $using:other -ErrorAction Stop } -ErrorAction Stop } catch { "caught $($_.FullyQualifiedErrorId)" } }
say 'not here' { Invoke-Command @in { Add-VMMigrationNetwork 10.9.9.0/24 -ComputerName hv2 -CimSession x }; $Error[0].FullyQualifiedErrorId }
say 'whatif' { Invoke-Command @in { Add-VMMigrationNetwork 10.9.9.0/24 -ComputerName hv2 -WhatIf }; "errors $($Error.Count)" }
say 'settings' { Invoke-Command @in { Add-VMMigrationNetwork 10.9.9.0/24 -ComputerName hv2 -Passthru | ForEach-Object ComputerName
                Get-VMMigrationNetwork 10.9.9.* -ComputerName hv1, hv2 | ForEach-Object Subnet; Remove-VMMigrationNetwork 10.9.9.0/24 -ComputerName hv2 } }
Remove-PSSession $s
[Environment]::Exit(0)  # a PowerShell that closed its sessions has been seen to stay
