#!/usr/bin/env python3
"""layers.py CHECK SOURCE BUILD — the rules of the house that a compiler does not check.

Exit 0 when the rule holds, 1 after naming every place where it does not, 77 when it cannot be judged here.
"""
import json
import pathlib
import re
import shlex
import subprocess
import sys

# Who may include whom; a folder may always include itself.  The README's table, as data.
MAY_INCLUDE = {
    'appliance/base': [],
    'appliance/command': ['appliance/base'],
    'appliance/psrp': ['appliance/base', 'appliance/command'],
    'appliance/wsman': ['appliance/base', 'appliance/command', 'appliance/psrp'],
    'appliance/gateway': ['appliance/base', 'appliance/command', 'appliance/psrp', 'appliance/wsman'],
    'appliance/cli': ['appliance/base', 'appliance/command', 'appliance/psrp'],
    'auth': ['appliance/base'],
    'appliance/ssh': ['appliance/base', 'auth'],
    'smb/engine': ['appliance/base'],
    'smb/share': ['appliance/base', 'smb/engine'],
    'smb/disk': ['appliance/base', 'smb/engine', 'smb/share'],
    'migrate': ['appliance/base', 'auth', 'smb/engine', 'smb/share', 'smb/disk'],
    'appliance/node': ['appliance/base', 'appliance/command', 'auth', 'smb/engine', 'smb/share', 'smb/disk', 'migrate'],
}

# Mutable file-scope data that is allowed, each with its reason.
MAY_CHANGE = {
    'appliance/ssh/proof.c: proof': 'two plug-ins of libkrb5 in one thread of sshd, which gives them no other way to each other',
}


def folder_of(path):
    """The layer a path belongs to, or None."""
    return max((f for f in MAY_INCLUDE if path == f or path.startswith(f + '/')), key=len, default=None)


def sources(source):
    for folder in MAY_INCLUDE:
        for path in sorted((source / folder).rglob('*.[ch]')):
            if folder_of(path.relative_to(source).as_posix()) == folder:
                yield folder, path


def includes(source, _build):
    wrong = []
    for folder, path in sources(source):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not found:
                continue
            where = f'{path.relative_to(source)}:{number}'
            target = found[1]
            if not (source / target).exists():
                wrong.append(f'{where}: "{target}" is not a path from the top of the tree')
            elif (to := folder_of(target)) != folder and to not in MAY_INCLUDE[folder]:
                wrong.append(f'{where}: {folder} must not include {target}')
    return wrong


def commands(build):
    """(folder, source path, object path, argument list) of everything the build compiles."""
    for entry in json.loads((build / 'compile_commands.json').read_text()):
        yield entry['file'], build / entry['output'], shlex.split(entry['command'])


def headers(source, build):
    """Every header compiles alone, with the flags of a file beside it and the include paths of all files beside it."""
    flags = {}
    for file, _, arguments in commands(build):
        path = (build / file).resolve()
        if not path.is_relative_to(source):
            continue
        folder = folder_of(path.relative_to(source).as_posix())
        kept = flags.setdefault(folder, [a for a in arguments[:-1] if a not in ('-c', '-o', '-MD', '-MQ', '-MF')
                                         and not a.endswith(('.o', '.d')) and not a.startswith('-fsanitize')])
        kept += [a for a in arguments if a.startswith('-I') and a not in kept]
    wrong = []
    for folder, path in sources(source):
        if path.suffix != '.h' or folder not in flags:
            continue
        name = path.relative_to(source).as_posix()
        run = subprocess.run([*flags[folder], '-x', 'c', '-fsyntax-only', '-'], input=f'#include "{name}"\n',
                             text=True, capture_output=True, cwd=build)
        if run.returncode != 0:
            wrong.append(f'{name} does not compile alone:\n{run.stderr}')
    return wrong


def data(source, build):
    """No mutable file-scope data: constants with pointers (.data.rel.ro) are fine, .data and .bss are not."""
    wrong = []
    for file, output, arguments in commands(build):
        path = (build / file).resolve()
        if any(a.startswith('-fsanitize') for a in arguments):
            print('a build with sanitizers has data of its own; run this in a plain build')
            sys.exit(77)
        if not path.is_relative_to(source) or not folder_of(path.relative_to(source).as_posix()) or not output.exists():
            continue
        table = subprocess.run(['objdump', '-t', output], text=True, capture_output=True, check=True).stdout
        for line in table.splitlines():
            found = re.match(r'[0-9a-f]+ (.{7}) (\S+)\s+([0-9a-f]+)(?: \.hidden| \.protected)? (\S+)$', line)
            if not found or 'O' not in found[1]:
                continue
            section, symbol = found[2], re.sub(r'\.\d+$', '', found[4])
            what = f'{path.relative_to(source)}: {symbol}'
            if re.match(r'\.(data|bss|tdata|tbss)(?!\.rel\.ro)|\*COM\*', section) and what not in MAY_CHANGE:
                wrong.append(f'{what} is mutable file-scope data')
    return wrong


def readmes(source, _build):
    wrong = []
    for folder in sorted({folder for folder, _ in sources(source)}):
        readme = source / folder / 'README.md'
        if not readme.exists():
            wrong.append(f'{folder} has no README.md')
        elif (lines := len(readme.read_text().splitlines())) > 40:
            wrong.append(f'{folder}/README.md has {lines} lines; 40 are enough')
    return wrong


def words(source, _build):
    wrong = []
    marks = '|'.join(['TO' + 'DO', 'FIX' + 'ME', 'X' * 3])
    for top in ['appliance', 'auth', 'smb', 'migrate', 'image', 'tests', 'meson.build', 'README.md', 'CONTRIBUTING.md']:
        top = source / top
        for path in sorted(top.rglob('*')) if top.is_dir() else [top]:
            if path.suffix not in ('.c', '.h', '.py', '.sh', '.md', '.build', '.service', '.html', '.js', '.css', ''):
                continue
            if not path.is_file() or 'corpus' in path.parts:
                continue
            for number, line in enumerate(path.read_text(errors='replace').splitlines(), 1):
                if re.search(rf'\b({marks})\b', line):
                    wrong.append(f'{path.relative_to(source)}:{number}: says what is not done; do it or file it')
    return wrong


def main():
    check, source, build = sys.argv[1], pathlib.Path(sys.argv[2]).resolve(), pathlib.Path(sys.argv[3]).resolve()
    wrong = {'includes': includes, 'headers': headers, 'data': data, 'readmes': readmes, 'words': words}[check](source, build)
    print('\n'.join(wrong) or f'{check}: holds')
    sys.exit(1 if wrong else 0)


main()
