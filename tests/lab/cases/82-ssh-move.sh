# A machine moves from PowerShell: progress comes, the object brings the receipt, and Ctrl+C leaves it where it was.
source "$(dirname "${BASH_SOURCE[0]}")/pwsh-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/move-lib.sh"
pwsh_ready
ssh_ready "$first"
vm=ssh-move
trap 'away $vm' EXIT
machine $vm mode=write

# What PowerShell says, a line "name: value" each.
run() {
        said=$(pwsh_says -Command "
                \$s = New-PSSession -HostName $first.lab.test; \$p = [powershell]::Create(); \$p.Runspace = \$s.Runspace
                $1")
        printf '%s\n' "$said"
}
is() { same "$1" "$2" "$(sed -n "s/^$1: //p" <<<"$said")"; }

story "Stopped under way, as by Ctrl+C, it stays"
run "\$null = \$p.AddScript('Move-VM $vm $second $slow'); \$a = \$p.BeginInvoke()
        \$end = [DateTime]::Now.AddSeconds(60)
        while ([DateTime]::Now -lt \$end -and -not (\$p.Streams.Progress | Where-Object PercentComplete -gt 0)) { Start-Sleep -Milliseconds 200 }
        \"progress: \$(\$p.Streams.Progress.Count -gt 0)\"
        \$p.Stop(); \"state: \$(\$p.InvocationStateInfo.State)\"
        \"session: \$(Invoke-Command -Session \$s { Get-VM $vm | ForEach-Object State })\""
is progress True
is state Stopped
is session Running
lives "$first" $vm

story "It moves, and the object that comes back has the receipt"
run "\$null = \$p.AddScript('Get-VM | Where-Object State -eq Running | Where-Object Name -eq $vm | Move-VM -DestinationHost $second -Passthru')
        \$vm = @(\$p.Invoke())[0]
        \"errors: \$(\$p.Streams.Error.Count)\"; \"type: \$(\$vm.PSObject.TypeNames[0])\"; \"name: \$(\$vm.Name)\"
        \"moved: \$(\$vm.MigrationReport.Disks[0].BytesMoved)\"; \"result: \$(\$vm.MigrationReport.Result)\"
        \"activity: \$(\$p.Streams.Progress[0].Activity)\"; \"ends: \$(\$p.Streams.Progress[-1].RecordType)\""
is errors 0
is type Deserialized.Microsoft.HyperV.PowerShell.VirtualMachine
is name $vm
is moved 0
is ends Completed
lives "$second" $vm
writes_on $vm
