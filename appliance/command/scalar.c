#include "appliance/command/scalar.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/lexeme.h"
#include "appliance/command/list.h"

typedef struct Range {
        const char *name, *article;
        bool is_signed;
        uint64_t max;                   /* the least is -max - 1 when signed */
} Range;

static const Range ranges[] = {
        { "Byte", "an unsigned byte", false, UINT8_MAX }, { "Int16", "an Int16", true, INT16_MAX },
        { "UInt16", "a UInt16", false, UINT16_MAX },      { "Int32", "an Int32", true, INT32_MAX },
        { "UInt32", "a UInt32", false, UINT32_MAX },      { "Int64", "an Int64", true, INT64_MAX },
        { "UInt64", "a UInt64", false, UINT64_MAX },
};

static const Range *range_of(const char *type) {
        for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
                if (type_is(type, ranges[i].name))
                        return &ranges[i];
        return NULL;
}

bool type_is_integer(const char *type) { return range_of(type) != NULL; }

static void shown(const Source *source, char to[static 128]) {
        if (source->text)
                (void)snprintf(to, 128, "%.120s", source->text);
        else
                object_display(source->json, to, 128);
}

static void element_name(const Source *source, char to[static RECORD_NAME_MAX]) {
        type_full_name(source->parameter->type, to);
        if (type_is_array(source->parameter->type))
                to[strlen(to) - 2] = '\0';
}

static const char *json_type_name(sd_json_variant *v) {
        if (sd_json_variant_is_string(v))
                return "System.String";
        if (sd_json_variant_is_boolean(v))
                return "System.Boolean";
        if (sd_json_variant_is_integer(v) || sd_json_variant_is_unsigned(v))
                return "System.Int64";
        if (sd_json_variant_is_number(v))
                return "System.Double";
        return sd_json_variant_is_array(v) ? "System.Object[]" : "System.Management.Automation.PSObject";
}

static int refuse_value(const Source *source, const char *why) {
        char type[RECORD_NAME_MAX], value[128];
        element_name(source, type);
        shown(source, value);
        return record_binding(
                source->record, source->command, "CannotConvertArgumentNoMessage",
                "Cannot bind parameter '%s'. Cannot convert value \"%s\" to type \"%s\". Error: \"%s\"",
                source->parameter->name, value, type, why);
}

static int refuse_type(const Source *source) {
        char type[RECORD_NAME_MAX], value[128];
        element_name(source, type);
        shown(source, value);
        return record_binding(
                source->record, source->command, "CannotConvertArgumentNoMessage",
                "Cannot bind parameter '%s'. Cannot convert the \"%s\" value of type \"%s\" to type \"%s\".",
                source->parameter->name, value, json_type_name(source->json), type);
}

int scalar_refuse_list(const Source *source) {
        char type[RECORD_NAME_MAX];
        type_full_name(source->parameter->type, type);
        return record_binding(source->record, source->command, "CannotConvertArgument",
                              "Cannot convert 'System.Object[]' to the type '%s' required by parameter '%s'. "
                              "Specified method is not supported.", type, source->parameter->name);
}

static int made(const Source *source, int r) {
        return r >= 0 ? 0 : record_binding(source->record, source->command, "OutOfMemory",
                                           "There is not enough memory for the command.");
}

static int to_string(const Source *source, sd_json_variant **ret) {
        char text[64];
        if (source->text)
                return made(source, sd_json_variant_new_string(ret, source->text));
        if (!sd_json_variant_is_number(source->json) && !sd_json_variant_is_boolean(source->json))
                return refuse_type(source);
        object_display(source->json, text, sizeof text);
        return made(source, sd_json_variant_new_string(ret, text));
}

static int to_boolean(const Source *source, sd_json_variant **ret) {
        bool is_switch = type_is_switch(source->parameter->type);
        if (sd_json_variant_is_boolean(source->json))
                return made(source, sd_json_variant_new_boolean(ret, sd_json_variant_boolean(source->json)));
        if (sd_json_variant_is_number(source->json) && !is_switch)
                return made(source, sd_json_variant_new_boolean(
                                            ret, fpclassify(sd_json_variant_real(source->json)) != FP_ZERO));
        if (is_switch)
                return record_binding(
                        source->record, source->command, "CannotConvertArgument",
                        "Cannot convert '%s' to the type 'System.Management.Automation.SwitchParameter' "
                        "required by parameter '%s'.",
                        json_type_name(source->json), source->parameter->name);
        return record_binding(
                source->record, source->command, "ParameterArgumentTransformationError",
                "Cannot process argument transformation on parameter '%s'. Cannot convert value \"%s\" to "
                "type \"System.Boolean\". Boolean parameters accept only Boolean values and numbers, such as "
                "$True, $False, 1 or 0.",
                source->parameter->name, json_type_name(source->json));
}

/* A number from a number or from text; NULL when the text is none. */
static sd_json_variant *number_from(const Source *source) {
        if (sd_json_variant_is_number(source->json))
                return sd_json_variant_ref(source->json);
        if (!sd_json_variant_is_string(source->json))
                return NULL;
        const char *p = sd_json_variant_string(source->json);
        char trimmed[64];
        while (isspace((unsigned char)*p))
                p++;
        size_t size = strlen(p);
        while (size > 0 && isspace((unsigned char)p[size - 1]))
                size--;
        if (size >= sizeof trimmed)
                return NULL;
        (void)snprintf(trimmed, sizeof trimmed, "%.*s", (int)size, p);
        return number_parse(trimmed);
}

static int to_integer(const Source *source, sd_json_variant **ret) {
        const Range *range = range_of(source->parameter->type);
        auto_(sd_json_variant_unrefp) sd_json_variant *number = number_from(source);
        char why[96];

        if (!number)
                return sd_json_variant_is_string(source->json)
                               ? refuse_value(source, "Input string was not in a correct format.")
                               : refuse_type(source);
        (void)snprintf(why, sizeof why, "Value was either too large or too small for %s.", range->article);
        if (sd_json_variant_is_unsigned(number)) {
                uint64_t value = sd_json_variant_unsigned(number);
                return value > range->max ? refuse_value(source, why)
                                          : made(source, sd_json_variant_new_unsigned(ret, value));
        }
        if (sd_json_variant_is_integer(number)) {
                int64_t value = sd_json_variant_integer(number);        /* below 0, or it were unsigned */
                if (!range->is_signed || value < -(int64_t)range->max - 1)
                        return refuse_value(source, why);
                return made(source, sd_json_variant_new_integer(ret, value));
        }
        double value = nearbyint(sd_json_variant_real(number));         /* half to even, as PowerShell does */
        double least = range->is_signed ? -(double)range->max - 1 : 0;
        if (!(value >= least) || value > (double)range->max || value >= 0x1p64 ||
            (range->is_signed && value >= 0x1p63))
                return refuse_value(source, why);
        return made(source, value < 0 ? sd_json_variant_new_integer(ret, (int64_t)value)
                                      : sd_json_variant_new_unsigned(ret, (uint64_t)value));
}

static int to_double(const Source *source, sd_json_variant **ret) {
        sd_json_variant *number = number_from(source);
        if (!number)
                return refuse_value(source, "Input string was not in a correct format.");
        *ret = number;
        return 0;
}

static int to_guid(const Source *source, sd_json_variant **ret) {
        static const char shape[] = "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh";
        char guid[sizeof shape] = "";
        const char *p = source->text ? source->text : "";
        size_t size = strlen(p);

        if (size == sizeof shape + 1 && p[0] == '{' && p[size - 1] == '}') {
                p++;
                size -= 2;
        }
        bool ok = size == sizeof shape - 1;
        for (size_t i = 0; ok && i < size; i++) {
                ok = shape[i] == 'h' ? isxdigit((unsigned char)p[i]) != 0 : p[i] == '-';
                guid[i] = (char)tolower((unsigned char)p[i]);
        }
        if (!ok)
                return refuse_value(source, "Guid should contain 32 digits with 4 dashes "
                                            "(xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx).");
        return made(source, sd_json_variant_new_string(ret, guid));
}

static int to_timespan(const Source *source, sd_json_variant **ret) {
        char text[TIMESPAN_TEXT_SIZE];
        uint64_t us = 0;
        Error err = { 0 };

        if (sd_json_variant_is_unsigned(source->json))
                us = sd_json_variant_unsigned(source->json) / 10;       /* PowerShell counts ticks of 100 ns */
        else if (!source->text || timespan_parse(source->text, &us, &err) < 0)
                return refuse_value(source, "String was not recognized as a valid TimeSpan.");
        timespan_text(us, text);
        return made(source, sd_json_variant_new_string(ret, text));
}

static int to_version(const Source *source, sd_json_variant **ret) {
        const char *p = source->text ? source->text : "";
        size_t digits = strspn(p, "0123456789.");
        if (digits == 0 || p[digits] != '\0' || digits > 43)
                return refuse_value(source, "Version string portion was too short or too long.");
        return made(source, sd_json_variant_new_string(ret, p));
}

static int to_credential(const Source *source, sd_json_variant **ret) {
        if (!source->text || !*source->text)
                return refuse_type(source);
        return made(source,
                    sd_json_build(ret, SD_JSON_BUILD_OBJECT(SD_JSON_BUILD_PAIR_STRING("$type", "PSCredential"),
                                                            SD_JSON_BUILD_PAIR_STRING("UserName", source->text))));
}

/* By name or unique prefix; the row's spelling goes to @to. */
static int match_value(const char *values, const char *text, char to[static LIST_NAME_MAX]) {
        char item[LIST_NAME_MAX];
        int found = 0;
        while (list_next(&values, item)) {
                if (!text_starts_nocase(item, text))
                        continue;
                bool exact = text_equal_nocase(item, text);
                found += exact ? 1000 : 1;
                if (exact || found == 1)
                        memcpy(to, item, sizeof item);
        }
        return found == 1 || found >= 1000 ? 0 : -1;
}

static int to_enumeration(const Source *source, sd_json_variant **ret) {
        char name[LIST_NAME_MAX], why[600];
        const char *text = source->text ? source->text : "";
        if (match_value(source->parameter->values, text, name) == 0 && *text)
                return made(source, sd_json_variant_new_string(ret, name));
        (void)snprintf(why, sizeof why,
                       "Unable to match the identifier name %.80s to a valid enumerator name. Specify one "
                       "of the following enumerator names and try again: %.400s",
                       text, source->parameter->values);
        return refuse_value(source, why);
}

/* A plain type with a list of values: PowerShell's ValidateSet. */
static int check_set(const Source *source, sd_json_variant **value) {
        char text[128];
        object_display(*value, text, sizeof text);
        int at = list_find(source->parameter->values, text);
        if (at < 0) {
                (void)sd_json_variant_unref(*value);
                *value = NULL;
                return record_binding(
                        source->record, source->command, "ParameterArgumentValidationError",
                        "Cannot validate argument on parameter '%s'. The argument \"%s\" does not belong to "
                        "the set \"%s\" specified by the ValidateSet attribute. Supply an argument that is in "
                        "the set and then try the command again.",
                        source->parameter->name, text, source->parameter->values);
        }
        char spelling[LIST_NAME_MAX];
        if (!sd_json_variant_is_string(*value) || !list_at(source->parameter->values, (size_t)at, spelling))
                return 0;
        (void)sd_json_variant_unref(*value);
        *value = NULL;
        return made(source, sd_json_variant_new_string(value, spelling));
}

static const struct {
        const char *type;
        int (*convert)(const Source *source, sd_json_variant **ret);
} converters[] = {
        { "String", to_string },
        { "Boolean", to_boolean },
        { "SwitchParameter", to_boolean },
        { "Double", to_double },
        { "Guid", to_guid },
        { "TimeSpan", to_timespan },
        { "Version", to_version },
        { "PSCredential", to_credential },
};

int scalar_convert(const Source *source, sd_json_variant **ret) {
        const Parameter *parameter = source->parameter;
        int (*convert)(const Source *, sd_json_variant **) = type_is_integer(parameter->type) ? to_integer : NULL;

        if (object_fits(source->json, parameter) && sd_json_variant_is_object(source->json)) {
                *ret = sd_json_variant_ref(source->json);
                return 0;
        }
        if (type_is_anything(parameter->type)) {
                *ret = sd_json_variant_ref(source->json);
                return 0;
        }
        for (size_t i = 0; !convert && i < ARRAY_SIZE(converters); i++)
                if (type_is(parameter->type, converters[i].type))
                        convert = converters[i].convert;
        if (!convert)
                return parameter->values ? to_enumeration(source, ret) : refuse_type(source);
        if (convert(source, ret) < 0)
                return -1;
        return parameter->values ? check_set(source, ret) : 0;
}
