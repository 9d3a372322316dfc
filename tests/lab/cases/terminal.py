"""terminal.py CMD… LINE… — runs CMD (up to the first argument that does not start with -, after the program) on a terminal,
types each LINE when the screen is quiet, and prints what the screen showed without its control sequences."""
import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time

arguments = sys.argv[1:]
end = next(i for i in range(1, len(arguments)) if not arguments[i].startswith('-'))
command, lines = arguments[:end], arguments[end:]
pid, screen = pty.fork()
if pid == 0:
    os.environ.update(TERM='xterm', NO_COLOR='1')
    os.execvp(command[0], command)
fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack('HHHH', 50, 120, 0, 0))
seen = b''


def watch(quiet, most):
    """Until nothing came for @quiet seconds behind a prompt, or @most are over."""
    global seen
    start = last = time.time()
    while time.time() - start < most:
        if select.select([screen], [], [], 0.1)[0]:
            try:
                data = os.read(screen, 65536)
            except OSError:
                return
            if not data:
                return
            if b'\x1b[6n' in data:          # it asks where the cursor is
                os.write(screen, b'\x1b[1;1R')
            seen += data
            last = time.time()
        elif time.time() - last > quiet and re.search(rb'[>:] (\x1b\[[0-9;?]*[a-zA-Z])*$', seen):
            return


watch(0.5, 30)
for line in lines:
    os.write(screen, line.encode() + b'\r')
    time.sleep(0.3)
    watch(0.7, 30)
os.close(screen)
print(re.sub(rb'\x1b\[[0-9;?]*[a-zA-Z]|\x1b[=>]|\r', b'', seen).decode(errors='replace'))
