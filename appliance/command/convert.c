#include "appliance/command/convert.h"

#include <stdio.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/list.h"
#include "appliance/command/scalar.h"
#include "appliance/command/types.h"

static size_t element_size(const char *type) {
        size_t size = strlen(type);
        return size > 2 && strcmp(type + size - 2, "[]") == 0 ? size - 2 : size;
}

bool type_is_array(const char *type) { return type[element_size(type)] != '\0'; }

bool type_is(const char *type, const char *name) {
        size_t size = element_size(type), start = size;
        while (start > 0 && type[start - 1] != '.')
                start--;
        const char *dot = strrchr(name, '.');
        name = dot ? dot + 1 : name;
        return strlen(name) == size - start && text_starts_nocase(type + start, name);
}

bool type_is_anything(const char *type) { return type_is(type, "Object") || type_is(type, "PSObject"); }

void type_full_name(const char *type, char to[static RECORD_NAME_MAX]) {
        static const struct {
                const char *space, *names;
        } spaces[] = {
                { "System.",
                  "String,Boolean,Byte,Int16,Int32,Int64,UInt16,UInt32,UInt64,Double,Guid,DateTime,TimeSpan,"
                  "Version,Object" },
                { "System.Management.Automation.", "SwitchParameter,PSCredential,PSObject,ActionPreference,ScriptBlock" },
                { "System.Collections.", "Hashtable" },
                { "System.Security.", "SecureString" },
                { "Microsoft.Vhd.PowerShell.", "VhdType,VhdFormat" },
        };
        char element[RECORD_NAME_MAX];
        (void)snprintf(element, sizeof element, "%.*s", (int)element_size(type), type);
        const Type *row = type_find(element);
        const char *space = "Microsoft.HyperV.PowerShell.";
        for (size_t i = 0; i < ARRAY_SIZE(spaces); i++)
                if (list_has(spaces[i].names, element))
                        space = spaces[i].space;
        if (row)
                (void)snprintf(to, RECORD_NAME_MAX, "%.80s%s", row->name, type + element_size(type));
        else
                (void)snprintf(to, RECORD_NAME_MAX, "%s%.60s", strchr(type, '.') ? "" : space, type);
}

static bool number_fits(const char *type) {
        return type_is_integer(type) || type_is(type, "Double") || type_is_anything(type);
}

bool literal_fits(const Literal *literal, const Parameter *parameter) {
        const char *type = parameter->type;
        switch (literal->kind) {
        case LITERAL_STRING:
                return type_is(type, "String") || type_is_anything(type);
        case LITERAL_NUMBER:
                return number_fits(type);
        case LITERAL_TRUE:
        case LITERAL_FALSE:
                return type_is(type, "Boolean") || type_is_anything(type);
        case LITERAL_NULL:
                return type_is_anything(type);
        case LITERAL_HASHTABLE:
                return type_is(type, "Hashtable") || type_is_anything(type);
        case LITERAL_BLOCK:
                return type_is(type, "ScriptBlock");
        case LITERAL_VALUE:
                return object_fits(literal->value, parameter) ||
                       (type_is_array(type) && sd_json_variant_is_array(literal->value));
        case LITERAL_ARRAY:
                break;
        }
        if (!type_is_array(type))
                return type_is_anything(type);
        for (size_t i = 0; i < literal->count; i++)
                if (literal->items[i].kind != LITERAL_ARRAY && !literal_fits(&literal->items[i], parameter))
                        return false;
        return true;
}

bool object_fits(sd_json_variant *object, const Parameter *parameter) {
        const char *type = parameter->type;
        if (type_is_anything(type))
                return true;
        if (sd_json_variant_is_string(object))
                return type_is(type, "String") && !parameter->values;
        if (sd_json_variant_is_number(object))
                return number_fits(type);
        if (sd_json_variant_is_boolean(object))
                return type_is(type, "Boolean");
        if (!sd_json_variant_is_object(object))
                return false;
        const char *own = object_type(object);
        return *own ? type_is(type, own) : type_is(type, "Hashtable");
}

static int list_json(const Literal *literal, sd_json_variant **ret) {
        for (size_t i = 0; i < literal->count; i++) {
                auto_(sd_json_variant_unrefp) sd_json_variant *item = literal_json(&literal->items[i]);
                int r = !item ? -1 : literal->items[i].key
                        ? sd_json_variant_set_field(ret, literal->items[i].key, item)
                        : sd_json_variant_append_array(ret, item);
                if (r < 0)
                        return -1;
        }
        return 0;
}

sd_json_variant *literal_json(const Literal *literal) {
        auto_(sd_json_variant_unrefp) sd_json_variant *ret = NULL;
        int r;
        switch (literal->kind) {
        case LITERAL_STRING:
                r = sd_json_variant_new_string(&ret, literal->text);
                break;
        case LITERAL_NUMBER:
        case LITERAL_VALUE:
        case LITERAL_BLOCK:
                return sd_json_variant_ref(literal->value);
        case LITERAL_TRUE:
        case LITERAL_FALSE:
                r = sd_json_variant_new_boolean(&ret, literal->kind == LITERAL_TRUE);
                break;
        case LITERAL_NULL:
                r = sd_json_variant_new_null(&ret);
                break;
        case LITERAL_ARRAY:
                r = sd_json_variant_new_array(&ret, NULL, 0);
                r = r < 0 ? r : list_json(literal, &ret);
                break;
        case LITERAL_HASHTABLE:
        default:
                r = sd_json_variant_new_object(&ret, NULL, 0);
                r = r < 0 ? r : list_json(literal, &ret);
                break;
        }
        return r < 0 ? NULL : take_ptr(ret);
}

static int no_memory(const Command *command, ErrorRecord *record) {
        return record_binding(record, command, "OutOfMemory", "There is not enough memory for the command.");
}

/* One item of what may be a list. */
static int convert_item(Source *source, sd_json_variant *item, const char *text, sd_json_variant **ret) {
        if (!item)
                return no_memory(source->command, source->record);
        source->json = item;
        source->text = sd_json_variant_is_string(item) ? sd_json_variant_string(item) : text;
        return scalar_convert(source, ret);
}

static int convert_list(Source *source, const Literal *literal, sd_json_variant *list, sd_json_variant **ret) {
        size_t count;
        auto_(sd_json_variant_unrefp) sd_json_variant *array = NULL;

        if (literal && literal->kind == LITERAL_VALUE)
                literal = NULL;         /* its items are the list's */
        count = literal ? literal->count : sd_json_variant_elements(list);
        if (sd_json_variant_new_array(&array, NULL, 0) < 0)
                return no_memory(source->command, source->record);
        for (size_t i = 0; i < count; i++) {
                auto_(sd_json_variant_unrefp) sd_json_variant *from = NULL, *to = NULL;
                from = literal ? literal_json(&literal->items[i])
                               : sd_json_variant_ref(sd_json_variant_by_index(list, i));
                if (convert_item(source, from, literal ? literal->items[i].text : NULL, &to) < 0)
                        return -1;
                if (sd_json_variant_append_array(&array, to) < 0)
                        return no_memory(source->command, source->record);
        }
        *ret = take_ptr(array);
        return 0;
}

/* PowerShell makes the empty text of $null for a [string] that need not be given: Set-VMDvdDrive -Path $null ejects. */
static bool may_be_nothing(const Source *source) {
        if (strcmp(source->parameter->type, "String") != 0 || source->parameter->values)
                return false;
        for (const ParameterSet *set = source->command->sets; set->name; set++)
                if (list_has(set->mandatory, source->parameter->name))
                        return false;
        return true;
}

static int convert(Source *source, const Literal *literal, sd_json_variant *value, sd_json_variant **ret) {
        bool list = sd_json_variant_is_array(value), wants_list = type_is_array(source->parameter->type);

        if (sd_json_variant_is_null(value) && may_be_nothing(source)) {
                if (sd_json_variant_new_string(ret, "") < 0)
                        return no_memory(source->command, source->record);
                return 0;
        }

        if (sd_json_variant_is_null(value) && !type_is_anything(source->parameter->type))
                return record_binding(
                        source->record, source->command, "ParameterArgumentValidationErrorNullNotAllowed",
                        "Cannot bind argument to parameter '%s' because it is null.", source->parameter->name);
        if (list && wants_list)
                return convert_list(source, literal, value, ret);
        if (list && !type_is_anything(source->parameter->type))
                return scalar_refuse_list(source);
        auto_(sd_json_variant_unrefp) sd_json_variant *one = NULL;
        if (convert_item(source, value, literal ? literal->text : NULL, &one) < 0)
                return -1;
        if (!wants_list) {
                *ret = take_ptr(one);
                return 0;
        }
        if (sd_json_variant_new_array(ret, &one, 1) < 0)
                return no_memory(source->command, source->record);
        return 0;
}

int convert_literal(const Command *command, const Parameter *parameter, const Literal *literal,
                    sd_json_variant **ret, ErrorRecord *record) {
        auto_(sd_json_variant_unrefp) sd_json_variant *value = literal_json(literal);
        Source source = { .command = command, .parameter = parameter, .record = record };
        if (!value)
                return no_memory(command, record);
        return convert(&source, literal, value, ret);
}

int convert_object(const Command *command, const Parameter *parameter, sd_json_variant *object,
                   sd_json_variant **ret, ErrorRecord *record) {
        Source source = { .command = command, .parameter = parameter, .record = record };
        return convert(&source, NULL, object, ret);
}
