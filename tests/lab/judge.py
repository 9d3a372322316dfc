#!/usr/bin/env python3
"""judge.py — what the file server and the receipts say, for demo and cases; runs inside a file server.

  judge.py writer FILE ACCOUNT       exactly one open of FILE may write, and it is ACCOUNT's
  judge.py writers FILE              the accounts of all opens that may write, one a line
  judge.py receipts FOLDER COUNT     COUNT receipts, each of a move that left the disks where and what they were
  judge.py print FOLDER              the receipts as one JSON array, oldest first
"""
import json
import os
import pathlib
import subprocess
import sys

WRITES = 0x2 | 0x4 | 0x40000 | 0x80000 | 0x40000000 | 0x10000000   # data, append, DACL, owner; generic write and all


def writers(path):
    """Accounts of the opens of a file that may change its data, as smbd itself lists them."""
    status = json.loads(subprocess.run(['smbstatus', '--json'], capture_output=True, text=True, check=True).stdout)
    sessions = {s['session_id']: s['username'] for s in status.get('sessions', {}).values()}
    pids = {s['server_id']['pid']: s['username'] for s in status.get('sessions', {}).values()}
    found = []
    for name, entry in (status.get('open_files') or {}).items():
        if os.path.join(entry.get('service_path', ''), entry.get('filename', '')) != path and name != path:
            continue
        for one in entry['opens'].values():
            if int(one['access_mask']['hex'], 16) & WRITES:
                found.append(pids.get(one['server_id']['pid'], sessions.get(one.get('session_id'), 'nobody known')))
    return found


def receipts(folder):
    return [json.loads(p.read_text()) for p in sorted(pathlib.Path(folder).glob('*.json'))]


def judge_receipts(folder, count):
    all_of_them = receipts(folder)
    if len(all_of_them) != count:
        return f'there are {len(all_of_them)} receipts, not {count}'
    identities = set()
    for one in all_of_them:
        for disk in one['Disks']:
            identities.add((disk['Path'].lower(), str(disk['FileId']), str(disk['VolumeId'])))
            if disk['BytesMoved'] != 0:
                return f'{disk["Path"]}: {disk["BytesMoved"]} bytes of disk moved'
        if not one['Disks']:
            return 'a receipt names no disk'
    if len(identities) != len(all_of_them[0]['Disks']):
        return f'the disk is not the same file: {sorted(identities)}'
    print('; '.join(f'{one["SourceHost"]} → {one["DestinationHost"]} in {one["DurationMs"]} ms, down {one["DowntimeMs"]} ms'
                    for one in all_of_them))
    return None


def main(argv):
    wrong = None
    match argv:
        case ['writer', path, account]:
            found = writers(path)
            if [a.lower() for a in found] != [account.lower()]:
                wrong = f'writers of {path}: {found or "none"}, wanted {account} alone'
            else:
                print(found[0])
        case ['writers', path]:
            print('\n'.join(writers(path)))
        case ['receipts', folder, count]:
            wrong = judge_receipts(folder, int(count))
        case ['print', folder]:
            print(json.dumps(receipts(folder), indent=2))
        case _:
            wrong = __doc__
    if wrong:
        sys.exit(wrong)


main(sys.argv[1:])
