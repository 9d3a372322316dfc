#include "appliance/command/lexeme.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/object.h"

#define NAME_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

int no_variables(Cursor *c, const char *at) {
        size_t size = strspn(at + 1, NAME_LETTERS ":");
        return record_syntax(
                c->record, "VariableNotSupported",
                "Variables and expressions such as '$%.*s' are not supported here; write the value itself, "
                "or use single quotes when the text has a $ sign.",
                (int)(size > 60 ? 60 : size), at + 1);
}

/* [n], from either end; nothing where there is nothing. */
static sd_json_variant *element(sd_json_variant *value, long i) {
        long count = value && sd_json_variant_is_array(value) ? (long)sd_json_variant_elements(value) : 0;
        if (value && !sd_json_variant_is_array(value) && (i == 0 || i == -1))
                return value; /* one value is a list of one */
        i = i < 0 ? count + i : i;
        return i >= 0 && i < count ? sd_json_variant_by_index(value, (size_t)i) : NULL;
}

/* .Property; of a list, its Count or that of each element.  *ret is a new reference or NULL. */
static int member(sd_json_variant *value, const char *name, sd_json_variant **ret) {
        bool is_list = value && sd_json_variant_is_array(value);
        bool counts = text_equal_nocase(name, "Count") || text_equal_nocase(name, "Length");
        if (is_list && counts)
                return sd_json_variant_new_unsigned(ret, sd_json_variant_elements(value));
        if (!is_list) {
                sd_json_variant *found = value ? object_property(value, name) : NULL;
                if (!found && counts && value && sd_json_variant_is_object(value))
                        return sd_json_variant_new_unsigned(ret, 1);
                *ret = sd_json_variant_ref(found);
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

int read_members(Cursor *c, sd_json_variant **value) {
        char name[RECORD_NAME_MAX];

        while (*c->at == '.' || *c->at == '[') {
                auto_(sd_json_variant_unrefp) sd_json_variant *next = NULL;
                size_t size = strspn(c->at + 1, NAME_LETTERS);
                int r = 0;
                if (*c->at == '[') {
                        char *end;
                        long i = strtol(c->at + 1, &end, 10);
                        if (end == c->at + 1 || *end != ']')
                                return record_syntax(c->record, "ExpressionNotSupported",
                                                     "Only a number is supported as an index here.");
                        next = sd_json_variant_ref(element(*value, i));
                        c->at = end + 1;
                } else {
                        if (size == 0 || size >= sizeof name || c->at[1 + size] == '(')
                                return record_syntax(
                                        c->record, "ExpressionNotSupported",
                                        "Methods and expressions behind a '.' are not supported here.");
                        memcpy(name, c->at + 1, size);
                        name[size] = '\0';
                        r = member(*value, name, &next);
                        c->at += 1 + size;
                }
                if (r < 0)
                        return no_memory(c);
                (void)sd_json_variant_unref(*value);
                *value = take_ptr(next);
        }
        return 0;
}

static bool is_assigned(const Cursor *c, const char *name) {
        for (size_t i = 0; c->script && i < c->script->count; i++)
                if (c->script->pipelines[i].assign && text_equal_nocase(c->script->pipelines[i].assign, name))
                        return true;
        return false;
}

int read_variable_name(Cursor *c, sd_json_variant **ret) {
        static const char *const scopes[] = { "global:", "script:", "local:" };
        const char *p = c->at + 1, *start = c->at;
        bool brace = *p == '{';
        char name[RECORD_NAME_MAX], *bare = name;

        p += brace;
        size_t size = strspn(p, NAME_LETTERS ":");
        while (!brace && size > 0 && p[size - 1] == ':')
                size--; /* "$name: …" in a text */
        if (size == 0 || size >= sizeof name || (brace && p[size] != '}'))
                return no_variables(c, start);
        memcpy(name, p, size);
        name[size] = '\0';
        for (size_t i = 0; i < ARRAY_SIZE(scopes); i++)
                if (text_starts_nocase(name, scopes[i]))
                        bare = name + strlen(scopes[i]);
        sd_json_variant *value = c->variables ? object_property(c->variables, bare) : NULL;
        /* $using:vm.Name is one expression: the client evaluates it whole, and sends its value under its whole text. */
        for (size_t more = strspn(p + size, NAME_LETTERS ".[]"); !value && c->variables && more > 0 &&
                                                                  text_starts_nocase(name, "using:"); more--) {
                if (size + more >= sizeof name)
                        continue;
                memcpy(name + size, p + size, more);
                name[size + more] = '\0';
                value = object_property(c->variables, name);
                size += value ? more : 0;
        }
        bool pending = !c->again && is_assigned(c, bare);
        if (!value && !pending)
                return no_variables(c, start);
        c->deferred = c->deferred || pending;
        c->at = p + size + brace;
        *ret = pending ? NULL : sd_json_variant_ref(value);
        return 0;
}
