/* -ComputerName, and objects that know where they are from: what goes to which host, and what comes back. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/command/elsewhere.h"
#include "appliance/command/object.h"
#include "tests/unit/command/fixture.h"

#define P "progress: Echoing 50\n"
#define GET ",Microsoft.HyperV.PowerShell.Commands.GetVM: "
#define FAR "error: ResourceUnavailable: Unreachable"

static const struct { const char *why, *text, *result; } rows[] = {
        { "this host by its name", "Get-VM db01 -ComputerName hv1 | % Name", "output: db01\n" },
        { "another host", "Get-VM db01 -ComputerName hv2 | % ComputerName", "output: HV2\n" },
        { "its full name", "Get-VM db01 -ComputerName hv2.lab.test | % ComputerName", "output: HV2\n" },
        { "several, each once", "Get-VM db01,web01 -ComputerName hv2,hv1,HV2 | % Name",
          "output: db01\noutput: web01\noutput: db01\noutput: web01\n" },
        { "an error of one, the others go on", "Get-VM db01,no -ComputerName hv2,hv3 -ErrorAction Continue | % ComputerName",
          "output: HV2\nerror: InvalidArgument: InvalidParameter" GET "Hyper-V was unable to find a virtual machine with name \"no\".\n"
          "output: HV3\nerror: InvalidArgument: InvalidParameter" GET "Hyper-V was unable to find a virtual machine with name \"no\".\n" },
        { "a host that does not answer", "Get-VM db01 -ComputerName x9,hv2 | % ComputerName",
          FAR GET "The operation on computer 'x9' failed: nobody answers\noutput: HV2\n" },
        { "silenced", "Get-VM db01 -ComputerName x9,hv2 -ea SilentlyContinue | % ComputerName", "output: HV2\n" },
        { "stopped", "Get-VM no,db01 -ComputerName hv2,hv3 -ea Stop; Get-VM", "error: InvalidArgument: InvalidParameter" GET
          "Hyper-V was unable to find a virtual machine with name \"no\".\n" },
        { "a preference goes along", "$ErrorActionPreference = 'SilentlyContinue'; Get-VM no,db01 -ComputerName hv2 | % Name",
          "state: System.Collections.Hashtable\noutput: db01\n" },
        { "no host", "Get-VM -ComputerName ''", "error: InvalidArgument: InvalidParameter" GET "-ComputerName wants names of hosts\n" },
        { "too many", "Get-VM -ComputerName 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40,"
          "41,42,43,44,45,46,47,48,49,50,51,52,53,54,55,56,57,58,59,60,61,62,63,64,65", "error: LimitsExceeded: LimitExceeded" GET
          "a command runs on at most 64 hosts at once; name fewer\n" },

        { "values of every type arrive", "Move-VM a b -Count 3 -Size 2GB -Kind Dynamic -Generation 2 -Tags x,'y z' -Table @{a=1} -On $true "
          "-Wait 00:01:00 -Id 01234567-89ab-4cde-8f01-23456789abcd -Force -Passthru:$false -ComputerName hv2",
          P "warning: forced\noutput: [Name] Name=a DestinationHost=b Count=3 Size=2147483648 Kind=Dynamic Generation=2 Tags={x, y z} "
          "Table=System.Collections.Hashtable On=True Wait=00:01:00 Id=01234567-89ab-4cde-8f01-23456789abcd Force=True Passthru=False\n" },
        { "and are never code", "Move-VM \"a'; Get-VM\" '$(Get-VM)' -ComputerName hv2", P "output: [Name] Name=a'; Get-VM DestinationHost=$(Get-VM)\n" },
        { "What if", "Move-VM a b -ComputerName hv2 -WhatIf", "information: What if: Performing the operation \"Echo\" on target \"it\".\n" },
        { "verbose", "Move-VM a b -ComputerName hv2 -Verbose", "verbose: verbose words\n" P "output: [Name] Name=a DestinationHost=b\n" },
        { "warnings and progress can be off", "Move-VM a b -Force -ComputerName hv2 -WarningAction SilentlyContinue -ProgressAction SilentlyContinue",
          "output: [Name] Name=a DestinationHost=b Force=True\n" },

        { "objects go to where they are from", "Get-VM db01 -ComputerName hv1,hv3 | Move-VM -DestinationHost hv2",
          P "output: [VM] VM=db01 DestinationHost=hv2\n" P "output: [VM] VM=db01 DestinationHost=hv2\n" },
        { "also to one that is gone", "$v = Get-VM db01 -ComputerName hv3; Get-VM web01 | Move-VM -DestinationHost hv2",
          "state: System.Collections.Hashtable\n" P "output: [VM] VM=web01 DestinationHost=hv2\n" },
        { "not both", "Move-VM -VM (Get-VM db01) hv2 -ComputerName hv3", "error: InvalidArgument: AmbiguousParameterSet,"
          "Microsoft.HyperV.PowerShell.Commands.MoveVM: Parameter set cannot be resolved using the specified named parameters. One or more "
          "parameters issued cannot be used together or an insufficient number of parameters were provided.\n" },
        { "enough is enough", "Get-VM -ComputerName hv2,hv3 | select -First 2 | % ComputerName", "output: HV2\noutput: HV2\n" },
        { "into a variable", "$v = Get-VM -ComputerName hv2,hv3; $v.Count", "state: System.Collections.Hashtable\noutput: 6\n" },
};

static void test_rows(void **state) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                auto_free char *result = fixture_run_on_site(rows[i].text);
                if (strcmp(result, rows[i].result) != 0)
                        fail_msg("%s:\n%s\ngave\n%s\nnot\n%s", rows[i].why, rows[i].text, result, rows[i].result);
        }
}

/* A text that another host brings: only what has -ComputerName, and it goes no further. */
static void test_from_host(void **state) {
        static const struct { const char *text, *says; } refused[] = {
                { "Stop-VM", "cannot be run from another host" },
                { "Get-VM | Write-Output", "cannot be run from another host" },
                { "$x = Get-VM; Stop-VM $x", "cannot be run from another host" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
                Batch *batch = NULL;
                ErrorRecord record = { 0 };
                const BatchText text = { .text = refused[i].text, .role = ROLE_ADMINISTRATOR, .from_host = true };
                assert_int_equal(batch_new(&fixture_table, &text, &batch, &record), -1);
                if (record.kind != ERROR_DENIED || !strstr(record.message, refused[i].says))
                        fail_msg("%s: %s", refused[i].text, record.message);
        }
        auto_free char *further = fixture_run("Get-VM -ComputerName hv2", ROLE_ADMINISTRATOR);
        assert_non_null(strstr(further, "goes on to no third one"));
}

/* Whatever another host calls an error record, it becomes one that can be shown. */
static void test_record(void **state) {
        static const struct { const char *why, *json, *message, *id, *category, *exception; ErrorKind kind; } records[] = {
                { "ours", "{\"Message\":\"m\",\"FullyQualifiedErrorId\":\"I,J\",\"Category\":\"InvalidArgument\",\"Exception\":"
                  "\"System.Management.Automation.ParameterBindingException\",\"Kind\":\"Denied\"}", "m", "I,J", "InvalidArgument",
                  "System.Management.Automation.ParameterBindingException", ERROR_DENIED },
                { "nothing", "{}", "The other host reported an error without words.", "Unspecified", "NotSpecified", "VirtualizationException", ERROR_INTERNAL },
                { "no object", "[1]", "The other host reported an error without words.", "Unspecified", "NotSpecified", "VirtualizationException", ERROR_INTERNAL },
                { "what we do not know", "{\"Message\":5,\"Category\":\"Evil\",\"Exception\":\"Evil\",\"Kind\":\"None\"}",
                  "The other host reported an error without words.", "Unspecified", "NotSpecified", "VirtualizationException", ERROR_INTERNAL },
        };
        for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
                auto_(sd_json_variant_unrefp) sd_json_variant *json = NULL;
                ErrorRecord r;
                assert_true(sd_json_parse(records[i].json, 0, &json, NULL, NULL) >= 0);
                record_from_json(json, "Get-VM", &r);
                if (strcmp(r.message, records[i].message) != 0 || strcmp(r.id, records[i].id) != 0 ||
                    strcmp(r.category, records[i].category) != 0 || strcmp(r.exception, records[i].exception) != 0 ||
                    r.kind != records[i].kind || strcmp(r.activity, "Get-VM") != 0)
                        fail_msg("%s: %d %s %s %s %s", records[i].why, r.kind, r.message, r.id, r.category, r.exception);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_from_host), cmocka_unit_test(test_record) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
