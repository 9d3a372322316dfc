/* Get-Command and Get-Help: the command table tells about itself. */
#include "appliance/command/utility.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/help.h"
#include "appliance/command/invocation.h"

/* One of the patterns of @parameter matches; so does everything when it is not given. */
static bool wanted(const Invocation *invocation, const char *parameter, const char *text, size_t size) {
        char part[RECORD_NAME_MAX];
        size_t count = invocation_count(invocation, parameter);

        (void)snprintf(part, sizeof part, "%.*s", (int)size, text);
        for (size_t i = 0; i < count; i++)
                if (text_matches_wildcard(part, sd_json_variant_string(invocation_item(invocation, parameter, i))))
                        return true;
        return count == 0;
}

static int emit_command(Invocation *invocation, const Command *command, Error *err) {
        sd_json_variant *object = NULL;
        if (sd_json_build(&object, SD_JSON_BUILD_OBJECT(
                    SD_JSON_BUILD_PAIR_STRING("$type", "System.Management.Automation.CmdletInfo"),
                    SD_JSON_BUILD_PAIR_STRING("CommandType", "Cmdlet"),
                    SD_JSON_BUILD_PAIR_STRING("Name", command->name),
                    SD_JSON_BUILD_PAIR_STRING("Version", "2.0.0.0"),
                    SD_JSON_BUILD_PAIR_STRING("Source", command->module),
                    SD_JSON_BUILD_PAIR_STRING("Synopsis", command->synopsis))) < 0)
                return error_oom(err);
        return invocation_emit(invocation, object, err);
}

static int run_get_command(Invocation *invocation, Error *err) {
        for (const Command *const *row = invocation_table(invocation)->rows; *row; row++) {
                const char *name = (*row)->name, *dash = strchr(name, '-');
                if (wanted(invocation, "Name", name, strlen(name)) &&
                    wanted(invocation, "Module", (*row)->module, strlen((*row)->module)) &&
                    wanted(invocation, "Verb", name, (size_t)(dash - name)) &&
                    wanted(invocation, "Noun", dash + 1, strlen(dash + 1)) &&
                    emit_command(invocation, *row, err) < 0)
                        return -1;
        }
        for (size_t i = 0; i < invocation_count(invocation, "Name"); i++) {
                const char *name = sd_json_variant_string(invocation_item(invocation, "Name", i));
                ErrorRecord record;
                if (text_has_wildcard(name) || command_find(invocation_table(invocation), name))
                        continue;
                (void)record_not_a_command(&record, name);
                invocation_report(invocation, &record, false);
        }
        return 0;
}

const Command command_get_command = {
        .name = "Get-Command",
        .module = "Microsoft.PowerShell.Core",
        .aliases = "gcm",
        .synopsis = "Lists the commands of this host.",
        .role = ROLE_READER,
        .output = "System.Management.Automation.CmdletInfo",
        .parameters =
                (const Parameter[]){
                        { "Name", "String[]", NULL,
                          PARAMETER_PIPELINE_BY_VALUE | PARAMETER_PIPELINE_BY_NAME | PARAMETER_WILDCARD, NULL,
                          "Names of commands." },
                        { "Verb", "String[]", NULL, PARAMETER_WILDCARD, NULL, "Only commands with these verbs." },
                        { "Noun", "String[]", NULL, PARAMETER_WILDCARD, NULL, "Only commands with these nouns." },
                        { "Module", "String[]", "PSSnapin", PARAMETER_WILDCARD, NULL,
                          "Only commands of these modules." },
                        { NULL } },
        .sets = (const ParameterSet[]){ { "CmdletSet", NULL, NULL, "Verb,Noun,Module" },
                                        { "AllCommandSet", NULL, "Name", "Module" },
                                        { NULL } },
        .refused =
                "CommandType,FullyQualifiedModule,TotalCount,Syntax,ShowCommandInfo,ArgumentList,All,ListImported,"
                "ParameterName,ParameterType,UseFuzzyMatching,FuzzyMinimumDistance,UseAbbreviationExpansion",
        .run = run_get_command,
};

/* ---- Get-Help ----------------------------------------------------------------------------------- */

static void write_overview(FILE *to, const CommandTable *table) {
        for (const Command *const *row = table->rows; *row; row++)
                (void)fprintf(to, "%-20s %s\n", (*row)->name, (*row)->synopsis);
}

static int run_get_help(Invocation *invocation, Error *err) {
        const char *name = invocation_string(invocation, "Name");
        const Command *command = name ? command_find(invocation_table(invocation), name) : NULL;
        auto_free char *text = NULL;
        sd_json_variant *value = NULL;
        size_t size = 0;

        if (name && !command)
                return error_set(err, ERROR_NOT_FOUND, 0,
                                 "Get-Help could not find %.100s; Get-Command lists the commands.", name);
        FILE *to = open_memstream(&text, &size);
        if (!to)
                return error_oom(err);
        if (command)
                help_write(to, command);
        else
                write_overview(to, invocation_table(invocation));
        if (fclose(to) != 0 || sd_json_variant_new_string(&value, text) < 0)
                return error_oom(err);
        return invocation_emit(invocation, value, err);
}

const Command command_get_help = {
        .name = "Get-Help",
        .module = "Microsoft.PowerShell.Core",
        .synopsis = "Tells what a command does and which parameters it takes.",
        .role = ROLE_READER,
        .output = "System.String",
        .parameters = (const Parameter[]){
                { "Name", "String", NULL, PARAMETER_PIPELINE_BY_NAME, NULL, "The command." },
                { "Full", "SwitchParameter", NULL, 0, NULL, "Everything; which is what is shown in any case." },
                { NULL } },
        .sets = (const ParameterSet[]){ { "AllUsersView", NULL, "Name", "Full" }, { NULL } },
        .refused = "Path,Category,Component,Functionality,Role,Detailed,Examples,Parameter,Online,ShowWindow",
        .run = run_get_help,
};
