#include "appliance/command/help.h"

#include <string.h>

#include "appliance/base/text.h"
#include "appliance/command/bind.h"
#include "appliance/command/convert.h"
#include "appliance/command/list.h"

static const Parameter *find(const Command *command, const char *name) {
        const Parameter *p = command->parameters;
        while (p->name && !text_equal_nocase(p->name, name))
                p++;
        return p->name ? p : NULL;
}

static void put_parameter(FILE *to, const Parameter *p, bool mandatory, bool positional) {
        bool is_switch = type_is_switch(p->type);
        (void)fprintf(to, " %s%s-%s%s", mandatory ? "" : "[", positional && !is_switch ? "[" : "", p->name,
                      positional && !is_switch ? "]" : "");
        if (!is_switch)
                (void)fprintf(to, " <%s>", p->type);
        (void)fprintf(to, "%s", mandatory ? "" : "]");
}

void help_syntax(FILE *to, const Command *command, const ParameterSet *set) {
        const char *lists[] = { set->positional, set->mandatory, set->optional };
        char name[LIST_NAME_MAX];

        (void)fputs(command->name, to);
        for (size_t i = 0; i < 3; i++) {
                const char *list = lists[i];
                while (list_next(&list, name)) {
                        const Parameter *p = find(command, name);
                        if (p && !(i > 0 && list_has(set->positional, name)))
                                put_parameter(to, p, list_has(set->mandatory, name), i == 0);
                }
        }
        (void)fprintf(to, "%s [<CommonParameters>]", command->as_job    ? " [-AsJob] [-WhatIf] [-Confirm]"
                                                  : command->confirm ? " [-WhatIf] [-Confirm]"
                                                                     : "");
}

static void put_details(FILE *to, const Parameter *p) {
        if (p->aliases)
                (void)fprintf(to, "        Aliases: %s\n", p->aliases);
        if (p->values)
                (void)fprintf(to, "        Values: %s\n", p->values);
        if (p->flags & (PARAMETER_PIPELINE_BY_VALUE | PARAMETER_PIPELINE_BY_NAME))
                (void)fprintf(to, "        From the pipeline: %s%s%s\n",
                              p->flags & PARAMETER_PIPELINE_BY_VALUE ? "by value" : "",
                              (p->flags & PARAMETER_PIPELINE_BY_VALUE) && (p->flags & PARAMETER_PIPELINE_BY_NAME)
                                      ? ", "
                                      : "",
                              p->flags & PARAMETER_PIPELINE_BY_NAME ? "by property name" : "");
        if (p->flags & PARAMETER_WILDCARD)
                (void)fputs("        Takes wildcards: * ? [a-z]\n", to);
}

void help_write(FILE *to, const Command *command) {
        (void)fprintf(to, "NAME\n    %s\n\nSYNOPSIS\n    %s\n\nSYNTAX\n", command->name, command->synopsis);
        for (const ParameterSet *set = command->sets; set->name; set++) {
                (void)fputs("    ", to);
                help_syntax(to, command, set);
                (void)fputs("\n\n", to);
        }
        if (command->aliases)
                (void)fprintf(to, "ALIASES\n    %s\n\n", command->aliases);
        if (command->parameters->name)
                (void)fputs("PARAMETERS\n", to);
        for (const Parameter *p = command->parameters; p->name; p++) {
                (void)fprintf(to, "    -%s <%s>\n        %s\n", p->name, p->type, p->help ? p->help : "");
                put_details(to, p);
                (void)fputc('\n', to);
        }
        (void)fprintf(to, "OUTPUTS\n    %s\n", command->output ? command->output : "None");
        if (command->refused)
                (void)fprintf(to, "\nNOT SUPPORTED\n    %s\n", command->refused);
}
