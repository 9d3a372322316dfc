#include "appliance/command/syntax.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/lexeme.h"

static int parse_list(Cursor *c, bool in_hashtable, Literal *ret);

void literal_clear(Literal *literal) {
        /* Depth is bounded by the grammar: list, hashtable, list. */
        for (size_t i = 0; i < literal->count; i++)
                literal_clear(&literal->items[i]);
        free(literal->items);
        free(literal->text);
        free(literal->key);
        (void)sd_json_variant_unref(literal->value);
        *literal = (Literal){ 0 };
}

static void stage_clear(Stage *stage) {
        for (size_t i = 0; i < stage->count; i++) {
                free(stage->arguments[i].parameter);
                literal_clear(&stage->arguments[i].value);
        }
        free(stage->arguments);
        free(stage->name);
        *stage = (Stage){ 0 };
}

static void pipeline_clear(Pipeline *pipeline) {
        for (size_t i = 0; i < pipeline->count; i++)
                stage_clear(&pipeline->stages[i]);
        free(pipeline->stages);
        *pipeline = (Pipeline){ 0 };
}

void script_clear(Script *script) {
        for (size_t i = 0; i < script->count; i++)
                pipeline_clear(&script->pipelines[i]);
        free(script->pipelines);
        *script = (Script){ 0 };
}

/* Room for one more of @size bytes in an array that doubles; the new one is zeroed. */
static int grow(Cursor *c, void *array, size_t count, size_t size, size_t max, const char *what) {
        void **items = array;
        if (count >= max)
                return record_syntax(c->record, "LimitExceeded", "The command has more than %zu %s.", max, what);
        if ((count & (count - 1)) == 0) {       /* full at every power of two */
                void *more = reallocarray(*items, count == 0 ? 1 : 2 * count, size);
                if (!more)
                        return record_syntax(c->record, "OutOfMemory",
                                             "There is not enough memory for the command.");
                *items = more;
        }
        memset((char *)*items + count * size, 0, size);
        return 0;
}

static int unexpected(Cursor *c) {
        size_t size = 1;
        while (size < 40 && !ends_word(c->at[size]))
                size++;
        return record_syntax(c->record, "UnexpectedToken", "Unexpected token '%.*s' in expression or statement.",
                             *c->at ? (int)size : 0, c->at);
}

/* What PowerShell would take and we do not. */
static int refuse_expression(Cursor *c) {
        const char *what = *c->at == '('   ? "Subexpressions in parentheses"
                           : *c->at == '{' ? "Script blocks in braces"
                           : *c->at == '&' ? "The call operator '&'"
                                           : "Redirections";
        if (!strchr("({&<>", *c->at) || *c->at == '\0')
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

static int parse_list(Cursor *c, bool in_hashtable, Literal *ret) {
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
                list.count = 0;         /* the item moved; the list frees only its array */
                return 0;
        }
        *ret = list;
        list = (Literal){ 0 };
        return 0;
}

/* Bytes of a parameter's name behind its dash; 0 when this is no parameter (-5, -, --). */
static size_t parameter_size(const char *p) {
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || *p == '_' || *p == '?'))
                return 0;
        size_t size = 0;
        while (!ends_word(p[size]) && p[size] != ':' && p[size] != '\'' && p[size] != '"')
                size++;
        return size;
}

static int parse_argument(Cursor *c, Argument *argument) {
        size_t dash = dash_size(c->at), size = dash > 0 ? parameter_size(c->at + dash) : 0;

        if (size == 0) {
                if (*c->at == ')' || *c->at == '}')
                        return unexpected(c);
                argument->has_value = true;
                return parse_list(c, false, &argument->value);
        }
        argument->parameter = strndup(c->at + dash, size);
        if (!argument->parameter)
                return record_syntax(c->record, "OutOfMemory", "There is not enough memory for the command.");
        c->at += dash + size;
        if (*c->at != ':')
                return 0;
        c->at++;
        argument->has_value = true;
        if (skip_blanks(c, false) < 0)
                return -1;
        return parse_list(c, false, &argument->value);
}

static int parse_stage(Cursor *c, Stage *stage) {
        auto_(literal_clear) Literal name = { 0 };

        if (strchr("(){}&<>,", *c->at) || *c->at == '@')
                return refuse_expression(c);
        const char *start = c->at;
        if (read_word(c, false, &name) < 0)
                return -1;
        if (name.kind != LITERAL_STRING || *start == '\'' || *start == '"') {
                c->at = start;
                return unexpected(c);   /* a value where a command belongs */
        }
        stage->name = take_ptr(name.text);
        for (;;) {
                if (skip_blanks(c, false) < 0)
                        return -1;
                if (*c->at == '\0' || strchr("|;\r\n", *c->at))
                        return 0;
                if (grow(c, &stage->arguments, stage->count, sizeof *stage->arguments, SYNTAX_ARGUMENTS_MAX,
                         "arguments") < 0)
                        return -1;
                if (parse_argument(c, &stage->arguments[stage->count++]) < 0)
                        return -1;
        }
}

static int parse_pipeline(Cursor *c, Pipeline *pipeline) {
        for (;;) {
                if (skip_blanks(c, pipeline->count > 0) < 0)
                        return -1;
                if (*c->at == '\0' || *c->at == '|' || *c->at == ';')
                        return record_syntax(c->record, "EmptyPipeElement",
                                             "An empty pipe element is not allowed.");
                if (grow(c, &pipeline->stages, pipeline->count, sizeof *pipeline->stages, SYNTAX_STAGES_MAX,
                         "commands in one pipeline") < 0)
                        return -1;
                if (parse_stage(c, &pipeline->stages[pipeline->count++]) < 0)
                        return -1;
                if (*c->at != '|')
                        return 0;
                c->at++;
        }
}

int syntax_parse(const char *text, sd_json_variant *variables, Script *ret, ErrorRecord *record) {
        auto_(script_clear) Script script = { 0 };
        Cursor c = { .at = text, .variables = variables, .record = record };
        size_t length = strlen(text);

        if (length > SYNTAX_TEXT_MAX)
                return record_syntax(record, "LimitExceeded", "The command is longer than %d bytes.",
                                     SYNTAX_TEXT_MAX);
        if (!text_is_utf8(text, length))
                return record_syntax(record, "InvalidText", "The command is not valid UTF-8 text.");
        for (;;) {
                do {
                        if (skip_blanks(&c, true) < 0)
                                return -1;
                } while (*c.at == ';' && c.at++);
                if (*c.at == '\0')
                        break;
                if (grow(&c, &script.pipelines, script.count, sizeof *script.pipelines, SYNTAX_PIPELINES_MAX,
                         "statements") < 0)
                        return -1;
                if (parse_pipeline(&c, &script.pipelines[script.count++]) < 0)
                        return -1;
        }
        *ret = script;
        script = (Script){ 0 };
        return 0;
}
