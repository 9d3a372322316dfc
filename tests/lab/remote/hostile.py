#!/usr/bin/python3
"""hostile.py WHAT HOST — clients that no administrator has: each prints 'STATUS first line of the answer'."""
import base64
import hashlib
import os
import re
import socket
import ssl
import struct
import sys
import threading
import time

import spnego
import spnego.channel_bindings

SEALED = 'multipart/encrypted;protocol="application/HTTP-SPNEGO-session-encrypted";boundary="Encrypted Boundary"'
SOAP = 'application/soap+xml;charset=UTF-8'
IDENTIFY = b'''<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"
 xmlns:i="http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"><s:Header/><s:Body><i:Identify/></s:Body></s:Envelope>'''


class Connection:
    """One TCP connection, with HTTP written by hand."""

    def __init__(self, host, tls=False, timeout=60):
        self.host, self.context = host, None
        self.socket = socket.create_connection((host, 5986 if tls else 5985), timeout=timeout)
        if tls:
            how = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            how.check_hostname, how.verify_mode = False, ssl.CERT_NONE
            self.socket = how.wrap_socket(self.socket, server_hostname=host)
        self.buffer = b''

    def send(self, body=b'', headers=(), length=None):
        head = [f'POST /wsman HTTP/1.1', f'Host: {self.host}', f'Content-Length: {len(body) if length is None else length}']
        self.socket.sendall('\r\n'.join([*head, *headers, '', '']).encode() + body)

    def receive(self):
        """(status, headers as list of (name, value), body); status 0 when the other end has closed."""
        try:
            while b'\r\n\r\n' not in self.buffer:
                more = self.socket.recv(65536)
                if not more:
                    return 0, [], b''
                self.buffer += more
            head, self.buffer = self.buffer.split(b'\r\n\r\n', 1)
            lines = head.decode().split('\r\n')
            headers = [tuple(line.split(': ', 1)) for line in lines[1:]]
            length = int(next((v for k, v in headers if k.lower() == 'content-length'), 0))
            while len(self.buffer) < length:
                more = self.socket.recv(65536)
                if not more:
                    return 0, [], b''
                self.buffer += more
            body, self.buffer = self.buffer[:length], self.buffer[length:]
            return int(lines[0].split()[1]), headers, body
        except ConnectionError:
            return 0, [], b''

    def ask(self, body=b'', headers=(), length=None):
        self.send(body, headers, length)
        return self.receive()

    def sign_in(self, target=None, binding=None):
        self.context = spnego.client(hostname=target or self.host, service='http', protocol='kerberos',
                                     channel_bindings=binding)
        token = self.context.step()
        status, headers, body = self.ask(headers=['Authorization: Negotiate ' + base64.b64encode(token).decode()])
        reply = next((v for k, v in headers if k.lower() == 'www-authenticate' and ' ' in v), None)
        if status == 200:
            self.context.step(base64.b64decode(reply.split()[1]))
        return status, body

    def seal(self, plain):
        wrapped = self.context.wrap_winrm(plain)
        return (b'--Encrypted Boundary\r\n\tContent-Type: application/HTTP-SPNEGO-session-encrypted\r\n'
                b'\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length=%d\r\n'
                b'--Encrypted Boundary\r\n\tContent-Type: application/octet-stream\r\n' % (len(plain) + wrapped.padding_length)
                + struct.pack('<I', len(wrapped.header)) + wrapped.header + wrapped.data + b'--Encrypted Boundary--\r\n')

    def open(self, body):
        data = body.split(b'Content-Type: application/octet-stream\r\n', 1)[1].rsplit(b'--Encrypted Boundary--', 1)[0]
        size = struct.unpack('<I', data[:4])[0]
        return self.context.unwrap_winrm(data[4:4 + size], data[4 + size:])

    def sealed(self, plain):
        status, headers, body = self.ask(self.seal(plain), ['Content-Type: ' + SEALED])
        if body.startswith(b'--Encrypted'):
            body = self.open(body)
        return status, headers, body


def tell(status, body):
    print(status, *body.decode(errors='replace').split('\n')[:1])


def plain(host, *headers):
    status, _, body = Connection(host).ask(headers=headers)
    tell(status, body)


def binding_of(host, other=False):
    connection = Connection(host, tls=True)
    der = connection.socket.getpeercert(binary_form=True)
    digest = hashlib.sha256(der + (b'x' if other else b'')).digest()
    return spnego.channel_bindings.GssChannelBindings(application_data=b'tls-server-end-point:' + digest)


def over_tls(host, binding):
    connection = Connection(host, tls=True)
    status, body = connection.sign_in(binding=binding)
    if status == 200:
        status, _, body = connection.ask(IDENTIFY, ['Content-Type: ' + SOAP])
        assert b'IdentifyResponse' in body, body
        print(status)
    else:
        tell(status, body)


def schemes(host):
    """Raw Kerberos under its own scheme and encryption name, and real SPNEGO."""
    connection = Connection(host)
    connection.context = spnego.client(hostname=host, service='WSMAN', protocol='kerberos')
    status, headers, _ = connection.ask(headers=['Authorization: Kerberos ' +
                                                 base64.b64encode(connection.context.step()).decode()])
    reply = next(v for k, v in headers if k.lower() == 'www-authenticate')
    connection.context.step(base64.b64decode(reply.split()[1]))
    body = connection.seal(IDENTIFY).replace(b'HTTP-SPNEGO-', b'HTTP-Kerberos-')
    answer = connection.ask(body, ['Content-Type: ' + SEALED.replace('HTTP-SPNEGO-', 'HTTP-Kerberos-')])
    print(reply.split()[0], status, answer[0], b'HTTP-Kerberos-session' in answer[2] and b'Identify' in connection.open(answer[2]))
    connection = Connection(host)
    connection.context = spnego.client(hostname=host, service='host', protocol='negotiate')
    status, headers, _ = connection.ask(headers=['Authorization: Negotiate ' +
                                                 base64.b64encode(connection.context.step()).decode()])
    reply = next(v for k, v in headers if k.lower() == 'www-authenticate')
    connection.context.step(base64.b64decode(reply.split()[1]))
    print(reply.split()[0], status, connection.sealed(IDENTIFY)[0])


def der(tag, *parts):
    body = b''.join(parts)
    size = len(body)
    return bytes([tag]) + (bytes([size]) if size < 128 else bytes([0x82, size >> 8, size & 255])) + body


def two_rounds(host):
    """A client that would like NTLM best and can Kerberos: the answer asks for the latter, on the same connection."""
    mechs = der(0x30, bytes.fromhex('060a2b06010401823702020a'), bytes.fromhex('06092a864886f712010202'))
    token = der(0x60, bytes.fromhex('06062b0601050502'),
                der(0xa0, der(0x30, der(0xa0, mechs), der(0xa2, der(0x04, b'NTLMSSP\0' + bytes(32))))))
    connection = Connection(host)
    status, headers, _ = connection.ask(headers=['Authorization: Negotiate ' + base64.b64encode(token).decode()])
    reply = next((v for k, v in headers if k.lower() == 'www-authenticate'), '')
    wants = bytes.fromhex('06092a864886f712010202') in base64.b64decode(reply.partition(' ')[2])
    print(status, 'asks for Kerberos' if wants else reply)


def denied(host):
    tell(*Connection(host).sign_in())


def other_host(host):
    """A ticket for another computer of the domain."""
    tell(*Connection(host).sign_in(target='client.lab.test'))


def many(host):
    """Twenty sign-ins with a ticket that is there already."""
    print(sum(Connection(host).sign_in()[0] == 200 for _ in range(20)))


def replay(host):
    connection = Connection(host)
    connection.sign_in()
    message = connection.seal(IDENTIFY)
    first = connection.ask(message, ['Content-Type: ' + SEALED])
    second = connection.ask(message, ['Content-Type: ' + SEALED])
    print(first[0], second[0], second[2].decode().strip())
    print('then', connection.ask(connection.seal(IDENTIFY), ['Content-Type: ' + SEALED])[0])


def reorder(host):
    connection = Connection(host)
    connection.sign_in()
    one, two = connection.seal(IDENTIFY), connection.seal(IDENTIFY)
    print(connection.ask(two, ['Content-Type: ' + SEALED])[0], end=' ')
    status, _, body = connection.ask(one, ['Content-Type: ' + SEALED])
    tell(status, body)


def elsewhere(host):
    """A message sealed on one connection, sent on another that has signed in too."""
    one, two = Connection(host), Connection(host)
    one.sign_in()
    two.sign_in()
    status, _, body = two.ask(one.seal(IDENTIFY), ['Content-Type: ' + SEALED])
    tell(status, body)


def token_again(host):
    """The same Kerberos token on a second connection."""
    header = 'Authorization: Negotiate ' + base64.b64encode(
        spnego.client(hostname=host, service='http', protocol='kerberos').step()).decode()
    print(Connection(host).ask(headers=[header])[0], end=' ')
    tell(*Connection(host).ask(headers=[header])[::2])


def changed(host):
    connection = Connection(host)
    connection.sign_in()
    message = bytearray(connection.seal(IDENTIFY))
    message[-40] ^= 1
    status, _, body = connection.ask(bytes(message), ['Content-Type: ' + SEALED])
    tell(status, body)


def framing(host):
    """Sealed bodies that are none; every one must be answered, and none may end the process."""
    bodies = [b'x', b'--Encrypted Boundary', b'--Encrypted Boundary--\r\n' * 3,
              b'--Encrypted Boundary\r\n\tContent-Type: application/octet-stream\r\n\xff\xff\xff\xff--Encrypted Boundary--\r\n',
              b'--Encrypted Boundary\r\nLength=5\r\n\tContent-Type: application/octet-stream\r\n\x10\0\0\0' + b'a' * 16 +
              b'--Encrypted Boundary--\r\n', os.urandom(60000)]
    answers = []
    for body in bodies:
        connection = Connection(host)
        connection.sign_in()
        answers.append(connection.ask(body, ['Content-Type: ' + SEALED])[0])
    print(*answers)


def xml(host):
    """Hostile envelopes, sealed as they must be."""
    bomb = b'<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">' + b''.join(
        b'<!ENTITY a%d "%s">' % (i, b'&a%d;' % (i - 1) * 10 if i else b'&a;' * 10) for i in range(9)) + b']><b>&a8;</b>'
    head = b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope">'
    cases = {
        'entities': bomb,
        'external': b'<!DOCTYPE b SYSTEM "file:///etc/passwd"><b/>',
        'utf16 doctype': '\ufeff<!DOCTYPE b [<!ENTITY a "a">]><b>&a;</b>'.encode('utf-16-le'),
        'deep': b'<a>' * 20000 + b'</a>' * 20000,
        'wide': head + b'<a/>' * 60000 + b'</s:Envelope>',
        'attributes': head + b'<a ' + b' '.join(b'a%d="x"' % i for i in range(5000)) + b'/></s:Envelope>',
        'instruction': b'<?xml version="1.0"?><?php x?><a/>',
        'cut': IDENTIFY[:-20], 'nothing': b' ', 'zero': b'\0' * 1000, 'not soap': b'<a/>',
        'no action': head + b'<s:Header/><s:Body/></s:Envelope>',
        'not understood': head + b'<s:Header><x s:mustUnderstand="true"/><a:Action xmlns:a="http://schemas.xmlsoap.org/'
                          b'ws/2004/08/addressing">http://schemas.xmlsoap.org/ws/2004/09/transfer/Get</a:Action></s:Header>'
                          b'<s:Body/></s:Envelope>',
    }
    connection = Connection(host)
    connection.sign_in()
    for name, envelope in cases.items():
        status, _, body = connection.sealed(envelope)
        print(name, status, 's:Fault' in body.decode())
    print('well', connection.sealed(IDENTIFY)[0])


def oversized(host):
    connection = Connection(host)
    connection.sign_in()
    status, _, body = connection.ask(b'', ['Content-Type: ' + SEALED], length=600 * 1024)
    tell(status, body)
    connection = Connection(host)
    connection.socket.sendall(b'POST /wsman HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')
    tell(*connection.receive()[::2])
    connection = Connection(host)
    try:
        connection.socket.sendall(b'POST /wsman HTTP/1.1\r\nHost: x\r\nX: ' + b'a' * 300000)
        status = connection.receive()[0]
    except ConnectionError:
        status = 0      # cut off before all was sent
    print('header', 'refused' if status in (0, 431) else status)


SHELL = 'http://schemas.microsoft.com/wbem/wsman/1/windows/shell'


def envelope(action, shell='', body=''):
    selector = f'<w:SelectorSet><w:Selector Name="ShellId">{shell}</w:Selector></w:SelectorSet>' if shell else ''
    return f'''<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"
 xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
 xmlns:rsp="{SHELL}"><s:Header><a:Action>{action}</a:Action><a:MessageID>uuid:1</a:MessageID>
 <w:ResourceURI>{SHELL}/cmd</w:ResourceURI><w:OperationTimeout>PT60S</w:OperationTimeout>{selector}</s:Header>
 <s:Body>{body}</s:Body></s:Envelope>'''.encode()


def hoard(host):
    """Shells full of output that nobody fetches, until the host says no; then it is all given back."""
    connection, shells, commands, refused = Connection(host), [], 0, b''
    connection.sign_in()
    body = f"<rsp:CommandLine><rsp:Command>Write-Output '{'x' * 230000}'</rsp:Command></rsp:CommandLine>"
    while not refused and len(shells) < 30:
        reply = connection.sealed(envelope('http://schemas.xmlsoap.org/ws/2004/09/transfer/Create', body='<rsp:Shell/>'))[2]
        shells.append(re.search(rb'Name="ShellId">([^<]+)', reply)[1].decode())
        for _ in range(32):
            status, _, reply = connection.sealed(envelope(SHELL + '/Command', shells[-1], body))
            if status != 200:
                refused = re.search(rb'Code="(\d+)"', reply)[1]
                break
            commands += 1
    print('refused', refused.decode(), 'after', commands)
    for shell in shells:
        connection.sealed(envelope('http://schemas.xmlsoap.org/ws/2004/09/transfer/Delete', shell))
    reply = connection.sealed(envelope('http://schemas.xmlsoap.org/ws/2004/09/transfer/Create', body='<rsp:Shell/>'))
    print('afterwards', reply[0])
    shell = re.search(rb'Name="ShellId">([^<]+)', reply[2])[1].decode()
    connection.sealed(envelope('http://schemas.xmlsoap.org/ws/2004/09/transfer/Delete', shell))


def loris(host):
    """Strangers who never finish: how long the longest of them is kept."""
    begin, open_for = time.time(), []

    def one(text):
        connection = Connection(host, timeout=90)
        try:
            for byte in text:
                connection.socket.sendall(bytes([byte]))
                time.sleep(0.7)
            connection.socket.recv(1)
        except OSError:
            pass
        open_for.append(time.time() - begin)

    texts = [b'POST /wsman HTTP/1.1\r\nHost: x\r\n' + b'X: y\r\n' * 99, b'', b'POST /wsman HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n' + b'z' * 999]
    threads = [threading.Thread(target=one, args=(text,)) for text in texts * 20]
    for thread in threads:
        thread.start()
    time.sleep(2)
    other = Connection(host)
    other.sign_in()
    print('meanwhile', other.sealed(IDENTIFY)[0])
    for thread in threads:
        thread.join()
    print('longest', round(max(open_for)))


def main():
    what, host = sys.argv[1], sys.argv[2]
    {
        'nothing': lambda: plain(host), 'basic': lambda: plain(host, 'Authorization: Basic YW5uYTp4'),
        'ntlm': lambda: plain(host, 'Authorization: Negotiate ' + base64.b64encode(
            b'NTLMSSP\0\1\0\0\0\x97\x82\x08\xe2' + bytes(24)).decode()),
        # NegTokenInit with the NTLM mechanism alone (RFC 4178 4.2.1)
        'ntlm-in-negotiate': lambda: plain(host, 'Authorization: Negotiate ' + base64.b64encode(bytes.fromhex(
            '602806062b0601050502a01e301ca00e300c060a2b06010401823702020aa20a04084e544c4d53535000')).decode()),
        'garbage': lambda: plain(host, 'Authorization: Kerberos ' + base64.b64encode(os.urandom(2000)).decode()),
        'schemes': lambda: schemes(host), 'two-rounds': lambda: two_rounds(host), 'other-host': lambda: other_host(host), 'denied': lambda: denied(host),
        'tls-bound': lambda: over_tls(host, binding_of(host)), 'tls-unbound': lambda: over_tls(host, None),
        'tls-other': lambda: over_tls(host, binding_of(host, other=True)),
        'many': lambda: many(host), 'replay': lambda: replay(host), 'reorder': lambda: reorder(host), 'elsewhere': lambda: elsewhere(host),
        'token-again': lambda: token_again(host), 'changed': lambda: changed(host), 'framing': lambda: framing(host), 'xml': lambda: xml(host),
        'hoard': lambda: hoard(host), 'oversized': lambda: oversized(host), 'loris': lambda: loris(host),
    }[what]()


if __name__ == '__main__':
    main()
