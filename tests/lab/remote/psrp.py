#!/usr/bin/python3
"""psrp.py HOST NAME — pypsrp's RunspacePool and PowerShell classes against a host whose computer name is NAME."""
import sys
import time

from pypsrp.complex_objects import PSInvocationState
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import WSMan


def connect(host):
    return WSMan(host, ssl=False, port=5985, auth='kerberos', encryption='always', operation_timeout=20, read_timeout=40)


def same(what, wanted, got):
    if wanted != got:
        print(f'FAILED: {what}: wanted {wanted!r}, got {got!r}')
        sys.exit(1)
    print(f'- {what}: {got!r}')


def main():
    host, name = sys.argv[1], sys.argv[2]
    with connect(host) as wsman, RunspacePool(wsman) as pool:
        shell = PowerShell(pool)
        shell.add_cmdlet('Get-VMHost')
        objects = shell.invoke()
        same('one object', 1, len(objects))
        same('its type', 'Microsoft.HyperV.PowerShell.VMHost', objects[0].types[0])
        same('its name', name, objects[0].adapted_properties.get('Name') or objects[0].extended_properties.get('Name'))

        shell = PowerShell(pool)
        shell.add_cmdlet('Get-VMHost').add_cmdlet('Select-Object').add_parameter('ExpandProperty', 'Name')
        same('a typed pipeline', [name], shell.invoke())

        shell = PowerShell(pool)
        shell.add_cmdlet('Get-VM').add_parameter('Name', 'no-such-machine')
        shell.invoke()
        same('an error record', ['InvalidParameter,Microsoft.HyperV.PowerShell.Commands.GetVM'],
             [e.fq_error for e in shell.streams.error])
        same('and the pipeline completes', PSInvocationState.COMPLETED, shell.state)

        shell = PowerShell(pool)
        shell.add_script('Get-VMM')
        try:
            shell.invoke()
        except Exception as error:
            print(f'- {type(error).__name__}')
        same('what is unknown fails', PSInvocationState.FAILED, shell.state)

        for count in (1, 2, 3):
            many = [PowerShell(pool).add_cmdlet('Get-VMHost') for _ in range(count)]
            same(f'{count} in a row', count, sum(len(each.invoke()) for each in many))

        shell = PowerShell(pool)
        shell.add_cmdlet('Write-Output')
        same('piped input', ['a', 'b'], shell.invoke(input=['a', 'b']))

        begin = time.time()
        for _ in range(100):
            PowerShell(pool).add_cmdlet('Get-VM').invoke()
        print(f'- a Get-VM in an open pool: {(time.time() - begin) * 10:.1f} ms')

        pool.disconnect()
        same('disconnected', 'Disconnected', str(wsman_state(wsman, pool)))
        pool.connect()
        same('connected again', [name], PowerShell(pool).add_cmdlet('Get-VMHost').add_cmdlet('Select-Object')
             .add_parameter('ExpandProperty', 'Name').invoke())
        pool.disconnect()
        with connect(host) as other:
            pools = [p for p in RunspacePool.get_runspace_pools(other) if p.id.lower() == pool.id.lower()]
            same('another client finds it', 1, len(pools))
            pools[0].connect()
            same('and goes on', [name], PowerShell(pools[0]).add_cmdlet('Get-VMHost').add_cmdlet('Select-Object')
                 .add_parameter('ExpandProperty', 'Name').invoke())
            pools[0].close()
        pool.state = 3      # closed by the other client


def wsman_state(wsman, pool):
    from pypsrp.wsman import SelectorSet, WSManAction
    selectors = SelectorSet()
    selectors.add_option('ShellId', pool.id)
    reply = wsman.invoke(WSManAction.GET, 'http://schemas.microsoft.com/wbem/wsman/1/windows/shell', None,
                         selector_set=selectors)
    return reply.find('.//{http://schemas.microsoft.com/wbem/wsman/1/windows/shell}State').text


main()
