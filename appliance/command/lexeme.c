#include "appliance/command/lexeme.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/object.h"

static bool starts(const char *p, const char *prefix) {
        return strncmp(p, prefix, strlen(prefix)) == 0;
}

int skip_blanks(Cursor *c, bool newlines) {
        for (;;) {
                if (*c->at == ' ' || *c->at == '\t' || (newlines && (*c->at == '\n' || *c->at == '\r'))) {
                        c->at++;
                } else if (starts(c->at, "\xC2\xA0")) { /* no-break space, from web pages */
                        c->at += 2;
                } else if (*c->at == '`' && (c->at[1] == '\n' || starts(c->at + 1, "\r\n"))) {
                        c->at += c->at[1] == '\n' ? 2 : 3;
                } else if (*c->at == '#') {
                        c->at += strcspn(c->at, "\n");
                } else if (starts(c->at, "<#")) {
                        const char *end = strstr(c->at + 2, "#>");
                        if (!end)
                                return record_syntax(c->record, "MissingTerminatorMultiLineComment",
                                                     "The terminator '#>' is missing from the multiline comment.");
                        c->at = end + 2;
                } else {
                        return 0;
                }
        }
}

size_t dash_size(const char *p) {
        if (*p == '-')
                return 1;
        return starts(p, "\xE2\x80\x93") || starts(p, "\xE2\x80\x94") || starts(p, "\xE2\x80\x95") ? 3 : 0;
}

bool ends_word(char ch) {
        return ch == '\0' || strchr(" \t\r\n|;,(){}&<>", ch);
}

/* Straight and typographic quotes: PowerShell takes ‘ ’ ‚ ‛ for ' and “ ” „ for ". */
static size_t quote_size(const char *p, char straight) {
        if (*p == straight)
                return 1;
        if (!starts(p, "\xE2\x80"))
                return 0;
        unsigned char last = (unsigned char)p[2];
        if (straight == '\'')
                return last >= 0x98 && last <= 0x9B ? 3 : 0;
        return last >= 0x9C && last <= 0x9E ? 3 : 0;
}

static bool names_a_variable(const char *after_dollar) {
        char ch = *after_dollar;
        return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
               (ch != '\0' && strchr("_({?$^:", ch));
}

bool is_variable(const char *p) {
        return *p == '$' && names_a_variable(p + 1);
}

int no_memory(Cursor *c) {
        return record_syntax(c->record, "OutOfMemory", "There is not enough memory for the command.");
}

/* A word in the making. */
typedef struct Text {
        char *data;
        size_t size, room;
} Text;

static void text_clear(Text *t) {
        free(t->data);
}

static int put_bytes(Cursor *c, Text *t, const char *from, size_t size) {
        if (t->size + size >= t->room) {
                size_t room = t->room ? t->room : 32;
                while (room <= t->size + size)
                        room *= 2;
                char *more = realloc(t->data, room);
                if (!more)
                        return no_memory(c);
                t->data = more;
                t->room = room;
        }
        memcpy(t->data + t->size, from, size);
        t->size += size;
        t->data[t->size] = '\0';
        return 0;
}

/* The character after a backtick, where the cursor stands. */
static int read_escaped(Cursor *c, Text *t) {
        static const char names[] = "0abefnrtv", values[] = "\0\a\b\033\f\n\r\t\v";
        const char *known = strchr(names, *c->at);
        char ch = known ? values[known - names] : *c->at; /* any other character stands for itself */
        bool zero = *c->at == '0';
        c->at++;
        return zero ? 0 : put_bytes(c, t, &ch, 1); /* U+0000 is dropped */
}

/* "$name", "${name}", "$($name.Property)" */
static int read_expanded(Cursor *c, Text *t) {
        auto_(sd_json_variant_unrefp) sd_json_variant *value = NULL;
        const char *start = c->at;
        bool parenthesis = c->at[1] == '(';
        char shown[4096];

        if (parenthesis)
                c->at += 2;
        if (parenthesis && !is_variable(c->at))
                return no_variables(c, start);
        if (read_variable_name(c, &value) < 0 || (parenthesis && read_members(c, &value) < 0))
                return -1;
        if (parenthesis && *c->at++ != ')')
                return no_variables(c, start);
        object_display(value, shown, sizeof shown);
        const char *text = value && sd_json_variant_is_string(value) ? sd_json_variant_string(value) : shown;
        c->expanded += strlen(text);
        if (c->expanded > SYNTAX_TEXT_MAX)
                return record_syntax(c->record, "LimitExceeded", "Variables make the command longer than %d bytes.",
                                     SYNTAX_TEXT_MAX);
        return put_bytes(c, t, text, strlen(text));
}

/* c->at is behind the opening quote. */
static int read_quoted(Cursor *c, char straight, Text *t) {
        for (;;) {
                size_t quote = quote_size(c->at, straight);
                int r;
                if (*c->at == '\0')
                        return record_syntax(c->record, "TerminatorExpectedAtEndOfString",
                                             "The string is missing the terminator: %c.", straight);
                if (quote > 0) {
                        c->at += quote;
                        size_t again = quote_size(c->at, straight);
                        if (again == 0)
                                return 0;
                        r = put_bytes(c, t, &straight, 1); /* a doubled quote is one */
                        c->at += again;
                } else if (straight == '"' && *c->at == '`' && c->at[1] != '\0') {
                        c->at++;
                        r = read_escaped(c, t);
                } else if (straight == '"' && is_variable(c->at)) {
                        r = read_expanded(c, t);
                } else {
                        r = put_bytes(c, t, c->at++, 1);
                }
                if (r < 0)
                        return -1;
        }
}

static int read_constant(Cursor *c, Literal *ret) {
        static const struct {
                const char *name;
                LiteralKind kind;
        } constants[] = {
                { "$true", LITERAL_TRUE },
                { "$false", LITERAL_FALSE },
                { "$null", LITERAL_NULL },
        };
        auto_(sd_json_variant_unrefp) sd_json_variant *value = NULL;
        const char *start = c->at;

        for (size_t i = 0; i < ARRAY_SIZE(constants); i++) {
                size_t size = strlen(constants[i].name);
                if (!text_starts_nocase(c->at, constants[i].name) ||
                    (!ends_word(c->at[size]) && c->at[size] != '='))
                        continue;
                c->at += size;
                *ret = (Literal){ .kind = constants[i].kind };
                return 0;
        }
        if (read_variable_name(c, &value) < 0 || read_members(c, &value) < 0)
                return -1;
        if (!ends_word(*c->at))
                return no_variables(c, start);
        bool none = !value || sd_json_variant_is_null(value);
        *ret = !none ? (Literal){ .kind = LITERAL_VALUE, .value = take_ptr(value) }
                     : (Literal){ .kind = LITERAL_NULL };
        return 0;
}

static int read_pieces(Cursor *c, bool stop_at_equals, Text *t, bool *ret_quoted) {
        *ret_quoted = false;
        while (!ends_word(*c->at) && !(stop_at_equals && *c->at == '=')) {
                size_t one = quote_size(c->at, '\''), two = quote_size(c->at, '"');
                int r;
                if (one > 0 || two > 0) {
                        *ret_quoted = true;
                        c->at += one + two;
                        r = read_quoted(c, one ? '\'' : '"', t);
                } else if (*c->at == '`' && c->at[1] != '\0') {
                        if (c->at[1] == '\n' || c->at[1] == '\r')
                                return 0; /* a continued line ends the word */
                        c->at++;
                        r = read_escaped(c, t);
                } else if (is_variable(c->at)) {
                        return no_variables(c, c->at);
                } else {
                        r = put_bytes(c, t, c->at++, 1);
                }
                if (r < 0)
                        return -1;
        }
        return 0;
}

int read_word(Cursor *c, bool stop_at_equals, Literal *ret) {
        auto_(text_clear) Text text = { 0 };
        bool quoted;

        if (is_variable(c->at))
                return read_constant(c, ret);
        if (put_bytes(c, &text, "", 0) < 0 || read_pieces(c, stop_at_equals, &text, &quoted) < 0)
                return -1;
        sd_json_variant *number = quoted ? NULL : number_parse(text.data);
        *ret = (Literal){ .kind = number ? LITERAL_NUMBER : LITERAL_STRING,
                          .text = take_ptr(text.data),
                          .value = number };
        return 0;
}

static unsigned multiplier_shift(const char *suffix) {
        static const char *const names[] = { "", "kb", "mb", "gb", "tb", "pb" };
        for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
                if (text_equal_nocase(suffix, names[i]))
                        return 10 * i;
        return UINT32_MAX;
}

static sd_json_variant *number_of(bool negative, uint64_t whole, long double real, bool is_real) {
        sd_json_variant *ret = NULL;
        int r;
        if (is_real)
                r = sd_json_variant_new_real(&ret, (double)(negative ? -real : real));
        else if (!negative)
                r = sd_json_variant_new_unsigned(&ret, whole);
        else if (whole <= (uint64_t)INT64_MAX + 1)
                r = sd_json_variant_new_integer(&ret, (int64_t)(0 - whole));
        else
                r = sd_json_variant_new_real(&ret, -(double)whole);
        return r < 0 ? NULL : ret;
}

sd_json_variant *number_parse(const char *text) {
        bool negative = *text == '-';
        const char *p = text + (*text == '-' || *text == '+');
        char *end;

        if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
                size_t digits = strspn(p + 2, "0123456789abcdefABCDEF");
                unsigned shift = multiplier_shift(p + 2 + digits);
                if (digits == 0 || digits > 16 || shift == UINT32_MAX)
                        return NULL;
                uint64_t whole = strtoull(p + 2, NULL, 16);
                return whole <= UINT64_MAX >> shift ? number_of(negative, whole << shift, 0, false) : NULL;
        }
        size_t whole_digits = strspn(p, "0123456789"), all = whole_digits;
        if (p[all] == '.')
                all += 1 + strspn(p + all + 1, "0123456789");
        if (all == 0 || (all == 1 && p[0] == '.') || all > 64)
                return NULL;
        size_t exponent = (p[all] == 'e' || p[all] == 'E') ? 1U + (p[all + 1] == '-' || p[all + 1] == '+') : 0;
        if (exponent > 0) {
                size_t digits = strspn(p + all + exponent, "0123456789");
                exponent = digits > 0 && digits < 5 ? exponent + digits : 0;
        }
        unsigned shift = multiplier_shift(p + all + exponent);
        if (shift == UINT32_MAX)
                return NULL;
        errno = 0;
        uint64_t whole = strtoull(p, &end, 10);
        bool fits = errno == 0 && all == whole_digits && exponent == 0 && whole <= UINT64_MAX >> shift;
        if (fits)
                return number_of(negative, whole << shift, 0, false);
        long double real = ldexpl(strtold(p, NULL), (int)shift);
        if (!isfinite((double)real))
                return NULL;
        /* 1.5GB is a whole number of bytes */
        bool is_whole = shift > 0 && real < 0x1p63L && real == floorl(real);
        return number_of(negative, is_whole ? (uint64_t)real : 0, real, !is_whole);
}
