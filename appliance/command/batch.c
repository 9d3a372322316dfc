#include "appliance/command/batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/convert.h"
#include "appliance/command/invocation.h"
#include "appliance/command/object.h"

typedef struct Statement {
        Invocation *commands;
        size_t count;
} Statement;

struct Batch {
        const CommandTable *table;
        Statement *statements;
        size_t count;
};

static const char *const stream_names[STREAM_COUNT] = {
        [STREAM_OUTPUT] = "output",   [STREAM_ERROR] = "error",             [STREAM_WARNING] = "warning",
        [STREAM_VERBOSE] = "verbose", [STREAM_INFORMATION] = "information", [STREAM_PROGRESS] = "progress",
};

const char *stream_name(RecordStream stream) { return stream_names[stream]; }

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

void batch_free(Batch *batch) {
        if (!batch)
                return;
        for (size_t i = 0; i < batch->count; i++) {
                for (size_t j = 0; j < batch->statements[i].count; j++) {
                        uncollect(&batch->statements[i].commands[j]);
                        binding_clear(&batch->statements[i].commands[j].binding);
                }
                free(batch->statements[i].commands);
        }
        free(batch->statements);
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

static int bind_statement(Batch *batch, const Pipeline *pipeline, const BatchText *source, unsigned *number,
                          ErrorRecord *record) {
        bool has_input = source->has_input && batch->count == 0;
        Statement *s = &batch->statements[batch->count++];

        s->commands = calloc(pipeline->count, sizeof *s->commands);
        if (!s->commands)
                return record_syntax(record, "OutOfMemory", "There is not enough memory for the command.");
        for (; s->count < pipeline->count; s->count++) {
                const Stage *stage = &pipeline->stages[s->count];
                Invocation *invocation = &s->commands[s->count];
                const Command *command = command_find(batch->table, stage->name);

                if (!command)
                        return record_not_a_command(record, stage->name);
                invocation->command = command;
                invocation->index = (unsigned)s->count;
                invocation->number = (*number)++;
                if (check_role(command, source->role, record) < 0 ||
                    bind_line(command, stage, s->count > 0 || has_input, &invocation->binding, record) < 0)
                        return -1;
                if (s->count > 0)
                        s->commands[s->count - 1].next = invocation;
                invocation_preferences(invocation);
        }
        return 0;
}

int batch_new(const CommandTable *table, const BatchText *source, Batch **ret, ErrorRecord *record) {
        auto_(script_clear) Script script = { 0 };
        auto_(batch_freep) Batch *batch = calloc(1, sizeof *batch);
        unsigned number = 0;

        if (syntax_parse(source->text, source->variables, &script, record) < 0)
                return -1;
        if (batch)
                batch->statements = calloc(script.count + 1, sizeof *batch->statements);
        if (!batch || !batch->statements)
                return record_syntax(record, "OutOfMemory", "There is not enough memory for the command.");
        batch->table = table;
        for (size_t i = 0; i < script.count; i++)
                if (bind_statement(batch, &script.pipelines[i], source, &number, record) < 0)
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
                sd_json_variant *first = type_is_array(p->type) ? sd_json_variant_by_index(b->bound[i].value, 0)
                                                                : b->bound[i].value;
                *ret = (SecretNeed){ .command = invocation->command->name, .parameter = p->name,
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
        bool cancelled = err->kind == ERROR_CANCELLED && (x->stopped || invocation->index < x->enough ||
                                                          invocation_cancelled(invocation));
        if (!cancelled && !x->stopped) {
                (void)record_error(&record, invocation->command, err, NULL, NULL);
                invocation_report(invocation, &record, true);
        }
        return -1;
}

int invocation_feed(Invocation *invocation, sd_json_variant *object, Error *err) {
        ErrorRecord record;

        if (bind_input(&invocation->binding, object, &record) < 0) {
                invocation_report(invocation, &record, false);
                return 0;
        }
        invocation->input = object;
        int r = invocation_call(invocation, invocation->command->run, err);
        invocation->input = NULL;
        return r;
}

static void run_statement(Statement *s, sd_json_variant *input, Execution *x) {
        Error err = { 0 };

        for (size_t i = 0; i < s->count; i++)
                s->commands[i].execution = x;
        if (!input)
                (void)invocation_call(&s->commands[0], s->commands[0].command->run, &err);
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
                if (x->run->ended)
                        x->run->ended(x->run->sink, invocation->command,
                                      *invocation->failure.id ? &invocation->failure : NULL);
        }
}

bool batch_run(Batch *batch, const BatchRun *run) {
        bool had_errors = false;

        for (size_t i = 0; i < batch->count; i++) {
                Execution x = { .table = batch->table, .run = run };
                run_statement(&batch->statements[i], i == 0 ? run->input : NULL, &x);
                had_errors = had_errors || x.had_errors;
                if (x.stop_all || (run->cancelled && atomic_load(run->cancelled)))
                        return true;
        }
        return had_errors;
}
