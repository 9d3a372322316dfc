/* -Confirm, $ConfirmPreference, -Force and questions: who is asked when, and what his answer does. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "tests/unit/command/fixture.h"

#define P "progress: Echoing 50\n"
#define ECHO "prompt: Are you sure you want to perform this action?\nPerforming the operation \"Echo\" on target \"it\".\n"
#define REMOVE(x) "prompt: Are you sure you want to perform this action?\nPerforming the operation \"Remove-VM\" on target \"" x "\".\n"
#define SURE(x) "prompt: Sure about \"" x "\"?\n"
#define STATE "state: System.Collections.Hashtable\n"
#define NOBODY "error: NotImplemented: HostFunctionNotImplemented,Microsoft.HyperV.PowerShell.Commands.RemoveVM: A command that prompts the user " \
        "failed because the host program or the command type does not support user interaction. The host was attempting to request " \
        "confirmation with the following message: "

static const struct { const char *why, *text, *answers, *result; } rows[] = {
        { "not asked", "Move-VM a b", "", P "output: [Name] Name=a DestinationHost=b\n" },
        { "yes", "Move-VM a b -Confirm", "y", ECHO P "output: [Name] Name=a DestinationHost=b\n" },
        { "no", "Move-VM a b -Confirm", "n", ECHO },
        { "yes to all", "'a','b' | Move-VM -DestinationHost c -Confirm", "Y",
          ECHO P "output: [Name] Name=a DestinationHost=c\n" P "output: [Name] Name=b DestinationHost=c\n" },
        { "no to all", "'a','b' | Move-VM -DestinationHost c -Confirm", "N", ECHO },
        { "one by one", "'a','b' | Move-VM -DestinationHost c -Confirm", "ny", ECHO ECHO P "output: [Name] Name=b DestinationHost=c\n" },
        { "to all is of one command", "Move-VM a b -Confirm; Move-VM c d -Confirm", "Nn", ECHO ECHO },
        { "What if asks nothing", "Move-VM a b -Confirm -WhatIf", "", "information: What if: Performing the operation \"Echo\" on target \"it\".\n" },
        { "a stricter preference", "$ConfirmPreference = 'Medium'; Move-VM a b", "n", STATE ECHO },
        { "and its opposite", "$ConfirmPreference = 'Low'; Move-VM a b -Confirm:$false", "", STATE P "output: [Name] Name=a DestinationHost=b\n" },

        { "a grave one asks by itself", "Remove-VM x,y", "yn", SURE("x") "output: x\n" SURE("y") },
        { "all of them", "Remove-VM x,y", "Y", SURE("x") "output: x\noutput: y\n" },
        { "none of them", "Remove-VM x,y", "N", SURE("x") },
        { "not with -Force", "Remove-VM x -Force", "", "output: x\n" },
        { "not with -Confirm:$false", "Remove-VM x -Confirm:$false", "", "output: x\n" },
        { "not with a preference", "$ConfirmPreference = 'None'; Remove-VM x", "", STATE "output: x\n" },
        { "once with -Confirm", "Remove-VM x -Confirm", "y", REMOVE("x") "output: x\n" },
        { "-Force does not silence -Confirm", "Remove-VM x -Confirm -Force", "n", REMOVE("x") },

        { "nobody there", "Remove-VM x,y; Get-VM db01 | % Name", NULL, NOBODY "Sure about \"x\"? Run the command again with -Force or "
          "-Confirm:$false.\noutput: db01\n" },
        { "nobody answers", "Remove-VM x,y", "", SURE("x") NOBODY "Sure about \"x\"? Run the command again with -Force or -Confirm:$false.\n" },

        { "for another host", "Remove-VM x,y -ComputerName hv2", "yn", SURE("x") "output: x\n" SURE("y") },
        { "for several", "Remove-VM x -ComputerName hv2,hv3", "Y", SURE("x") "output: x\noutput: x\n" },
        { "the preference goes along", "$ConfirmPreference = 'Medium'; Move-VM a b -ComputerName hv2", "n", STATE ECHO },
        { "and its absence", "$ConfirmPreference = 'None'; Remove-VM x -ComputerName hv2", "", STATE "output: x\n" },
        { "nobody for another host", "Remove-VM x -ComputerName hv2", NULL, NOBODY "Sure about \"x\"? Run the command again with -Force or "
          "-Confirm:$false.\n" },
};

static void test_rows(void **state) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                auto_free char *result = fixture_run_asked(rows[i].text, rows[i].answers);
                if (strcmp(result, rows[i].result) != 0)
                        fail_msg("%s:\n%s\ngave\n%s\nnot\n%s", rows[i].why, rows[i].text, result, rows[i].result);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
