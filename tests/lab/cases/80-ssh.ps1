# What 80-ssh.sh asks of PowerShell; a line "name: value" each.  One start of PowerShell is slow, so there is one.
param([string]$node)
$ErrorActionPreference = 'Continue'
function say([string]$name, [scriptblock]$what) {
        $Error.Clear()
        $value = (& $what 2>$null) -join ','
        "${name}: $value" -replace "`r?`n", ' '
}
$at = @{ HostName = $node }

say 'a name' { (Invoke-Command @at { Get-VMHost }).Name }
say 'its type' { (Invoke-Command @at { Get-VMHost }).PSObject.TypeNames[0] }
say 'a number' { (Invoke-Command @at { Get-VMHost }).LogicalProcessorCount.GetType().Name }
say 'an enumeration' { [string](Invoke-Command @at { Get-VMHost }).VirtualMachineMigrationAuthenticationType }

$s = New-PSSession @at
$in = @{ Session = $s }
say 'a session' { $s.State }
say 'a pipeline' { Invoke-Command @in { Get-VMHost | Select-Object -ExpandProperty Name } }
say 'statements' { Invoke-Command @in { Get-VMHost | ForEach-Object Name; Get-VMHost | Measure-Object | ForEach-Object Count } }
say 'a condition' { Invoke-Command @in { Get-VMHost | Where-Object { $_.LogicalProcessorCount -gt 0 -and $_.Name -like 'hv*' } | ForEach-Object { $_.Name } } }
say 'variables' { Invoke-Command @in { $kept = Get-VMHost }; Invoke-Command @in { "$($kept.Name) $using:node"; (Get-VMHost).Name } }

$p = 'Name'
say 'using' { Invoke-Command @in { Get-VMHost | Select-Object -ExpandProperty $using:p } }
say 'using in a script' { Invoke-Command @in { Get-VMHost | Where-Object { $_.Name -ne $using:p } | ForEach-Object Name } }
say 'arguments' { Invoke-Command @in { param($q) Get-VMHost | Select-Object -ExpandProperty $q } -ArgumentList Name }
say 'a script with arguments' { Invoke-Command @in { param([string]$q, $r) Get-VMHost | Where-Object { $_.Name -eq $q } | ForEach-Object Name } -ArgumentList HV1, 2 }
$at2 = @{ Wanted = 'Name' }
say 'a member of using' { Invoke-Command @in { Get-VMHost | Where-Object { $_.Name -ne $using:at2.Wanted } | Select-Object -ExpandProperty $using:at2.Wanted } }
$code = "it's; Get-VM"
say 'never code' { Invoke-Command @in { Write-Output $using:code } }
say 'a list' { $list = 1, 'two', $true; Invoke-Command @in { Write-Output $using:list } }
say 'input' { 'a', 'b' | Invoke-Command @in { $input | Write-Output } }
say 'an object back' { $h = Invoke-Command @in { Get-VMHost }; ($h | Invoke-Command @in { $input | Select-Object -ExpandProperty Name }) }

say 'an error' { Invoke-Command @in { Get-VM none }; $Error[0].FullyQualifiedErrorId }
say 'its category' { Invoke-Command @in { Get-VM none }; $Error[0].CategoryInfo.Category }
say 'no command' { Invoke-Command @in { Get-Foo }; $Error[0].FullyQualifiedErrorId }
say 'no parameter' { Invoke-Command @in { Get-VM -Colour blue }; $Error[0].FullyQualifiedErrorId }
say 'not ours' { Invoke-Command @in { Get-VM -CimSession x }; $Error[0].Exception.Message }
say 'no language' { Invoke-Command @in { foreach ($i in 1) { Get-VM } }; $Error[0].Exception.Message }
say 'stop' { try { Invoke-Command @in { Get-VM none -ErrorAction Stop } -ErrorAction Stop } catch { "caught $($_.FullyQualifiedErrorId)" } }
say 'merged' { (Invoke-Command @in { Get-VM none 2>&1 }).FullyQualifiedErrorId }

say 'streams' { Invoke-Command @in { Write-Warning w1; Write-Verbose v1 -Verbose; Write-Host i1; Write-Output o1 } }

$null = Import-PSSession $s -CommandName *-VM* -AllowClobber
say 'a proxy' { (Get-Command Move-VM).CommandType }
say 'it runs' { (Get-VMHost).Name }
say 'its errors' { Get-VM -Name none; $Error[0].FullyQualifiedErrorId }
say 'its pipeline' { 'n1', 'n2' | Get-VM; $Error | ForEach-Object { $_.TargetObject } }
say 'its switches' { New-VM -Name x -MemoryStartupBytes 64MB -NoVHD -WhatIf:$true; "errors $($Error.Count)" }
say 'help' { (Get-Help Get-VM) -join ' ' }
say 'completion' { $r = Invoke-Command @in { TabExpansion2 -inputScript 'Get-VMHost | Sel' -cursorColumn 16 }; "$($r.CompletionMatches.CompletionText) $($r.ReplacementIndex) $($r.ReplacementLength)" }
Remove-PSSession $s
