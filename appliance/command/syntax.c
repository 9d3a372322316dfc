#include "appliance/command/syntax.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/lexeme.h"
#include "appliance/command/object.h"

static int parse_pipeline(Cursor *c, Pipeline *pipeline);
static int parse_statements(Cursor *c, Script *script);

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

void pipeline_clear(Pipeline *pipeline) {
        for (size_t i = 0; i < pipeline->count; i++)
                stage_clear(&pipeline->stages[i]);
        free(pipeline->stages);
        free(pipeline->assign);
        *pipeline = (Pipeline){ 0 };
}

void script_clear(Script *script) {
        for (size_t i = 0; i < script->count; i++)
                pipeline_clear(&script->pipelines[i]);
        free(script->pipelines);
        (void)sd_json_variant_unref(script->variables);
        *script = (Script){ 0 };
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
                return no_memory(c);
        c->at += dash + size;
        if (*c->at != ':')
                return 0;
        c->at++;
        argument->has_value = true;
        if (skip_blanks(c, false) < 0)
                return -1;
        return parse_list(c, false, &argument->value);
}

/* The pipeline, or what stands around it, ends here. */
static bool at_end(const Cursor *c) {
        return *c->at == '\0' || strchr("|;\r\n", *c->at) || (*c->at == ')' && c->parentheses > 0) ||
               (*c->at == '}' && c->blocks > 0);
}

/* > $null, 1> $null and 2> $null; the cursor moves behind one.  Anything else is left where it is. */
static bool take_redirection(Cursor *c, Stage *stage, bool *discards) {
        const char *p = c->at;
        bool errors = *p == '2';

        p += (*p == '1' || *p == '2') && p[1] == '>';
        if (*p != '>')
                return false;
        p++;
        p += strspn(p, " \t");
        if (!text_starts_nocase(p, "$null") || !ends_word(p[5]))
                return false;
        stage->quiet = stage->quiet || errors;
        *discards = *discards || !errors;
        c->at = p + 5;
        return true;
}

static int parse_arguments(Cursor *c, Pipeline *pipeline, Stage *stage) {
        for (bool discards = false;;) {
                if (skip_blanks(c, false) < 0)
                        return -1;
                if (discards && !pipeline->assign && !(pipeline->assign = strdup("")))
                        return no_memory(c);
                if (at_end(c))
                        return 0;
                if (take_redirection(c, stage, &discards))
                        continue;
                if (grow(c, &stage->arguments, stage->count, sizeof *stage->arguments, SYNTAX_ARGUMENTS_MAX,
                         "arguments") < 0)
                        return -1;
                if (parse_argument(c, &stage->arguments[stage->count++]) < 0)
                        return -1;
        }
}

/* What the language has and we do not, by its first word. */
static int refuse_keyword(Cursor *c, const char *name) {
        static const char *const keywords[] = { "if",     "foreach",     "for",    "while", "do",
                                                "switch", "function",    "filter", "param", "return",
                                                "break",  "continue",    "try",    "throw", "trap",
                                                "begin",  "process",     "end",    "class", "using",
                                                "data",   "dynamicparam" };
        for (size_t i = 0; i < ARRAY_SIZE(keywords); i++)
                if (text_equal_nocase(keywords[i], name))
                        return record_syntax(c->record, "ExpressionNotSupported",
                                             "'%s' is not supported here; use commands joined by |.", name);
        return 0;
}

/* A value in front of the first | is what Write-Output gives. */
static int parse_value_stage(Cursor *c, Pipeline *pipeline, Stage *stage) {
        if (!(stage->name = strdup("Write-Output")))
                return no_memory(c);
        /* the objects piped into the text: batch.c knows whether there are any */
        if (text_starts_nocase(c->at, "$input") && ends_word(c->at[6])) {
                c->at += 6;
                free(stage->name);
                if (!(stage->name = strdup("$input")))
                        return no_memory(c);
        } else {
                if (grow(c, &stage->arguments, 0, sizeof *stage->arguments, 1, "arguments") < 0)
                        return -1;
                stage->arguments[0].has_value = true;
                stage->count = 1;
                if (parse_list(c, false, &stage->arguments[0].value) < 0)
                        return -1;
        }
        if (skip_blanks(c, false) < 0)
                return -1;
        bool discards = false;
        while (take_redirection(c, stage, &discards))
                if (skip_blanks(c, false) < 0)
                        return -1;
        if (discards && !pipeline->assign && !(pipeline->assign = strdup("")))
                return no_memory(c);
        return at_end(c) ? 0 : unexpected(c);
}

static int parse_stage(Cursor *c, Pipeline *pipeline, Stage *stage) {
        auto_(literal_clear) Literal name = { 0 };
        bool first = pipeline->count == 1;

        if (*c->at == '{' || (strchr(")}&<>,", *c->at) && *c->at))
                return refuse_expression(c);
        const char *start = c->at;
        bool value = *c->at == '(' || *c->at == '@' || is_variable(c->at) || *c->at == '\'' || *c->at == '"';
        if (!value) {
                if (read_word(c, false, &name) < 0)
                        return -1;
                value = name.kind != LITERAL_STRING;
        }
        if (value) {
                c->at = start;
                if (!first)
                        return record_syntax(c->record, "ExpressionsMustBeFirstInPipeline",
                                             "Expressions are only allowed as the first element of a pipeline.");
                return parse_value_stage(c, pipeline, stage);
        }
        if (first && refuse_keyword(c, name.text) < 0)
                return -1;
        stage->name = take_ptr(name.text);
        return parse_arguments(c, pipeline, stage);
}

static int parse_pipeline(Cursor *c, Pipeline *pipeline) {
        for (;;) {
                if (skip_blanks(c, pipeline->count > 0) < 0)
                        return -1;
                if (*c->at == '\0' || *c->at == '|' || *c->at == ';' || (pipeline->count > 0 && at_end(c)))
                        return record_syntax(c->record, "EmptyPipeElement",
                                             "An empty pipe element is not allowed.");
                if (grow(c, &pipeline->stages, pipeline->count, sizeof *pipeline->stages, SYNTAX_STAGES_MAX,
                         "commands in one pipeline") < 0)
                        return -1;
                pipeline->count++;
                if (parse_stage(c, pipeline, &pipeline->stages[pipeline->count - 1]) < 0)
                        return -1;
                if (*c->at != '|')
                        return 0;
                c->at++;
        }
}

/* ---- statements ------------------------------------------------------------------------------------- */

static int add_pipeline(Cursor *c, Pipeline *pipeline) {
        Script *script = c->script;
        if (grow(c, &script->pipelines, script->count, sizeof *script->pipelines, SYNTAX_PIPELINES_MAX,
                 "statements") < 0)
                return -1;
        script->pipelines[script->count++] = *pipeline;
        *pipeline = (Pipeline){ 0 };
        return 0;
}

/* The name under which a parenthesis at @at keeps its value: none that a text can write. */
static char *parenthesis_name(size_t at) {
        return text_format("(%zu", at);
}

int parse_parenthesis(Cursor *c, Literal *ret) {
        auto_(pipeline_clear) Pipeline inner = { .at = (size_t)(c->at - c->start) + 1 };
        auto_(sd_json_variant_unrefp) sd_json_variant *value = NULL;
        auto_free char *name = parenthesis_name(inner.at);
        bool outer = c->deferred;

        if (!name)
                return no_memory(c);
        if (c->parentheses == SYNTAX_NESTING_MAX)
                return record_syntax(c->record, "LimitExceeded",
                                     "More than %d parentheses stand inside each other.", SYNTAX_NESTING_MAX);
        c->at++;
        c->parentheses++;
        c->deferred = false;
        if (skip_blanks(c, true) < 0 || parse_pipeline(c, &inner) < 0 || skip_blanks(c, true) < 0)
                return -1;
        inner.deferred = c->deferred;
        c->deferred = outer;
        c->parentheses--;
        if (*c->at != ')')
                return record_syntax(c->record, "MissingEndParenthesisInExpression",
                                     "Missing closing ')' in expression.");
        c->at++;
        if (c->again) {
                value = sd_json_variant_ref(c->variables ? sd_json_variant_by_key(c->variables, name) : NULL);
        } else {
                free(inner.assign);
                inner.assign = take_ptr(name);
                c->deferred = true;
                if (add_pipeline(c, &inner) < 0)
                        return -1;
        }
        if (read_members(c, &value) < 0)
                return -1;
        if (!ends_word(*c->at))
                return unexpected(c);
        bool none = !value || sd_json_variant_is_null(value);
        *ret = !none ? (Literal){ .kind = LITERAL_VALUE, .value = take_ptr(value) }
                     : (Literal){ .kind = LITERAL_NULL };
        return 0;
}

/* "$name =": moves behind it and gives the name, "" for $null.  0: there is none. */
static int take_assignment(Cursor *c, char **ret) {
        static const char *const scopes[] = { "global:", "script:", "local:" };
        const char *p = c->at, *name = p + 1;

        if (*p != '$')
                return 0;
        for (size_t i = 0; i < ARRAY_SIZE(scopes); i++)
                if (text_starts_nocase(name, scopes[i]))
                        name += strlen(scopes[i]);
        size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
        p = name + size;
        p += strspn(p, " \t");
        if (size == 0 || size >= RECORD_NAME_MAX || *p != '=' || p[1] == '=')
                return 0;
        c->at = p + 1;
        bool nowhere = size == 4 && text_starts_nocase(name, "null");
        *ret = nowhere ? strdup("") : strndup(name, size);
        for (char *ch = *ret; ch && *ch; ch++) /* one spelling: names are looked up without case */
                *ch = (char)(*ch >= 'A' && *ch <= 'Z' ? *ch | 0x20 : *ch);
        return *ret ? 1 : no_memory(c);
}

/* exit, exit 3, exit $LASTEXITCODE (there are no programs here: 0) */
static int take_exit(Cursor *c, Pipeline *pipeline) {
        char *end;
        if (!text_starts_nocase(c->at, "exit") || !ends_word(c->at[4]))
                return 0;
        c->at += 4;
        if (skip_blanks(c, false) < 0)
                return -1;
        pipeline->kind = PIPELINE_EXIT;
        if (text_starts_nocase(c->at, "$LASTEXITCODE")) {
                c->at += strlen("$LASTEXITCODE");
        } else if (!at_end(c)) {
                long code = strtol(c->at, &end, 10);
                if (end == c->at || code < -0x7FFFFFFFL || code > 0x7FFFFFFFL)
                        return unexpected(c);
                pipeline->code = (int)code;
                c->at = end;
        }
        if (skip_blanks(c, false) < 0)
                return -1;
        return at_end(c) ? 1 : unexpected(c);
}

/* & { … }: its statements, as if they stood here. */
static int take_block(Cursor *c, Script *script) {
        const char *p = c->at;
        if (*p != '&' && *p != '.')
                return 0;
        p++;
        p += strspn(p, " \t");
        if (*p != '{')
                return 0;
        if (c->blocks == SYNTAX_NESTING_MAX)
                return record_syntax(c->record, "LimitExceeded", "More than %d braces stand inside each other.",
                                     SYNTAX_NESTING_MAX);
        c->at = p + 1;
        c->blocks++;
        if (parse_statements(c, script) < 0)
                return -1;
        c->blocks--;
        if (*c->at != '}')
                return record_syntax(c->record, "MissingEndCurlyBrace",
                                     "Missing closing '}' in statement block or type definition.");
        c->at++;
        if (skip_blanks(c, false) < 0)
                return -1;
        if (*c->at == '|')
                return record_syntax(c->record, "ExpressionNotSupported",
                                     "A pipe behind a script block is not supported here.");
        return at_end(c) ? 1 : unexpected(c);
}

static int parse_statement(Cursor *c, Script *script) {
        auto_(pipeline_clear) Pipeline pipeline = { 0 };
        int taken = take_block(c, script);

        if (taken != 0)
                return taken < 0 ? -1 : 0;
        taken = take_exit(c, &pipeline);
        if (taken == 0)
                taken = take_assignment(c, &pipeline.assign);
        if (taken < 0)
                return -1;
        if (pipeline.kind == PIPELINE_RUN) {
                if (skip_blanks(c, pipeline.assign != NULL) < 0)
                        return -1;
                pipeline.at = (size_t)(c->at - c->start);
                c->deferred = false;
                if (parse_pipeline(c, &pipeline) < 0)
                        return -1;
                pipeline.deferred = c->deferred;
        }
        return add_pipeline(c, &pipeline);
}

/* To the end of the text, or of the block around. */
static int parse_statements(Cursor *c, Script *script) {
        for (;;) {
                do {
                        if (skip_blanks(c, true) < 0)
                                return -1;
                } while (*c->at == ';' && c->at++);
                if (*c->at == '\0' || (*c->at == '}' && c->blocks > 0))
                        return 0;
                if (parse_statement(c, script) < 0)
                        return -1;
        }
}

/* One name of param(…), which stands for the @i-th of $args unless a variable of that name came with the text. */
static int take_parameter(Cursor *c, Script *script, size_t i) {
        sd_json_variant *arguments = script->variables ? object_property(script->variables, "args") : NULL;
        auto_(sd_json_variant_unrefp) sd_json_variant *value = NULL;
        char name[RECORD_NAME_MAX];

        if (*c->at == '[') {            /* its type: values are not converted here, commands convert them */
                c->at += strcspn(c->at, "]");
                c->at += *c->at == ']';
                c->at += *c->at == ']'; /* [string[]] */
                if (skip_blanks(c, true) < 0)
                        return -1;
        }
        size_t size = *c->at == '$' ? strspn(c->at + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") : 0;
        if (size == 0 || size >= sizeof name)
                return record_syntax(c->record, "ExpressionNotSupported",
                                     "Only names such as $a are supported in param() here, without defaults and attributes.");
        for (size_t n = 0; n < size; n++)
                name[n] = (char)(c->at[1 + n] >= 'A' && c->at[1 + n] <= 'Z' ? c->at[1 + n] | 0x20 : c->at[1 + n]);
        name[size] = '\0';
        c->at += 1 + size;
        if (script->variables && object_property(script->variables, name))
                return 0;
        if (arguments && sd_json_variant_is_array(arguments) && i < sd_json_variant_elements(arguments))
                value = sd_json_variant_ref(sd_json_variant_by_index(arguments, i));
        else if (sd_json_variant_new_null(&value) < 0)
                return no_memory(c);
        return sd_json_variant_set_field(&script->variables, name, value) < 0 ? no_memory(c) : 0;
}

/* param($a, $b) in front of everything. */
static int take_parameters(Cursor *c, Script *script) {
        if (skip_blanks(c, true) < 0)
                return -1;
        const char *p = c->at + 5;
        if (!text_starts_nocase(c->at, "param") || p[strspn(p, " \t\r\n")] != '(')
                return 0;
        c->at = p + strspn(p, " \t\r\n") + 1;
        for (size_t i = 0; i < SYNTAX_ARGUMENTS_MAX; i++) {
                if (skip_blanks(c, true) < 0)
                        return -1;
                if (*c->at == ')' && i == 0)
                        break;
                if (take_parameter(c, script, i) < 0 || skip_blanks(c, true) < 0)
                        return -1;
                if (*c->at != ',')
                        break;
                c->at++;
        }
        if (*c->at != ')')
                return record_syntax(c->record, "ExpressionNotSupported",
                                     "Only names such as $a are supported in param() here, without defaults and attributes.");
        c->at++;
        c->variables = script->variables;
        return 0;
}

int syntax_parse(const char *text, sd_json_variant *variables, Script *ret, ErrorRecord *record) {
        auto_(script_clear) Script script = { 0 };
        Cursor c = { .start = text, .at = text, .variables = variables, .script = &script, .record = record };
        size_t length = strlen(text);

        if (length > SYNTAX_TEXT_MAX)
                return record_syntax(record, "LimitExceeded", "The command is longer than %d bytes.",
                                     SYNTAX_TEXT_MAX);
        if (!text_is_utf8(text, length))
                return record_syntax(record, "InvalidText", "The command is not valid UTF-8 text.");
        script.variables = sd_json_variant_ref(variables);
        if (take_parameters(&c, &script) < 0 || parse_statements(&c, &script) < 0)
                return -1;
        *ret = script;
        script = (Script){ 0 };
        return 0;
}

int syntax_again(const char *text, size_t at, sd_json_variant *variables, Pipeline *ret, ErrorRecord *record) {
        auto_(pipeline_clear) Pipeline pipeline = { .at = at };
        /* It parsed before; inside how many of them it stands is no longer known, and what ends it is still there. */
        Cursor c = { .start = text,
                     .at = text + at,
                     .variables = variables,
                     .again = true,
                     .parentheses = 1,
                     .blocks = 1,
                     .record = record };

        if (parse_pipeline(&c, &pipeline) < 0)
                return -1;
        *ret = pipeline;
        pipeline = (Pipeline){ 0 };
        return 0;
}
