#include "appliance/command/object.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/types.h"

#define SECOND_US 1000000ULL

void timespan_text(uint64_t duration_us, char to[static TIMESPAN_TEXT_SIZE]) {
        uint64_t seconds = duration_us / SECOND_US, days = seconds / 86400;
        unsigned ticks = (unsigned)(duration_us % SECOND_US) * 10;
        char day[24] = "", fraction[16] = "";

        if (days > 0)
                (void)snprintf(day, sizeof day, "%" PRIu64 ".", days);
        if (ticks > 0)
                (void)snprintf(fraction, sizeof fraction, ".%07u", ticks);
        (void)snprintf(to, TIMESPAN_TEXT_SIZE, "%.14s%02u:%02u:%02u%.8s", day, (unsigned)(seconds / 3600 % 24),
                       (unsigned)(seconds / 60 % 60), (unsigned)(seconds % 60), fraction);
}

static bool take_number(const char **p, unsigned max, uint64_t *ret) {
        uint64_t value = 0;
        size_t digits = strspn(*p, "0123456789");
        if (digits == 0 || digits > 8)
                return false;
        for (size_t i = 0; i < digits; i++)
                value = 10 * value + (uint64_t)((*p)[i] - '0');
        *p += digits;
        *ret = value;
        return value <= max;
}

/* [d.]hh:mm[:ss[.fffffff]], or days alone. */
int timespan_parse(const char *text, uint64_t *ret_us, Error *err) {
        uint64_t days = 0, part[3] = { 0 }, fraction = 0;
        const char *p = text;
        bool ok;

        if (!strchr(p, ':')) {
                ok = take_number(&p, 10675199, &days) && *p == '\0';
        } else {
                size_t first = strspn(p, "0123456789");
                ok = p[first] != '.' || (take_number(&p, 10675199, &days) && *p++ == '.');
                ok = ok && take_number(&p, 23, &part[0]) && *p++ == ':' && take_number(&p, 59, &part[1]);
                if (ok && *p == ':') {
                        p++;
                        ok = take_number(&p, 59, &part[2]);
                }
                if (ok && *p == '.') {
                        uint64_t scale = SECOND_US / 10;
                        for (p++; *p >= '0' && *p <= '9'; p++, scale /= 10)
                                fraction += scale * (uint64_t)(*p - '0');
                }
                ok = ok && *p == '\0';
        }
        if (!ok)
                return error_set(err, ERROR_INVALID, 0,
                                 "'%.60s' is not a time span; write it as hours:minutes:seconds", text);
        *ret_us = (((days * 24 + part[0]) * 60 + part[1]) * 60 + part[2]) * SECOND_US + fraction;
        return 0;
}

void datetime_text(uint64_t realtime_us, char to[static DATETIME_TEXT_SIZE]) {
        time_t seconds = (time_t)(realtime_us / SECOND_US);
        struct tm tm;
        char whole[24];

        to[0] = '\0';
        if (realtime_us == 0 || !gmtime_r(&seconds, &tm) || strftime(whole, sizeof whole, "%FT%T", &tm) == 0)
                return;
        (void)snprintf(to, DATETIME_TEXT_SIZE, "%s.%07uZ", whole, (unsigned)(realtime_us % SECOND_US) * 10);
}

const char *object_type(sd_json_variant *object) {
        sd_json_variant *type = sd_json_variant_is_object(object) ? sd_json_variant_by_key(object, "$type") : NULL;
        const char *name = type && sd_json_variant_is_string(type) ? sd_json_variant_string(type) : "";
        const char *dot = strrchr(name, '.');
        return dot ? dot + 1 : name;
}

sd_json_variant *object_property(sd_json_variant *object, const char *name) {
        if (!sd_json_variant_is_object(object) || *name == '$')
                return NULL;
        sd_json_variant *exact = sd_json_variant_by_key(object, name);
        if (exact)
                return exact;
        for (size_t i = 0; i + 1 < sd_json_variant_elements(object); i += 2)
                if (text_equal_nocase(sd_json_variant_string(sd_json_variant_by_index(object, i)), name))
                        return sd_json_variant_by_index(object, i + 1);
        return NULL;
}

int object_strings(char *const *list, size_t count, sd_json_variant **ret) {
        auto_(sd_json_variant_unrefp) sd_json_variant *array = NULL;
        int r = sd_json_variant_new_array(&array, NULL, 0);

        for (size_t i = 0; r >= 0 && i < count; i++) {
                auto_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
                r = sd_json_variant_new_string(&v, list[i]);
                if (r >= 0)
                        r = sd_json_variant_append_array(&array, v);
        }
        if (r >= 0)
                *ret = take_ptr(array);
        return r;
}

const char *object_string(sd_json_variant *object, const char *name) {
        sd_json_variant *value = object_property(object, name);
        return value && sd_json_variant_is_string(value) ? sd_json_variant_string(value) : NULL;
}

uint64_t object_unsigned(sd_json_variant *object, const char *name, uint64_t otherwise) {
        sd_json_variant *value = object_property(object, name);
        return value && sd_json_variant_is_unsigned(value) ? sd_json_variant_unsigned(value) : otherwise;
}

typedef struct Text {
        char *to;
        size_t size, at;
} Text;

static void put(Text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void put(Text *t, const char *fmt, ...) {
        va_list ap;
        va_start(ap, fmt);
        int n = t->at < t->size ? vsnprintf(t->to + t->at, t->size - t->at, fmt, ap) : 0;
        va_end(ap);
        t->at += n > 0 ? (size_t)n : 0;
}

/* An object inside a cell: what its type says stands for it, its Name, else the type's name. */
static void put_object(Text *t, sd_json_variant *object) {
        const Type *type = type_find(object_type(object));
        const char *text = object_string(object, type && type->text ? type->text : "Name");
        if (text)
                put(t, "%s", text);
        else if (*object_type(object))
                put(t, "%s", type ? type->name : object_type(object));
        else
                put(t, "System.Collections.Hashtable");
}

static void put_scalar(Text *t, sd_json_variant *value) {
        if (!value || sd_json_variant_is_null(value))
                return;
        if (sd_json_variant_is_string(value))
                put(t, "%s", sd_json_variant_string(value));
        else if (sd_json_variant_is_boolean(value))
                put(t, "%s", sd_json_variant_boolean(value) ? "True" : "False");
        else if (sd_json_variant_is_unsigned(value))
                put(t, "%" PRIu64, sd_json_variant_unsigned(value));
        else if (sd_json_variant_is_integer(value))
                put(t, "%" PRId64, sd_json_variant_integer(value));
        else if (sd_json_variant_is_number(value))
                put(t, "%.15g", sd_json_variant_real(value));
        else if (sd_json_variant_is_object(value))
                put_object(t, value);
        else
                put(t, "System.Object[]");
}

void object_display(sd_json_variant *value, char *to, size_t size) {
        Text t = { .to = to, .size = size };
        to[0] = '\0';
        if (!value || !sd_json_variant_is_array(value)) {
                put_scalar(&t, value);
                return;
        }
        size_t count = sd_json_variant_elements(value);
        put(&t, "{");
        for (size_t i = 0; i < count && t.at < size; i++) {
                if (i > 0)
                        put(&t, ", ");
                put_scalar(&t, sd_json_variant_by_index(value, i));
        }
        put(&t, "}");
}
