"""psrp-wire.py HOST — speaks PowerShell's SSH transport by hand ([MS-PSRP]), so that the wire is checked where no PowerShell
can be had: a session's life, typed answers, errors, input, stop, and what a hostile client gets.  Exit 0: all is so."""
import base64
import re
import struct
import subprocess
import sys
import uuid

CAPABILITY = ('<Obj RefId="0"><MS><Version N="protocolversion">2.3</Version><Version N="PSVersion">2.0</Version>'
              '<Version N="SerializationVersion">1.1.0.1</Version></MS></Obj>')
INIT = ('<Obj RefId="0"><MS><I32 N="MinRunspaces">1</I32><I32 N="MaxRunspaces">1</I32><Obj N="HostInfo"><MS>'
        '<B N="_isHostNull">true</B></MS></Obj></MS></Obj>')
ZERO = str(uuid.UUID(int=0))


class Client:
    def __init__(self, host, *what):
        # as the subsystem sshd throws standard error away; as a command it comes
        self.process = subprocess.Popen(['ssh', '-o', 'BatchMode=yes', *(what or ('-s', host, 'powershell'))], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.object, self.parts = 0, {}

    def write(self, line):
        self.process.stdin.write(line.encode() + b'\n')
        self.process.stdin.flush()

    def send(self, kind, xml, pipeline=ZERO, size=30000):
        message = struct.pack('<II', 2, kind) + uuid.UUID(int=1).bytes_le + uuid.UUID(pipeline).bytes_le + xml.encode()
        self.object += 1
        pieces = [message[i:i + size] for i in range(0, len(message), size)]
        for n, piece in enumerate(pieces):
            flags = (n == 0) | (n == len(pieces) - 1) << 1
            data = struct.pack('>QQBI', self.object, n, flags, len(piece)) + piece
            self.write(f"<Data Stream='Default' PSGuid='{pipeline}'>{base64.b64encode(data).decode()}</Data>")

    def messages(self):
        """(type, pipeline, xml), or ('DataAck' …, pipeline, '')."""
        for line in self.process.stdout:
            found = re.fullmatch(r"<(\w+)(?: Stream='Default')? PSGuid='([^']+)'(?: />|>(.*)</Data>)", line.decode().strip())
            assert found, f'not a packet: {line!r}'
            kind, pipeline, data = found.groups()
            if kind != 'Data':
                yield kind, pipeline, ''
                continue
            data = base64.b64decode(data)
            while data:
                size = struct.unpack('>I', data[17:21])[0]
                so_far = self.parts.get(pipeline, b'') + data[21:21 + size]
                last, data = data[16] & 2, data[21 + size:]
                self.parts[pipeline] = b'' if last else so_far
                if last:
                    yield struct.unpack('<I', so_far[4:8])[0], pipeline, so_far[40:].decode()

    def until(self, kind, pipeline=ZERO):
        seen = []
        for message in self.messages():
            if message[1] == pipeline:
                seen.append(message)
                if message[0] == kind:
                    return seen
        raise AssertionError(f'the server ended; it said: {self.process.stderr.read().decode()}')

    def open(self):
        self.send(0x10002, CAPABILITY)
        self.send(0x10004, INIT)
        seen = self.until(0x21005)
        assert [m[0] for m in seen if m[0] != 'DataAck'] == [0x10002, 0x21009, 0x21005], seen
        assert '<I32 N="RunspaceState">2</I32>' in seen[-1][2]
        return self

    def start(self, script, inputs=None):
        pipeline = str(uuid.uuid4())
        self.write(f"<Command PSGuid='{pipeline}' />")
        self.send(0x21006, f'<Obj><MS><B N="NoInput">{"true" if inputs is None else "false"}</B><Obj N="PowerShell"><MS><Obj N="Cmds">'
                  f'<LST><Obj><MS><S N="Cmd">{script}</S><B N="IsScript">true</B><Obj N="Args"><LST/></Obj></MS></Obj></LST></Obj></MS></Obj>'
                  '</MS></Obj>', pipeline, 50)
        for value in inputs or []:
            self.send(0x41002, value, pipeline)
        if inputs is not None:
            self.send(0x41003, '', pipeline)
        return pipeline

    def run(self, script, inputs=None):
        pipeline = self.start(script, inputs)
        seen = self.until(0x41006, pipeline)
        self.write(f"<Close PSGuid='{pipeline}' />")
        self.until('CloseAck', pipeline)
        return [m for m in seen if isinstance(m[0], int)]

    def close(self):
        self.write(f"<Close PSGuid='{ZERO}' />")
        self.until('CloseAck')
        self.process.stdin.close()
        assert self.process.wait(20) == 0

    def refused(self):
        """What the server says when it gives up on us."""
        self.process.stdin.close()
        self.process.stdout.read()
        assert self.process.wait(20) != 0
        return self.process.stderr.read().decode()


def says(what, condition, got=''):
    assert condition, f'{what}: {got}'
    print('-', what)


def main(host):
    c = Client(host).open()
    seen = c.run('Get-VMHost')
    says('a typed object', [m[0] for m in seen] == [0x41004, 0x41006] and '<T>Microsoft.HyperV.PowerShell.VMHost</T>' in seen[0][2]
         and re.search(r'<I64 N="LogicalProcessorCount">\d+</I64>', seen[0][2]), seen)
    says('completed', '<I32 N="PipelineState">4</I32>' in seen[-1][2])
    seen = c.run('Get-VM none')
    says('an error record', [m[0] for m in seen] == [0x41005, 0x41006] and 'InvalidParameter,Microsoft.HyperV' in seen[0][2], seen)
    seen = c.run('Get-Foo')
    says('a failed pipeline', [m[0] for m in seen] == [0x41006] and '<I32 N="PipelineState">5</I32>' in seen[0][2]
         and 'CommandNotFoundException' in seen[0][2], seen)
    seen = c.run('$input | Write-Output', ['<S>a</S>', '<I32>5</I32>'])
    says('input', [m[2] for m in seen[:2]] == ['<S>a</S>', '<I32>5</I32>'], seen)
    seen = c.run('Write-Warning w; Write-Verbose v -Verbose; Write-Host h')
    says('streams', [m[0] for m in seen] == [0x41009, 0x41008, 0x41011, 0x41006], seen)
    pipeline = c.start('$input | Write-Output', ['<S>x</S>'][:0] or None)
    c.until(0x41006, pipeline)
    pipeline = str(uuid.uuid4())
    c.write(f"<Command PSGuid='{pipeline}' />")
    c.write(f"<Signal PSGuid='{pipeline}' />")
    seen = c.until('SignalAck', pipeline)
    says('a signal stops', any(m[0] == 0x41006 and '<I32 N="PipelineState">3</I32>' in m[2] for m in seen), seen)
    c.close()
    says('an orderly end', True)

    for what, words, act in (
            ('fragments out of order', 'out of order', lambda h: h.write(
                f"<Data Stream='Default' PSGuid='{ZERO}'>{base64.b64encode(struct.pack('>QQBI', 9, 5, 0, 0)).decode()}</Data>")),
            ('a message of 4 GiB', 'larger than', lambda h: h.write(
                f"<Data Stream='Default' PSGuid='{ZERO}'>{base64.b64encode(struct.pack('>QQBI', 9, 0, 1, 0xFFFFFFFF)).decode()}</Data>")),
            ("a server's message", 'none a client may send', lambda h: h.send(0x21005, '<S/>')),
            ('a document type', 'document type', lambda h: h.send(0x10005, '<!DOCTYPE S [<!ENTITY a "x">]><S>&a;</S>')),
            ('deep XML', 'inside each other', lambda h: h.send(0x10005, '<Obj><LST>' * 100)),
            ('one that laughs', 'more than', lambda h: h.send(0x10005, '<Obj><LST><Obj RefId="0"><MS/></Obj>' + ''.join(
                f'<Obj RefId="{i}"><LST><Ref RefId="{i - 1}"/><Ref RefId="{i - 1}"/></LST></Obj>' for i in range(1, 60)) + '</LST></Obj>')),
            ('a line without end', 'longer than', lambda h: h.write('<' * (2 << 20)))):
        h = Client(host, host, 'holdfast psrp').open()
        try:
            act(h)
        except BrokenPipeError:
            pass
        said = h.refused()
        says(f'{what}: {said.strip()}', words in said, said)


main(sys.argv[1])
