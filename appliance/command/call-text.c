#include "appliance/command/call-text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/convert.h"
#include "appliance/command/list.h"
#include "appliance/command/object.h"

enum { SHOWN_VALUE_MAX = 200 };

void call_text_clear(CallText *call) {
        (void)sd_json_variant_unref(call->variables);
        free(call->text);
        *call = (CallText){ 0 };
}

/* Of the row's own, and of the common ones those that are about what is done. */
static bool goes_along(const Binding *b, unsigned i) {
        const char *name = binding_parameter(b, i)->name;
        return b->bound[i].value &&
               (i < b->parameters || strcmp(name, "WhatIf") == 0 || strcmp(name, "Confirm") == 0);
}

static int write_value(FILE *to, CallText *call, const Parameter *p, sd_json_variant *value) {
        if (type_is(p->type, "SwitchParameter")) {
                (void)fprintf(to, " -%s:$%s", p->name, sd_json_variant_boolean(value) ? "true" : "false");
                return 0;
        }
        (void)fprintf(to, " -%s $__%s", p->name, p->name);
        char name[LIST_NAME_MAX + 2];
        (void)snprintf(name, sizeof name, "__%s", p->name);
        return sd_json_variant_set_field(&call->variables, name, value);
}

static void write_preferences(FILE *to, const Invocation *invocation) {
        static const char *const actions[] = { [ACTION_SILENT] = "SilentlyContinue", [ACTION_STOP] = "Stop" };
        const struct { const char *name; Action action; } all[] = { { "ErrorAction", invocation->errors },
                                                                    { "WarningAction", invocation->warnings },
                                                                    { "ProgressAction", invocation->progress } };
        for (size_t i = 0; i < ARRAY_SIZE(all); i++)
                if (all[i].action != ACTION_CONTINUE)
                        (void)fprintf(to, " -%s %s", all[i].name, actions[all[i].action]);
        if (invocation->verbose)
                (void)fputs(" -Verbose", to);
        if (invocation->command->confirm && !invocation_has(invocation, "Confirm") && invocation->confirms != IMPACT_HIGH)
                (void)fprintf(to, " -Confirm:$%s", invocation->confirms == IMPACT_BEYOND ? "false" : "true");
}

int call_text(const Invocation *invocation, const CallValues *values, CallText *ret, Error *err) {
        const Binding *b = &invocation->binding;
        size_t size = 0;
        int r = 0;
        FILE *to = open_memstream(&ret->text, &size);

        if (!to)
                return error_oom(err);
        (void)fputs(b->command->name, to);
        for (unsigned i = 0; r >= 0 && binding_parameter(b, i)->name; i++) {
                if (!goes_along(b, i) || (int)i == values->without)
                        continue;
                bool placed = values->objects && (int)i == values->placed;
                r = write_value(to, ret, binding_parameter(b, i), placed ? values->objects : b->bound[i].value);
        }
        write_preferences(to, invocation);
        return fclose(to) != 0 || r < 0 ? error_oom(err) : 0;
}

/* An object by its name; a list with commas. */
static void show_value(FILE *to, sd_json_variant *value) {
        char text[SHOWN_VALUE_MAX];
        bool list = sd_json_variant_is_array(value);
        size_t count = list ? sd_json_variant_elements(value) : 1;

        for (size_t i = 0; i < count; i++) {
                sd_json_variant *one = list ? sd_json_variant_by_index(value, i) : value;
                const char *name = sd_json_variant_is_object(one) ? object_string(one, "Name") : NULL;
                object_display(one, text, sizeof text);
                (void)fprintf(to, "%s%s", i > 0 ? "," : "", name ? name : text);
        }
}

void call_shown(const Invocation *invocation, char *to, size_t size) {
        const Binding *b = &invocation->binding;
        auto_free char *text = NULL;
        size_t length = 0;
        FILE *stream = open_memstream(&text, &length);

        (void)snprintf(to, size, "%s", b->command->name);
        if (!stream)
                return;
        (void)fputs(b->command->name, stream);
        for (unsigned i = 0; binding_parameter(b, i)->name; i++) {
                const Parameter *p = binding_parameter(b, i);
                if (!goes_along(b, i) || (p->flags & PARAMETER_SECRET))
                        continue;
                (void)fprintf(stream, " -%s", p->name);
                if (!type_is_switch(p->type)) {
                        (void)fputc(' ', stream);
                        show_value(stream, b->bound[i].value);
                }
        }
        if (fclose(stream) != 0 || !text)
                return;
        bool fits = length < size;
        (void)snprintf(to, size, "%.*s%s", (int)(fits ? length : size - sizeof "…"), text, fits ? "" : "…");
        text_mend(to);
}
