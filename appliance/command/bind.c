#include "appliance/command/bind.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/convert.h"
#include "appliance/command/lookup.h"
#include "appliance/command/list.h"
#include "appliance/command/object.h"

static int resolve(Binding *b, bool more_may_come, ErrorRecord *record);

void binding_clear(Binding *binding) {
        for (size_t i = 0; i < BIND_PARAMETERS_MAX; i++)
                (void)sd_json_variant_unref(binding->bound[i].value);
        *binding = (Binding){ 0 };
}

bool set_has(const ParameterSet *set, const char *parameter) {
        return list_has(set->mandatory, parameter) || list_has(set->positional, parameter) ||
               list_has(set->optional, parameter);
}

static unsigned set_count(const Command *command) {
        unsigned n = 0;
        while (command->sets[n].name)
                n++;
        assert(n > 0 && n <= 32);
        return n;
}

/* The sets in which @parameter may be given; a common one in all. */
static uint32_t sets_with(const Binding *b, unsigned parameter) {
        uint32_t sets = 0;
        for (unsigned i = 0; i < set_count(b->command); i++)
                if (parameter >= b->parameters ||
                    set_has(&b->command->sets[i], b->command->parameters[parameter].name))
                        sets |= 1U << i;
        return sets;
}

const Parameter *binding_parameter(const Binding *b, unsigned i) {
        return i < b->parameters ? &b->command->parameters[i] : &common_parameters(b->command)[i - b->parameters];
}

static int index_of(const Binding *b, const char *name) {
        for (unsigned i = 0; i < BIND_PARAMETERS_MAX; i++) {
                const Parameter *p = binding_parameter(b, i);
                if (!p->name)
                        return -1;
                if (text_equal_nocase(p->name, name))
                        return (int)i;
        }
        return -1;
}

sd_json_variant *binding_value(const Binding *binding, const char *name) {
        int i = index_of(binding, name);
        return i < 0 ? NULL : binding->bound[i].value;
}

/* PowerShell's [Mandatory] also means: neither empty nor null. */
static int check_empty(const Binding *b, unsigned i, ErrorRecord *record) {
        sd_json_variant *value = b->bound[i].value;
        const Parameter *p = binding_parameter(b, i);
        bool mandatory = false;

        for (unsigned s = 0; s < set_count(b->command); s++)
                mandatory = mandatory || list_has(b->command->sets[s].mandatory, p->name);
        if (!mandatory || !sd_json_variant_is_string(value) || *sd_json_variant_string(value))
                return 0;
        return record_binding(record, b->command, "ParameterArgumentValidationErrorEmptyStringNotAllowed",
                              "Cannot bind argument to parameter '%s' because it is an empty string.", p->name);
}

static int bind_value(Binding *b, unsigned i, const Literal *literal, ErrorRecord *record) {
        if (convert_literal(b->command, binding_parameter(b, i), literal, &b->bound[i].value, record) < 0 ||
            check_empty(b, i, record) < 0)
                return -1;
        b->line_sets &= sets_with(b, i);
        return 0;
}

static int no_set(const Binding *b, ErrorRecord *record) {
        return record_binding(
                record, b->command, "AmbiguousParameterSet",
                "Parameter set cannot be resolved using the specified named parameters. One or more "
                "parameters issued cannot be used together or an insufficient number of parameters were "
                "provided.");
}

/* -Parameter [value]; *at moves behind what was used. */
static int bind_named(Binding *b, const Stage *stage, size_t *at, ErrorRecord *record) {
        static const Literal yes = { .kind = LITERAL_TRUE };
        const Argument *argument = &stage->arguments[(*at)++];
        const Literal *literal = argument->has_value ? &argument->value : NULL;
        char type[RECORD_NAME_MAX];
        unsigned i;

        if (parameter_lookup(b->command, argument->parameter, &i, record) < 0)
                return -1;
        const Parameter *p = binding_parameter(b, i);
        if (b->bound[i].value)
                return record_binding(
                        record, b->command, "ParameterAlreadyBound",
                        "Cannot bind parameter because parameter '%s' is specified more than once. To provide "
                        "multiple values to parameters that can accept multiple values, use the array syntax. "
                        "For example, \"-parameter value1,value2,value3\".",
                        p->name);
        if (!literal && type_is_switch(p->type))
                literal = &yes;
        if (!literal && *at < stage->count && !stage->arguments[*at].parameter)
                literal = &stage->arguments[(*at)++].value;
        type_full_name(p->type, type);
        if (!literal)
                return record_binding(
                        record, b->command, "MissingArgument",
                        "Missing an argument for parameter '%s'. Specify a parameter of type '%s' and try "
                        "again.",
                        p->name, type);
        return bind_value(b, i, literal, record);
}

/* The unbound parameter at @position of the set, or -1. */
static int positional(const Binding *b, unsigned set, size_t position) {
        char name[LIST_NAME_MAX];
        if (!(b->line_sets >> set & 1) || !list_at(b->command->sets[set].positional, position, name))
                return -1;
        int i = index_of(b, name);
        return i >= 0 && !b->bound[i].value ? i : -1;
}

/* 1: bound, 0: nothing at this position takes it, -1: what would take it cannot convert it. */
static int bind_position(Binding *b, size_t position, const Literal *literal, ErrorRecord *record) {
        int first = -1;
        for (int coerce = 0; coerce <= 1; coerce++) {
                for (unsigned set = 0; set < set_count(b->command); set++) {
                        int i = positional(b, set, position);
                        if (i < 0 || (!coerce && !literal_fits(literal, binding_parameter(b, (unsigned)i))))
                                continue;
                        ErrorRecord ignored = { 0 };
                        if (bind_value(b, (unsigned)i, literal, first < 0 ? record : &ignored) == 0)
                                return 1;
                        if (b->bound[i].value)
                                return -1;      /* it converts but may not be empty */
                        first = i;
                }
        }
        return first < 0 ? 0 : -1;
}

static void argument_text(const Literal *literal, char *to, size_t size) {
        auto_(sd_json_variant_unrefp) sd_json_variant *value = literal_json(literal);
        if (literal->text)
                (void)snprintf(to, size, "%.150s", literal->text);
        else if (literal->kind == LITERAL_ARRAY)
                (void)snprintf(to, size, "System.Object[]");
        else
                object_display(value, to, size);
}

/* Several positional arguments, where one parameter takes them all as a list.  1: bound; 0: there is none such. */
static int bind_remaining(Binding *b, const Literal *const *literals, size_t count, ErrorRecord *record) {
        unsigned i = 0;
        while (i < b->parameters && !(binding_parameter(b, i)->flags & PARAMETER_REMAINING))
                i++;
        if (count < 2 || i == b->parameters || b->bound[i].value)
                return 0;
        auto_free Literal *items = calloc(count, sizeof *items);
        if (!items)
                return record_binding(record, b->command, "OutOfMemory", "There is not enough memory for the command.");
        for (size_t n = 0; n < count; n++)
                items[n] = *literals[n];        /* borrowed */
        const Literal all = { .kind = LITERAL_ARRAY, .items = items, .count = count };
        return bind_value(b, i, &all, record) < 0 ? -1 : 1;
}

static int bind_positional(Binding *b, const Literal *const *literals, size_t count, ErrorRecord *record) {
        size_t used = 0, most = 0;
        char name[LIST_NAME_MAX];
        int remaining = bind_remaining(b, literals, count, record);

        if (remaining != 0)
                return remaining < 0 ? -1 : 0;
        for (unsigned set = 0; set < set_count(b->command); set++)
                while (list_at(b->command->sets[set].positional, most, name))
                        most++;
        for (size_t position = 0; position < most && used < count; position++) {
                int r = bind_position(b, position, literals[used], record);
                if (r < 0)
                        return -1;
                used += (size_t)r;
        }
        if (used == count)
                return 0;
        char text[160];
        argument_text(literals[used], text, sizeof text);
        return record_binding(record, b->command, "PositionalParameterNotFound",
                              "A positional parameter cannot be found that accepts argument '%s'.", text);
}

int bind_line(const Command *command, const Stage *stage, bool has_input, Binding *ret, ErrorRecord *record) {
        auto_(binding_clear) Binding b = { .command = command };
        const Literal *literals[SYNTAX_ARGUMENTS_MAX];
        size_t count = 0;

        while (command->parameters[b.parameters].name)
                b.parameters++;
        b.line_sets = b.sets = set_count(command) == 32 ? UINT32_MAX : (1U << set_count(command)) - 1;
        for (size_t at = 0; at < stage->count;) {
                if (!stage->arguments[at].parameter)
                        literals[count++] = &stage->arguments[at++].value;
                else if (bind_named(&b, stage, &at, record) < 0)
                        return -1;
        }
        if (b.line_sets == 0)
                return no_set(&b, record);
        if (bind_positional(&b, literals, count, record) < 0)
                return -1;
        if (b.line_sets == 0)
                return no_set(&b, record);
        b.sets = b.line_sets;
        if (resolve(&b, has_input, record) < 0)
                return -1;
        *ret = b;
        b = (Binding){ 0 };
        return 0;
}

/* ---- mandatory parameters and the choice of the set ------------------------------------------- */

static bool from_pipeline(const Parameter *p) {
        return p->flags & (PARAMETER_PIPELINE_BY_VALUE | PARAMETER_PIPELINE_BY_NAME);
}

/* What of the set's mandatory ones is missing; with @more_may_come only what no object could bring.
 * Writes "A B " to @to. */
static bool missing(const Binding *b, unsigned set, bool more_may_come, char *to, size_t size) {
        const char *list = b->command->sets[set].mandatory;
        char name[LIST_NAME_MAX];
        size_t at = 0;

        to[0] = '\0';
        while (list_next(&list, name)) {
                int i = index_of(b, name);
                assert(i >= 0);
                if (b->bound[i].value || (more_may_come && from_pipeline(binding_parameter(b, (unsigned)i))))
                        continue;
                at += (size_t)snprintf(to + at, size - at, "%s%s", at ? " " : "",
                                       binding_parameter(b, (unsigned)i)->name);
                if (at >= size)
                        break;
        }
        return at > 0;
}

/* Chooses the first set that is complete; the default is first.  With @more_may_come it is enough that
 * objects can complete it. */
static int resolve(Binding *b, bool more_may_come, ErrorRecord *record) {
        char names[400], first_names[400] = "";

        b->set = NULL;
        for (unsigned set = 0; set < set_count(b->command); set++) {
                if (!(b->sets >> set & 1))
                        continue;
                if (!missing(b, set, more_may_come, names, sizeof names)) {
                        b->set = &b->command->sets[set];
                        return 0;
                }
                if (!*first_names)
                        memcpy(first_names, names, sizeof first_names);
        }
        return record_binding(record, b->command, "MissingMandatoryParameter",
                              "Cannot process command because of one or more missing mandatory parameters: %s.",
                              first_names);
}

/* ---- pipeline objects -------------------------------------------------------------------------- */

static sd_json_variant *property_for(const Parameter *p, sd_json_variant *object) {
        sd_json_variant *value = object_property(object, p->name);
        const char *aliases = p->aliases;
        char alias[LIST_NAME_MAX];
        while (!value && list_next(&aliases, alias))
                value = object_property(object, alias);
        return value;
}

static int bind_from(Binding *b, unsigned i, sd_json_variant *value, bool coerce) {
        ErrorRecord ignored = { 0 };
        const Parameter *p = binding_parameter(b, i);
        bool fits = object_fits(value, p) || (type_is_array(p->type) && sd_json_variant_is_array(value));
        /* An object never becomes text: Hyper-V's would give "VirtualMachine (Name = …)", which names nothing. */
        if (!coerce && !fits)
                return 0;
        if (convert_object(b->command, p, value, &b->bound[i].value, &ignored) < 0)
                return 0;
        b->bound[i].from_pipeline = true;
        b->sets &= sets_with(b, i);
        return 1;
}

/* One way of binding, over all parameters still unbound: how many took something. */
static int bind_pass(Binding *b, sd_json_variant *object, unsigned flag, bool coerce) {
        int taken = 0;
        for (unsigned set = 0; set < set_count(b->command); set++) {
                for (unsigned i = 0; i < b->parameters; i++) {
                        const Parameter *p = binding_parameter(b, i);
                        if (b->bound[i].value || !(p->flags & flag) || !(b->sets & sets_with(b, i) & 1U << set))
                                continue;
                        sd_json_variant *value =
                                flag == PARAMETER_PIPELINE_BY_NAME ? property_for(p, object) : object;
                        if (value && !sd_json_variant_is_null(value))
                                taken += bind_from(b, i, value, coerce);
                }
        }
        return taken;
}

int bind_input(Binding *b, sd_json_variant *object, ErrorRecord *record) {
        for (unsigned i = 0; i < BIND_PARAMETERS_MAX; i++) {
                if (!b->bound[i].from_pipeline)
                        continue;
                (void)sd_json_variant_unref(b->bound[i].value);
                b->bound[i] = (Bound){ 0 };
        }
        b->sets = b->line_sets;
        int taken = bind_pass(b, object, PARAMETER_PIPELINE_BY_VALUE, false);
        taken += bind_pass(b, object, PARAMETER_PIPELINE_BY_NAME, false);
        if (taken == 0)
                taken += bind_pass(b, object, PARAMETER_PIPELINE_BY_VALUE, true);
        if (taken == 0)
                taken += bind_pass(b, object, PARAMETER_PIPELINE_BY_NAME, true);
        if (taken == 0)
                return record_binding(
                        record, b->command, "InputObjectNotBound",
                        "The input object cannot be bound to any parameters for the command either because "
                        "the command does not take pipeline input or the input and its properties do not "
                        "match any of the parameters that take pipeline input.");
        return resolve(b, false, record);
}
