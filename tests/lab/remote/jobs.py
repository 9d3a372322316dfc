#!/usr/bin/python3
"""jobs.py HOST VM DESTINATION life|move|leave|many — -AsJob by pypsrp: commands as jobs of one runspace; a line "what: value" each.

The machine is off at first for "life", and runs for "move" and "leave".
"""
import sys
import time

from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import WSMan


def connect(host):
    return WSMan(host, ssl=False, port=5985, auth='kerberos', encryption='always', operation_timeout=5, read_timeout=90)


class Session:
    """A runspace, and the last pipeline that ran in it."""

    def __init__(self, pool):
        self.pool = pool
        self.shell = None

    def run(self, text):
        self.shell = PowerShell(self.pool)
        self.shell.add_script(text)
        return self.shell.invoke()

    def errors(self):
        return [e.fq_error.split(',')[0] for e in self.shell.streams.error]

    def one(self, text):
        out = self.run(text)
        return out[0] if len(out) == 1 else out


def prop(item, name):
    for kind in (item.adapted_properties, item.extended_properties):
        if kind and name in kind:
            return kind[name]
    return None


def say(what, value):
    print(f'{what}: {value}', flush=True)


def eventually(what, seconds):
    end = time.time() + seconds
    while time.time() < end:
        if what():
            return True
        time.sleep(0.3)
    return False


def transfers(s):
    return 'Transfer' in str(s.one('(Get-Job 1).Progress | ForEach-Object StatusDescription'))


def life(host, vm, destination):
    wsman, other_wsman = connect(host), connect(host)
    with wsman, RunspacePool(wsman) as pool, other_wsman, RunspacePool(other_wsman) as other_pool:
        s, other = Session(pool), Session(other_pool)
        begin = time.time()
        job = s.one(f'Start-VM {vm} -AsJob')
        say('at once', time.time() - begin < 2)
        say('its type', job.types[0])
        say('job', (prop(job, 'Id'), prop(job, 'Name'), prop(job, 'PSJobTypeName'), str(prop(job, 'State')), prop(job, 'Location'),
                    prop(job, 'Command')))
        say('another session', (other.run('Get-Job'), other.run('Receive-Job 1'), other.errors()))
        say('ended', s.one('Wait-Job 1 | ForEach-Object State'))
        say('received', (s.run('Receive-Job 1'), s.errors()))
        say('the machine', s.one(f'Get-VM {vm} | ForEach-Object State'))
        job = s.one('$j = Start-VM no-such-machine -AsJob; Wait-Job $j')
        say('failed', (prop(job, 'Id'), str(prop(job, 'State')), prop(job, 'HasMoreData')))
        say('kept', (s.run('Receive-Job $j -Keep'), s.errors()))
        say('its error', (s.run('Receive-Job $j'), s.errors()))
        say('only once', (s.run('Receive-Job $j'), s.errors()))
        s.run(f'Stop-VM {vm} -TurnOff -Confirm -AsJob | Wait-Job | Receive-Job')
        say('nobody to ask', s.errors())
        s.run(f'Get-VM {vm} -AsJob')
        say('not for reading', s.errors())
    say('the end', True)


def move(host, vm, destination):
    wsman = connect(host)
    with wsman, RunspacePool(wsman) as pool:
        s = Session(pool)
        s.run(f'Move-VM {vm} {destination} -MaximumBandwidth 5 -AsJob')
        begin = time.time()
        say('not within the time', s.run('Wait-Job 1 -Timeout 2'))
        say('the time', 1 <= time.time() - begin < 8)
        say('progress', eventually(lambda: transfers(s), 40))
        say('the same move', s.one(f'Get-VMMigration {vm} -Running | ForEach-Object Phase'))
        pool.disconnect()
        time.sleep(2)
        pool.connect()
        say('after a disconnection', s.one('Get-Job | ForEach-Object State'))
        s.run('Remove-Job 1')
        say('not while it runs', s.errors())
        say('stopped', s.one('Stop-Job 1 -PassThru | ForEach-Object State'))
        say('no move', s.run(f'Get-VMMigration {vm} -Running'))

        job = s.run(f'Move-VM {vm} {destination} -Passthru -AsJob')[0]
        moved = s.one(f'Receive-Job {prop(job, "Id")} -Wait -AutoRemoveJob')
        say('moved', (prop(moved, 'Name'), moved.types[0], prop(prop(moved, 'MigrationReport'), 'Result')))
        say('its progress', any((p.percent_complete or 0) > 0 for p in s.shell.streams.progress))
        say('left', s.one('Get-Job | ForEach-Object Id'))
        # its machine is on the other host: asked from here, done there
        back = s.run(f'Move-VM {vm} {host} -ComputerName {destination} -AsJob | Wait-Job')[0]
        say('from there', (str(prop(back, 'State')), prop(back, 'Location')))
    say('the end', True)


def leave(host, vm, destination):
    """The session ends while its job is under way."""
    wsman = connect(host)
    with wsman, RunspacePool(wsman) as pool:
        s = Session(pool)
        s.run(f'Move-VM {vm} {destination} -MaximumBandwidth 5 -AsJob')
        say('under way', eventually(lambda: transfers(s), 40))


def many(host, vm, destination):
    """More than is kept, and more jobs than there may be."""
    names = ','.join(f"'no-such-machine-with-quite-a-long-name-{i}'" for i in range(4000))
    wsman = connect(host)
    with wsman, RunspacePool(wsman) as pool:
        s = Session(pool)
        s.run(f'Start-VM {names} -AsJob | Wait-Job')
        s.run('Receive-Job 1')
        say('errors', 1000 < len(s.errors()) < 4000)
        say('told', any('more records of this job were not kept' in str(w) for w in s.shell.streams.warning))
        for count in (50, 49):
            s.run('Start-VM x -AsJob;' * count)
        s.run('Start-VM x -AsJob')
        say('too many', s.errors())
        s.run('Get-Job | Wait-Job | Remove-Job')
        say('room', prop(s.run('Start-VM x -AsJob')[0], 'Id'))
    say('the end', True)


{'life': life, 'move': move, 'leave': leave, 'many': many}[sys.argv[4]](*sys.argv[1:4])
