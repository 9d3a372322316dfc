/* Out-* and Write-*: where objects and words go. */
#include "appliance/command/utility.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/command/invocation.h"
#include "appliance/command/object.h"
#include "appliance/command/view.h"

DEFINE_FREEP(View, view_free);

#define INPUT                                                                                                      \
        {                                                                                                          \
                "InputObject", "PSObject",                                                                         \
                NULL,          PARAMETER_PIPELINE_BY_VALUE,                                                        \
                NULL,          "The object; comes from the pipeline."                                              \
        }
#define CORE "Microsoft.PowerShell.Core"
#define UTILITY "Microsoft.PowerShell.Utility"

/* ---- Out-Default, Out-Null, Out-String ------------------------------------------------------------- */

/* Whoever shows the output of a pipeline formats it. */
static int run_pass(Invocation *invocation, Error *err) {
        sd_json_variant *object = invocation_value(invocation, "InputObject");
        return object ? invocation_emit(invocation, sd_json_variant_ref(object), err) : 0;
}

static int run_drop(Invocation *invocation, Error *err) {
        return 0;
}

const Command command_out_default = {
        .name = "Out-Default",
        .module = CORE,
        .aliases = "Out-Host,oh",
        .role = ROLE_READER,
        .synopsis = "Shows objects as the caller's console shows them.",
        .parameters = (const Parameter[]){ INPUT, { NULL } },
        .sets = (const ParameterSet[]){ { "Default", NULL, NULL, "InputObject" }, { NULL } },
        .refused = "Transcript,Paging",
        .run = run_pass,
};

const Command command_out_null = {
        .name = "Out-Null",
        .module = CORE,
        .role = ROLE_READER,
        .synopsis = "Drops objects.",
        .parameters = (const Parameter[]){ INPUT, { NULL } },
        .sets = (const ParameterSet[]){ { "Default", NULL, NULL, "InputObject" }, { NULL } },
        .run = run_drop,
};

static int collect(Invocation *invocation, Error *err) {
        sd_json_variant *object = invocation_value(invocation, "InputObject");
        return object ? invocation_collect(invocation, object, err) : 0;
}

static int emit_text(Invocation *invocation, const char *text, Error *err) {
        sd_json_variant *value = NULL;
        if (sd_json_variant_new_string(&value, text) < 0)
                return error_oom(err);
        return invocation_emit(invocation, value, err);
}

static int render(const Invocation *invocation, FILE *to, Error *err) {
        auto_(view_freep) View *view = NULL;
        size_t count;
        sd_json_variant **objects = invocation_collected(invocation, &count);
        unsigned width = (unsigned)invocation_unsigned(invocation, "Width", invocation_width(invocation));

        if (view_new(to, width, VIEW_DEFAULT, NULL, &view, err) < 0)
                return -1;
        for (size_t i = 0; i < count; i++)
                if (view_add(view, objects[i], err) < 0)
                        return -1;
        return view_flush(view, err);
}

static int end_string(Invocation *invocation, Error *err) {
        auto_free char *text = NULL;
        size_t size = 0;
        FILE *to = open_memstream(&text, &size);

        if (!to)
                return error_oom(err);
        int r = render(invocation, to, err);
        if (fclose(to) != 0 && r == 0)
                r = error_oom(err);
        if (r < 0)
                return -1;
        if (!invocation_switch(invocation, "Stream"))
                return emit_text(invocation, text, err);
        for (char *at = text; *at;) {
                size_t line = strcspn(at, "\n");
                bool more = at[line] != '\0';
                at[line] = '\0';
                if (emit_text(invocation, at, err) < 0)
                        return -1;
                at += line + more;
        }
        return 0;
}

const Command command_out_string = {
        .name = "Out-String",
        .module = UTILITY,
        .role = ROLE_READER,
        .output = "System.String",
        .synopsis = "Makes of objects the text that the console would show.",
        .parameters =
                (const Parameter[]){ { "Stream", "SwitchParameter", NULL, 0, NULL, "A string for each line." },
                                     { "Width", "Int32", NULL, 0, NULL, "Columns a line has at most." },
                                     INPUT,
                                     { NULL } },
        .sets = (const ParameterSet[]){ { "NoNewLineFormatting", NULL, NULL, "Stream,Width,InputObject" },
                                        { NULL } },
        .refused = "NoNewline",
        .run = collect,
        .end = end_string,
};

/* ---- Write-* ------------------------------------------------------------------------------------------ */

static int run_write_output(Invocation *invocation, Error *err) {
        for (size_t i = 0; i < invocation_count(invocation, "InputObject"); i++) {
                sd_json_variant *one = invocation_item(invocation, "InputObject", i);
                if (!sd_json_variant_is_null(one) && invocation_emit(invocation, sd_json_variant_ref(one), err) < 0)
                        return -1;
        }
        return 0;
}

const Command command_write_output = {
        .name = "Write-Output",
        .module = UTILITY,
        .aliases = "write,echo",
        .role = ROLE_READER,
        .synopsis = "Gives values to the next command.",
        .parameters =
                (const Parameter[]){ { "InputObject", "PSObject[]", NULL,
                                       PARAMETER_PIPELINE_BY_VALUE | PARAMETER_REMAINING, NULL, "The values." },
                                     { NULL } },
        .sets = (const ParameterSet[]){ { "Default", "InputObject", "InputObject", NULL }, { NULL } },
        .refused = "NoEnumerate",
        .run = run_write_output,
};

/* The words of a list, in a line; a new string. */
static char *words(const Invocation *invocation, const char *parameter, const char *separator) {
        char *text = NULL, word[4096];
        size_t size = 0;
        FILE *to = open_memstream(&text, &size);
        if (!to)
                return NULL;
        for (size_t i = 0; i < invocation_count(invocation, parameter); i++) {
                object_display(invocation_item(invocation, parameter, i), word, sizeof word);
                (void)fprintf(to, "%s%s", i > 0 ? separator : "", word);
        }
        if (fclose(to) == 0)
                return text;
        free(text);
        return NULL;
}

static int write_information(Invocation *invocation, const char *parameter, Error *err) {
        const char *separator = invocation_string(invocation, "Separator");
        auto_free char *text = words(invocation, parameter, separator ? separator : " ");
        auto_(sd_json_variant_unrefp) sd_json_variant *value = NULL;
        if (!text || sd_json_variant_new_string(&value, text) < 0)
                return error_oom(err);
        return invocation_record(invocation, STREAM_INFORMATION, value, err);
}

static int run_write_host(Invocation *invocation, Error *err) {
        return write_information(invocation, "Object", err);
}
static int run_write_information(Invocation *invocation, Error *err) {
        return write_information(invocation, "MessageData", err);
}

const Command command_write_host = {
        .name = "Write-Host",
        .module = UTILITY,
        .role = ROLE_READER,
        .synopsis = "Shows words to the caller.",
        .parameters =
                (const Parameter[]){ { "Object", "Object[]", "Msg,Message",
                                       PARAMETER_PIPELINE_BY_VALUE | PARAMETER_REMAINING, NULL, "The words." },
                                     { "Separator", "String", NULL, 0, NULL, "What stands between them." },
                                     { NULL } },
        .sets = (const ParameterSet[]){ { "Default", NULL, "Object", "Separator" }, { NULL } },
        .refused = "NoNewline,ForegroundColor,BackgroundColor",
        .run = run_write_host,
};

const Command command_write_information = {
        .name = "Write-Information",
        .module = UTILITY,
        .role = ROLE_READER,
        .synopsis = "Writes to the information stream.",
        .parameters = (const Parameter[]){ { "MessageData", "Object[]", "Msg,Message", PARAMETER_PIPELINE_BY_VALUE,
                                             NULL, "What to write." },
                                           { NULL } },
        .sets = (const ParameterSet[]){ { "Default", "MessageData", "MessageData", NULL }, { NULL } },
        .refused = "Tags",
        .run = run_write_information,
};

static int run_write_warning(Invocation *invocation, Error *err) {
        invocation_warning(invocation, "%s", invocation_string(invocation, "Message"));
        return 0;
}

static int run_write_verbose(Invocation *invocation, Error *err) {
        invocation_verbose(invocation, "%s", invocation_string(invocation, "Message"));
        return 0;
}

static int run_write_error(Invocation *invocation, Error *err) {
        const char *id = invocation_string(invocation, "ErrorId"),
                   *target = invocation_string(invocation, "TargetObject");
        Error error = { 0 };
        (void)error_set(&error, ERROR_NONE, 0, "%s", invocation_string(invocation, "Message"));
        invocation_error(invocation, &error, target, id ? id : "Microsoft.PowerShell.Commands.WriteErrorException");
        return 0;
}

#define MESSAGE { "Message", "String", "Msg", PARAMETER_PIPELINE_BY_VALUE, NULL, "The text." }

const Command command_write_warning = {
        .name = "Write-Warning",
        .module = UTILITY,
        .role = ROLE_READER,
        .synopsis = "Writes a warning.",
        .parameters = (const Parameter[]){ MESSAGE, { NULL } },
        .sets = (const ParameterSet[]){ { "Default", "Message", "Message", NULL }, { NULL } },
        .run = run_write_warning,
};

const Command command_write_verbose = {
        .name = "Write-Verbose",
        .module = UTILITY,
        .role = ROLE_READER,
        .synopsis = "Writes a text that -Verbose shows.",
        .parameters = (const Parameter[]){ MESSAGE, { NULL } },
        .sets = (const ParameterSet[]){ { "Default", "Message", "Message", NULL }, { NULL } },
        .run = run_write_verbose,
};

const Command command_write_error = {
        .name = "Write-Error",
        .module = UTILITY,
        .role = ROLE_READER,
        .synopsis = "Writes an error.",
        .parameters = (const Parameter[]){ MESSAGE,
                                           { "ErrorId", "String", NULL, 0, NULL, "Its FullyQualifiedErrorId." },
                                           { "TargetObject", "String", NULL, 0, NULL, "What it is about." },
                                           { NULL } },
        .sets = (const ParameterSet[]){ { "NoException", "Message", "Message", "ErrorId,TargetObject" }, { NULL } },
        .refused = "Exception,ErrorRecord,Category,RecommendedAction,CategoryActivity,CategoryReason,"
                   "CategoryTargetName,CategoryTargetType",
        .run = run_write_error,
};
