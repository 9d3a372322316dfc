#include "appliance/command/record.h"

#include <stdio.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/object.h"

#define EXCEPTION(name) "System.Management.Automation." name

static void fill(ErrorRecord *record, const char *category, const char *exception, const char *fmt, va_list ap) {
        *record = (ErrorRecord){ .kind = ERROR_INVALID, .category = category, .exception = exception };
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the callers' formats are checked */
        (void)vsnprintf(record->message, sizeof record->message, fmt, ap);
#pragma GCC diagnostic pop
}

int record_syntax(ErrorRecord *record, const char *id, const char *fmt, ...) {
        va_list ap;
        va_start(ap, fmt);
        fill(record, "ParserError", EXCEPTION("ParseException"), fmt, ap);
        va_end(ap);
        (void)snprintf(record->id, sizeof record->id, "%s", id);
        return -1;
}

int record_binding(ErrorRecord *record, const Command *command, const char *id, const char *fmt, ...) {
        char type[RECORD_NAME_MAX];
        va_list ap;

        va_start(ap, fmt);
        fill(record, "InvalidArgument", EXCEPTION("ParameterBindingException"), fmt, ap);
        va_end(ap);
        command_type_name(command, type);
        (void)snprintf(record->id, sizeof record->id, "%s,%s", id, type);
        (void)snprintf(record->activity, sizeof record->activity, "%s", command->name);
        return -1;
}

int record_not_a_command(ErrorRecord *record, const char *name) {
        *record = (ErrorRecord){ .kind = ERROR_NOT_FOUND,
                                 .category = "ObjectNotFound",
                                 .exception = EXCEPTION("CommandNotFoundException"),
                                 .id = "CommandNotFoundException" };
        (void)snprintf(record->target, sizeof record->target, "%.200s", name);
        (void)snprintf(
                record->message, sizeof record->message,
                "The term '%s' is not recognized as a name of a cmdlet, function, script file, or executable "
                "program.\nCheck the spelling of the name, or if a path was included, verify that the path is "
                "correct and try again.",
                record->target);
        return -1;
}

/* How scripts sort our kinds of failure. */
static const struct { const char *category, *id, *exception; } kinds[ERROR_KIND_COUNT] = {
        [ERROR_NONE] = { "NotSpecified", "Unspecified", "VirtualizationException" },
        [ERROR_INVALID] = { "InvalidArgument", "InvalidParameter", "VirtualizationInvalidArgumentException" },
        [ERROR_NOT_FOUND] = { "ObjectNotFound", "ObjectNotFound", "VirtualizationInvalidArgumentException" },
        [ERROR_DENIED] = { "PermissionDenied", "AccessDenied", "VirtualizationAccessDeniedException" },
        [ERROR_CONFLICT] = { "InvalidOperation", "InvalidState", "VirtualizationInvalidStateException" },
        [ERROR_UNREACHABLE] = { "ResourceUnavailable", "Unreachable", "VirtualizationOperationFailedException" },
        [ERROR_TIMEOUT] = { "OperationTimeout", "OperationTimedOut", "VirtualizationOperationTimeoutException" },
        [ERROR_CANCELLED] = { "OperationStopped", "OperationStopped", "VirtualizationOperationCanceledException" },
        [ERROR_UNSUPPORTED] = { "NotImplemented", "NotSupported", "VirtualizationOperationNotSupportedException" },
        [ERROR_PROTOCOL] = { "ProtocolError", "ProtocolError", "VirtualizationOperationFailedException" },
        [ERROR_LIMIT] = { "LimitsExceeded", "LimitExceeded", "VirtualizationOperationFailedException" },
        [ERROR_INTERNAL] = { "NotSpecified", "OperationFailed", "VirtualizationOperationFailedException" },
};

int record_error(ErrorRecord *record, const Command *command, const Error *error, const char *target,
                 const char *id) {
        unsigned kind = error->kind < ERROR_KIND_COUNT ? error->kind : ERROR_INTERNAL;
        char type[RECORD_NAME_MAX];

        *record = (ErrorRecord){ .kind = error->kind, .cause = error->cause, .category = kinds[kind].category,
                                 .exception = kinds[kind].exception };
        command_type_name(command, type);
        if (!id)
                id = kinds[kind].id;
        if (text_starts_nocase(id, "InvalidParameter"))
                record->category = "InvalidArgument";   /* as Hyper-V, also for a name that is unknown */
        if (strchr(id, ','))
                (void)snprintf(record->id, sizeof record->id, "%s", id);
        else
                (void)snprintf(record->id, sizeof record->id, "%.90s,%s", id, type);
        (void)snprintf(record->message, sizeof record->message, "%s", error->text);
        (void)snprintf(record->target, sizeof record->target, "%s", target ? target : "");
        (void)snprintf(record->activity, sizeof record->activity, "%s", command->name);
        return -1;
}

void command_type_name(const Command *command, char to[static RECORD_NAME_MAX]) {
        const char *space = "Microsoft.PowerShell.Commands.", *suffix = "Command";
        const char *dash = strchr(command->name, '-');

        if (text_equal_nocase(command->module, "Hyper-V")) {
                bool disk = dash && text_equal_nocase(dash, "-VHD");
                space = disk ? "Microsoft.Vhd.PowerShell.Cmdlets." : "Microsoft.HyperV.PowerShell.Commands.";
                suffix = "";
        }
        (void)snprintf(to, RECORD_NAME_MAX, "%s%.*s%s%s", space,
                       dash ? (int)(dash - command->name) : (int)strlen(command->name), command->name,
                       dash ? dash + 1 : "", suffix);
}

sd_json_variant *record_json(const ErrorRecord *original) {
        ErrorRecord mended = *original, *record = &mended;
        sd_json_variant *ret = NULL;

        /* their sizes are bytes: a character may have been cut */
        text_mend(record->message);
        text_mend(record->id);
        text_mend(record->target);
        text_mend(record->activity);
        if (sd_json_build(&ret, SD_JSON_BUILD_OBJECT(
                    SD_JSON_BUILD_PAIR_STRING("$type", "System.Management.Automation.ErrorRecord"),
                    SD_JSON_BUILD_PAIR_STRING("Message", record->message),
                    SD_JSON_BUILD_PAIR_STRING("FullyQualifiedErrorId", record->id),
                    SD_JSON_BUILD_PAIR_STRING("Category", record->category),
                    SD_JSON_BUILD_PAIR_STRING("Exception", record->exception),
                    SD_JSON_BUILD_PAIR_STRING("Activity", record->activity),
                    SD_JSON_BUILD_PAIR_STRING("TargetName", record->target),
                    SD_JSON_BUILD_PAIR_STRING("Kind", error_kind_name(record->kind)),
                    SD_JSON_BUILD_PAIR_INTEGER("Cause", record->cause))) < 0)
                return NULL;
        return ret;
}

/* ErrorCategory's names, as far as our commands give them; a peer's word is one of these or "NotSpecified". */
static const char *const categories[] = {
        "NotSpecified",       "ParserError",    "ObjectNotFound",      "InvalidArgument", "PermissionDenied",
        "InvalidOperation",   "CloseError",     "ResourceUnavailable", "OpenError",       "OperationTimeout",
        "OperationStopped",   "InvalidData",    "NotImplemented",      "ProtocolError",   "LimitsExceeded",
        "ResourceExists",     "ConnectionError",
};

static const char *const exceptions[] = {
        EXCEPTION("ParseException"),
        EXCEPTION("ParameterBindingException"),
        EXCEPTION("CommandNotFoundException"),
        EXCEPTION("PipelineStoppedException"),
        EXCEPTION("Host.HostException"),
};

static const char *known_exception(const char *name) {
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                if (strcmp(kinds[i].exception, name) == 0)
                        return kinds[i].exception;
        for (size_t i = 0; i < ARRAY_SIZE(exceptions); i++)
                if (strcmp(exceptions[i], name) == 0)
                        return exceptions[i];
        return kinds[ERROR_NONE].exception;
}

static void take(sd_json_variant *json, const char *name, const char *otherwise, char *to, size_t size) {
        const char *text = json ? object_string(json, name) : NULL;
        (void)snprintf(to, size, "%s", text ? text : otherwise);
        text_mend(to);
}

void record_from_json(sd_json_variant *json, const char *activity, ErrorRecord *ret) {
        sd_json_variant *object = json && sd_json_variant_is_object(json) ? json : NULL;
        const char *category = object ? object_string(object, "Category") : NULL;
        const char *exception = object ? object_string(object, "Exception") : NULL;
        const char *kind = object ? object_string(object, "Kind") : NULL;

        *ret = (ErrorRecord){ .kind = error_kind_from_name(kind ? kind : ""), .category = categories[0] };
        if (ret->kind == ERROR_NONE)
                ret->kind = ERROR_INTERNAL;
        ret->exception = known_exception(exception ? exception : "");
        for (size_t i = 0; category && i < ARRAY_SIZE(categories); i++)
                if (strcmp(categories[i], category) == 0)
                        ret->category = categories[i];
        take(object, "Message", "The other host reported an error without words.", ret->message, sizeof ret->message);
        take(object, "FullyQualifiedErrorId", kinds[ERROR_NONE].id, ret->id, sizeof ret->id);
        take(object, "TargetName", "", ret->target, sizeof ret->target);
        take(object, "Activity", activity, ret->activity, sizeof ret->activity);
}
