#!/usr/bin/python3
"""confirm.py HOST TEXT ANSWER… — runs TEXT with a host that answers PromptForChoice so, in order; says what was asked."""
import sys

from pypsrp.complex_objects import GenericComplexObject
from pypsrp.host import PSHost, PSHostUserInterface
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import WSMan


class Answers(PSHostUserInterface):
    def __init__(self, answers):
        super().__init__()
        self.answers = answers

    def PromptForChoice(self, runspace, pipeline, caption, message, choices, default_choice):
        assert all(isinstance(c, GenericComplexObject) for c in choices), choices
        print(f'asked {caption}: {message!r}', [c.extended_properties['label'] for c in choices], default_choice)
        return self.answers.pop(0)


def main():
    host, text = sys.argv[1:3]
    ui = Answers([int(a) for a in sys.argv[3:]])
    psh = PSHost(None, None, False, 'test', None, ui, '1.0')
    wsman = WSMan(host, ssl=False, port=5985, auth='kerberos', encryption='always', operation_timeout=5, read_timeout=60)
    with wsman, RunspacePool(wsman, host=psh) as pool:
        shell = PowerShell(pool)
        shell.add_script(text)
        try:
            out = shell.invoke()
        except Exception as error:      # what ended the pipeline
            out = [f'{type(error).__name__}']
        print('out', [str(o) for o in out])
        print('errors', [e.fq_error for e in shell.streams.error])


main()
