#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "tests/unit/command/fixture.h"

#define MOVE ",Microsoft.HyperV.PowerShell.Commands.MoveVM: "
#define GET ",Microsoft.HyperV.PowerShell.Commands.GetVM: "
#define BAD "refused: InvalidArgument: "
#define P "progress: Echoing 50\n"

/* What binding does, and every text an administrator may search for. */
static const struct { const char *why, *text, *result; } rows[] = {
        { "positional", "Move-VM web01 hv2", P "output: [Name] Name=web01 DestinationHost=hv2\n" },
        { "named first, the rest by position", "Move-VM -Name web01 hv2", P "output: [Name] Name=web01 DestinationHost=hv2\n" },
        { "named behind", "Move-VM hv2 -Name web01", P "output: [Name] Name=web01 DestinationHost=hv2\n" },
        { "without case, by prefix", "move-vm WEB -dest HV", P "output: [Name] Name=WEB DestinationHost=HV\n" },
        { "alias", "Move-VM -VMName a -DestinationHost b", P "output: [Name] Name=a DestinationHost=b\n" },
        { "a command's alias", "gvm db01 | Select-Object -ExpandProperty Name", "output: db01\n" },
        { "a number as name keeps its text", "Move-VM 007 b", P "output: [Name] Name=007 DestinationHost=b\n" },
        { "a number in a list of names too", "Move-VM a b -Tags 01,x", P "output: [Name] Name=a DestinationHost=b Tags={01, x}\n" },
        { "sizes", "Move-VM a b -SizeBytes 4GB", P "output: [Name] Name=a DestinationHost=b Size=4294967296\n" },
        { "text to number", "Move-VM a b -Size '0x10'", P "output: [Name] Name=a DestinationHost=b Size=16\n" },
        { "rounding is to even", "Move-VM a b -Count 2.5", P "output: [Name] Name=a DestinationHost=b Count=2\n" },
        { "enumeration by prefix", "Move-VM a b -Kind dyn", P "output: [Name] Name=a DestinationHost=b Kind=Dynamic\n" },
        { "one value for an array", "Move-VM a b -Tags x", P "output: [Name] Name=a DestinationHost=b Tags={x}\n" },
        { "boolean", "Move-VM a b -On $false", P "output: [Name] Name=a DestinationHost=b On=False\n" },
        { "time span", "Move-VM a b -Wait 1:30", P "output: [Name] Name=a DestinationHost=b Wait=01:30:00\n" },
        { "guid", "Move-VM a b -Id '{00112233-4455-6677-8899-AABBCCDDEEFF}'",
          P "output: [Name] Name=a DestinationHost=b Id=00112233-4455-6677-8899-aabbccddeeff\n" },
        { "switch off", "Move-VM a b -Passthru:$false", P "output: [Name] Name=a DestinationHost=b Passthru=False\n" },
        { "warning, verbose", "Move-VM a b -Force -Verbose", "verbose: verbose words\n" P "warning: forced\n"
          "output: [Name] Name=a DestinationHost=b Force=True\n" },
        { "quiet", "Move-VM a b -Force -wa Sil -ProgressAction ignore", "output: [Name] Name=a DestinationHost=b Force=True\n" },
        { "what if", "Move-VM a b -wi", "information: What if: Performing the operation \"Echo\" on target \"it\".\n" },

        { "unknown command", "Get-VMM", "refused: ObjectNotFound: CommandNotFoundException: The term 'Get-VMM' is not recognized "
          "as a name of a cmdlet, function, script file, or executable program.\nCheck the spelling of the name, or if a path "
          "was included, verify that the path is correct and try again." },
        { "unknown command behind a known one", "Get-VM | Frob", "refused: ObjectNotFound: CommandNotFoundException: The term "
          "'Frob' is not recognized as a name of a cmdlet, function, script file, or executable program.\nCheck the spelling of "
          "the name, or if a path was included, verify that the path is correct and try again." },
        { "unknown parameter", "Move-VM a b -Foo", BAD "NamedParameterNotFound" MOVE "A parameter cannot be found that matches "
          "parameter name 'Foo'." },
        { "too many", "Move-VM a b c", BAD "PositionalParameterNotFound" MOVE "A positional parameter cannot be found that "
          "accepts argument 'c'." },
        { "no argument", "Move-VM a -DestinationHost", BAD "MissingArgument" MOVE "Missing an argument for parameter "
          "'DestinationHost'. Specify a parameter of type 'System.String' and try again." },
        { "a parameter is no argument", "Move-VM -Name -Force b", BAD "MissingArgument" MOVE "Missing an argument for parameter "
          "'Name'. Specify a parameter of type 'System.String' and try again." },
        { "ambiguous", "Move-VM a b -W", BAD "AmbiguousParameter" MOVE "Parameter cannot be processed because the parameter name "
          "'W' is ambiguous. Possible matches include: -Wait -WarningAction -WhatIf -WarningVariable." },
        { "twice", "Move-VM a b -Size 1 -Size 2", BAD "ParameterAlreadyBound" MOVE "Cannot bind parameter because parameter "
          "'Size' is specified more than once. To provide multiple values to parameters that can accept multiple values, use "
          "the array syntax. For example, \"-parameter value1,value2,value3\"." },
        { "missing", "Move-VM", BAD "MissingMandatoryParameter" MOVE "Cannot process command because of one or more missing "
          "mandatory parameters: Name DestinationHost." },
        { "sets that exclude each other", "Get-VM -Name a -Id 00112233-4455-6677-8899-aabbccddeeff", BAD "AmbiguousParameterSet" GET
          "Parameter set cannot be resolved using the specified named parameters. One or more parameters issued cannot be used "
          "together or an insufficient number of parameters were provided." },
        { "no number", "Move-VM a b -Count x", BAD "CannotConvertArgumentNoMessage" MOVE "Cannot bind parameter 'Count'. Cannot "
          "convert value \"x\" to type \"System.Int16\". Error: \"Input string was not in a correct format.\"" },
        { "too large", "Move-VM a b -Count 70000", BAD "CannotConvertArgumentNoMessage" MOVE "Cannot bind parameter 'Count'. Cannot "
          "convert value \"70000\" to type \"System.Int16\". Error: \"Value was either too large or too small for an Int16.\"" },
        { "negative", "Move-VM a b -Size -1", BAD "CannotConvertArgumentNoMessage" MOVE "Cannot bind parameter 'Size'. Cannot "
          "convert value \"-1\" to type \"System.UInt64\". Error: \"Value was either too large or too small for a UInt64.\"" },
        { "no such value", "Move-VM a b -Kind D", BAD "CannotConvertArgumentNoMessage" MOVE "Cannot bind parameter 'Kind'. Cannot "
          "convert value \"D\" to type \"Microsoft.Vhd.PowerShell.VhdType\". Error: \"Unable to match the identifier name D to a "
          "valid enumerator name. Specify one of the following enumerator names and try again: "
          "Unknown,Fixed,Dynamic,Differencing\"" },
        { "not in the set", "Move-VM a b -Generation 3", BAD "ParameterArgumentValidationError" MOVE "Cannot validate argument on "
          "parameter 'Generation'. The argument \"3\" does not belong to the set \"1,2\" specified by the ValidateSet attribute. "
          "Supply an argument that is in the set and then try the command again." },
        { "a list for one", "Move-VM a b -Size 1,2", BAD "CannotConvertArgument" MOVE "Cannot convert 'System.Object[]' to the type "
          "'System.UInt64' required by parameter 'Size'. Specified method is not supported." },
        { "null", "Move-VM -Name $null b", BAD "ParameterArgumentValidationErrorNullNotAllowed" MOVE "Cannot bind argument to "
          "parameter 'Name' because it is null." },
        { "empty", "Move-VM '' b", BAD "ParameterArgumentValidationErrorEmptyStringNotAllowed" MOVE "Cannot bind argument to "
          "parameter 'Name' because it is an empty string." },
        { "no boolean", "Move-VM a b -On x", BAD "ParameterArgumentTransformationError" MOVE "Cannot process argument "
          "transformation on parameter 'On'. Cannot convert value \"System.String\" to type \"System.Boolean\". Boolean "
          "parameters accept only Boolean values and numbers, such as $True, $False, 1 or 0." },
        { "switch with text", "Move-VM a b -Force:x", BAD "CannotConvertArgument" MOVE "Cannot convert 'System.String' to the type "
          "'System.Management.Automation.SwitchParameter' required by parameter 'Force'." },
        { "refused by name", "Get-VM -CimSession hv2", "refused: NotImplemented: NotSupported" GET "The parameter 'CimSession' of "
          "Get-VM is not supported by Holdfast; run the command without it." },
        { "nothing to fill here", "Get-VM -OutVariable x", "refused: NotImplemented: NotSupported" GET "The parameter 'OutVariable' of "
          "Get-VM is not supported by Holdfast; run the command without it." },
        { "no confirm where nothing changes", "Get-VM -WhatIf", BAD "NamedParameterNotFound" GET "A parameter cannot be found that "
          "matches parameter name 'WhatIf'." },

        { "objects go by value", "Get-VM db01 | Move-VM -DestinationHost hv2", P "output: [VM] VM=db01 DestinationHost=hv2\n" },
        { "names go by value", "Get-VM | Select-Object -ExpandProperty Name -First 1 | Move-VM -DestinationHost b",
          P "output: [Name] Name=web01 DestinationHost=b\n" },
        { "an object that fits nowhere", "Get-VM db01 | Select-Object CPUUsage | Get-VM",
          "error: InvalidArgument: InputObjectNotBound" GET "The input object cannot be bound to any parameters for the command "
          "either because the command does not take pipeline input or the input and its properties do not match any of the "
          "parameters that take pipeline input.\n" },
        { "a missing one in a pipeline", "Get-VM | Move-VM", BAD "MissingMandatoryParameter" MOVE "Cannot process command because "
          "of one or more missing mandatory parameters: DestinationHost." },

        { "an error of one of many", "Get-VM nope,db01 | Select-Object -ExpandProperty Name", "error: InvalidArgument: "
          "InvalidParameter,Microsoft.HyperV.PowerShell.Commands.GetVM: Hyper-V was unable to find a virtual machine with name "
          "\"nope\".\noutput: db01\n" },
        { "silenced", "Get-VM nope,db01 -ea SilentlyContinue | Select-Object -ExpandProperty Name", "output: db01\n" },
        { "stopped", "Get-VM nope,db01 -ErrorAction Stop; Get-VM", "error: InvalidArgument: "
          "InvalidParameter,Microsoft.HyperV.PowerShell.Commands.GetVM: Hyper-V was unable to find a virtual machine with name "
          "\"nope\".\n" },
        { "a terminating error ends its pipeline, not the next", "Get-VM | Stop-VM; Get-VM db01 | Select-Object -ExpandProperty Name",
          "error: InvalidOperation: InvalidState,Microsoft.HyperV.PowerShell.Commands.StopVM: the virtual machine is being moved "
          "already\noutput: db01\n" },

        { "where", "Get-VM | Where-Object State -eq running | select -exp Name", "output: web01\noutput: web02\n" },
        { "where not", "Get-VM | ? State -ne Running | select -ExpandProperty Name", "output: db01\n" },
        { "where by number", "Get-VM | where CPUUsage -gt 7 | select -exp Name", "output: web02\n" },
        { "where by time", "Get-VM | where Uptime -lt '20:00' | select -exp Name", "output: db01\noutput: web02\n" },
        { "where like", "Get-VM | where Name -like web* | select -exp Name", "output: web01\noutput: web02\n" },
        { "where true", "Get-VM | where CPUUsage | select -exp Name", "output: web01\noutput: web02\n" },
        { "where with a script block", "Get-VM | where { $_.CPUUsage -gt 5 -and $_.Name -like 'web*' } | % Name", "output: web01\noutput: web02\n" },
        { "where with or, not and parentheses", "Get-VM | ? { -not ($_.State -eq 'off') -and ($_.Name -eq 'x' -or $_.CPUUsage -lt 10) } | % { $_.Name }",
          "output: web01\n" },
        { "where -in", "Get-VM | where Name -in db01,web02 | foreach Name", "output: db01\noutput: web02\n" },
        { "a block that is no property", "Get-VM | % { $_.Name -eq 'x' }", "error: NotImplemented: NotSupported,Microsoft.PowerShell.Commands.ForEachObjectCommand: ForEach-Object takes a property here, { $_.Name }, no other script block\n" },
        { "a variable", "$v = Get-VM db01; $v.State; Move-VM $v.Name \"to $($v.Name) $v\"", "state: System.Collections.Hashtable\noutput: Off\n"
          P "output: [Name] Name=db01 DestinationHost=to db01 db01\n" },
        { "a list in a variable", "$v = Get-VM; $v.Count; $v[-1].Name; $v | % Name", "state: System.Collections.Hashtable\noutput: 3\noutput: web02\n"
          "output: web01\noutput: db01\noutput: web02\n" },
        { "parentheses", "Move-VM (Get-VM db01).Name (Get-VM (Write-Output web01)).Name", P "output: [Name] Name=db01 DestinationHost=web01\n" },
        { "nothing in a variable", "$v = Get-VM | where Name -eq x; $v | % Name; Write-Output 1", "state: System.Collections.Hashtable\noutput: 1\n" },
        { "what is deferred is bound late", "$v = 'db01'; Move-VM $v", "state: System.Collections.Hashtable\nerror: InvalidArgument: MissingMandatoryParameter" MOVE "Cannot process command because of one or "
          "more missing mandatory parameters: DestinationHost.\n" },
        { "and its commands are known before anything runs", "$v = Get-VM; Frob $v", "refused: ObjectNotFound: CommandNotFoundException: The term "
          "'Frob' is not recognized as a name of a cmdlet, function, script file, or executable program.\nCheck the spelling of "
          "the name, or if a path was included, verify that the path is correct and try again." },
        { "preferences", "$ErrorActionPreference = 'SilentlyContinue'; Get-VM x; Get-VM db01 | % Name",
          "state: System.Collections.Hashtable\noutput: db01\n" },
        { "nowhere", "$null = Get-VM; Get-VM > $null; Get-VM x 2> $null; Get-VM | Out-Null", "" },
        { "exit", "Get-VM db01 | % Name; exit 3; Get-VM", "output: db01\nstate: System.Collections.Hashtable\n" },
        { "a block of statements", "& { Write-Output 1; Write-Output 2 }; 3", "output: 1\noutput: 2\noutput: 3\n" },
        { "words", "Write-Host a 5 -Separator -; Write-Warning w; Write-Verbose v; Write-Verbose v -Verbose; Write-Error e -ErrorId Mine",
          "information: a-5\nwarning: w\nverbose: v\nerror: NotSpecified: Mine,Microsoft.PowerShell.Commands.WriteErrorCommand: e\n" },
        { "text", "Get-VM db01 | Select-Object Name | Out-String -Stream", "output: \noutput: Name\noutput: ----\noutput: db01\noutput: \n" },
        { "members", "Get-VM | Get-Member -Name S* | % Definition", "output: Microsoft.HyperV.PowerShell.VMState State {get;}\noutput: System.String Status {get;}\n" },
        { "completion of a command", "(TabExpansion2 'Get-VM | Move-').CompletionMatches | % CompletionText", "output: Move-VM\n" },
        { "of a parameter", "(TabExpansion2 'Move-VM -Dest' 13).CompletionMatches.CompletionText", "output: -DestinationHost\n" },
        { "of a value", "(TabExpansion2 'Move-VM -Kind Dy').CompletionMatches | % CompletionText", "output: Dynamic\n" },
        { "what clients ask for", "Get-FormatData -TypeName * -PowerShellVersion 7.6.9 | Measure-Object | % Count; Clear-Host; Exit-PSSession", "output: 0\n" },
        { "first stops what is in front", "Get-VM | select -First 1 | select -exp Name", "output: web01\n" },
        { "last, skip", "Get-VM | select -Skip 1 | select -Last 1 -exp Name", "output: web02\n" },
        { "last before the skipped", "Get-VM | select -Last 1 -Skip 1 -exp Name", "output: db01\n" },
        { "no such property", "Get-VM db01 | select -exp Foo", "error: InvalidArgument: ExpandPropertyNotFound,"
          "Microsoft.PowerShell.Commands.SelectObjectCommand: Property \"Foo\" cannot be found.\n" },
        { "sort by time", "Get-VM | sort Uptime | select -exp Name", "output: db01\noutput: web02\noutput: web01\n" },
        { "sort by two", "Get-VM | sort State,Name -Descending | select -exp Name", "output: web02\noutput: web01\noutput: db01\n" },
        { "measure", "Get-VM | measure CPUUsage -Sum -Maximum | select -exp Sum", "output: 19\n" },
        { "measure text", "Get-VM db01 | measure Name -Sum", "error: InvalidArgument: NonNumericInputObject,"
          "Microsoft.PowerShell.Commands.MeasureObjectCommand: Input object \"db01\" is not numeric.\nerror: InvalidArgument: "
          "GenericMeasurePropertyNotFound,Microsoft.PowerShell.Commands.MeasureObjectCommand: The property \"Name\" cannot be "
          "found in the input for any objects.\n" },
        { "json", "Get-VM db01 | select Name,CPUUsage,Foo | ConvertTo-Json -Compress",
          "output: {\"Name\":\"db01\",\"CPUUsage\":0,\"Foo\":null}\n" },
        { "json of several", "Get-VM | select Name -First 2 | ConvertTo-Json -Compress",
          "output: [{\"Name\":\"web01\"},{\"Name\":\"db01\"}]\n" },
        { "a command that is not there", "Get-Command Get-V?, Nope | select -exp Name", "output: Get-VM\nerror: ObjectNotFound: "
          "CommandNotFoundException: The term 'Nope' is not recognized as a name of a cmdlet, function, script file, or "
          "executable program.\nCheck the spelling of the name, or if a path was included, verify that the path is correct and "
          "try again.\n" },
};

static void test_rows(void **state) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                auto_free char *result = fixture_run(rows[i].text, ROLE_ADMINISTRATOR);
                if (strcmp(result, rows[i].result) != 0)
                        fail_msg("%s:\n%s\ngave\n%s\nnot\n%s", rows[i].why, rows[i].text, result, rows[i].result);
        }
}

static void test_roles(void **state) {
        auto_free char *reads = fixture_run("Get-VM db01 | select -exp Name", ROLE_READER);
        auto_free char *moves = fixture_run("Get-VM | Move-VM -DestinationHost b", ROLE_READER);
        assert_string_equal(reads, "output: db01\n");
        assert_non_null(strstr(moves, "refused: PermissionDenied: AccessDenied"));
        assert_non_null(strstr(moves, "You do not have the required permission to complete this task."));
}

static void test_cancel(void **state) {
        auto_free char *cut = fixture_run_cancelled("Get-VM | select -exp Name; Get-VM", 1);
        assert_string_equal(cut, "output: web01\n");
        auto_free char *sorted = fixture_run_cancelled("Get-VM nope,db01 | sort Name | select -exp Name", 1);
        assert_null(strstr(sorted, "output"));
}

static void test_secrets(void **state) {
        Batch *batch = NULL;
        ErrorRecord record;
        SecretNeed need;
        assert_int_equal(batch_new(&fixture_table,
                                   &(BatchText){ .text = "Get-VM; Move-VM a b -Credential 'LAB\\anna'",
                                                 .role = ROLE_ADMINISTRATOR },
                                   &batch, &record), 0);
        assert_true(batch_secret(batch, 0, &need));
        assert_string_equal(need.key, "1.Credential");
        assert_string_equal(need.command, "Move-VM");
        assert_string_equal(need.user, "LAB\\anna");
        assert_false(batch_secret(batch, 1, &need));
        batch_free(batch);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rows),
                cmocka_unit_test(test_roles),
                cmocka_unit_test(test_cancel),
                cmocka_unit_test(test_secrets),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
