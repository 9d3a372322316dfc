#!/usr/bin/python3
"""elsewhere.py HOST VM SOURCE DESTINATION — from HOST, Move-VM on SOURCE (-ComputerName), stopped under way as by Ctrl+C."""
import sys
import time

from pypsrp.complex_objects import PSInvocationState
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import WSMan


def main():
    host, vm, source, destination = sys.argv[1:]
    wsman = WSMan(host, ssl=False, port=5985, auth='kerberos', encryption='always', operation_timeout=5, read_timeout=60)
    with wsman, RunspacePool(wsman) as pool:
        shell = PowerShell(pool)
        shell.add_cmdlet('Move-VM').add_parameters({'Name': vm, 'DestinationHost': destination, 'ComputerName': source,
                                                    'MaximumBandwidth': 5})
        shell.begin_invoke()
        end = time.time() + 40
        while time.time() < end and not any((p.percent_complete or 0) > 0 for p in shell.streams.progress):
            shell.poll_invoke(1)
        print('progress', shell.streams.progress[-1].activity if shell.streams.progress else None)
        begin = time.time()
        shell.stop()
        print('stopped', shell.state == PSInvocationState.STOPPED, time.time() - begin < 10)


main()
