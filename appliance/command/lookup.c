#include "appliance/command/lookup.h"

#include <stdio.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/list.h"

#define PREFERENCES "SilentlyContinue,Stop,Continue,Inquire,Ignore"

#define EVERYWHERE                                                                                                 \
        { "Verbose", "SwitchParameter", "vb", 0, NULL, "Shows what the command does." },                           \
                { "Debug", "SwitchParameter", "db", 0, NULL, "Accepted; the commands have no debug messages." },   \
                { "ErrorAction", "ActionPreference",                                                               \
                  "ea",          0,                                                                                \
                  PREFERENCES,   "What happens at an error: Continue, Stop, SilentlyContinue." },                  \
                { "WarningAction", "ActionPreference", "wa", 0, PREFERENCES, "What happens at a warning." },       \
                { "InformationAction",                                                                             \
                  "ActionPreference",                                                                              \
                  "infa",                                                                                          \
                  0,                                                                                               \
                  PREFERENCES,                                                                                     \
                  "Accepted; the commands have no information messages." },                                        \
                { "ProgressAction", "ActionPreference",                                                            \
                  "proga",          0,                                                                             \
                  PREFERENCES,      "SilentlyContinue shows no progress." }

static const Parameter everywhere[] = { EVERYWHERE, { NULL } };
#define WHERE_CONFIRMED                                                                                            \
        { "WhatIf", "SwitchParameter", "wi", 0, NULL, "Says what would happen and does nothing." },                \
                { "Confirm", "SwitchParameter", "cf", 0, NULL,                                                     \
                  "Asks before anything is changed; -Confirm:$false never asks." }

static const Parameter with_confirm[] = { EVERYWHERE, WHERE_CONFIRMED, { NULL } };
static const Parameter with_job[] = {
        EVERYWHERE,
        WHERE_CONFIRMED,
        { "AsJob", "SwitchParameter", NULL, 0, NULL,
          "Returns a job at once and runs in it: Get-Job, Wait-Job, Receive-Job.  A job can ask nobody." },
        { NULL },
};
/* They fill variables, and there are none here. */
static const char variables[] =
        "ErrorVariable,WarningVariable,InformationVariable,OutVariable,OutBuffer,PipelineVariable";
static const char variable_aliases[] = "ev,wv,iv,ov,ob,pv";

const Parameter *common_parameters(const Command *command) {
        return command->as_job ? with_job : command->confirm ? with_confirm : everywhere;
}

typedef struct Search {
        const char *wanted;
        bool exact;
        int found;                      /* -1 none yet, -2 a refused one, -3 several */
        char name[LIST_NAME_MAX];       /* of the refused one */
        char matches[400];              /* " -Name -NewName" */
} Search;

static bool matches(const Search *s, const char *name) {
        return s->exact ? text_equal_nocase(name, s->wanted) : text_starts_nocase(name, s->wanted);
}

static void found(Search *s, int index, const char *name) {
        if (index >= 0 && s->found == index)
                return;                 /* its name and its alias both match */
        size_t at = strlen(s->matches);
        (void)snprintf(s->matches + at, sizeof s->matches - at, " -%s", name);
        s->found = s->found == -1 ? index : -3;
        if (index == -2)
                (void)snprintf(s->name, sizeof s->name, "%.70s", name);
}

static void search(Search *s, const Command *command) {
        Binding rows = { .command = command };
        char name[LIST_NAME_MAX];

        s->found = -1;
        while (command->parameters[rows.parameters].name)
                rows.parameters++;
        for (unsigned i = 0; binding_parameter(&rows, i)->name; i++) {
                const Parameter *p = binding_parameter(&rows, i);
                const char *aliases = p->aliases;
                bool match = matches(s, p->name);
                while (!match && list_next(&aliases, name))
                        match = matches(s, name);
                if (match)
                        found(s, (int)i, p->name);
        }
        const char *refused = command->refused, *filling = variables, *aliases = s->exact ? variable_aliases : NULL;
        while (list_next(&refused, name) || list_next(&filling, name) || list_next(&aliases, name))
                if (matches(s, name))
                        found(s, -2, name);
}

int parameter_lookup(const Command *command, const char *name, unsigned *ret_index, ErrorRecord *record) {
        Search s = { .wanted = name, .exact = true };

        search(&s, command);
        if (s.found == -1) {
                s.exact = false;
                search(&s, command);
        }
        if (s.found >= 0) {
                *ret_index = (unsigned)s.found;
                return 0;
        }
        if (s.found == -3)
                return record_binding(
                        record, command, "AmbiguousParameter",
                        "Parameter cannot be processed because the parameter name '%.60s' is ambiguous. "
                        "Possible matches include:%s.",
                        name, s.matches);
        if (s.found == -1)
                return record_binding(record, command, "NamedParameterNotFound",
                                      "A parameter cannot be found that matches parameter name '%.100s'.", name);
        (void)record_binding(record, command, "NotSupported",
                             "The parameter '%s' of %s is not supported by Holdfast; run the command without it.",
                             s.name, command->name);
        record->kind = ERROR_UNSUPPORTED;
        record->category = "NotImplemented";
        return -1;
}
