/* Select-Object: which objects go on, and which of their properties. */
#include "appliance/command/utility.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/invocation.h"
#include "appliance/command/object.h"

/* ---- Select-Object ------------------------------------------------------------------------------ */

static int select_name(sd_json_variant *object, const char *wanted, sd_json_variant **to) {
        sd_json_variant *value = object_property(object, wanted);
        auto_(sd_json_variant_unrefp) sd_json_variant *null = NULL;
        if (!value && sd_json_variant_new_null(&null) < 0)
                return -1;
        return sd_json_variant_set_field(to, wanted, value ? value : null);
}

static int select_pattern(sd_json_variant *object, const char *pattern, sd_json_variant **to) {
        if (!text_has_wildcard(pattern))
                return select_name(object, pattern, to);
        for (size_t i = 0; i + 1 < sd_json_variant_elements(object); i += 2) {
                const char *name = sd_json_variant_string(sd_json_variant_by_index(object, i));
                if (*name != '$' && text_matches_wildcard(name, pattern) && select_name(object, name, to) < 0)
                        return -1;
        }
        return 0;
}

static int emit_selected(Invocation *invocation, sd_json_variant *object, Error *err) {
        auto_(sd_json_variant_unrefp) sd_json_variant *selected = NULL;
        sd_json_variant *type = sd_json_variant_is_object(object) ? sd_json_variant_by_key(object, "$type") : NULL;
        const char *was = type && sd_json_variant_is_string(type) ? sd_json_variant_string(type) : "";
        char name[RECORD_NAME_MAX + 16];

        (void)snprintf(name, sizeof name, "Selected.%.90s", text_starts_nocase(was, "Selected.") ? was + 9 : was);
        int r = sd_json_variant_set_field_string(&selected, "$type", name);
        for (size_t i = 0; r >= 0 && i < invocation_count(invocation, "Property"); i++) {
                sd_json_variant *pattern = invocation_item(invocation, "Property", i);
                if (!sd_json_variant_is_string(pattern))
                        return error_set(err, ERROR_UNSUPPORTED, 0,
                                         "Select-Object takes property names here, not calculated "
                                         "properties");
                r = select_pattern(object, sd_json_variant_string(pattern), &selected);
        }
        return r < 0 ? error_oom(err) : invocation_emit(invocation, take_ptr(selected), err);
}

static int emit_expanded(Invocation *invocation, sd_json_variant *object, const char *name, Error *err) {
        sd_json_variant *value = object_property(object, name);
        Error missing = { 0 };

        if (!value) {
                (void)error_set(&missing, ERROR_INVALID, 0, "Property \"%s\" cannot be found.", name);
                invocation_error(invocation, &missing, "", "ExpandPropertyNotFound");
                return 0;
        }
        if (sd_json_variant_is_null(value))
                return 0;
        if (!sd_json_variant_is_array(value))
                return invocation_emit(invocation, sd_json_variant_ref(value), err);
        for (size_t i = 0; i < sd_json_variant_elements(value); i++)
                if (invocation_emit(invocation, sd_json_variant_ref(sd_json_variant_by_index(value, i)), err) < 0)
                        return -1;
        return 0;
}

static int emit_one(Invocation *invocation, sd_json_variant *object, Error *err) {
        const char *expand = invocation_string(invocation, "ExpandProperty");
        if (expand)
                return emit_expanded(invocation, object, expand, err);
        if (invocation_has(invocation, "Property"))
                return emit_selected(invocation, object, err);
        return invocation_emit(invocation, sd_json_variant_ref(object), err);
}

static int run_select(Invocation *invocation, Error *err) {
        sd_json_variant *object = invocation_value(invocation, "InputObject");
        uint64_t skip = invocation_unsigned(invocation, "Skip", 0),
                 first = invocation_unsigned(invocation, "First", UINT64_MAX);
        uint64_t number = invocation->counter++;

        if (!object)
                return 0;
        if (invocation_has(invocation, "Last"))
                return invocation_collect(invocation, object, err);
        if (number < skip)
                return 0;
        if (number - skip < first && emit_one(invocation, object, err) < 0)
                return -1;
        if (first != UINT64_MAX && number + 1 - skip >= first)
                invocation_enough(invocation);
        return 0;
}

static int end_select(Invocation *invocation, Error *err) {
        size_t count;
        sd_json_variant **objects = invocation_collected(invocation, &count);
        uint64_t last = invocation_unsigned(invocation, "Last", 0),
                 skip = invocation_unsigned(invocation, "Skip", 0);

        count = skip < count ? count - (size_t)skip : 0;        /* with -Last, -Skip counts from the end */
        for (size_t i = count > last ? count - (size_t)last : 0; i < count; i++)
                if (emit_one(invocation, objects[i], err) < 0)
                        return -1;
        return 0;
}

const Command command_select_object = {
        .name = "Select-Object",
        .module = "Microsoft.PowerShell.Utility",
        .aliases = "select",
        .synopsis = "Selects properties of objects, or the first or last objects.",
        .role = ROLE_READER,
        .parameters = (const Parameter[]){ { "Property", "Object[]", NULL, PARAMETER_WILDCARD, NULL,
                                             "Names of the properties to keep." },
                                           { "ExpandProperty", "String", NULL, 0, NULL,
                                             "Gives the value of this property instead of the object." },
                                           { "First", "Int32", NULL, 0, NULL,
                                             "Only so many from the start; what is in front of it stops then." },
                                           { "Last", "Int32", NULL, 0, NULL, "Only so many from the end." },
                                           { "Skip", "Int32", NULL, 0, NULL, "Leaves out so many." },
                                           { "InputObject", "PSObject", NULL, PARAMETER_PIPELINE_BY_VALUE, NULL,
                                             "The object; comes from the pipeline." },
                                           { NULL } },
        .sets = (const ParameterSet[]){ { "DefaultParameter", NULL, "Property",
                                          "ExpandProperty,First,Last,Skip,InputObject" },
                                        { NULL } },
        .refused = "ExcludeProperty,Unique,CaseInsensitive,SkipLast,Index,SkipIndex,Wait",
        .run = run_select,
        .end = end_select,
};
