#include "appliance/command/condition.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/convert.h"
#include "appliance/command/lexeme.h"
#include "appliance/command/object.h"
#include "appliance/command/order.h"

enum { LESS = 1, EQUAL = 2, GREATER = 4, LIKE = 8, HAS = 16, IN = 32, NEGATED = 64 };

static const struct {
        const char *name;
        unsigned relations;
} operators[] = {
        { "eq", EQUAL },     { "ne", LESS | GREATER },         { "gt", GREATER }, { "ge", GREATER | EQUAL },
        { "lt", LESS },      { "le", LESS | EQUAL },           { "like", LIKE },  { "notlike", LIKE | NEGATED },
        { "contains", HAS }, { "notcontains", HAS | NEGATED }, { "in", IN },      { "notin", IN | NEGATED },
};

/* ---- does it hold? ---------------------------------------------------------------------------------- */

static bool one_holds(unsigned relations, sd_json_variant *left, sd_json_variant *right, const char *type) {
        char text[4096], pattern[1024];

        if (!(relations & LIKE)) {
                int order = order_values(left, right, type);
                return relations & (order < 0 ? LESS : order > 0 ? GREATER : EQUAL);
        }
        object_display(left, text, sizeof text);
        object_display(right, pattern, sizeof pattern);
        return text_matches_wildcard(text, pattern) != ((relations & NEGATED) != 0);
}

static bool has(sd_json_variant *list, sd_json_variant *value, const char *type) {
        if (!list || !sd_json_variant_is_array(list))
                return order_values(list, value, type) == 0;
        for (size_t i = 0; i < sd_json_variant_elements(list); i++)
                if (order_values(sd_json_variant_by_index(list, i), value, type) == 0)
                        return true;
        return false;
}

bool condition_compare(const char *operator, sd_json_variant * left, sd_json_variant *right, const char *type) {
        unsigned relations = 0;
        for (size_t i = 0; i < ARRAY_SIZE(operators); i++)
                if (text_equal_nocase(operators[i].name, operator))
                        relations = operators[i].relations;
        if (relations & (HAS | IN))
                return (relations & HAS ? has(left, right, type) : has(right, left, type)) !=
                       ((relations & NEGATED) != 0);
        /* With an array on the left, PowerShell asks whether any element does. */
        if (!left || !sd_json_variant_is_array(left))
                return one_holds(relations, left, right, type);
        for (size_t i = 0; i < sd_json_variant_elements(left); i++)
                if (one_holds(relations, sd_json_variant_by_index(left, i), right, type))
                        return true;
        return false;
}

sd_json_variant *condition_property(sd_json_variant *object, const char *path) {
        char name[RECORD_NAME_MAX];
        while (*path && object) {
                size_t size = strcspn(path, ".");
                if (size >= sizeof name)
                        return NULL;
                memcpy(name, path, size);
                name[size] = '\0';
                object = object_property(object, name);
                path += size + (path[size] == '.');
        }
        return object;
}

static bool is_set(sd_json_variant *term, const char *name) {
        sd_json_variant *value = object_property(term, name);
        return value && sd_json_variant_is_boolean(value) && sd_json_variant_boolean(value);
}

static bool term_holds(sd_json_variant *term, sd_json_variant *object) {
        const char *path = object_string(term, "Path"), *operator= object_string(term, "Operator");
        if (!path)
                return condition_holds(term, object); /* depth is bounded by the parser */
        sd_json_variant *left = condition_property(object, path);
        if (!operator)
                return order_is_true(left);
        return condition_compare(operator, left, object_property(term, "Value"),
                                 strchr(path, '.') ? NULL : order_property_type(object, path));
}

bool condition_holds(sd_json_variant *block, sd_json_variant *object) {
        sd_json_variant *terms = object_property(block, "Terms");
        bool result = false;
        for (size_t i = 0; terms && i < sd_json_variant_elements(terms); i++) {
                sd_json_variant *term = sd_json_variant_by_index(terms, i);
                const char *join = object_string(term, "Join");
                bool holds = term_holds(term, object) != is_set(term, "Not");
                result = !join ? holds : strcmp(join, "and") == 0 ? result && holds : result || holds;
        }
        return result;
}

const char *condition_path(sd_json_variant *block) {
        sd_json_variant *terms = object_property(block, "Terms");
        sd_json_variant *only =
                terms && sd_json_variant_elements(terms) == 1 ? sd_json_variant_by_index(terms, 0) : NULL;
        return only && !object_string(only, "Operator") && !is_set(only, "Not") ? object_string(only, "Path")
                                                                                : NULL;
}

/* ---- reading ------------------------------------------------------------------------------------------ */

static int parse_terms(Cursor *c, char end, unsigned depth, sd_json_variant **ret);

static int refuse(Cursor *c) {
        return record_syntax(
                c->record, "ExpressionNotSupported",
                "Script blocks in braces are not supported here, but for conditions such as "
                "{ $_.State -eq 'Running' -and $_.ProcessorCount -gt 1 }; comparing with -match is not.");
}

/* -word at the cursor, without the dash; moves behind it.  false: there is none. */
static bool take_operator(Cursor *c, char to[static 16]) {
        size_t dash = dash_size(c->at), size = 0;
        while (dash > 0 && size < 15 && ((c->at[dash + size] | 0x20) >= 'a' && (c->at[dash + size] | 0x20) <= 'z'))
                size++;
        if (size == 0 || !ends_word(c->at[dash + size]))
                return false;
        for (size_t i = 0; i < size; i++)
                to[i] = (char)(c->at[dash + i] | 0x20);
        to[size] = '\0';
        c->at += dash + size;
        return true;
}

/* $_ or $PSItem, and the properties behind it. */
static int parse_operand(Cursor *c, sd_json_variant **term) {
        static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.";
        size_t item = text_starts_nocase(c->at, "$psitem") ? 7 : strncmp(c->at, "$_", 2) == 0 ? 2 : 0;
        char path[4 * RECORD_NAME_MAX];

        if (item == 0)
                return refuse(c);
        size_t size = c->at[item] == '.' ? strspn(c->at + item + 1, letters) : 0;
        const char *behind = c->at + item + (size > 0 ? size + 1 : 0);
        if (!ends_word(*behind) || *behind == '(' || size >= sizeof path)
                return refuse(c);
        memcpy(path, c->at + item + 1, size);
        path[size] = '\0';
        c->at = behind;
        return sd_json_variant_set_field_string(term, "Path", path) < 0 ? no_memory(c) : 0;
}

static int parse_comparison(Cursor *c, sd_json_variant **term) {
        auto_(sd_json_variant_unrefp) sd_json_variant *value = NULL;
        auto_(literal_clear) Literal literal = { 0 };
        const char *behind = c->at;
        char name[16];
        bool known = false;

        if (!take_operator(c, name) || strcmp(name, "and") == 0 || strcmp(name, "or") == 0) {
                c->at = behind;
                return 0;
        }
        const char *plain = name;
        for (int i = 0; i < 2 && !known; i++) { /* -ieq is -eq; what tells case apart is not taken */
                for (size_t o = 0; o < ARRAY_SIZE(operators); o++)
                        known = known || strcmp(operators[o].name, plain) == 0;
                if (!known && *name == 'i' && i == 0)
                        plain = name + 1;
        }
        if (!known)
                return refuse(c);
        if (skip_blanks(c, true) < 0 || parse_list(c, true, &literal) < 0)
                return -1;
        if (!(value = literal_json(&literal)) || sd_json_variant_set_field(term, "Value", value) < 0 ||
            sd_json_variant_set_field_string(term, "Operator", plain) < 0)
                return no_memory(c);
        return 0;
}

static int parse_term(Cursor *c, unsigned depth, sd_json_variant **term) {
        auto_(sd_json_variant_unrefp) sd_json_variant *inner = NULL;
        const char *behind = c->at;
        char name[16];
        bool not = *c->at == '!' || (take_operator(c, name) && strcmp(name, "not") == 0);

        c->at = not && *behind != '!' ? c->at : behind + (*behind == '!');
        if (not&&(sd_json_variant_set_field_boolean(term, "Not", true) < 0 || skip_blanks(c, true) < 0))
                return no_memory(c);
        if (*c->at != '(') {
                if (parse_operand(c, term) < 0 || skip_blanks(c, true) < 0)
                        return -1;
                return not ? 0 : parse_comparison(c, term);
        }
        if (depth == SYNTAX_NESTING_MAX)
                return record_syntax(c->record, "LimitExceeded",
                                     "More than %d parentheses stand inside each other.", SYNTAX_NESTING_MAX);
        c->at++;
        if (parse_terms(c, ')', depth + 1, &inner) < 0)
                return -1;
        return sd_json_variant_set_field(term, "Terms", inner) < 0 ? no_memory(c) : 0;
}

/* Up to and with @end. */
static int parse_terms(Cursor *c, char end, unsigned depth, sd_json_variant **ret) {
        char join[16] = "";

        for (;;) {
                auto_(sd_json_variant_unrefp) sd_json_variant *term = NULL;
                if (skip_blanks(c, true) < 0)
                        return -1;
                if (*join && sd_json_variant_set_field_string(&term, "Join", join) < 0)
                        return no_memory(c);
                if (parse_term(c, depth, &term) < 0 || skip_blanks(c, true) < 0)
                        return -1;
                if (sd_json_variant_append_array(ret, term) < 0)
                        return no_memory(c);
                if (*c->at == end) {
                        c->at++;
                        return 0;
                }
                if (!take_operator(c, join) || (strcmp(join, "and") != 0 && strcmp(join, "or") != 0))
                        return refuse(c);
                if (sd_json_variant_elements(*ret) >= SYNTAX_ARGUMENTS_MAX)
                        return record_syntax(c->record, "LimitExceeded", "A condition has more than %d parts.",
                                             SYNTAX_ARGUMENTS_MAX);
        }
}

int parse_block(Cursor *c, Literal *ret) {
        auto_(sd_json_variant_unrefp) sd_json_variant *terms = NULL, *block = NULL;

        c->at++;
        if (parse_terms(c, '}', 0, &terms) < 0)
                return -1;
        if (sd_json_build(&block, SD_JSON_BUILD_OBJECT(SD_JSON_BUILD_PAIR_STRING(
                                                               "$type", "System.Management.Automation.ScriptBlock"),
                                                       SD_JSON_BUILD_PAIR_VARIANT("Terms", terms))) < 0)
                return no_memory(c);
        *ret = (Literal){ .kind = LITERAL_BLOCK, .value = take_ptr(block) };
        return 0;
}
