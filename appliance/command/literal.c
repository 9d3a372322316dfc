#include "appliance/command/lexeme.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"

/* Room for one more of @size bytes in an array that doubles; the new one is zeroed. */
int grow(Cursor *c, void *array, size_t count, size_t size, size_t max, const char *what) {
        void **items = array;
        if (count >= max)
                return record_syntax(c->record, "LimitExceeded", "The command has more than %zu %s.", max, what);
        if ((count & (count - 1)) == 0) { /* full at every power of two */
                void *more = reallocarray(*items, count == 0 ? 1 : 2 * count, size);
                if (!more)
                        return record_syntax(c->record, "OutOfMemory",
                                             "There is not enough memory for the command.");
                *items = more;
        }
        memset((char *)*items + count * size, 0, size);
        return 0;
}

int unexpected(Cursor *c) {
        size_t size = 1;
        while (size < 40 && !ends_word(c->at[size]))
                size++;
        return record_syntax(c->record, "UnexpectedToken", "Unexpected token '%.*s' in expression or statement.",
                             *c->at ? (int)size : 0, c->at);
}

/* What PowerShell would take and we do not. */
int refuse_expression(Cursor *c) {
        const char *what = *c->at == '{'   ? "Script blocks in braces"
                           : *c->at == '&' ? "Calls with '&'"
                                           : "Redirections other than to $null";
        if (!strchr("{&<>", *c->at) || *c->at == '\0')
                return unexpected(c);
        return record_syntax(c->record, "ExpressionNotSupported",
                             "%s are not supported here; use commands with literal arguments, joined by |.", what);
}

/* key = value, behind "@{". */
static int parse_hashtable(Cursor *c, Literal *ret) {
        ret->kind = LITERAL_HASHTABLE;
        for (;;) {
                if (skip_blanks(c, true) < 0)
                        return -1;
                if (*c->at == ';') {
                        c->at++;
                        continue;
                }
                if (*c->at == '}') {
                        c->at++;
                        return 0;
                }
                if (*c->at == '\0')
                        return record_syntax(c->record, "IncompleteHashLiteral",
                                             "The hash literal was incomplete.");
                if (ends_word(*c->at))
                        return refuse_expression(c);

                auto_(literal_clear) Literal key = { 0 };
                if (read_word(c, true, &key) < 0 || skip_blanks(c, false) < 0)
                        return -1;
                if (*c->at != '=' || !key.text)
                        return record_syntax(c->record, "MissingEqualsInHashLiteral",
                                             "Missing '=' operator after key in hash literal.");
                c->at++;
                if (skip_blanks(c, true) < 0 ||
                    grow(c, &ret->items, ret->count, sizeof *ret->items, SYNTAX_ITEMS_MAX, "hashtable entries") < 0)
                        return -1;
                Literal *entry = &ret->items[ret->count++];
                if (parse_list(c, true, entry) < 0)
                        return -1;
                entry->key = take_ptr(key.text);
        }
}

static int parse_item(Cursor *c, bool in_hashtable, Literal *ret) {
        if (c->at[0] == '@' && c->at[1] == '{' && !in_hashtable) {
                c->at += 2;
                return parse_hashtable(c, ret);
        }
        if (c->at[0] == '@' && (c->at[1] == '{' || c->at[1] == '('))
                return record_syntax(c->record, "ExpressionNotSupported",
                                     "Arrays and hashtables inside a list or a hashtable are not supported here.");
        if (*c->at == '\0' || strchr(",|;)}", *c->at))
                return record_syntax(c->record, "MissingArgument", "Missing argument in parameter list.");
        if (*c->at == '(')
                return parse_parenthesis(c, ret);
        if (*c->at == '{')
                return parse_block(c, ret);
        if (ends_word(*c->at))
                return refuse_expression(c);
        return read_word(c, false, ret);
}

/* item (, item)* up to where no comma follows; one item alone stays what it is. */
static int parse_items(Cursor *c, bool in_hashtable, Literal *list) {
        for (;;) {
                if (grow(c, &list->items, list->count, sizeof *list->items, SYNTAX_ITEMS_MAX, "list items") < 0)
                        return -1;
                Literal *item = &list->items[list->count++];
                if (parse_item(c, in_hashtable, item) < 0)
                        return -1;
                const char *behind = c->at;
                if (skip_blanks(c, false) < 0)
                        return -1;
                if (*c->at != ',') {
                        c->at = behind; /* blanks may matter to the caller */
                        return 0;
                }
                c->at++;
                if (skip_blanks(c, true) < 0)
                        return -1;
        }
}

int parse_list(Cursor *c, bool in_hashtable, Literal *ret) {
        auto_(literal_clear) Literal list = { .kind = LITERAL_ARRAY };
        bool explicit = c->at[0] == '@' && c->at[1] == '(';

        if (explicit) {
                c->at += 2;
                if (skip_blanks(c, true) < 0)
                        return -1;
        }
        if (!(explicit && *c->at == ')') && parse_items(c, in_hashtable, &list) < 0)
                return -1;
        if (explicit) {
                if (skip_blanks(c, true) < 0)
                        return -1;
                if (*c->at != ')')
                        return record_syntax(c->record, "MissingEndParenthesisInExpression",
                                             "Missing closing ')' in expression.");
                c->at++;
        } else if (list.count == 1) {
                *ret = list.items[0];
                list.count = 0; /* the item moved; the list frees only its array */
                return 0;
        }
        *ret = list;
        list = (Literal){ 0 };
        return 0;
}
