#!/usr/bin/python3
"""timing.py HOST COUNT TEXT — runs TEXT COUNT times in one open, sealed WinRS shell: one line of milliseconds each."""
import pathlib
import re
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from hostile import SHELL, Connection, envelope     # noqa: E402  its HTTP is the quickest here

def main():
    host, count, text = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    connection = Connection(host)
    connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    assert connection.sign_in()[0] == 200
    create = envelope('http://schemas.xmlsoap.org/ws/2004/09/transfer/Create', body='<rsp:Shell/>')
    shell = re.search(rb'Name="ShellId">([^<]+)', connection.sealed(create)[2])[1].decode()
    for _ in range(count):
        begin = time.perf_counter()
        body = f'<rsp:CommandLine><rsp:Command>{text}</rsp:Command></rsp:CommandLine>'
        reply = connection.sealed(envelope(SHELL + '/Command', shell, body))[2]
        command = re.search(rb'CommandId>([^<]+)', reply)[1].decode()
        body = f'<rsp:Receive><rsp:DesiredStream CommandId="{command}">stdout stderr</rsp:DesiredStream></rsp:Receive>'
        while b'CommandState/Done' not in connection.sealed(envelope(SHELL + '/Receive', shell, body))[2]:
            pass
        print(f'{(time.perf_counter() - begin) * 1000:.3f}')
    connection.sealed(envelope('http://schemas.xmlsoap.org/ws/2004/09/transfer/Delete', shell))


main()
