/* Format-Table, Format-List and ConvertTo-Json: objects become text. */
#include "appliance/command/utility.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/command/invocation.h"
#include "appliance/command/list.h"
#include "appliance/command/object.h"
#include "appliance/command/view.h"

DEFINE_FREEP(View, view_free);

static int collect(Invocation *invocation, Error *err) {
        sd_json_variant *object = invocation_value(invocation, "InputObject");
        return object ? invocation_collect(invocation, object, err) : 0;
}

static int emit_text(Invocation *invocation, const char *text, Error *err) {
        sd_json_variant *value = NULL;
        if (sd_json_variant_new_string(&value, text) < 0)
                return error_oom(err);
        return invocation_emit(invocation, value, err);
}

/* -Property a,b → "a,b" */
static int property_list(const Invocation *invocation, char **ret, Error *err) {
        auto_free char *text = NULL;
        size_t size = 0;
        FILE *to = open_memstream(&text, &size);
        if (!to)
                return error_oom(err);
        for (size_t i = 0; i < invocation_count(invocation, "Property"); i++) {
                sd_json_variant *name = invocation_item(invocation, "Property", i);
                if (!sd_json_variant_is_string(name)) {
                        (void)fclose(to);
                        return error_set(err, ERROR_UNSUPPORTED, 0,
                                         "%s takes property names here, not calculated properties",
                                         invocation->command->name);
                }
                (void)fprintf(to, "%s%s", i > 0 ? "," : "", sd_json_variant_string(name));
        }
        if (fclose(to) != 0)
                return error_oom(err);
        *ret = take_ptr(text);
        return 0;
}

static int render(const Invocation *invocation, FILE *to, ViewShape shape, const char *properties, Error *err) {
        auto_(view_freep) View *view = NULL;
        size_t count;
        sd_json_variant **objects = invocation_collected(invocation, &count);

        if (view_new(to, invocation_width(invocation), shape, properties, &view, err) < 0)
                return -1;
        for (size_t i = 0; i < count; i++)
                if (view_add(view, objects[i], err) < 0)
                        return -1;
        return view_flush(view, err);
}

static int format(Invocation *invocation, ViewShape shape, Error *err) {
        auto_free char *text = NULL, *properties = NULL;
        size_t size = 0, count;

        (void)invocation_collected(invocation, &count);
        if (count == 0)
                return 0;
        if (invocation_has(invocation, "Property") && property_list(invocation, &properties, err) < 0)
                return -1;
        FILE *to = open_memstream(&text, &size);
        if (!to)
                return error_oom(err);
        int r = render(invocation, to, shape, properties, err);
        if (fclose(to) != 0 && r == 0)
                r = error_oom(err);
        if (r < 0)
                return -1;
        if (size > 0 && text[size - 1] == '\n')
                text[size - 1] = '\0';  /* whoever writes the string ends its line */
        return emit_text(invocation, text, err);
}

static int end_table(Invocation *invocation, Error *err) { return format(invocation, VIEW_TABLE, err); }
static int end_list(Invocation *invocation, Error *err) { return format(invocation, VIEW_LIST, err); }

const Command command_format_table = {
        .name = "Format-Table",
        .module = "Microsoft.PowerShell.Utility",
        .aliases = "ft",
        .synopsis = "Shows objects as a table.",
        .role = ROLE_READER,
        .output = "System.String",
        .parameters = (const Parameter[]){ { "Property", "Object[]", NULL, PARAMETER_WILDCARD, NULL,
                                             "Names of the properties to show." },
                                           { "AutoSize", "SwitchParameter", NULL, 0, NULL,
                                             "Columns as wide as their content; they always are." },
                                           { "InputObject", "PSObject", NULL, PARAMETER_PIPELINE_BY_VALUE, NULL,
                                             "The object; comes from the pipeline." },
                                           { NULL } },
        .sets = (const ParameterSet[]){ { "Default", NULL, "Property", "AutoSize,InputObject" }, { NULL } },
        .refused = "RepeatHeader,HideTableHeaders,Wrap,GroupBy,View,ShowError,DisplayError,Force,Expand",
        .run = collect,
        .end = end_table,
};

const Command command_format_list = {
        .name = "Format-List",
        .module = "Microsoft.PowerShell.Utility",
        .aliases = "fl",
        .synopsis = "Shows objects as lists, one property a line.",
        .role = ROLE_READER,
        .output = "System.String",
        .parameters = (const Parameter[]){ { "Property", "Object[]", NULL, PARAMETER_WILDCARD, NULL,
                                             "Names of the properties to show; * for all." },
                                           { "InputObject", "PSObject", NULL, PARAMETER_PIPELINE_BY_VALUE, NULL,
                                             "The object; comes from the pipeline." },
                                           { NULL } },
        .sets = (const ParameterSet[]){ { "Default", NULL, "Property", "InputObject" }, { NULL } },
        .refused = "GroupBy,View,ShowError,DisplayError,Force,Expand",
        .run = collect,
        .end = end_list,
};

/* ---- ConvertTo-Json ----------------------------------------------------------------------------- */

enum { DEPTH_DEFAULT = 2, DEPTH_MAX = 16 };

/* A copy without "$type"; what lies deeper than @depth becomes text, as PowerShell does. */
static sd_json_variant *plain_copy(sd_json_variant *value, uint64_t depth) {
        bool array = sd_json_variant_is_array(value), object = sd_json_variant_is_object(value);
        sd_json_variant *ret = NULL;
        char text[1024];

        if (!array && !object)
                return sd_json_variant_ref(value);
        if (depth == 0) {
                object_display(value, text, sizeof text);
                return sd_json_variant_new_string(&ret, text) < 0 ? NULL : ret;
        }
        int r = array ? sd_json_variant_new_array(&ret, NULL, 0) : sd_json_variant_new_object(&ret, NULL, 0);
        for (size_t i = 0; r >= 0 && i < sd_json_variant_elements(value); i += array ? 1 : 2) {
                const char *key = array ? "" : sd_json_variant_string(sd_json_variant_by_index(value, i));
                if (*key == '$')
                        continue;
                auto_(sd_json_variant_unrefp) sd_json_variant *item =
                        plain_copy(sd_json_variant_by_index(value, array ? i : i + 1), depth - 1);
                r = !item   ? -1
                    : array ? sd_json_variant_append_array(&ret, item)
                            : sd_json_variant_set_field(&ret, key, item);
        }
        if (r >= 0)
                return ret;
        (void)sd_json_variant_unref(ret);
        return NULL;
}

static int end_json(Invocation *invocation, Error *err) {
        size_t count;
        sd_json_variant **objects = invocation_collected(invocation, &count);
        auto_(sd_json_variant_unrefp) sd_json_variant *all = NULL, *plain = NULL;
        auto_free char *text = NULL;
        uint64_t depth = invocation_unsigned(invocation, "Depth", DEPTH_DEFAULT);
        bool one = count == 1 && !invocation_switch(invocation, "AsArray");

        if (count == 0)
                return 0;
        if (depth > DEPTH_MAX)
                return error_set(err, ERROR_INVALID, 0,
                                 "ConvertTo-Json goes at most %d levels deep; give a smaller -Depth", DEPTH_MAX);
        if (!one && sd_json_variant_new_array(&all, objects, count) < 0)
                return error_oom(err);
        plain = plain_copy(one ? objects[0] : all, one ? depth + 1 : depth + 2);
        sd_json_format_flags_t flags = invocation_switch(invocation, "Compress") ? 0 : SD_JSON_FORMAT_PRETTY;
        if (!plain || sd_json_variant_format(plain, flags, &text) < 0)
                return error_oom(err);
        size_t size = strlen(text);
        if (size > 0 && text[size - 1] == '\n')
                text[size - 1] = '\0';
        return emit_text(invocation, text, err);
}

const Command command_convertto_json = {
        .name = "ConvertTo-Json",
        .module = "Microsoft.PowerShell.Utility",
        .synopsis = "Gives objects as JSON text.",
        .role = ROLE_READER,
        .output = "System.String",
        .parameters =
                (const Parameter[]){
                        { "InputObject", "PSObject", NULL, PARAMETER_PIPELINE_BY_VALUE, NULL,
                          "The object; comes from the pipeline." },
                        { "Depth", "Int32", NULL, 0, NULL,
                          "How many levels of objects inside objects; 2 when not given." },
                        { "Compress", "SwitchParameter", NULL, 0, NULL, "Without line breaks and blanks." },
                        { "AsArray", "SwitchParameter", NULL, 0, NULL, "An array also around a single object." },
                        { NULL } },
        .sets = (const ParameterSet[]){ { "Default", NULL, "InputObject", "Depth,Compress,AsArray" }, { NULL } },
        .refused = "EnumsAsStrings,EscapeHandling",
        .run = collect,
        .end = end_json,
};
