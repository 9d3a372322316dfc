#!/usr/bin/python3
"""move.py HOST VM DESTINATION move|stop — Move-VM by pypsrp: to its end with progress and report, or stopped under way."""
import sys
import threading
import time

from pypsrp.complex_objects import PSInvocationState
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import WSMan


def prop(item, name):
    return (item.adapted_properties or {}).get(name) or (item.extended_properties or {}).get(name)


def main():
    host, vm, destination, what = sys.argv[1:]
    wsman = WSMan(host, ssl=False, port=5985, auth='kerberos', encryption='always', operation_timeout=20, read_timeout=60)
    with wsman, RunspacePool(wsman) as pool:
        shell = PowerShell(pool)
        shell.add_cmdlet('Get-VM').add_cmdlet('Where-Object').add_parameters(
            {'Property': 'Name', 'EQ': True, 'Value': vm})
        shell.add_cmdlet('Move-VM').add_parameters({'DestinationHost': destination, 'Passthru': True})
        if what == 'stop':
            shell.add_parameter('MaximumBandwidth', 5)
            shell.begin_invoke()
            time.sleep(4)
            begin = time.time()
            shell.stop()
            print('state', PSInvocationState.STOPPED == shell.state, 'within', round(time.time() - begin), 's')
            return
        objects = shell.invoke()
        print('errors', [str(e) for e in shell.streams.error])
        print('progress', len(shell.streams.progress) > 0)
        moved = objects[0]
        print('moved', prop(moved, 'Name'), moved.types[0])
        report = prop(moved, 'MigrationReport')
        print('receipt', prop(report, 'BytesMoved') if report is not None and not prop(report, 'Disks') else
              [prop(d, 'BytesMoved') or 0 for d in prop(report, 'Disks')] if report is not None else None)


main()
