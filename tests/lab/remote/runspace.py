#!/usr/bin/python3
"""runspace.py HOST COUNT TEXT — runs TEXT COUNT times, one after the other, in one open runspace of pypsrp; prints the seconds.

A line "ready" comes before the first, and the first begins when a line can be read from standard input.
"""
import sys
import time

from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import WSMan


def main():
    host, count, text = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    with WSMan(host, ssl=False, auth='kerberos', encryption='always') as wsman, RunspacePool(wsman) as pool:
        def once():
            shell = PowerShell(pool)
            shell.add_script(text)
            assert shell.invoke() and not shell.had_errors
        for _ in range(10):
            once()
        print('ready', flush=True)
        sys.stdin.readline()
        begin = time.perf_counter()
        for _ in range(count):
            once()
        print(f'{time.perf_counter() - begin:.3f}', flush=True)
        sys.stdin.readline()


main()
