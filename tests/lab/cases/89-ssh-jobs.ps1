# What 89-ssh-jobs.sh asks of PowerShell; a line "name: value" each.
param([string]$node, [string]$other, [string]$vm)
$ErrorActionPreference = 'Continue'
function say([string]$name, [scriptblock]$what) {
        $Error.Clear()
        $value = (& $what 2>$null) -join ','
        "${name}: $value" -replace "`r?`n", ' '
}
$s = New-PSSession -HostName "$node.lab.test"
$in = @{ Session = $s }
say 'a job' { $j = Invoke-Command @in { Start-VM $using:vm -AsJob }; "$($j.PSObject.TypeNames[0]) $($j.Id) $([string]$j.State) $($j.Command)" }
say 'its end' { Invoke-Command @in { Get-Job | Wait-Job | ForEach-Object State }; "errors $($Error.Count)" }
say 'what it said' { Invoke-Command @in { Receive-Job 1 }; Invoke-Command @in { Get-VM $using:vm | ForEach-Object State } }
say 'a session variable' { Invoke-Command @in { $j = Suspend-VM $using:vm -AsJob; Wait-Job $j | Out-Null; Receive-Job $j; (Get-VM $using:vm).State } }
say 'an object back' { $j = Invoke-Command @in { Resume-VM $using:vm -AsJob }; $j | Invoke-Command @in { $input | Wait-Job | ForEach-Object Name } }
say 'its error' { Invoke-Command @in { Start-VM none -AsJob | Wait-Job | Receive-Job }; $Error[0].FullyQualifiedErrorId }
say 'as a table' { Invoke-Command @in { Get-Job 1 | Out-String } }
$p = [powershell]::Create(); $p.Runspace = $s.Runspace
$null = $p.AddScript("Move-VM $vm $other -AsJob | Receive-Job -Wait -AutoRemoveJob")
say 'a move' { $p.Invoke(); "progress $($p.Streams.Progress.Count -gt 0) errors $($p.Streams.Error.Count)" }
say 'where it is' { Invoke-Command @in { Get-VM $using:vm -ComputerName $using:other | ForEach-Object ComputerName } }
say 'many of them' { Invoke-Command @in { Get-VM $using:vm -ComputerName $using:other | Stop-VM -TurnOff -AsJob | Wait-Job | ForEach-Object State } }
say 'cleared' { Invoke-Command @in { Get-Job | Remove-Job; Get-Job }; "errors $($Error.Count)" }
$t = New-PSSession -HostName "$node.lab.test"
say 'another session' { Invoke-Command @in { Start-VM none -AsJob | Out-Null }; Invoke-Command -Session $t { Get-Job }; "jobs " + @(Invoke-Command @in { Get-Job }).Count }
& ssh "$node.lab.test" 'systemctl restart holdfastd; holdfast Get-VMHost' 2>&1 | Out-Null
say 'after a restart' { Invoke-Command @in { Start-VM none -AsJob | Out-Null }; Invoke-Command @in { Get-Job | ForEach-Object Id } }
Remove-PSSession $s, $t
[Environment]::Exit(0)  # a PowerShell that closed its sessions has been seen to stay
