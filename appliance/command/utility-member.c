/* ForEach-Object and Get-Member: looking into objects. */
#include "appliance/command/utility.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/condition.h"
#include "appliance/command/invocation.h"
#include "appliance/command/object.h"
#include "appliance/command/convert.h"
#include "appliance/command/types.h"

/* ---- ForEach-Object: a property of each ------------------------------------------------------------ */

static int run_foreach(Invocation *invocation, Error *err) {
        sd_json_variant *object = invocation_value(invocation, "InputObject"), *value;
        sd_json_variant *block = invocation_value(invocation, "Process");
        const char *name = block ? condition_path(block) : invocation_string(invocation, "MemberName");

        if (!name)
                return error_set(err, ERROR_UNSUPPORTED, 0,
                                 "ForEach-Object takes a property here, { $_.Name }, no other script block");
        value = object ? condition_property(object, name) : NULL;
        if (!value || sd_json_variant_is_null(value))
                return 0;
        if (!sd_json_variant_is_array(value))
                return invocation_emit(invocation, sd_json_variant_ref(value), err);
        for (size_t i = 0; i < sd_json_variant_elements(value); i++)
                if (invocation_emit(invocation, sd_json_variant_ref(sd_json_variant_by_index(value, i)), err) < 0)
                        return -1;
        return 0;
}

const Command command_foreach_object = {
        .name = "ForEach-Object",
        .module = "Microsoft.PowerShell.Core",
        .aliases = "foreach,%",
        .role = ROLE_READER,
        .synopsis = "Gives a property of each object: Get-VM | ForEach-Object Name.",
        .parameters = (const Parameter[]){ { "MemberName", "String", NULL, 0, NULL, "The property." },
                                           { "Process", "ScriptBlock", NULL, 0, NULL, "{ $_.Property }" },
                                           { "InputObject", "PSObject", NULL, PARAMETER_PIPELINE_BY_VALUE, NULL,
                                             "The object; comes from the pipeline." },
                                           { NULL } },
        .sets = (const ParameterSet[]){ { "PropertyAndMethodSet", "MemberName", "MemberName", "InputObject" },
                                        { "ScriptBlockSet", "Process", "Process", "InputObject" },
                                        { NULL } },
        .refused = "Begin,End,RemainingScripts,ArgumentList,Parallel,ThrottleLimit,TimeoutSeconds,AsJob,"
                   "UseNewRunspace",
        .run = run_foreach,
};

/* ---- Get-Member ---------------------------------------------------------------------------------------- */

static const char *value_type(sd_json_variant *value) {
        return sd_json_variant_is_string(value)    ? "string"
               : sd_json_variant_is_boolean(value) ? "bool"
               : sd_json_variant_is_integer(value) ? "long"
               : sd_json_variant_is_number(value)  ? "double"
               : sd_json_variant_is_array(value)   ? "System.Object[]"
                                                   : "System.Object";
}

static int emit_member(Invocation *invocation, const char *type, const char *property, const char *of, bool note,
                       Error *err) {
        char definition[256];
        sd_json_variant *member = NULL;
        (void)snprintf(definition, sizeof definition, "%.100s %.100s%s", of, property, note ? "" : " {get;}");
        if (sd_json_build(
                    &member,
                    SD_JSON_BUILD_OBJECT(
                            SD_JSON_BUILD_PAIR_STRING("$type", "Microsoft.PowerShell.Commands.MemberDefinition"),
                            SD_JSON_BUILD_PAIR_STRING("TypeName", type),
                            SD_JSON_BUILD_PAIR_STRING("Name", property),
                            SD_JSON_BUILD_PAIR_STRING("MemberType", note ? "NoteProperty" : "Property"),
                            SD_JSON_BUILD_PAIR_STRING("Definition", definition))) < 0)
                return error_oom(err);
        return invocation_emit(invocation, member, err);
}

static int emit_members(Invocation *invocation, sd_json_variant *object, Error *err) {
        const char *name = object_type(object);
        const Type *row = type_find(name);
        sd_json_variant *own = sd_json_variant_by_key(object, "$type");
        const char *full = own && sd_json_variant_is_string(own) ? sd_json_variant_string(own)
                                                                 : "System.Collections.Hashtable";
        char of[RECORD_NAME_MAX];

        if (row && !text_starts_nocase(full, "Selected."))
                full = row->name;
        for (size_t i = 0; i + 1 < sd_json_variant_elements(object); i += 2) {
                const char *key = sd_json_variant_string(sd_json_variant_by_index(object, i));
                const Property *property = type_property(row, key);
                bool wanted = invocation_count(invocation, "Name") == 0;
                for (size_t n = 0; !wanted && n < invocation_count(invocation, "Name"); n++)
                        wanted = text_matches_wildcard(
                                key, sd_json_variant_string(invocation_item(invocation, "Name", n)));
                if (*key == '$' || !wanted)
                        continue;
                if (property)
                        type_full_name(property->type, of);
                else
                        (void)snprintf(of, sizeof of, "%s", value_type(sd_json_variant_by_index(object, i + 1)));
                if (emit_member(invocation, full, key, of, !property, err) < 0)
                        return -1;
        }
        return 0;
}

/* Once for each type. */
static int run_get_member(Invocation *invocation, Error *err) {
        sd_json_variant *object = invocation_value(invocation, "InputObject");
        size_t count;
        sd_json_variant **seen = invocation_collected(invocation, &count);

        if (!object || !sd_json_variant_is_object(object))
                return 0;
        for (size_t i = 0; i < count; i++)
                if (strcmp(object_type(seen[i]), object_type(object)) == 0)
                        return 0;
        return invocation_collect(invocation, object, err) < 0 ? -1 : emit_members(invocation, object, err);
}

const Command command_get_member = {
        .name = "Get-Member",
        .module = "Microsoft.PowerShell.Utility",
        .aliases = "gm",
        .role = ROLE_READER,
        .synopsis = "Lists the properties that objects have.",
        .output = "Microsoft.PowerShell.Commands.MemberDefinition",
        .parameters =
                (const Parameter[]){ { "Name", "String[]", NULL, PARAMETER_WILDCARD, NULL, "Names of properties." },
                                     { "InputObject", "PSObject", NULL, PARAMETER_PIPELINE_BY_VALUE, NULL,
                                       "The object; comes from the pipeline." },
                                     { NULL } },
        .sets = (const ParameterSet[]){ { "Default", NULL, "Name", "InputObject" }, { NULL } },
        .refused = "MemberType,View,Static,Force",
        .run = run_get_member,
};
