/* Get-Command and Get-Help: the command table tells about itself. */
#include "appliance/command/utility.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/bind.h"
#include "appliance/command/convert.h"
#include "appliance/command/help.h"
#include "appliance/command/invocation.h"
#include "appliance/command/list.h"

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

/* One parameter as remoting clients want it for their proxies: .NET throws when a field is missing. */
static int add_parameter(sd_json_variant **parameters, const Parameter *p) {
        auto_(sd_json_variant_unrefp) sd_json_variant *aliases = NULL, *one = NULL;
        const char *list = p->aliases;
        char alias[LIST_NAME_MAX], type[RECORD_NAME_MAX];

        type_full_name(p->type, type);
        int r = sd_json_variant_new_array(&aliases, NULL, 0);
        while (r >= 0 && list_next(&list, alias)) {
                auto_(sd_json_variant_unrefp) sd_json_variant *text = NULL;
                r = sd_json_variant_new_string(&text, alias);
                if (r >= 0)
                        r = sd_json_variant_append_array(&aliases, text);
        }
        if (r >= 0)
                r = sd_json_build(&one, SD_JSON_BUILD_OBJECT(
                        SD_JSON_BUILD_PAIR_STRING("$type", "System.Management.Automation.ParameterMetadata"),
                        SD_JSON_BUILD_PAIR_STRING("Name", p->name), SD_JSON_BUILD_PAIR_STRING("ParameterType", type),
                        SD_JSON_BUILD_PAIR_VARIANT("Aliases", aliases), SD_JSON_BUILD_PAIR_BOOLEAN("IsDynamic", false),
                        SD_JSON_BUILD_PAIR_BOOLEAN("SwitchParameter", type_is_switch(p->type))));
        return r < 0 ? r : sd_json_variant_set_field(parameters, p->name, one);
}

/* -ShowCommandInfo: the metadata from which a client makes a proxy of the command. */
static int emit_metadata(Invocation *invocation, const Command *command, Error *err) {
        /* A proxy has these by itself; a client that does not see them all makes a plain function instead. */
        static const Parameter fill_variables[] = {
                { "ErrorVariable", "String", "ev" },     { "WarningVariable", "String", "wv" },
                { "InformationVariable", "String", "iv" }, { "OutVariable", "String", "ov" },
                { "OutBuffer", "Int32", "ob" },          { "PipelineVariable", "String", "pv" },
                { NULL },
        };
        const Parameter *lists[] = { command->parameters, common_parameters(command), fill_variables };
        auto_(sd_json_variant_unrefp) sd_json_variant *parameters = NULL;
        sd_json_variant *object = NULL;

        int r = sd_json_variant_new_object(&parameters, NULL, 0);
        for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
                for (const Parameter *p = lists[i]; r >= 0 && p->name; p++)
                        r = add_parameter(&parameters, p);
        if (r >= 0)
                r = sd_json_build(&object, SD_JSON_BUILD_OBJECT(
                        SD_JSON_BUILD_PAIR_STRING("$type", "Selected.System.Management.Automation.CmdletInfo"),
                        SD_JSON_BUILD_PAIR_STRING("Name", command->name),
                        SD_JSON_BUILD_PAIR_STRING("Namespace", command->module), SD_JSON_BUILD_PAIR_STRING("HelpUri", ""),
                        SD_JSON_BUILD_PAIR_STRING("CommandType", "Cmdlet"), SD_JSON_BUILD_PAIR_NULL("ResolvedCommandName"),
                        SD_JSON_BUILD_PAIR("OutputType", SD_JSON_BUILD_ARRAY(
                                SD_JSON_BUILD_STRING(command->output ? command->output : "System.Object"))),
                        SD_JSON_BUILD_PAIR_VARIANT("Parameters", parameters)));
        return r < 0 ? error_oom(err) : invocation_emit(invocation, object, err);
}

static int run_get_command(Invocation *invocation, Error *err) {
        int (*emit)(Invocation *, const Command *, Error *) =
                invocation_switch(invocation, "ShowCommandInfo") ? emit_metadata : emit_command;
        for (const Command *const *row = invocation_table(invocation)->rows; *row; row++) {
                const char *name = (*row)->name, *dash = strchr(name, '-');
                dash = dash ? dash : name;      /* TabExpansion2 has neither verb nor noun */
                if (wanted(invocation, "Name", name, strlen(name)) &&
                    wanted(invocation, "Module", (*row)->module, strlen((*row)->module)) &&
                    wanted(invocation, "Verb", name, (size_t)(dash - name)) &&
                    wanted(invocation, "Noun", dash + (*dash == '-'), strlen(dash + (*dash == '-'))) &&
                    emit(invocation, *row, err) < 0)
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
                        { "ShowCommandInfo", "SwitchParameter", NULL, 0, NULL,
                          "With everything a client needs to make a proxy of the command." },
                        { NULL } },
        .sets = (const ParameterSet[]){ { "CmdletSet", NULL, NULL, "Verb,Noun,Module,ShowCommandInfo" },
                                        { "AllCommandSet", NULL, "Name", "Module,ShowCommandInfo" },
                                        { NULL } },
        .refused =
                "CommandType,FullyQualifiedModule,TotalCount,Syntax,ArgumentList,All,ListImported,"
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
                { "Category", "String[]", NULL, 0, NULL, "Kinds of help; there is help for commands only." },
                { "Full", "SwitchParameter", NULL, 0, NULL, "Everything; which is what is shown in any case." },
                { NULL } },
        .sets = (const ParameterSet[]){ { "AllUsersView", NULL, "Name", "Category,Full" }, { NULL } },
        .refused = "Path,Component,Functionality,Role,Detailed,Examples,Parameter,Online,ShowWindow",
        .run = run_get_help,
};
