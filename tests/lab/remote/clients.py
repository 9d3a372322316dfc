#!/usr/bin/python3
"""clients.py CLIENT HOST TEXT… — unmodified remoting clients, one line of JSON for each text.

CLIENT: winrs (pypsrp's WinRS, sealed, 5985), winrs-tls (the same on 5986), pywinrm (5986), pywinrm-clear (5985),
        waiting (a long poll), shells (as many at once as TEXT says),
        psrp (pypsrp's execute_ps, sealed, 5985), psrp-tls
"""
import json
import sys


def say(**what):
    print(json.dumps(what), flush=True)


def wsman(host, tls):
    from pypsrp.wsman import WSMan
    return WSMan(host, ssl=tls, port=5986 if tls else 5985, auth='kerberos', cert_validation=False,
                 encryption='auto' if tls else 'always', operation_timeout=10, read_timeout=30)


def winrs(host, texts, tls=False):
    from pypsrp.shell import Process, SignalCode, WinRS
    with wsman(host, tls) as connection, WinRS(connection) as shell:
        for text in texts:
            process = Process(shell, text)
            process.invoke()
            process.signal(SignalCode.CTRL_C)
            say(code=process.rc, out=process.stdout.decode(), err=process.stderr.decode())


def pywinrm(host, texts, port=5986):
    import winrm
    scheme = 'https' if port == 5986 else 'http'
    session = winrm.Session(f'{scheme}://{host}:{port}/wsman', auth=(None, None), transport='kerberos',
                            server_cert_validation='ignore')
    for text in texts:
        run = session.run_ps(text[3:]) if text.startswith('ps ') else session.run_cmd(text)
        say(code=run.status_code, out=run.std_out.decode(), err=run.std_err.decode())


def psrp(host, texts, tls=False):
    from pypsrp.client import Client
    with Client(host, ssl=tls, port=5986 if tls else 5985, auth='kerberos', cert_validation=False,
                encryption='auto' if tls else 'always') as client:
        for text in texts:
            out, streams, had_errors = client.execute_ps(text)
            say(code=int(had_errors), out=out, err='\n'.join(str(e) for e in streams.error))


def shells(host, count):
    """Many WinRS shells of one user at once: who is served, who is refused and how."""
    from concurrent.futures import ThreadPoolExecutor
    from threading import Barrier
    from pypsrp.exceptions import WSManFaultError
    from pypsrp.shell import Process, WinRS
    everybody = Barrier(count)

    def one(_):
        with wsman(host, False) as connection:
            shell, result = WinRS(connection), None
            try:
                shell.open()
            except WSManFaultError as fault:
                result = f'refused {fault.code}'
            everybody.wait(60)
            if result:
                return result
            process = Process(shell, 'Get-VMHost')
            process.invoke()
            shell.close()
            return f'served {process.rc}'

    with ThreadPoolExecutor(count) as pool:
        results = list(pool.map(one, range(count)))
    for result in sorted(set(results)):
        print(result, 'times', results.count(result))


def waiting(host):
    """A long poll for which there is nothing; ends with what the client heard."""
    from pypsrp.powershell import RunspacePool
    connection = wsman(host, False)
    connection.operation_timeout = 20
    pool = RunspacePool(connection)
    pool.open()
    print('waiting', flush=True)
    try:
        pool.shell.receive('stdout')
    except Exception as error:
        print(type(error).__name__, flush=True)


def main():
    client, host, texts = sys.argv[1], sys.argv[2], sys.argv[3:]
    calls = {
        'winrs': lambda: winrs(host, texts), 'winrs-tls': lambda: winrs(host, texts, True),
        'pywinrm': lambda: pywinrm(host, texts), 'pywinrm-clear': lambda: pywinrm(host, texts, 5985),
        'shells': lambda: shells(host, int(texts[0])),
        'waiting': lambda: waiting(host),
        'psrp': lambda: psrp(host, texts), 'psrp-tls': lambda: psrp(host, texts, True),
    }
    try:
        calls[client]()
    except Exception as error:
        print(f'{type(error).__name__}: {error}', file=sys.stderr)
        sys.exit(1)


main()
