#include "appliance/psrp/runspace.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/command/object.h"
#include "appliance/psrp/clixml-read.h"
#include "appliance/psrp/host.h"

enum { FOUND_MAX = 4096 };

Pipeline *pipeline_find(PsrpPool *pool, const PsrpGuid *id) {
        Pipeline *p = pool->pipelines;
        while (p && memcmp(p->id.bytes, id->bytes, sizeof id->bytes) != 0)
                p = p->next;
        return p;
}

static Pipeline *find_run(PsrpPool *pool, uint64_t run) {
        Pipeline *p = pool->pipelines;
        while (p && p->run != run)
                p = p->next;
        return run ? p : NULL;
}

int pipeline_new(PsrpPool *pool, const PsrpGuid *id, Error *err) {
        Pipeline *p = calloc(1, sizeof *p);
        if (!p)
                return error_oom(err);
        *p = (Pipeline){ .next = pool->pipelines, .pool = pool, .id = *id };
        p->sender = (Sender){ .pool = pool->sender.pool,
                              .pipeline = *id,
                              .next_object = &pool->next_object,
                              .broken = &pool->broken };
        pool->pipelines = p;
        pool->pipeline_count++;
        return 0;
}

static void forget_run(Pipeline *p) {
        const PsrpRunner *runner = &p->pool->runner;
        if (p->run)
                runner->cancel(runner->userdata, p->pool, p->run);
        p->run = 0;
}

void pipeline_free(Pipeline *p) {
        if (!p)
                return;
        Pipeline **at = &p->pool->pipelines;
        while (*at != p)
                at = &(*at)->next;
        *at = p->next;
        p->pool->pipeline_count--;
        forget_run(p);
        for (size_t i = 0; i < ARRAY_SIZE(p->readers); i++)
                fragment_reader_clear(&p->readers[i]);
        for (size_t i = 0; i < p->found_count; i++)
                (void)sd_json_variant_unref(p->found[i]);
        free(p->found);
        outbox_clear(&p->sender.outbox);
        console_clear(&p->console);
        request_clear(&p->request);
        (void)sd_json_variant_unref(p->input);
        (void)sd_json_variant_unref(p->held);
        (void)sd_json_variant_unref(p->needs);
        (void)sd_json_variant_unref(p->secrets);
        free(p->question);
        free(p);
}

/* ---- the end ------------------------------------------------------------------------------------------ */

static void end(Pipeline *p, PipelineState state, sd_json_variant *reason) {
        console_end(p);
        message_pipeline_state(&p->sender, state, reason);
        p->phase = PHASE_ENDED;
        p->run = 0;
        free(take_ptr(p->question));
        p->held = sd_json_variant_unref(p->held);
        p->input = sd_json_variant_unref(p->input);
        p->secrets = sd_json_variant_unref(p->secrets);
        pool_ready(p->pool, &p->id);
}

static void fail(Pipeline *p, const ErrorRecord *record) {
        auto_(sd_json_variant_unrefp) sd_json_variant *json = record_json(record);
        if (!json)
                p->pool->broken = true;
        end(p, PIPELINE_FAILED, json);
}

void pipeline_stop(Pipeline *p) {
        ErrorRecord record = { .category = "OperationStopped",
                               .exception = "System.Management.Automation.PipelineStoppedException",
                               .message = "The pipeline has been stopped.",
                               .id = "PipelineStopped" };
        if (p->phase == PHASE_ENDED)
                return;
        forget_run(p);
        auto_(sd_json_variant_unrefp) sd_json_variant *json = record_json(&record);
        end(p, PIPELINE_STOPPED, json);
}

/* ---- records from the node ------------------------------------------------------------------------------ */

static void send_error(Pipeline *p, sd_json_variant *record) {
        if (p->request.output != REQUEST_OBJECTS && p->request.output != REQUEST_NOTHING)
                console_add(p, STREAM_ERROR, record);
        else
                message_error(&p->sender, record,
                              p->request.errors_to_output && p->request.output == REQUEST_OBJECTS);
}

/* An error is kept until the next record: should the run end with it because the text was refused, it is the reason of
 * the failure and no record of its own. */
static void release_held(Pipeline *p) {
        if (p->held)
                send_error(p, p->held);
        p->held = sd_json_variant_unref(p->held);
}

static void keep_found(Pipeline *p, sd_json_variant *record) {
        if (p->found_count >= FOUND_MAX)
                return;
        void *more = reallocarray(p->found, p->found_count + 1, sizeof *p->found);
        if (!more) {
                p->pool->broken = true;
                return;
        }
        p->found = more;
        p->found[p->found_count++] = sd_json_variant_ref(record);
}

void pipeline_say(Pipeline *p, RecordStream stream, const char *text) {
        char host[HOST_NAME_MAX + 1] = "";
        bool shown = !p->request.host.absent;

        if (shown)
                host_line(&p->sender,
                          stream == STREAM_WARNING   ? HOST_WRITE_WARNING_LINE
                          : stream == STREAM_VERBOSE ? HOST_WRITE_VERBOSE_LINE
                                                     : HOST_WRITE_LINE,
                          text);
        if (stream == STREAM_WARNING || stream == STREAM_VERBOSE) {
                message_text(&p->sender, stream == STREAM_WARNING ? MESSAGE_WARNING_RECORD : MESSAGE_VERBOSE_RECORD,
                             text);
        } else if (p->pool->takes_information) {
                (void)gethostname(host, sizeof host - 1);
                message_information(&p->sender, text, host, shown);
        }
}

static void send_progress(Pipeline *p, sd_json_variant *record) {
        if (!p->request.host.absent)
                host_progress(&p->sender, record);
        message_progress(&p->sender, record);
}

/* A session keeps its variables as long as they are not too many. */
static void take_state(Pipeline *p, sd_json_variant *record) {
        const char *name = object_string(record, "Variable");
        sd_json_variant *value = object_property(record, "Value"), *code = object_property(record, "Exit");
        PsrpPool *pool = p->pool;
        auto_free char *text = NULL;

        if (code && sd_json_variant_is_integer(code) && !p->request.host.absent)
                host_should_exit(&p->sender, (int32_t)sd_json_variant_integer(code));
        if (!name || !value)
                return;
        ssize_t size = sd_json_variant_format(value, 0, &text) < 0 ? -1 : (ssize_t)strlen(text);
        if (size < 0) {
                pool->broken = true;
        } else if (pool->variables_bytes + (size_t)size > PSRP_VARIABLES_MAX) {
                pipeline_say(p, STREAM_WARNING,
                             "The variables of this session hold too much; the last one is not kept.");
        } else {
                pool->variables_bytes +=
                        (size_t)size; /* of overwritten ones too: RESET_RUNSPACE_STATE forgets all */
                pool->broken = sd_json_variant_set_field(&pool->variables, name, value) < 0 || pool->broken;
        }
}

static bool is_terminating(sd_json_variant *record) {
        sd_json_variant *value = record ? object_property(record, "Terminating") : NULL;
        return value && sd_json_variant_is_boolean(value) && sd_json_variant_boolean(value);
}

static void take_record(Pipeline *p, RecordStream stream, sd_json_variant *record) {
        bool shown = p->request.output != REQUEST_OBJECTS && p->request.output != REQUEST_NOTHING;

        if (p->request.kind == REQUEST_METADATA && stream == STREAM_OUTPUT)
                keep_found(p, record);
        else if (stream == STREAM_STATE)
                take_state(p, record);
        else if (stream == STREAM_PROMPT)
                prompt_confirm(p, record);
        else if (stream == STREAM_ERROR)
                p->held = sd_json_variant_ref(record);
        else if (stream == STREAM_PROGRESS)
                send_progress(p, record);
        else if (shown)
                console_add(p, stream, record);
        else if (stream == STREAM_OUTPUT && p->request.output != REQUEST_NOTHING)
                message_output(&p->sender, record);
        else if (stream != STREAM_OUTPUT)
                pipeline_say(p, stream, sd_json_variant_is_string(record) ? sd_json_variant_string(record) : "");
}

void psrp_record(PsrpPool *pool, uint64_t run, RecordStream stream, sd_json_variant *record) {
        Pipeline *p = find_run(pool, run);
        if (!p || pool->broken)
                return;
        release_held(p);
        take_record(p, stream, record);
        if (!p->sender.outbox.first)
                return;
        if (!p->paused && p->sender.outbox.bytes > PSRP_QUEUE_MAX) {
                p->paused = true;
                pool->runner.pause(pool->runner.userdata, pool, run, true);
        }
        pool_ready(pool, &p->id);
}

void pipeline_breathe(Pipeline *p) {
        if (!p->paused || p->sender.outbox.bytes > PSRP_QUEUE_MAX / 2)
                return;
        p->paused = false;
        if (p->run)
                p->pool->runner.pause(p->pool->runner.userdata, p->pool, p->run, false);
}

/* [REC] first how many, then each. */
static void send_found(Pipeline *p) {
        auto_(sd_json_variant_unrefp) sd_json_variant *count = NULL;
        if (sd_json_build(&count,
                          SD_JSON_BUILD_OBJECT(
                                  SD_JSON_BUILD_PAIR_STRING(
                                          "$type", "Selected.Microsoft.PowerShell.Commands.GenericMeasureInfo"),
                                  SD_JSON_BUILD_PAIR_UNSIGNED("Count", p->found_count))) < 0) {
                p->pool->broken = true;
                return;
        }
        message_output(&p->sender, count);
        for (size_t i = 0; i < p->found_count; i++)
                message_output(&p->sender, p->found[i]);
}

void psrp_ended(PsrpPool *pool, uint64_t run, const PsrpEnd *how) {
        Pipeline *p = find_run(pool, run);
        ErrorRecord record = { 0 };

        if (!p)
                return;
        p->run = 0;
        if (how->failure.kind != ERROR_NONE) {
                release_held(p);
                const Command self = { .name = "Holdfast", .module = "Holdfast" };
                (void)record_error(&record, &self, &how->failure, NULL, NULL);
                fail(p, &record);
                return;
        }
        if (p->held && (how->refused || is_terminating(p->held))) {
                auto_(sd_json_variant_unrefp) sd_json_variant *reason = take_ptr(p->held);
                end(p, PIPELINE_FAILED, reason);
                return;
        }
        release_held(p);
        if (p->request.kind == REQUEST_METADATA)
                send_found(p);
        end(p, PIPELINE_COMPLETED, NULL);
}

/* ---- running ---------------------------------------------------------------------------------------------- */

/* Those of the session, and over them those of the request. */
static int join_variables(const Pipeline *p, sd_json_variant **ret) {
        sd_json_variant *own = p->request.variables;
        int r = 0;

        *ret = sd_json_variant_ref(p->pool->variables ? p->pool->variables : own);
        for (size_t i = 0; p->pool->variables && own && r >= 0 && i + 1 < sd_json_variant_elements(own); i += 2)
                r = sd_json_variant_set_field(ret, sd_json_variant_string(sd_json_variant_by_index(own, i)),
                                              sd_json_variant_by_index(own, i + 1));
        return r;
}

static void run(Pipeline *p, sd_json_variant *secrets) {
        PsrpPool *pool = p->pool;
        ErrorRecord record = { 0 };
        Error err = { 0 };
        auto_(sd_json_variant_unrefp) sd_json_variant *variables = NULL;
        if (join_variables(p, &variables) < 0) {
                pool->broken = true;
                return;
        }
        const PsrpWork work = { .text = p->request.text,
                                .variables = variables,
                                .input = p->request.has_input && !p->request.ignores_input ? p->input : NULL,
                                .secrets = secrets,
                                .width = p->request.width,
                                .interactive = !p->request.host.absent };

        p->phase = PHASE_RUNNING;
        p->run = ++pool->next_run;
        if (pool->runner.run(pool->runner.userdata, pool, p->run, &work, &err) == 0)
                return;
        const Command self = { .name = "Holdfast", .module = "Holdfast" };
        (void)record_error(&record, &self, &err, NULL, NULL);
        fail(p, &record);
}

/* The passwords are there: 1, are being asked for: 0, cannot be had: -1. */
static void go_on(Pipeline *p, int prompted, const ErrorRecord *record) {
        if (prompted > 0)
                run(p, p->secrets);
        else if (prompted < 0)
                fail(p, record);
}

void psrp_secrets_needed(PsrpPool *pool, uint64_t number, sd_json_variant *needs) {
        Pipeline *p = find_run(pool, number);
        ErrorRecord record = { 0 };

        if (!p)
                return;
        p->run = 0;
        go_on(p, prompt_start(p, needs, &record), &record);
}

/* ---- messages of a pipeline ---------------------------------------------------------------------------------- */

static void begin(Pipeline *p) {
        auto_(sd_json_variant_unrefp) sd_json_variant *prompt = NULL;
        if (p->request.kind == REQUEST_RUN || p->request.kind == REQUEST_METADATA) {
                run(p, NULL);
                return;
        }
        if (p->request.kind == REQUEST_SHOW) {
                for (size_t i = 0; p->input && i < sd_json_variant_elements(p->input); i++) {
                        sd_json_variant *one = sd_json_variant_by_index(p->input, i),
                                        *plain = sd_json_variant_by_key(one, "$value");
                        console_show(p, plain ? plain : one);
                }
                end(p, PIPELINE_COMPLETED, NULL);
                return;
        }
        if (p->request.kind == REQUEST_LEAVE) {
                host_leave(&p->sender);
                end(p, PIPELINE_COMPLETED, NULL);
                return;
        }
        if (sd_json_variant_new_string(&prompt, "PS> ") < 0)
                p->pool->broken = true;
        else
                message_output(&p->sender, prompt);
        end(p, PIPELINE_COMPLETED, NULL);
}

static int on_create(Pipeline *p, const Message *m, sd_json_variant *value, Error *err) {
        ErrorRecord record;

        if (p->phase != PHASE_NEW)
                return error_set(err, ERROR_PROTOCOL, 0, "a pipeline is created a second time");
        int r = m->type == MESSAGE_CREATE_PIPELINE ? request_create(value, &p->pool->key, &p->request, &record)
                                                   : request_metadata(value, &p->request, &record);
        if (r < 0) {
                fail(p, &record);
                return 0;
        }
        if (p->request.host.of_pool)
                p->request.host = p->pool->host;
        if (!p->request.width)
                p->request.width = p->request.host.width;
        if (p->request.has_input) {
                p->phase = PHASE_INPUT;
                if (sd_json_variant_new_array(&p->input, NULL, 0) < 0)
                        return error_oom(err);
        } else {
                begin(p);
        }
        return 0;
}

static int on_input(Pipeline *p, const Message *m, sd_json_variant *value, Error *err) {
        auto_(sd_json_variant_unrefp) sd_json_variant *wrapped = NULL;
        ErrorRecord record;

        if (p->phase == PHASE_ENDED)
                return 0; /* it failed or was stopped; the client learns that */
        if (p->phase != PHASE_INPUT)
                return error_set(err, ERROR_PROTOCOL, 0, "input for a pipeline that takes none");
        p->input_bytes += m->size + PSRP_INPUT_EACH;
        if (p->input_bytes > PSRP_INPUT_MAX) {
                (void)record_syntax(&record, "LimitExceeded", "More than %d MiB are piped into one pipeline.",
                                    PSRP_INPUT_MAX >> 20);
                fail(p, &record);
                return 0;
        }
        /* The node's interface knows objects only. */
        if (sd_json_variant_is_object(value))
                wrapped = sd_json_variant_ref(value);
        else if (sd_json_build(&wrapped, SD_JSON_BUILD_OBJECT(SD_JSON_BUILD_PAIR_VARIANT("$value", value))) < 0)
                return error_oom(err);
        return sd_json_variant_append_array(&p->input, wrapped) < 0 ? error_oom(err) : 0;
}

static int on_input_end(Pipeline *p, const Message *m, sd_json_variant *value, Error *err) {
        if (p->phase == PHASE_INPUT)
                begin(p);
        return 0;
}

static int on_response(Pipeline *p, const Message *m, sd_json_variant *value, Error *err) {
        ErrorRecord record = { 0 };
        if (p->question && (int64_t)object_unsigned(value, "ci", 0) == p->call) {
                prompt_confirmed(p, value);
                return 0;
        }
        if (p->phase != PHASE_ASKING || (int64_t)object_unsigned(value, "ci", 0) != p->call)
                return 0; /* to a question nobody asked, or that is settled */
        go_on(p, prompt_answer(p, value, &record), &record);
        return 0;
}

static const struct {
        MessageType type;
        int (*take)(Pipeline *p, const Message *m, sd_json_variant *value, Error *err);
} messages[] = {
        { MESSAGE_CREATE_PIPELINE, on_create },
        { MESSAGE_GET_COMMAND_METADATA, on_create },
        { MESSAGE_PIPELINE_INPUT, on_input },
        { MESSAGE_END_OF_PIPELINE_INPUT, on_input_end },
        { MESSAGE_PIPELINE_HOST_RESPONSE, on_response },
};

int pipeline_message(Pipeline *p, const Message *m, Error *err) {
        for (size_t i = 0; i < ARRAY_SIZE(messages); i++) {
                auto_(sd_json_variant_unrefp) sd_json_variant *value = NULL;
                if (messages[i].type != m->type)
                        continue;
                if (clixml_read(m->data, m->size, &value, err) < 0)
                        return error_wrap(err, "message %08x", m->type);
                return messages[i].take(p, m, value, err);
        }
        return error_set(err, ERROR_PROTOCOL, 0, "message %08x is none a client may send to a pipeline", m->type);
}
