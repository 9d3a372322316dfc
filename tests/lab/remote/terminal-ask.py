#!/usr/bin/python3
"""terminal-ask.py NODE PIPELINE ANSWER… — holdfast PIPELINE at a terminal of NODE; each answer is typed when it asks."""
import os
import pty
import shlex
import sys

pid, fd = pty.fork()
if pid == 0:
    os.execvp('ssh', ['ssh', '-tt', f'root@{sys.argv[1]}.lab.test', 'holdfast ' + shlex.quote(sys.argv[2])])
answers, seen = sys.argv[3:], b''
while True:
    try:
        piece = os.read(fd, 4096)
    except OSError:
        break
    if not piece:
        break
    seen += piece
    sys.stdout.write(piece.decode(errors='replace'))
    if answers and seen.endswith(b'(default is "Y"): '):
        seen = b''
        os.write(fd, answers.pop(0).encode() + b'\n')
os.waitpid(pid, 0)
