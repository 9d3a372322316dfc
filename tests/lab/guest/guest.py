#!/usr/bin/env python3
"""guest.py — judging the test guest from outside.

  guest.py verify IMAGE [--flushed N]    IMAGE raw, or - for a stream; prints one line, exit 1 when a record is missing
  guest.py set IMAGE KEY=VALUE…          what the guest shall do when it starts (mode, tick, batch, pause, dirty, rate, marker, devices, address)
  guest.py gap                           serial lines on stdin; prints the longest time without a tick, in ms, as JSON

The layout is tests/lab/guest/record.h.  --flushed is the last number the guest said was flushed (`F n`): whatever the
disk says itself, no record up to that number may be missing or torn.
"""
import json
import re
import struct
import sys
import time
import zlib

RECORD, CONFIG_AT, RECORDS_AT, MAGIC, BATCH = 4096, 1044480, 32 << 20, 0x3130434552534648, 64
HEAD = struct.Struct('<QQQQII')


def read_records(stream):
    """{number: flushed} of every whole record, and how many slots there are."""
    left = RECORDS_AT
    while left:
        piece = stream.read(min(left, 1 << 20))
        if not piece:
            raise SystemExit('the image ends before its records begin')
        left -= len(piece)
    found, slots = {}, 0
    bad = {}
    while True:
        block = stream.read(RECORD)
        if len(block) < RECORD:
            break
        magic, number, flushed, _, _, crc = HEAD.unpack_from(block)
        if magic == MAGIC and zlib.crc32(block[:36] + b'\0\0\0\0' + block[40:]) == crc:
            if number != 0:
                found[number] = (slots, flushed)
        elif any(block[:40]):
            bad[slots] = number
        slots += 1
    for number, (slot, _) in found.items():
        if number % slots != slot:
            raise SystemExit(f'bad: record {number} lies in slot {slot}, not in {number % slots}')
    return {number: flushed for number, (_, flushed) in found.items()}, slots, bad


def verify(path, said):
    with (sys.stdin.buffer if path == '-' else open(path, 'rb')) as stream:
        found, slots, bad = read_records(stream)
    flushed = max([said, *found.values()])
    last = max(found, default=0)
    if last < flushed:
        return f'bad: {flushed} was flushed, the last record is {last}'
    for number in range(max(1, last - slots + 1), flushed + 1):
        if number in found or number + slots in found:
            continue
        # its slot may be torn by a successor that was being written and never flushed
        if flushed < number + slots <= flushed + BATCH:
            continue
        slot = number % slots
        return f'bad: record {number} (slot {slot}) is {"torn" if slot in bad else "missing"}; flushed {flushed}'
    return f'ok: last {last}, flushed {flushed}, {len(found)} records, {slots} slots'


def configure(path, settings):
    text = ''.join(s + '\n' for s in settings).encode()
    with open(path, 'r+b') as image:
        image.seek(CONFIG_AT)
        image.write(text.ljust(RECORD, b'\0'))


def gap():
    longest, longest_guest, before, before_guest, ticks, flushed = 0.0, 0, None, None, 0, 0
    for line in sys.stdin.buffer:
        now = time.monotonic() * 1000
        if m := re.match(rb'F (\d+)', line):
            flushed = int(m[1])
        if not (m := re.match(rb'T (\d+)', line)):
            continue
        guest = int(m[1])
        if before is not None:
            longest = max(longest, now - before)
            longest_guest = max(longest_guest, guest - before_guest)
        before, before_guest, ticks = now, guest, ticks + 1
    print(json.dumps({'ticks': ticks, 'longest_ms': round(longest, 1), 'longest_guest_ms': longest_guest,
                      'flushed': flushed}))


def main(argv):
    match argv:
        case ['verify', path]:
            result = verify(path, 0)
        case ['verify', path, '--flushed', number]:
            result = verify(path, int(number))
        case ['set', path, *settings]:
            return configure(path, settings)
        case ['gap']:
            return gap()
        case _:
            raise SystemExit(__doc__)
    print(result)
    sys.exit(0 if result.startswith('ok') else 1)


main(sys.argv[1:])
