/* What remoting clients ask for without being told to: format data, completion, an interactive session's commands. */
#include "appliance/command/utility.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/bind.h"
#include "appliance/command/convert.h"
#include "appliance/command/invocation.h"
#include "appliance/command/list.h"
#include "appliance/command/lookup.h"

#define CORE "Microsoft.PowerShell.Core"

static int run_nothing(Invocation *invocation, Error *err) {
        return 0;
}

/* No views of ours: clients show our objects by their own defaults. */
const Command command_get_formatdata = {
        .name = "Get-FormatData",
        .module = "Microsoft.PowerShell.Utility",
        .role = ROLE_READER,
        .synopsis = "Gives views for types; there are none, clients show objects by their own defaults.",
        .parameters =
                (const Parameter[]){ { "TypeName", "String[]", NULL, PARAMETER_WILDCARD, NULL, "Names of types." },
                                     { "PowerShellVersion", "Version", NULL, 0, NULL, "The client's version." },
                                     { NULL } },
        .sets = (const ParameterSet[]){ { "Default", NULL, "TypeName", "PowerShellVersion" }, { NULL } },
        .run = run_nothing,
};

const Command command_clear_host = {
        .name = "Clear-Host",
        .module = CORE,
        .aliases = "clear,cls",
        .role = ROLE_READER,
        .synopsis = "Clears the console; the client does it by itself.",
        .parameters = (const Parameter[]){ { NULL } },
        .sets = (const ParameterSet[]){ { "Default", NULL, NULL, NULL }, { NULL } },
        .run = run_nothing,
};

const Command command_exit_pssession = {
        .name = "Exit-PSSession",
        .module = CORE,
        .aliases = "exsn",
        .role = ROLE_READER,
        .synopsis = "Leaves an interactive session; the client does it by itself.",
        .parameters = (const Parameter[]){ { NULL } },
        .sets = (const ParameterSet[]){ { "Default", NULL, NULL, NULL }, { NULL } },
        .run = run_nothing,
};

/* ---- TabExpansion2 -------------------------------------------------------------------------------------- */

typedef struct Completion {
        sd_json_variant *matches; /* array */
        size_t at, size;          /* what is replaced, in UTF-16 units of the input */
} Completion;

static int add_match(Completion *c, const char *text, const char *shown, const char *kind, const char *tip) {
        return sd_json_variant_append_arrayb(
                &c->matches,
                SD_JSON_BUILD_OBJECT(
                        SD_JSON_BUILD_PAIR_STRING("$type", "System.Management.Automation.CompletionResult"),
                        SD_JSON_BUILD_PAIR_STRING("CompletionText", text),
                        SD_JSON_BUILD_PAIR_STRING("ListItemText", shown),
                        SD_JSON_BUILD_PAIR_STRING("ResultType", kind), SD_JSON_BUILD_PAIR_STRING("ToolTip", tip)));
}

static int complete_command(Completion *c, const CommandTable *table, const char *word) {
        for (const Command *const *row = table->rows; *row; row++)
                if (text_starts_nocase((*row)->name, word) &&
                    add_match(c, (*row)->name, (*row)->name, "Command", (*row)->synopsis) < 0)
                        return -1;
        return 0;
}

static int complete_parameter(Completion *c, const Command *command, const char *word) {
        const Parameter *lists[] = { command->parameters, common_parameters(command) };
        char text[RECORD_NAME_MAX], tip[RECORD_NAME_MAX];

        for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
                for (const Parameter *p = lists[i]; p->name; p++) {
                        if (!text_starts_nocase(p->name, word))
                                continue;
                        (void)snprintf(text, sizeof text, "-%.80s", p->name);
                        (void)snprintf(tip, sizeof tip, "[%.30s] %.50s", p->type, p->name);
                        if (add_match(c, text, p->name, "ParameterName", tip) < 0)
                                return -1;
                }
        return 0;
}

/* The values an enumeration or a switch-like parameter may have. */
static int complete_value(Completion *c, const Command *command, const char *parameter, const char *word) {
        ErrorRecord ignored;
        unsigned index;
        Binding b = { .command = command };
        char value[LIST_NAME_MAX];

        while (command->parameters[b.parameters].name)
                b.parameters++;
        if (parameter_lookup(command, parameter, &index, &ignored) < 0)
                return 0;
        const char *values = binding_parameter(&b, index)->values;
        while (list_next(&values, value))
                if (text_starts_nocase(value, word) && add_match(c, value, value, "ParameterValue", value) < 0)
                        return -1;
        return 0;
}

/* Blanks separate words here; quotes are not looked at: there is nothing to complete inside them. */
static int complete(Completion *c, const CommandTable *table, char *line) {
        char *segment = line, *words[4] = { NULL }; /* the command, the one before the last, the last */
        for (char *p = line; *p; p++)
                if (strchr("|;\n({&", *p))
                        segment = p + 1;
        char *last = segment, *previous = NULL;
        for (char *p = segment; *p; p++)
                if ((*p == ' ' || *p == '\t') && p[1] != ' ' && p[1] != '\t') {
                        previous = last;
                        last = p + 1;
                }
        for (char *p = segment; p < last; p++)
                if (*p == ' ' || *p == '\t')
                        *p = '\0';
        words[0] = segment;
        while (words[0] < last && *words[0] == '\0')
                words[0]++;
        c->size = strlen(last);
        c->at = (size_t)(last - line);
        if (words[0] >= last)
                return complete_command(c, table, last);
        const Command *command = command_find(table, words[0]);
        if (!command)
                return 0;
        if (*last == '-')
                return complete_parameter(c, command, last + 1);
        return previous && *previous == '-' ? complete_value(c, command, previous + 1, last) : 0;
}

static int run_tabexpansion(Invocation *invocation, Error *err) {
        const char *input = invocation_string(invocation, "inputScript");
        uint64_t column = invocation_unsigned(invocation, "cursorColumn", strlen(input));
        auto_free char *line = strndup(input, column < strlen(input) ? (size_t)column : strlen(input));
        auto_(sd_json_variant_unrefp) sd_json_variant *matches = NULL;
        sd_json_variant *result = NULL;
        Completion c = { 0 };

        int r = line ? sd_json_variant_new_array(&c.matches, NULL, 0) : -1;
        if (r >= 0)
                r = complete(&c, invocation_table(invocation), line);
        matches = c.matches;
        if (r >= 0)
                r = sd_json_build(
                        &result,
                        SD_JSON_BUILD_OBJECT(SD_JSON_BUILD_PAIR_STRING(
                                                     "$type", "System.Management.Automation.CommandCompletion"),
                                             SD_JSON_BUILD_PAIR_VARIANT("CompletionMatches", matches),
                                             SD_JSON_BUILD_PAIR_INTEGER("CurrentMatchIndex", -1),
                                             SD_JSON_BUILD_PAIR_UNSIGNED("ReplacementIndex", c.at),
                                             SD_JSON_BUILD_PAIR_UNSIGNED("ReplacementLength", c.size)));
        return r < 0 ? error_oom(err) : invocation_emit(invocation, result, err);
}

const Command command_tabexpansion = {
        .name = "TabExpansion2",
        .module = CORE,
        .role = ROLE_READER,
        .synopsis = "Completes a command line: commands, their parameters and the values of enumerations.",
        .output = "System.Management.Automation.CommandCompletion",
        .parameters =
                (const Parameter[]){
                        { "inputScript", "String", NULL, 0, NULL, "The line." },
                        { "cursorColumn", "Int32", NULL, 0, NULL, "Characters in front of the cursor." },
                        { "options", "Object", NULL, 0, NULL, "Options; none has a meaning here." },
                        { NULL } },
        .sets =
                (const ParameterSet[]){
                        { "ScriptInputSet", "inputScript", "inputScript,cursorColumn,options", NULL }, { NULL } },
        .refused = "ast,tokens,positionOfCursor",
        .run = run_tabexpansion,
};
