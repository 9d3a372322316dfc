#include "appliance/command/batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/convert.h"
#include "appliance/command/elsewhere.h"
#include "appliance/command/invocation.h"
#include "appliance/command/object.h"

typedef struct Statement {
        Invocation *commands; /* deferred: only while it runs */
        size_t count;
        PipelineKind kind;
        char *assign; /* as Pipeline.assign */
        bool deferred;
        size_t at; /* in the text */
        int code;  /* of exit */
} Statement;

struct Batch {
        const CommandTable *table;
        char *text;
        Role role;
        bool has_input, from_host;
        size_t input;               /* the statement that input is piped into */
        sd_json_variant *variables; /* object, or NULL: given, and set since */
        Statement *statements;
        size_t count;
        unsigned number; /* commands bound so far */
};

static const char *const stream_names[STREAM_COUNT] = {
        [STREAM_OUTPUT] = "output",
        [STREAM_ERROR] = "error",
        [STREAM_WARNING] = "warning",
        [STREAM_VERBOSE] = "verbose",
        [STREAM_INFORMATION] = "information",
        [STREAM_PROGRESS] = "progress",
        [STREAM_STATE] = "state",
        [STREAM_PROMPT] = "prompt",
};

const char *stream_name(RecordStream stream) {
        return stream_names[stream];
}

RecordStream stream_from_name(const char *name) {
        RecordStream s = 0;
        while (s < STREAM_COUNT && strcmp(stream_names[s], name) != 0)
                s++;
        return s;
}

static void uncollect(Invocation *invocation) {
        for (size_t i = 0; i < invocation->collected_count; i++)
                (void)sd_json_variant_unref(invocation->collected[i]);
        free(invocation->collected);
        invocation->collected = NULL;
        invocation->collected_count = 0;
}

static void unbind(Statement *s) {
        for (size_t j = 0; j < s->count; j++) {
                uncollect(&s->commands[j]);
                binding_clear(&s->commands[j].binding);
        }
        free(s->commands);
        s->commands = NULL;
        s->count = 0;
}

void batch_free(Batch *batch) {
        if (!batch)
                return;
        for (size_t i = 0; i < batch->count; i++) {
                unbind(&batch->statements[i]);
                free(batch->statements[i].assign);
        }
        free(batch->statements);
        free(batch->text);
        (void)sd_json_variant_unref(batch->variables);
        free(batch);
}

DEFINE_FREEP(Batch, batch_free);

static int check_role(const Command *command, Role role, ErrorRecord *record) {
        Error err = { 0 };
        if (role >= command->role)
                return 0;
        (void)error_set(&err, ERROR_DENIED, 0,
                        "You do not have the required permission to complete this task. %s is for %s.",
                        command->name,
                        command->role == ROLE_ADMINISTRATOR ? "administrators of this host" : "operators");
        return record_error(record, command, &err, NULL, NULL);
}

/* The command of a stage, if the caller may run it. */
static int find_command(const Batch *batch, const Stage *stage, bool has_input, const Command **ret,
                        ErrorRecord *record) {
        bool input = strcmp(stage->name, "$input") == 0;
        const char *name = !input ? stage->name : has_input ? "Write-Output" : "Out-Null";
        const Command *command = command_find(batch->table, name);

        if (!command)
                return record_not_a_command(record, name);
        *ret = command;
        if (batch->from_host && !elsewhere_can(command))
                return elsewhere_refuse(command, record);
        return check_role(command, batch->role, record);
}

static int bind_pipeline(Batch *batch, Statement *s, const Pipeline *pipeline, ErrorRecord *record) {
        bool has_input = batch->has_input && s == &batch->statements[batch->input];

        s->commands = calloc(pipeline->count, sizeof *s->commands);
        if (!s->commands)
                return record_syntax(record, "OutOfMemory", "There is not enough memory for the command.");
        for (; s->count < pipeline->count; s->count++) {
                const Stage *stage = &pipeline->stages[s->count];
                Invocation *invocation = &s->commands[s->count];

                if (find_command(batch, stage, has_input, &invocation->command, record) < 0)
                        return -1;
                invocation->index = (unsigned)s->count;
                invocation->number = batch->number++;
                invocation->quiet = stage->quiet;
                if (bind_line(invocation->command, stage, s->count > 0 || has_input, &invocation->binding, record) <
                    0)
                        return -1;
                if (s->count > 0)
                        s->commands[s->count - 1].next = invocation;
        }
        return 0;
}

static int bind_statement(Batch *batch, Pipeline *pipeline, ErrorRecord *record) {
        Statement *s = &batch->statements[batch->count++];
        const Command *command;

        *s = (Statement){ .kind = pipeline->kind,
                          .assign = take_ptr(pipeline->assign),
                          .deferred = pipeline->deferred,
                          .at = pipeline->at,
                          .code = pipeline->code };
        if (s->kind == PIPELINE_EXIT)
                return 0;
        if (!s->deferred)
                return bind_pipeline(batch, s, pipeline, record);
        for (size_t i = 0; i < pipeline->count; i++)
                if (find_command(batch, &pipeline->stages[i], false, &command, record) < 0)
                        return -1;
        return 0;
}

/* Where $input stands, else the first. */
static size_t input_statement(const Script *script) {
        for (size_t i = 0; i < script->count; i++)
                if (script->pipelines[i].count > 0 && strcmp(script->pipelines[i].stages[0].name, "$input") == 0)
                        return i;
        return 0;
}

int batch_new(const CommandTable *table, const BatchText *source, Batch **ret, ErrorRecord *record) {
        auto_(script_clear) Script script = { 0 };
        auto_(batch_freep) Batch *batch = calloc(1, sizeof *batch);

        if (syntax_parse(source->text, source->variables, &script, record) < 0)
                return -1;
        if (batch) {
                batch->statements = calloc(script.count + 1, sizeof *batch->statements);
                batch->text = strdup(source->text);
        }
        if (!batch || !batch->statements || !batch->text)
                return record_syntax(record, "OutOfMemory", "There is not enough memory for the command.");
        batch->table = table;
        batch->role = source->role;
        batch->has_input = source->has_input;
        batch->from_host = source->from_host;
        batch->input = input_statement(&script);
        batch->variables = sd_json_variant_ref(script.variables);
        for (size_t i = 0; i < script.count; i++)
                if (bind_statement(batch, &script.pipelines[i], record) < 0)
                        return -1;
        *ret = take_ptr(batch);
        return 0;
}

static bool command_secret(const Invocation *invocation, size_t *skip, SecretNeed *ret) {
        const Binding *b = &invocation->binding;
        for (unsigned i = 0; i < b->parameters; i++) {
                const Parameter *p = binding_parameter(b, i);
                if (!b->bound[i].value || b->bound[i].from_pipeline || !type_is(p->type, "PSCredential"))
                        continue;
                if ((*skip)-- > 0)
                        continue;
                sd_json_variant *first =
                        type_is_array(p->type) ? sd_json_variant_by_index(b->bound[i].value, 0) : b->bound[i].value;
                *ret = (SecretNeed){ .command = invocation->command->name,
                                     .parameter = p->name,
                                     .user = first ? object_string(first, "UserName") : NULL };
                secret_key(invocation, p->name, ret->key);
                return true;
        }
        return false;
}

bool batch_secret(const Batch *batch, size_t i, SecretNeed *ret) {
        for (size_t s = 0; s < batch->count; s++)
                for (size_t c = 0; c < batch->statements[s].count; c++)
                        if (command_secret(&batch->statements[s].commands[c], &i, ret))
                                return true;
        return false;
}

/* ---- running ----------------------------------------------------------------------------------- */

int invocation_call(Invocation *invocation, int (*fn)(Invocation *, Error *), Error *err) {
        Execution *x = invocation->execution;
        ErrorRecord record;

        if (fn(invocation, err) >= 0)
                return x->stopped ? error_set(err, ERROR_CANCELLED, 0, "the pipeline has been stopped") : 0;
        bool cancelled = err->kind == ERROR_CANCELLED &&
                         (x->stopped || invocation->index < x->enough || invocation_cancelled(invocation));
        if (!cancelled && !x->stopped) {
                (void)record_error(&record, invocation->command, err, NULL, NULL);
                invocation_report(invocation, &record, true);
        }
        invocation->gave_up = invocation->gave_up || (x->run->cancelled && atomic_load(x->run->cancelled));
        return -1;
}

int invocation_feed(Invocation *invocation, sd_json_variant *object, Error *err) {
        ErrorRecord record;

        if (bind_input(&invocation->binding, object, &record) < 0) {
                invocation_report(invocation, &record, false);
                return 0;
        }
        return invocation_call(invocation, elsewhere_run, err);
}

static void run_pipeline(Statement *s, sd_json_variant *input, sd_json_variant *variables, Execution *x) {
        Error err = { 0 };

        for (size_t i = 0; i < s->count; i++) {
                s->commands[i].execution = x;
                invocation_preferences(&s->commands[i], variables);
        }
        if (!input)
                (void)invocation_call(&s->commands[0], elsewhere_run, &err);
        for (size_t i = 0; input && i < sd_json_variant_elements(input); i++)
                if (invocation_feed(&s->commands[0], sd_json_variant_by_index(input, i), &err) < 0 || x->stopped)
                        break;
        for (size_t i = 0; i < s->count; i++) {
                Invocation *invocation = &s->commands[i];
                if (x->stopped || i < x->enough || !invocation->command->end || invocation_cancelled(invocation))
                        continue;
                (void)invocation_call(invocation, invocation->command->end, &err);
        }
        for (size_t i = 0; i < s->count; i++) {
                Invocation *invocation = &s->commands[i];
                uncollect(invocation);
                if (x->run->ended && (!invocation->started_job || *invocation->failure.id))
                        x->run->ended(x->run->sink, invocation->command,
                                      *invocation->failure.id ? &invocation->failure : NULL, invocation->gave_up);
        }
}

static void write_record(Execution *x, RecordStream stream, sd_json_variant *record) {
        Error err = { 0 };
        if (!record || x->run->record(x->run->sink, stream, record, &err) < 0)
                x->stopped = x->stop_all = true;
}

/* What a statement that waited for values runs with, now that they are there. */
static int bind_deferred(Batch *batch, Statement *s, Execution *x) {
        auto_(pipeline_clear) Pipeline pipeline = { 0 };
        auto_(sd_json_variant_unrefp) sd_json_variant *json = NULL;
        ErrorRecord record;

        if (syntax_again(batch->text, s->at, batch->variables, &pipeline, &record) == 0 &&
            bind_pipeline(batch, s, &pipeline, &record) == 0)
                return 0;
        json = record_json(&record);
        write_record(x, STREAM_ERROR, json);
        x->had_errors = true;
        return -1;
}

/* $name is what came out: nothing, one value or a list. */
static void assign(Batch *batch, const Statement *s, Execution *x) {
        size_t count = x->captured ? sd_json_variant_elements(x->captured) : 0;
        auto_(sd_json_variant_unrefp) sd_json_variant *value = NULL, *record = NULL;

        if (!*s->assign)
                return;
        int r = count > 0 ? 0 : sd_json_variant_new_null(&value);
        if (count > 0)
                value = sd_json_variant_ref(count == 1 ? sd_json_variant_by_index(x->captured, 0) : x->captured);
        if (r >= 0)
                r = sd_json_variant_set_field(&batch->variables, s->assign, value);
        if (r >= 0 && *s->assign != '(') {
                r = sd_json_build(&record, SD_JSON_BUILD_OBJECT(SD_JSON_BUILD_PAIR_STRING("Variable", s->assign),
                                                                SD_JSON_BUILD_PAIR_VARIANT("Value", value)));
                if (r >= 0)
                        write_record(x, STREAM_STATE, record);
        }
        if (r < 0)
                x->stopped = x->stop_all = true;
}

static void run_statement(Batch *batch, Statement *s, Execution *x) {
        sd_json_variant *input = s == &batch->statements[batch->input] ? x->run->input : NULL;
        auto_(sd_json_variant_unrefp) sd_json_variant *code = NULL;

        if (s->kind == PIPELINE_EXIT) {
                if (sd_json_build(&code, SD_JSON_BUILD_OBJECT(SD_JSON_BUILD_PAIR_INTEGER("Exit", s->code))) >= 0)
                        write_record(x, STREAM_STATE, code);
                x->stop_all = true;
                x->had_errors = s->code != 0;
                return;
        }
        x->captures = s->assign != NULL;
        if (s->deferred && bind_deferred(batch, s, x) < 0) {
                unbind(s);
                return;
        }
        run_pipeline(s, input, batch->variables, x);
        if (s->deferred)
                unbind(s);
        if (s->assign)
                assign(batch, s, x);
        x->captured = sd_json_variant_unref(x->captured);
}

bool batch_run(Batch *batch, const BatchRun *run) {
        bool had_errors = false;

        for (size_t i = 0; i < batch->count; i++) {
                Execution x = { .table = batch->table, .run = run };
                run_statement(batch, &batch->statements[i], &x);
                had_errors = had_errors || x.had_errors;
                if (x.stop_all)
                        return had_errors;
                if (run->cancelled && atomic_load(run->cancelled))
                        return true;
        }
        return had_errors;
}
