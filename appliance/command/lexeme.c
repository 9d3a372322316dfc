#include "appliance/command/lexeme.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/object.h"

static bool starts(const char *p, const char *prefix) { return strncmp(p, prefix, strlen(prefix)) == 0; }

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

bool ends_word(char ch) { return ch == '\0' || strchr(" \t\r\n|;,(){}&<>", ch); }

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

static int no_variables(Cursor *c, const char *at) {
        size_t size = strspn(at + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:");
        return record_syntax(
                c->record, "VariableNotSupported",
                "Variables and expressions such as '$%.*s' are not supported here; write the value itself, "
                "or use single quotes when the text has a $ sign.",
                (int)(size > 60 ? 60 : size), at + 1);
}

/* The character after a backtick.  @to is where it goes. */
static const char *unescape(const char *p, char **to) {
        static const char names[] = "0abefnrtv", values[] = "\0\a\b\033\f\n\r\t\v";
        const char *known = *p ? strchr(names, *p) : NULL;
        if (known && *p != '0')
                *(*to)++ = values[known - names];
        else if (*p != '0')
                *(*to)++ = *p;          /* any other character stands for itself; U+0000 is dropped */
        return p + 1;
}

/* c->at is behind the opening quote; appends to *to. */
static int read_quoted(Cursor *c, char straight, char **to) {
        for (;;) {
                size_t quote = quote_size(c->at, straight);
                if (*c->at == '\0')
                        return record_syntax(c->record, "TerminatorExpectedAtEndOfString",
                                             "The string is missing the terminator: %c.", straight);
                if (quote > 0) {
                        c->at += quote;
                        size_t again = quote_size(c->at, straight);
                        if (again == 0)
                                return 0;
                        *(*to)++ = straight;    /* a doubled quote is one */
                        c->at += again;
                } else if (straight == '"' && *c->at == '`' && c->at[1] != '\0') {
                        c->at = unescape(c->at + 1, to);
                } else if (straight == '"' && *c->at == '$' && names_a_variable(c->at + 1)) {
                        return no_variables(c, c->at);
                } else {
                        *(*to)++ = *c->at++;
                }
        }
}

/* [n], from either end; nothing where there is nothing. */
static sd_json_variant *element(sd_json_variant *value, long i) {
        long count = value && sd_json_variant_is_array(value) ? (long)sd_json_variant_elements(value) : 0;
        if (value && !sd_json_variant_is_array(value) && (i == 0 || i == -1))
                return value;           /* one value is a list of one */
        i = i < 0 ? count + i : i;
        return i >= 0 && i < count ? sd_json_variant_by_index(value, (size_t)i) : NULL;
}

/* .Property; of a list, its Count or that of each element.  *ret is a new reference or NULL. */
static int member(sd_json_variant *value, const char *name, sd_json_variant **ret) {
        bool is_list = value && sd_json_variant_is_array(value);
        if (is_list && (text_equal_nocase(name, "Count") || text_equal_nocase(name, "Length")))
                return sd_json_variant_new_unsigned(ret, sd_json_variant_elements(value));
        if (!is_list) {
                *ret = value ? sd_json_variant_ref(object_property(value, name)) : NULL;
                return 0;
        }
        auto_(sd_json_variant_unrefp) sd_json_variant *all = NULL;
        int r = sd_json_variant_new_array(&all, NULL, 0);
        for (size_t i = 0; r >= 0 && i < sd_json_variant_elements(value); i++) {
                sd_json_variant *one = object_property(sd_json_variant_by_index(value, i), name);
                if (one)
                        r = sd_json_variant_append_array(&all, one);
        }
        *ret = take_ptr(all);
        return r;
}

#define NAME_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

/* What follows a variable: .Property and [index], to the end of the word.  Takes *value, a reference. */
static int read_members(Cursor *c, sd_json_variant **value) {
        char name[RECORD_NAME_MAX];

        while (*c->at == '.' || *c->at == '[') {
                auto_(sd_json_variant_unrefp) sd_json_variant *next = NULL;
                size_t size = strspn(c->at + 1, NAME_LETTERS);
                int r = 0;
                if (*c->at == '[') {
                        char *end;
                        long i = strtol(c->at + 1, &end, 10);
                        if (end == c->at + 1 || *end != ']')
                                return no_variables(c, c->at);
                        next = sd_json_variant_ref(element(*value, i));
                        c->at = end + 1;
                } else {
                        if (size == 0 || size >= sizeof name)
                                return no_variables(c, c->at);
                        memcpy(name, c->at + 1, size);
                        name[size] = '\0';
                        r = member(*value, name, &next);
                        c->at += 1 + size;
                }
                if (r < 0)
                        return record_syntax(c->record, "OutOfMemory", "There is not enough memory for the command.");
                (void)sd_json_variant_unref(*value);
                *value = take_ptr(next);
        }
        return 0;
}

/* $name, ${name}, $using:name: moves behind it and gives its value (borrowed), NULL: it has none here. */
static sd_json_variant *find_variable(Cursor *c) {
        const char *p = c->at + 1;
        bool brace = *p == '{';
        char name[RECORD_NAME_MAX];

        p += brace;
        size_t size = strspn(p, NAME_LETTERS ":");
        if (size == 0 || size >= sizeof name || (brace && p[size] != '}') || !c->variables)
                return NULL;
        memcpy(name, p, size);
        name[size] = '\0';
        sd_json_variant *value = object_property(c->variables, name);
        if (value)
                c->at = p + size + brace;
        return value;
}

static int read_variable(Cursor *c, Literal *ret) {
        const char *start = c->at;
        auto_(sd_json_variant_unrefp) sd_json_variant *value = sd_json_variant_ref(find_variable(c));

        if (!value)
                return no_variables(c, start);
        if (read_members(c, &value) < 0)
                return -1;
        if (!ends_word(*c->at))
                return no_variables(c, start);
        *ret = value ? (Literal){ .kind = LITERAL_VALUE, .value = take_ptr(value) } : (Literal){ .kind = LITERAL_NULL };
        return 0;
}

static int read_constant(Cursor *c, Literal *ret) {
        static const struct { const char *name; LiteralKind kind; } constants[] = {
                { "$true", LITERAL_TRUE }, { "$false", LITERAL_FALSE }, { "$null", LITERAL_NULL },
        };
        for (size_t i = 0; i < ARRAY_SIZE(constants); i++) {
                size_t size = strlen(constants[i].name);
                if (!text_starts_nocase(c->at, constants[i].name) ||
                    (!ends_word(c->at[size]) && c->at[size] != '='))
                        continue;
                c->at += size;
                *ret = (Literal){ .kind = constants[i].kind };
                return 0;
        }
        return read_variable(c, ret);
}

/* @to has room for everything up to the end of the word: no piece grows when it is read. */
static int read_pieces(Cursor *c, bool stop_at_equals, char **to, bool *ret_quoted) {
        *ret_quoted = false;
        while (!ends_word(*c->at) && !(stop_at_equals && *c->at == '=')) {
                size_t one = quote_size(c->at, '\''), two = quote_size(c->at, '"');
                if (one > 0 || two > 0) {
                        *ret_quoted = true;
                        c->at += one + two;
                        if (read_quoted(c, one ? '\'' : '"', to) < 0)
                                return -1;
                } else if (*c->at == '`' && c->at[1] != '\0') {
                        if (c->at[1] == '\n' || c->at[1] == '\r')
                                return 0;       /* a continued line ends the word */
                        c->at = unescape(c->at + 1, to);
                } else if (*c->at == '$' && names_a_variable(c->at + 1)) {
                        return no_variables(c, c->at);
                } else {
                        *(*to)++ = *c->at++;
                }
        }
        return 0;
}

/* Where the word can end at most, so that its buffer is as long as the word and not as the text. */
static size_t word_bound(const char *p, bool stop_at_equals) {
        const char *start = p;
        while (!ends_word(*p) && !(stop_at_equals && *p == '=')) {
                size_t one = quote_size(p, '\''), two = quote_size(p, '"');
                if (one + two == 0) {
                        p += *p == '`' && p[1] ? 2 : 1;
                        continue;
                }
                for (p += one + two; *p; p++) {
                        if (two && *p == '`' && p[1]) {
                                p++;
                        } else if (quote_size(p, one ? '\'' : '"') > 0) {
                                p += quote_size(p, one ? '\'' : '"');
                                break;
                        }
                }
        }
        return (size_t)(p - start);
}

int read_word(Cursor *c, bool stop_at_equals, Literal *ret) {
        if (*c->at == '$' && names_a_variable(c->at + 1))
                return read_constant(c, ret);

        auto_free char *text = malloc(word_bound(c->at, stop_at_equals) + 1);
        Error oom = { 0 };
        if (!text) {
                (void)error_oom(&oom);
                return record_syntax(c->record, "OutOfMemory", "%s", oom.text);
        }
        char *end = text;
        bool quoted;
        if (read_pieces(c, stop_at_equals, &end, &quoted) < 0)
                return -1;
        *end = '\0';
        sd_json_variant *number = quoted ? NULL : number_parse(text);
        *ret = (Literal){ .kind = number ? LITERAL_NUMBER : LITERAL_STRING,
                          .text = take_ptr(text),
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
