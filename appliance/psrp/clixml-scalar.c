#include "appliance/psrp/clixml-scalar.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"

/* ---- _xHHHH_ ------------------------------------------------------------------------------------- */

static bool escaped_unit(const char *p, uint32_t *ret) {
        uint32_t unit = 0;
        if (p[0] != '_' || p[1] != 'x')
                return false;
        for (size_t i = 2; i < 6; i++) {
                if (!isxdigit((unsigned char)p[i]))
                        return false;
                unit = unit << 4 | (uint32_t)(p[i] <= '9' ? p[i] - '0' : (p[i] | 0x20) - 'a' + 10);
        }
        *ret = unit;
        return p[6] == '_';
}

static char *put_utf8(char *to, uint32_t ch) {
        if (ch < 0x80) {
                *to++ = (char)ch;
        } else if (ch < 0x800) {
                *to++ = (char)(0xC0 | ch >> 6);
                *to++ = (char)(0x80 | (ch & 0x3F));
        } else if (ch < 0x10000) {
                *to++ = (char)(0xE0 | ch >> 12);
                *to++ = (char)(0x80 | (ch >> 6 & 0x3F));
                *to++ = (char)(0x80 | (ch & 0x3F));
        } else {
                *to++ = (char)(0xF0 | ch >> 18);
                *to++ = (char)(0x80 | (ch >> 12 & 0x3F));
                *to++ = (char)(0x80 | (ch >> 6 & 0x3F));
                *to++ = (char)(0x80 | (ch & 0x3F));
        }
        return to;
}

void clixml_unescape(char *text) {
        const char *from = strstr(text, "_x");
        char *to = text + (from ? from - text : 0);
        uint32_t unit, low;

        while (from && *from) { /* what is written is never longer than what was read */
                if (!escaped_unit(from, &unit)) {
                        *to++ = *from++;
                        continue;
                }
                from += 7;
                if (unit >= 0xD800 && unit < 0xDC00 && escaped_unit(from, &low) && low >= 0xDC00 && low < 0xE000) {
                        unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
                        from += 7;
                }
                to = put_utf8(to, unit == 0 || (unit >= 0xD800 && unit < 0xE000) ? 0xFFFD : unit);
        }
        if (from)
                *to = '\0';
}

/* ---- types --------------------------------------------------------------------------------------- */

static int done(int r, Error *err) {
        return r < 0 ? error_oom(err) : 0;
}

static int wrong(const char *text, const char *what, Error *err) {
        return error_set(err, ERROR_PROTOCOL, 0, "CLIXML: '%.40s' is not %s", text, what);
}

static int read_string(char *text, int64_t low, uint64_t high, sd_json_variant **ret, Error *err) {
        clixml_unescape(text);
        return done(sd_json_variant_new_string(ret, text), err);
}

static int read_plain(char *text, int64_t low, uint64_t high, sd_json_variant **ret, Error *err) {
        return done(sd_json_variant_new_string(ret, text), err);
}

static int read_boolean(char *text, int64_t low, uint64_t high, sd_json_variant **ret, Error *err) {
        bool yes = strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0;
        if (!yes && strcasecmp(text, "false") != 0 && strcmp(text, "0") != 0)
                return wrong(text, "a Boolean", err);
        return done(sd_json_variant_new_boolean(ret, yes), err);
}

static int read_integer(char *text, int64_t low, uint64_t high, sd_json_variant **ret, Error *err) {
        const char *digits = text + (*text == '-' || *text == '+');
        char *end;

        errno = 0;
        if (!isdigit((unsigned char)*digits))
                return wrong(text, "a number", err);
        if (*text == '-') {
                long long v = strtoll(text, &end, 10);
                if (errno != 0 || *end || v < low)
                        return wrong(text, "a number in range", err);
                return done(sd_json_variant_new_integer(ret, v), err);
        }
        unsigned long long v = strtoull(digits, &end, 10);
        if (errno != 0 || *end || v > high)
                return wrong(text, "a number in range", err);
        return done(sd_json_variant_new_unsigned(ret, v), err);
}

static int read_real(char *text, int64_t low, uint64_t high, sd_json_variant **ret, Error *err) {
        char *end;
        double v = strtod(text, &end);
        if (end == text || *end)
                return wrong(text, "a floating point number", err);
        return done(isfinite(v) ? sd_json_variant_new_real(ret, v) : sd_json_variant_new_null(ret), err);
}

/* A UTF-16 code unit as a number. */
static int read_character(char *text, int64_t low, uint64_t high, sd_json_variant **ret, Error *err) {
        char *end, utf8[8];
        unsigned long unit = strtoul(text, &end, 10);
        if (!isdigit((unsigned char)*text) || *end || unit > 0xFFFF)
                return wrong(text, "a character", err);
        *put_utf8(utf8, unit == 0 || (unit >= 0xD800 && unit < 0xE000) ? 0xFFFD : (uint32_t)unit) = '\0';
        return done(sd_json_variant_new_string(ret, utf8), err);
}

/* Digits in front of @unit; 0 when the part is absent. */
static bool duration_part(const char **p, char unit, unsigned long max, unsigned long *ret) {
        char *end;
        *ret = 0;
        if (!isdigit((unsigned char)**p))
                return true;
        unsigned long v = strtoul(*p, &end, 10);
        if (*end != unit)
                return true; /* another part's */
        *p = end + 1;
        *ret = v;
        return v <= max;
}

/* [-]P[nD][T[nH][nM][n[.fffffff]S]] */
static int read_duration(char *text, int64_t low, uint64_t high, sd_json_variant **ret, Error *err) {
        const char *p = text + (*text == '-');
        unsigned long days, hours = 0, minutes = 0, seconds = 0, ticks = 0;
        char out[80], fraction[24] = "", day[32] = "";

        bool ok = *p++ == 'P' && duration_part(&p, 'D', 10675199, &days);
        if (ok && *p == 'T') {
                p++;
                ok = duration_part(&p, 'H', 256204778, &hours) && duration_part(&p, 'M', 15372286728, &minutes);
                char *end;
                if (ok && isdigit((unsigned char)*p)) {
                        seconds = strtoul(p, &end, 10);
                        p = end;
                        unsigned long scale = 1000000;
                        if (*p == '.')
                                for (p++; isdigit((unsigned char)*p); p++, scale /= 10)
                                        ticks += scale * (unsigned long)(*p - '0');
                        ok = *p++ == 'S' && seconds <= 922337203685;
                }
        }
        if (!ok || *p)
                return wrong(text, "a time span", err);
        minutes += seconds / 60;
        hours += minutes / 60;
        days += hours / 24;
        if (days > 0)
                (void)snprintf(day, sizeof day, "%lu.", days);
        if (ticks > 0)
                (void)snprintf(fraction, sizeof fraction, ".%07lu", ticks);
        (void)snprintf(out, sizeof out, "%s%s%02lu:%02lu:%02lu%s", *text == '-' ? "-" : "", day, hours % 24,
                       minutes % 60, seconds % 60, fraction);
        return done(sd_json_variant_new_string(ret, out), err);
}

/* Still encrypted with the session key. */
static int read_secure(char *text, int64_t low, uint64_t high, sd_json_variant **ret, Error *err) {
        int r = sd_json_build(
                ret, SD_JSON_BUILD_OBJECT(SD_JSON_BUILD_PAIR_STRING("$type", "System.Security.SecureString"),
                                          SD_JSON_BUILD_PAIR_STRING("$encrypted", text)));
        if (r >= 0)
                sd_json_variant_sensitive(*ret);
        return done(r, err);
}

static const ClixmlScalar scalars[] = {
        { "S", read_string },
        { "B", read_boolean },
        { "I32", read_integer, INT32_MIN, INT32_MAX },
        { "I64", read_integer, INT64_MIN, INT64_MAX },
        { "U32", read_integer, 0, UINT32_MAX },
        { "U64", read_integer, 0, UINT64_MAX },
        { "I16", read_integer, INT16_MIN, INT16_MAX },
        { "U16", read_integer, 0, UINT16_MAX },
        { "By", read_integer, 0, UINT8_MAX },
        { "SB", read_integer, INT8_MIN, INT8_MAX },
        { "Db", read_real },
        { "Sg", read_real },
        { "D", read_plain },
        { "C", read_character },
        { "G", read_plain },
        { "DT", read_plain },
        { "TS", read_duration },
        { "URI", read_string },
        { "Version", read_plain },
        { "SBK", read_string },
        { "XD", read_string },
        { "BA", read_plain },
        { "SS", read_secure },
};

const ClixmlScalar *clixml_scalar(const char *element) {
        for (size_t i = 0; i < ARRAY_SIZE(scalars); i++)
                if (strcmp(scalars[i].element, element) == 0)
                        return &scalars[i];
        return NULL;
}
