#include "appliance/psrp/clixml-write.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/convert.h"
#include "appliance/command/enums.h"
#include "appliance/command/list.h"
#include "appliance/command/object.h"
#include "appliance/command/types.h"

int clixml_begin(Clixml *c, Error *err) {
        *c = (Clixml){ 0 };
        c->to = open_memstream(&c->text, &c->size);
        return c->to ? 0 : error_oom(err);
}

int clixml_end(Clixml *c, char **ret, size_t *ret_size, Error *err) {
        bool failed = ferror(c->to) != 0;
        failed = fclose(c->to) != 0 || failed;
        c->to = NULL;
        if (failed)
                return error_oom(err);
        *ret_size = c->size;
        *ret = take_ptr(c->text);
        return 0;
}

void clixml_clear(Clixml *c) {
        if (c->to)
                (void)fclose(c->to);
        free(c->text);
        *c = (Clixml){ 0 };
}

/* ---- text ------------------------------------------------------------------------------------------ */

/* What starts an _xHHHH_ must not look like one. */
static bool looks_escaped(const char *p) {
        return p[0] == '_' && p[1] == 'x' && strspn(p + 2, "0123456789abcdefABCDEF") >= 4 && p[6] == '_';
}

static void put_text(Clixml *c, const char *text) {
        for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
                if (*p == '&')
                        (void)fputs("&amp;", c->to);
                else if (*p == '<')
                        (void)fputs("&lt;", c->to);
                else if (*p == '>')
                        (void)fputs("&gt;", c->to);
                else if (*p == '"')
                        (void)fputs("&quot;", c->to);
                else if (*p < 0x20 || *p == 0x7F)
                        (void)fprintf(c->to, "_x%04X_", *p);
                else if (p[0] == 0xC2 && p[1] >= 0x80 && p[1] < 0xA0) /* U+0080 … U+009F */
                        (void)fprintf(c->to, "_x%04X_", *++p);
                else if (p[0] == 0xEF && p[1] == 0xBF && (p[2] == 0xBE || p[2] == 0xBF)) {
                        (void)fprintf(c->to, "_xFF%02X_", p[2] == 0xBE ? 0xFE : 0xFF); /* no characters in XML */
                        p += 2;
                } else if (looks_escaped((const char *)p))
                        (void)fputs("_x005F_", c->to);
                else
                        (void)fputc(*p, c->to);
        }
}

static void start(Clixml *c, const char *element, const char *name) {
        (void)fprintf(c->to, "<%s", element);
        if (name) {
                (void)fputs(" N=\"", c->to);
                put_text(c, name);
                (void)fputc('"', c->to);
        }
}

void clixml_plain(Clixml *c, const char *element, const char *name, const char *text) {
        start(c, element, name);
        (void)fputc('>', c->to);
        put_text(c, text);
        (void)fprintf(c->to, "</%s>", element);
}

void clixml_string(Clixml *c, const char *name, const char *text) {
        if (text)
                clixml_plain(c, "S", name, text);
        else
                clixml_nil(c, name);
}

void clixml_nil(Clixml *c, const char *name) {
        start(c, "Nil", name);
        (void)fputs(" />", c->to);
}

void clixml_boolean(Clixml *c, const char *name, bool value) {
        clixml_plain(c, "B", name, value ? "true" : "false");
}

static void integer(Clixml *c, const char *element, const char *name, int64_t value) {
        start(c, element, name);
        (void)fprintf(c->to, ">%" PRId64 "</%s>", value, element);
}

void clixml_i32(Clixml *c, const char *name, int32_t value) {
        integer(c, "I32", name, value);
}
void clixml_i64(Clixml *c, const char *name, int64_t value) {
        integer(c, "I64", name, value);
}
void clixml_u32(Clixml *c, const char *name, uint32_t value) {
        integer(c, "U32", name, value);
}

/* ---- objects ---------------------------------------------------------------------------------------- */

static void put_types(Clixml *c, const char *chain) {
        unsigned remembered = c->types < CLIXML_TYPES_MAX ? c->types : CLIXML_TYPES_MAX;
        char name[LIST_NAME_MAX];

        for (unsigned i = 0; i < remembered; i++)
                if (strcmp(c->names[i], chain) == 0) {
                        (void)fprintf(c->to, "<TNRef RefId=\"%u\" />", i);
                        return;
                }
        if (c->types < CLIXML_TYPES_MAX && strlen(chain) < sizeof c->names[0])
                (void)snprintf(c->names[c->types], sizeof c->names[0], "%s", chain);
        else if (c->types < CLIXML_TYPES_MAX)
                c->names[c->types][0] = '\0';
        (void)fprintf(c->to, "<TN RefId=\"%u\">", c->types++);
        while (list_next(&chain, name))
                clixml_plain(c, "T", NULL, name);
        (void)fputs("</TN>", c->to);
}

void clixml_object(Clixml *c, const char *name, const char *chain) {
        start(c, "Obj", name);
        (void)fprintf(c->to, " RefId=\"%u\">", c->objects++);
        if (chain)
                put_types(c, chain);
}

void clixml_object_end(Clixml *c) {
        clixml_close(c, "Obj");
}
void clixml_open(Clixml *c, const char *element) {
        (void)fprintf(c->to, "<%s>", element);
}
void clixml_close(Clixml *c, const char *element) {
        (void)fprintf(c->to, "</%s>", element);
}
void clixml_tostring(Clixml *c, const char *text) {
        clixml_plain(c, "ToString", NULL, text);
}

void clixml_enum(Clixml *c, const char *name, const char *type, const char *text, int32_t number) {
        char chain[160];
        (void)snprintf(chain, sizeof chain, "%s,System.Enum,System.ValueType,System.Object", type);
        clixml_object(c, name, chain);
        clixml_tostring(c, text);
        clixml_i32(c, NULL, number);
        clixml_object_end(c);
}

/* ---- values ----------------------------------------------------------------------------------------- */

static void put_value(Clixml *c, const char *name, sd_json_variant *value, const char *type, unsigned depth);

/* "[-][d.]hh:mm:ss[.fffffff]" → "PnDTnHnMn.fS" */
static void put_timespan(Clixml *c, const char *name, const char *text) {
        Error err = { 0 };
        uint64_t us;
        char out[64];

        if (timespan_parse(text + (*text == '-'), &us, &err) < 0) {
                clixml_plain(c, "S", name, text);
                return;
        }
        uint64_t seconds = us / 1000000, ticks = us % 1000000;
        (void)snprintf(out, sizeof out, "%sP%" PRIu64 "DT%" PRIu64 "H%" PRIu64 "M%" PRIu64 ".%06" PRIu64 "S",
                       *text == '-' ? "-" : "", seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60,
                       seconds % 60, ticks);
        clixml_plain(c, "TS", name, out);
}

static void put_string(Clixml *c, const char *name, const char *text, const char *type) {
        static const struct {
                const char *type, *element;
        } plain[] = {
                { "Guid", "G" },
                { "Uri", "URI" },
                { "DateTime", "DT" },
                { "Version", "Version" },
        };
        char full[128];

        for (size_t i = 0; type && i < ARRAY_SIZE(plain); i++)
                if (type_is(type, plain[i].type)) {
                        if (*text)
                                clixml_plain(c, plain[i].element, name, text);
                        else
                                clixml_nil(c, name); /* "not yet" of a DateTime */
                        return;
                }
        if (type && type_is(type, "TimeSpan")) {
                put_timespan(c, name, text);
                return;
        }
        int64_t number = type ? enum_number(type_is_array(type) ? "" : type, text) : -1;
        if (type && type_is_array(type)) {
                (void)snprintf(full, sizeof full, "%.*s", (int)(strlen(type) - 2), type);
                number = enum_number(full, text);
        }
        if (number < 0) {
                clixml_plain(c, "S", name, text);
                return;
        }
        char element[96];
        (void)snprintf(element, sizeof element, "%.*s", (int)(strlen(type) - (type_is_array(type) ? 2 : 0)), type);
        if (type_is(element, "CommandTypes"))
                (void)snprintf(full, sizeof full, "System.Management.Automation.CommandTypes");
        else
                type_full_name(element, full);
        clixml_enum(c, name, full, text, (int32_t)number);
}

static void put_number(Clixml *c, const char *name, sd_json_variant *value, const char *type) {
        static const struct {
                const char *type, *element;
        } elements[] = {
                { "Int32", "I32" }, { "Int64", "I64" },  { "UInt32", "U32" }, { "UInt64", "U64" },
                { "Int16", "I16" }, { "UInt16", "U16" }, { "Byte", "By" },
        };
        const char *element = NULL;
        char text[64];

        for (size_t i = 0; type && i < ARRAY_SIZE(elements); i++)
                if (type_is(type, elements[i].type))
                        element = elements[i].element;
        if (sd_json_variant_is_unsigned(value) && !(type && type_is(type, "Double"))) {
                uint64_t v = sd_json_variant_unsigned(value);
                (void)snprintf(text, sizeof text, "%" PRIu64, v);
                element = element ? element : v <= INT32_MAX ? "I32" : v <= INT64_MAX ? "I64" : "U64";
        } else if (sd_json_variant_is_integer(value) && !(type && type_is(type, "Double"))) {
                int64_t v = sd_json_variant_integer(value);
                (void)snprintf(text, sizeof text, "%" PRId64, v);
                element = element && *element == 'I' ? element : v >= INT32_MIN && v <= INT32_MAX ? "I32" : "I64";
        } else {
                (void)snprintf(text, sizeof text, "%.17g", sd_json_variant_real(value));
                element = "Db";
        }
        clixml_plain(c, element, name, text);
}

static void put_array(Clixml *c, const char *name, sd_json_variant *value, const char *type, unsigned depth) {
        char full[96], chain[160];
        if (type && type_is_array(type))
                type_full_name(type, full);
        else
                (void)snprintf(full, sizeof full, "System.Object[]");
        (void)snprintf(chain, sizeof chain, "%s,System.Array,System.Object", full);
        clixml_object(c, name, chain);
        clixml_open(c, "LST");
        for (size_t i = 0; i < sd_json_variant_elements(value); i++)
                put_value(c, NULL, sd_json_variant_by_index(value, i), type, depth + 1);
        clixml_close(c, "LST");
        clixml_object_end(c);
}

static void put_hashtable(Clixml *c, const char *name, sd_json_variant *value, unsigned depth) {
        clixml_object(c, name, "System.Collections.Hashtable,System.Object");
        clixml_open(c, "DCT");
        for (size_t i = 0; i + 1 < sd_json_variant_elements(value); i += 2) {
                clixml_open(c, "En");
                clixml_string(c, "Key", sd_json_variant_string(sd_json_variant_by_index(value, i)));
                put_value(c, "Value", sd_json_variant_by_index(value, i + 1), NULL, depth + 1);
                clixml_close(c, "En");
        }
        clixml_close(c, "DCT");
        clixml_object_end(c);
}

/* What "selected" and other made-up objects are: notes on a custom object. */
static bool is_custom(const char *type) {
        return text_starts_nocase(type, "Selected.") ||
               text_starts_nocase(type, "System.Management.Automation.PSCustomObject");
}

static void put_typed(Clixml *c, const char *label, sd_json_variant *value, const char *own, unsigned depth) {
        const Type *row = type_find(own);
        bool custom = is_custom(own);
        char chain[200], text[512], name[80];

        (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(own, ","), own); /* of a generic type, its name */
        text_mend(name);
        (void)snprintf(chain, sizeof chain,
                       custom ? "%s,System.Management.Automation.PSCustomObject,System.Object" : "%s,System.Object",
                       row && !custom ? row->name : name);
        clixml_object(c, label, chain);
        if (!custom) {
                const char *stands = row && row->text ? object_string(value, row->text) : NULL;
                (void)snprintf(text, sizeof text, "%s", stands ? stands : row ? row->name : own);
                text_mend(text);
                clixml_tostring(c, text);
        }
        clixml_open(c, custom ? "MS" : "Props");
        for (size_t i = 0; i + 1 < sd_json_variant_elements(value); i += 2) {
                const char *key = sd_json_variant_string(sd_json_variant_by_index(value, i));
                const Property *property = type_property(row, key);
                if (*key != '$')
                        put_value(c, key, sd_json_variant_by_index(value, i + 1), property ? property->type : NULL,
                                  depth + 1);
        }
        clixml_close(c, custom ? "MS" : "Props");
        clixml_object_end(c);
}

static void put_value(Clixml *c, const char *name, sd_json_variant *value, const char *type, unsigned depth) {
        char text[512];
        sd_json_variant *own;

        if (!value || sd_json_variant_is_null(value)) {
                clixml_nil(c, name);
        } else if (sd_json_variant_is_boolean(value)) {
                clixml_boolean(c, name, sd_json_variant_boolean(value));
        } else if (sd_json_variant_is_string(value)) {
                put_string(c, name, sd_json_variant_string(value), type);
        } else if (sd_json_variant_is_number(value)) {
                put_number(c, name, value, type);
        } else if (depth >= CLIXML_OBJECT_DEPTH_MAX) {
                object_display(value, text, sizeof text); /* as PowerShell does beyond its depth */
                text_mend(text);
                clixml_string(c, name, text);
        } else if (sd_json_variant_is_array(value)) {
                put_array(c, name, value, type, depth);
        } else if ((own = sd_json_variant_by_key(value, "$type")) && sd_json_variant_is_string(own) &&
                   *sd_json_variant_string(own)) {
                put_typed(c, name, value, sd_json_variant_string(own), depth);
        } else {
                put_hashtable(c, name, value, depth);
        }
}

void clixml_value(Clixml *c, const char *name, sd_json_variant *value, const char *type) {
        put_value(c, name, value, type, 0);
}
