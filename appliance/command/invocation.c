#include "appliance/command/invocation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/convert.h"
#include "appliance/command/object.h"

void *invocation_userdata(const Invocation *invocation) { return invocation->execution->run->userdata; }
void *invocation_jobs(const Invocation *invocation) { return invocation->execution->run->jobs; }
const char *invocation_caller(const Invocation *invocation) { return invocation->execution->run->caller; }
unsigned invocation_width(const Invocation *invocation) { return invocation->execution->run->width; }
const CommandTable *invocation_table(const Invocation *invocation) { return invocation->execution->table; }

const char *invocation_set(const Invocation *invocation) {
        return invocation->binding.set ? invocation->binding.set->name : invocation->command->sets[0].name;
}

bool invocation_cancelled(const Invocation *invocation) {
        const Execution *x = invocation->execution;
        return x->stopped || (x->run->cancelled && atomic_load(x->run->cancelled));
}

/* ---- arguments --------------------------------------------------------------------------------- */

sd_json_variant *invocation_value(const Invocation *invocation, const char *parameter) {
        return binding_value(&invocation->binding, parameter);
}

bool invocation_has(const Invocation *invocation, const char *parameter) {
        return invocation_value(invocation, parameter) != NULL;
}

bool invocation_switch(const Invocation *invocation, const char *parameter) {
        sd_json_variant *value = invocation_value(invocation, parameter);
        return value && sd_json_variant_is_boolean(value) && sd_json_variant_boolean(value);
}

const char *invocation_string(const Invocation *invocation, const char *parameter) {
        sd_json_variant *value = invocation_value(invocation, parameter);
        return value && sd_json_variant_is_string(value) ? sd_json_variant_string(value) : NULL;
}

uint64_t invocation_unsigned(const Invocation *invocation, const char *parameter, uint64_t otherwise) {
        sd_json_variant *value = invocation_value(invocation, parameter);
        return value && sd_json_variant_is_unsigned(value) ? sd_json_variant_unsigned(value) : otherwise;
}

size_t invocation_count(const Invocation *invocation, const char *parameter) {
        sd_json_variant *value = invocation_value(invocation, parameter);
        if (!value)
                return 0;
        return sd_json_variant_is_array(value) ? sd_json_variant_elements(value) : 1;
}

sd_json_variant *invocation_item(const Invocation *invocation, const char *parameter, size_t i) {
        sd_json_variant *value = invocation_value(invocation, parameter);
        return value && sd_json_variant_is_array(value) ? sd_json_variant_by_index(value, i) : value;
}

void secret_key(const Invocation *invocation, const char *parameter, char to[static RECORD_NAME_MAX]) {
        (void)snprintf(to, RECORD_NAME_MAX, "%u.%.60s", invocation->number, parameter);
}

const char *invocation_credential(const Invocation *invocation, const char *parameter, const char **ret_password) {
        const BatchRun *run = invocation->execution->run;
        sd_json_variant *value = invocation_item(invocation, parameter, 0);
        char key[RECORD_NAME_MAX];

        if (!value)
                return NULL;
        secret_key(invocation, parameter, key);
        *ret_password = run->secret ? run->secret(run->sink, key) : NULL;
        return object_string(value, "UserName");
}

/* ---- records ----------------------------------------------------------------------------------- */

int invocation_record(Invocation *invocation, RecordStream stream, sd_json_variant *record, Error *err) {
        Execution *x = invocation->execution;
        if (!record)
                return error_oom(err);
        if (stream == STREAM_OUTPUT && x->captures) {
                if (x->captured && sd_json_variant_elements(x->captured) >= COLLECT_MAX)
                        return error_set(err, ERROR_LIMIT, 0, "a variable holds at most %d objects", COLLECT_MAX);
                return sd_json_variant_append_array(&x->captured, record) < 0 ? error_oom(err) : 0;
        }
        if (x->run->record(x->run->sink, stream, record, err) < 0) {
                x->stopped = true;
                return -1;
        }
        return 0;
}

void invocation_report(Invocation *invocation, const ErrorRecord *record, bool terminating) {
        Execution *x = invocation->execution;
        Error err = { 0 };

        if (!*invocation->failure.id)
                invocation->failure = *record;
        if (terminating || invocation->errors == ACTION_STOP)
                x->stop_all = x->stop_all || invocation->errors == ACTION_STOP;
        if (terminating || invocation->errors != ACTION_SILENT) {
                auto_(sd_json_variant_unrefp) sd_json_variant *json = record_json(record);
                /* a caller who asked for Stop sees the pipeline fail with it */
                if (json && invocation->errors == ACTION_STOP &&
                    sd_json_variant_set_field_boolean(&json, "Terminating", true) < 0)
                        json = sd_json_variant_unref(json);
                (void)invocation_record(invocation, STREAM_ERROR, json, &err);
                x->had_errors = true;
        }
        if (terminating || invocation->errors == ACTION_STOP)
                x->stopped = true;
}

void invocation_error(Invocation *invocation, const Error *error, const char *target, const char *id) {
        ErrorRecord record;
        (void)record_error(&record, invocation->command, error, target, id);
        invocation_report(invocation, &record, false);
}

void invocation_say(Invocation *invocation, RecordStream stream, const char *text) {
        auto_(sd_json_variant_unrefp) sd_json_variant *message = NULL;
        Error err = { 0 };
        if ((stream == STREAM_WARNING && invocation->warnings == ACTION_SILENT) ||
            (stream == STREAM_VERBOSE && !invocation->verbose))
                return;
        if (sd_json_variant_new_string(&message, text) >= 0)
                (void)invocation_record(invocation, stream, message, &err);
        if (stream == STREAM_WARNING && invocation->warnings == ACTION_STOP)
                invocation->execution->stopped = invocation->execution->stop_all = true;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the callers' formats are checked */
static void vsay(Invocation *invocation, RecordStream stream, const char *fmt, va_list ap) {
        char text[RECORD_MESSAGE_MAX];
        (void)vsnprintf(text, sizeof text, fmt, ap);
        invocation_say(invocation, stream, text);
}
#pragma GCC diagnostic pop

void invocation_warning(Invocation *invocation, const char *fmt, ...) {
        va_list ap;
        va_start(ap, fmt);
        vsay(invocation, STREAM_WARNING, fmt, ap);
        va_end(ap);
}

void invocation_verbose(Invocation *invocation, const char *fmt, ...) {
        va_list ap;
        va_start(ap, fmt);
        vsay(invocation, STREAM_VERBOSE, fmt, ap);
        va_end(ap);
}

void invocation_progress(Invocation *invocation, const char *activity, const char *status, int percent, bool done) {
        auto_(sd_json_variant_unrefp) sd_json_variant *record = NULL;
        Error err = { 0 };
        if (invocation->progress == ACTION_SILENT)
                return;
        if (sd_json_build(&record, SD_JSON_BUILD_OBJECT(
                    SD_JSON_BUILD_PAIR_STRING("$type", "System.Management.Automation.ProgressRecord"),
                    SD_JSON_BUILD_PAIR_STRING("Activity", activity),
                    SD_JSON_BUILD_PAIR_STRING("StatusDescription", status ? status : ""),
                    SD_JSON_BUILD_PAIR_INTEGER("PercentComplete", percent),
                    SD_JSON_BUILD_PAIR_BOOLEAN("Completed", done))) >= 0)
                (void)invocation_record(invocation, STREAM_PROGRESS, record, &err);
}

static int ended(Error *err) { return error_set(err, ERROR_CANCELLED, 0, "the pipeline has been stopped"); }

int invocation_emit(Invocation *invocation, sd_json_variant *consumed_object, Error *err) {
        auto_(sd_json_variant_unrefp) sd_json_variant *object = consumed_object;
        Execution *x = invocation->execution;

        if (!object)
                return error_oom(err);
        /* what has come out of a job that is being stopped is kept; a caller who is gone takes nothing */
        if (!invocation->next && !x->captures && !x->stopped)
                return invocation_record(invocation, STREAM_OUTPUT, object, err);
        if (invocation_cancelled(invocation))
                return ended(err);
        if (!invocation->next)
                return invocation_record(invocation, STREAM_OUTPUT, object, err);
        if (invocation_feed(invocation->next, object, err) < 0)
                return -1;
        return x->stopped || invocation->index < x->enough ? ended(err) : 0;
}

int invocation_collect(Invocation *invocation, sd_json_variant *object, Error *err) {
        size_t n = invocation->collected_count;
        if (n >= COLLECT_MAX)
                return error_set(err, ERROR_LIMIT, 0, "%s keeps at most %d objects; select fewer in front of it",
                                 invocation->command->name, COLLECT_MAX);
        if ((n & (n - 1)) == 0) {
                void *more = reallocarray(invocation->collected, n == 0 ? 1 : 2 * n, sizeof *invocation->collected);
                if (!more)
                        return error_oom(err);
                invocation->collected = more;
        }
        invocation->collected[invocation->collected_count++] = sd_json_variant_ref(object);
        return 0;
}

sd_json_variant **invocation_collected(const Invocation *invocation, size_t *ret_count) {
        *ret_count = invocation->collected_count;
        return invocation->collected;
}

void invocation_enough(Invocation *invocation) {
        if (invocation->execution->enough < invocation->index)
                invocation->execution->enough = invocation->index;
}

static void take_progress(Invocation *invocation, sd_json_variant *record) {
        sd_json_variant *percent = object_property(record, "PercentComplete");
        sd_json_variant *done = object_property(record, "Completed");
        const char *activity = object_string(record, "Activity"), *status = object_string(record, "StatusDescription");
        int64_t value = percent && sd_json_variant_is_integer(percent) ? sd_json_variant_integer(percent) : -1;

        if (activity && *activity)
                invocation_progress(invocation, activity, status, value >= 0 && value <= 100 ? (int)value : -1,
                                    done && sd_json_variant_is_boolean(done) && sd_json_variant_boolean(done));
}

int invocation_replay(Invocation *invocation, RecordStream stream, sd_json_variant *record, Error *err) {
        const char *text = sd_json_variant_is_string(record) ? sd_json_variant_string(record) : NULL;
        ErrorRecord error;

        switch (stream) {
        case STREAM_OUTPUT:
                return invocation_emit(invocation, sd_json_variant_ref(record), err);
        case STREAM_ERROR:
                record_from_json(record, invocation->command->name, &error);
                invocation_report(invocation, &error, false);
                break;
        case STREAM_WARNING:
        case STREAM_VERBOSE:
        case STREAM_INFORMATION:
                if (text)
                        invocation_say(invocation, stream, text);
                break;
        case STREAM_PROGRESS:
                if (sd_json_variant_is_object(record))
                        take_progress(invocation, record);
                break;
        case STREAM_STATE:
        case STREAM_PROMPT:
        case STREAM_COUNT:
        default:
                break;
        }
        return invocation->execution->stopped ? ended(err) : 0;
}

/* ---- preferences --------------------------------------------------------------------------------- */

static Action action(const Invocation *invocation, const char *parameter, const char *preference,
                     sd_json_variant *variables) {
        const char *name = invocation_string(invocation, parameter);
        if (!name)
                name = variables ? object_string(variables, preference) : NULL;
        if (!name)
                return ACTION_CONTINUE;
        if (text_equal_nocase(name, "Stop"))
                return ACTION_STOP;
        return text_equal_nocase(name, "SilentlyContinue") || text_equal_nocase(name, "Ignore") ? ACTION_SILENT
                                                                                                : ACTION_CONTINUE;
}

void invocation_preferences(Invocation *invocation, sd_json_variant *variables) {
        const char *verbose = variables ? object_string(variables, "VerbosePreference") : NULL;

        invocation->errors = action(invocation, "ErrorAction", "ErrorActionPreference", variables);
        invocation->warnings = action(invocation, "WarningAction", "WarningPreference", variables);
        invocation->progress = action(invocation, "ProgressAction", "ProgressPreference", variables);
        invocation->verbose = invocation_switch(invocation, "Verbose") ||
                              (!invocation_has(invocation, "Verbose") && verbose && text_equal_nocase(verbose, "Continue"));
        invocation->confirms = confirm_preference(variables);
        invocation->to_all[0] = invocation->to_all[1] = ANSWER_NOBODY;
        if (invocation->quiet && invocation->errors == ACTION_CONTINUE)
                invocation->errors = ACTION_SILENT;
}
