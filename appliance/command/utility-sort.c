/* Sort-Object and Measure-Object: what needs all objects first. */
#include "appliance/command/utility.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/command/invocation.h"
#include "appliance/command/object.h"
#include "appliance/command/order.h"

static int collect(Invocation *invocation, Error *err) {
        sd_json_variant *object = invocation_value(invocation, "InputObject");
        return object ? invocation_collect(invocation, object, err) : 0;
}

/* ---- Sort-Object -------------------------------------------------------------------------------- */

typedef struct Item {
        sd_json_variant *object;
        size_t index;                   /* keeps equal ones in their order */
} Item;

static int order_objects(const Invocation *invocation, sd_json_variant *a, sd_json_variant *b) {
        size_t count = invocation_count(invocation, "Property");
        for (size_t i = 0; i < count; i++) {
                sd_json_variant *item = invocation_item(invocation, "Property", i);
                const char *name = sd_json_variant_is_string(item) ? sd_json_variant_string(item) : "";
                int order = order_values(object_property(a, name), object_property(b, name),
                                         order_property_type(a, name));
                if (order != 0)
                        return order;
        }
        return count > 0 ? 0 : order_values(a, b, NULL);
}

static int order_items(const void *x, const void *y, void *userdata) {
        const Invocation *invocation = userdata;
        const Item *a = x, *b = y;
        int order = order_objects(invocation, a->object, b->object);
        if (invocation_switch(invocation, "Descending"))
                order = (order < 0) - (order > 0);
        return order ? order : (a->index > b->index) - (a->index < b->index);
}

static int end_sort(Invocation *invocation, Error *err) {
        size_t count;
        sd_json_variant **objects = invocation_collected(invocation, &count);
        auto_free Item *items = calloc(count + 1, sizeof *items);

        if (!items)
                return error_oom(err);
        for (size_t i = 0; i < count; i++)
                items[i] = (Item){ objects[i], i };
        qsort_r(items, count, sizeof *items, order_items, invocation);
        for (size_t i = 0; i < count; i++)
                if (invocation_emit(invocation, sd_json_variant_ref(items[i].object), err) < 0)
                        return -1;
        return 0;
}

const Command command_sort_object = {
        .name = "Sort-Object",
        .module = "Microsoft.PowerShell.Utility",
        .aliases = "sort",
        .synopsis = "Sorts objects by properties.",
        .role = ROLE_READER,
        .parameters =
                (const Parameter[]){ { "Property", "Object[]", NULL, 0, NULL,
                                       "Names of the properties, the most important first." },
                                     { "Descending", "SwitchParameter", NULL, 0, NULL, "The greatest first." },
                                     { "InputObject", "PSObject", NULL, PARAMETER_PIPELINE_BY_VALUE, NULL,
                                       "The object; comes from the pipeline." },
                                     { NULL } },
        .sets = (const ParameterSet[]){ { "Default", NULL, "Property", "Descending,InputObject" }, { NULL } },
        .refused = "Unique,CaseSensitive,Culture,Stable,Top,Bottom",
        .run = collect,
        .end = end_sort,
};

/* ---- Measure-Object ----------------------------------------------------------------------------- */

#define WHOLE_MAX 0x1p53                /* whole numbers up to here are exact, and are written without a fraction */

typedef struct Measure {
        uint64_t count;
        double sum, least, most;
} Measure;

static void measure_add(Measure *m, double value) {
        m->least = m->count == 0 || value < m->least ? value : m->least;
        m->most = m->count == 0 || value > m->most ? value : m->most;
        m->sum += value;
        m->count++;
}

static int measure(Invocation *invocation, const char *name, Measure *m) {
        bool numeric = invocation_switch(invocation, "Sum") || invocation_switch(invocation, "Average") ||
                       invocation_switch(invocation, "Maximum") || invocation_switch(invocation, "Minimum");
        size_t count;
        sd_json_variant **objects = invocation_collected(invocation, &count);

        for (size_t i = 0; i < count; i++) {
                sd_json_variant *value = name ? object_property(objects[i], name) : objects[i];
                Error err = { 0 };
                char text[120];

                if (!value || sd_json_variant_is_null(value))
                        continue;
                if (!numeric || sd_json_variant_is_number(value)) {
                        measure_add(m, numeric ? sd_json_variant_real(value) : 0);
                        continue;
                }
                object_display(value, text, sizeof text);
                (void)error_set(&err, ERROR_INVALID, 0, "Input object \"%s\" is not numeric.", text);
                invocation_error(invocation, &err, text, "NonNumericInputObject");
        }
        if (name && m->count == 0 && count > 0) {
                Error err = { 0 };
                (void)error_set(&err, ERROR_INVALID, 0,
                                "The property \"%s\" cannot be found in the input for any objects.", name);
                invocation_error(invocation, &err, name, "GenericMeasurePropertyNotFound");
                return 0;
        }
        return 1;
}

static int emit_measure(Invocation *invocation, const char *name, const Measure *m, Error *err) {
        sd_json_variant *ret = NULL;
        const struct { const char *name; double value; } fields[] = {
                { "Average", m->count ? m->sum / (double)m->count : 0 }, { "Sum", m->sum },
                { "Maximum", m->most }, { "Minimum", m->least },
        };
        int r = sd_json_build(&ret, SD_JSON_BUILD_OBJECT(
                    SD_JSON_BUILD_PAIR_STRING("$type", "Microsoft.PowerShell.Commands.GenericMeasureInfo"),
                    SD_JSON_BUILD_PAIR_UNSIGNED("Count", m->count)));
        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(fields); i++) {
                auto_(sd_json_variant_unrefp) sd_json_variant *value = NULL;
                double number = fields[i].value;
                if (!invocation_switch(invocation, fields[i].name) || m->count == 0)
                        r = sd_json_variant_new_null(&value);
                else if (number >= -WHOLE_MAX && number <= WHOLE_MAX && number <= trunc(number) &&
                         number >= trunc(number))
                        r = sd_json_variant_new_integer(&value, (int64_t)number);
                else
                        r = sd_json_variant_new_real(&value, number);
                if (r >= 0)
                        r = sd_json_variant_set_field(&ret, fields[i].name, value);
        }
        if (r >= 0 && name)
                r = sd_json_variant_set_field_string(&ret, "Property", name);
        if (r < 0) {
                (void)sd_json_variant_unref(ret);
                return error_oom(err);
        }
        return invocation_emit(invocation, ret, err);
}

static int end_measure(Invocation *invocation, Error *err) {
        size_t names = invocation_count(invocation, "Property");
        for (size_t i = 0; i < (names ? names : 1); i++) {
                Measure m = { 0 };
                const char *name =
                        names ? sd_json_variant_string(invocation_item(invocation, "Property", i)) : NULL;
                if (measure(invocation, name, &m) && emit_measure(invocation, name, &m, err) < 0)
                        return -1;
        }
        return 0;
}

const Command command_measure_object = {
        .name = "Measure-Object",
        .module = "Microsoft.PowerShell.Utility",
        .aliases = "measure",
        .synopsis = "Counts objects, and adds up a numeric property.",
        .role = ROLE_READER,
        .output = "Microsoft.PowerShell.Commands.GenericMeasureInfo",
        .parameters = (const Parameter[]){ { "Property", "String[]", NULL, 0, NULL, "Names of the properties." },
                                           { "Sum", "SwitchParameter", NULL, 0, NULL, "Adds the values up." },
                                           { "Average", "SwitchParameter", NULL, 0, NULL, "Their average." },
                                           { "Maximum", "SwitchParameter", NULL, 0, NULL, "The greatest." },
                                           { "Minimum", "SwitchParameter", NULL, 0, NULL, "The least." },
                                           { "InputObject", "PSObject", NULL, PARAMETER_PIPELINE_BY_VALUE, NULL,
                                             "The object; comes from the pipeline." },
                                           { NULL } },
        .sets = (const ParameterSet[]){ { "GenericMeasure", NULL, "Property",
                                          "Sum,Average,Maximum,Minimum,InputObject" },
                                        { NULL } },
        .refused = "StandardDeviation,AllStats,Line,Word,Character,IgnoreWhiteSpace",
        .run = collect,
        .end = end_measure,
};
