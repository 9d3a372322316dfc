#include "tests/unit/command/fixture.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/object.h"
#include "appliance/command/utility.h"

/* Get-VM: three machines, or those named; unknown names are errors. */
static const struct { const char *name, *state, *uptime; unsigned cpu, memory_mb; } machines[] = {
        { "web01", "Running", "1.00:00:00", 7, 2048 },
        { "db01", "Off", "00:00:00", 0, 0 },
        { "web02", "Running", "16:25:47.5640000", 12, 1024 },
};

static int emit_machine(Invocation *invocation, size_t i, Error *err) {
        sd_json_variant *object = NULL;
        if (sd_json_build(&object, SD_JSON_BUILD_OBJECT(
                    SD_JSON_BUILD_PAIR_STRING("$type", "Microsoft.HyperV.PowerShell.VirtualMachine"),
                    SD_JSON_BUILD_PAIR_STRING("Name", machines[i].name),
                    SD_JSON_BUILD_PAIR_STRING("State", machines[i].state),
                    SD_JSON_BUILD_PAIR_UNSIGNED("CPUUsage", machines[i].cpu),
                    SD_JSON_BUILD_PAIR_UNSIGNED("MemoryAssigned", (uint64_t)machines[i].memory_mb << 20),
                    SD_JSON_BUILD_PAIR_STRING("Uptime", machines[i].uptime),
                    SD_JSON_BUILD_PAIR_STRING("Status", "Operating normally"),
                    SD_JSON_BUILD_PAIR_STRING("Version", "1.0"))) < 0)
                return error_oom(err);
        return invocation_emit(invocation, object, err);
}

static int get_vm(Invocation *invocation, Error *err) {
        size_t names = invocation_count(invocation, "Name");
        for (size_t i = 0; names == 0 && i < ARRAY_SIZE(machines); i++)
                if (emit_machine(invocation, i, err) < 0)
                        return -1;
        for (size_t n = 0; n < names; n++) {
                const char *name = sd_json_variant_string(invocation_item(invocation, "Name", n));
                size_t i = 0;
                while (i < ARRAY_SIZE(machines) && strcmp(machines[i].name, name) != 0)
                        i++;
                Error missing = { 0 };
                (void)error_set(&missing, ERROR_INVALID, 0,
                                "Hyper-V was unable to find a virtual machine with name \"%s\".", name);
                if (i == ARRAY_SIZE(machines))
                        invocation_error(invocation, &missing, name, "InvalidParameter");
                else if (emit_machine(invocation, i, err) < 0)
                        return -1;
        }
        return 0;
}

static const Command get_vm_row = {
        .name = "Get-VM", .module = "Hyper-V", .aliases = "gvm", .synopsis = "Gets machines.", .role = ROLE_READER,
        .output = "Microsoft.HyperV.PowerShell.VirtualMachine",
        .parameters = (const Parameter[]){
                { "Name", "String[]", "VMName", PARAMETER_PIPELINE_BY_VALUE | PARAMETER_WILDCARD, NULL, "Names." },
                { "Id", "Guid", NULL, PARAMETER_PIPELINE_BY_VALUE | PARAMETER_PIPELINE_BY_NAME, NULL, "Its id." },
                { "ComputerName", "String[]", NULL, PARAMETER_COMPUTERS, NULL, "Hosts." },
                { NULL } },
        .sets = (const ParameterSet[]){ { "Name", NULL, "Name", "ComputerName" }, { "Id", NULL, "Id", NULL }, { NULL } },
        .refused = "Credential,CimSession,ClusterObject",
        .run = get_vm,
};

/* Says what was bound. */
static int echo(Invocation *invocation, Error *err) {
        char text[600], value[200];
        size_t at = (size_t)snprintf(text, sizeof text, "[%s]", invocation_set(invocation));
        static const char *const names[] = { "Name",       "VM",      "DestinationHost", "Count", "Size", "Kind",
                                             "Generation", "Tags",    "Table",           "On",    "Wait", "Id",
                                             "Force",      "Passthru" };
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                if (!invocation_has(invocation, names[i]))
                        continue;
                object_display(invocation_value(invocation, names[i]), value, sizeof value);
                at += (size_t)snprintf(text + at, sizeof text - at, " %s=%s", names[i], value);
        }
        if (!invocation_should_process(invocation, "it", "Echo"))
                return 0;
        invocation_verbose(invocation, "verbose words");
        invocation_progress(invocation, "Echoing", "half", 50, false);
        if (invocation_switch(invocation, "Force"))
                invocation_warning(invocation, "forced");
        sd_json_variant *line = NULL;
        return sd_json_variant_new_string(&line, text) < 0 ? error_oom(err)
                                                           : invocation_emit(invocation, line, err);
}

#define NAMES "Count,Size,Kind,Generation,Tags,Table,On,Wait,Id,Force,Passthru"
static const Command move_row = {
        .name = "Move-VM", .module = "Hyper-V", .synopsis = "Echoes.", .role = ROLE_OPERATOR, .confirm = true,
        .parameters = (const Parameter[]){
                { "Name", "String", "VMName", PARAMETER_PIPELINE_BY_VALUE, NULL, "" },
                { "VM", "VirtualMachine", NULL, PARAMETER_PIPELINE_BY_VALUE | PARAMETER_PLACED, NULL, "" },
                { "DestinationHost", "String", NULL, 0, NULL, "" },
                { "Count", "Int16", NULL, 0, NULL, "" },
                { "Size", "UInt64", "SizeBytes", 0, NULL, "" },
                { "Kind", "VhdType", NULL, 0, "Unknown,Fixed,Dynamic,Differencing", "" },
                { "Generation", "Int16", NULL, 0, "1,2", "" },
                { "Tags", "String[]", NULL, 0, NULL, "" },
                { "Table", "Hashtable", NULL, 0, NULL, "" },
                { "On", "Boolean", NULL, 0, NULL, "" },
                { "Wait", "TimeSpan", NULL, 0, NULL, "" },
                { "Id", "Guid", NULL, 0, NULL, "" },
                { "Force", "SwitchParameter", NULL, 0, NULL, "" },
                { "Passthru", "SwitchParameter", NULL, 0, NULL, "" },
                { "Credential", "PSCredential", NULL, PARAMETER_SECRET, NULL, "" },
                { "ComputerName", "String[]", NULL, PARAMETER_COMPUTERS, NULL, "" },
                { NULL } },
        .sets = (const ParameterSet[]){
                { "Name", "Name,DestinationHost", "Name,DestinationHost", NAMES ",Credential,ComputerName" },
                { "VM", "VM,DestinationHost", "VM,DestinationHost", NAMES }, { NULL } },
        .run = echo,
};

static int fail(Invocation *invocation, Error *err) {
        return error_set(err, ERROR_CONFLICT, 0, "the virtual machine is being moved already");
}

static const Command fail_row = {
        .name = "Stop-VM", .module = "Hyper-V", .synopsis = "Fails.", .role = ROLE_READER,
        .parameters = (const Parameter[]){
                { "InputObject", "PSObject", NULL, PARAMETER_PIPELINE_BY_VALUE, NULL, "" }, { NULL } },
        .sets = (const ParameterSet[]){ { "Default", NULL, NULL, "InputObject" }, { NULL } },
        .run = fail,
};

/* Asks as Remove-VM does. */
static int remove_vm(Invocation *invocation, Error *err) {
        sd_json_variant *name = invocation_value(invocation, "Name");
        for (size_t i = 0; i < invocation_count(invocation, "Name"); i++) {
                const char *text = sd_json_variant_string(invocation_item(invocation, "Name", i));
                char question[100];
                (void)snprintf(question, sizeof question, "Sure about \"%s\"?", text);
                if (invocation_should_process(invocation, text, "Remove-VM") &&
                    invocation_should_continue(invocation, text, question) &&
                    invocation_emit(invocation, sd_json_variant_ref(invocation_item(invocation, "Name", i)), err) < 0)
                        return -1;
        }
        return name ? 0 : error_set(err, ERROR_INVALID, 0, "no name");
}

static const Command remove_row = {
        .name = "Remove-VM", .module = "Hyper-V", .synopsis = "Asks.", .role = ROLE_READER, .confirm = true,
        .parameters = (const Parameter[]){
                { "Name", "String[]", NULL, PARAMETER_PIPELINE_BY_VALUE, NULL, "" },
                { "ComputerName", "String[]", NULL, PARAMETER_COMPUTERS, NULL, "" },
                { "Force", "SwitchParameter", NULL, 0, NULL, "" }, { NULL } },
        .sets = (const ParameterSet[]){ { "Name", "Name", "Name", "Force,ComputerName" }, { NULL } },
        .run = remove_vm,
};

static const Command *const rows[] = {
        &get_vm_row, &move_row, &fail_row, &remove_row, UTILITY_ROWS, NULL,
};

const CommandTable fixture_table = { rows };

typedef struct Lines {
        FILE *to;
        unsigned left;
        atomic_bool cancelled;
        const char *answers;            /* yYnN: what the user says, in order; NULL: there is none */
} Lines;

static int put(void *sink, RecordStream stream, sd_json_variant *record, Error *err) {
        Lines *lines = sink;
        char text[2000];
        if (stream == STREAM_ERROR)
                (void)snprintf(text, sizeof text, "%s: %s: %s", object_string(record, "Category"),
                               object_string(record, "FullyQualifiedErrorId"), object_string(record, "Message"));
        else if (stream == STREAM_PROGRESS)
                (void)snprintf(text, sizeof text, "%s %u", object_string(record, "Activity"),
                               (unsigned)object_unsigned(record, "PercentComplete", 0));
        else
                object_display(record, text, sizeof text);
        (void)fprintf(lines->to, "%s: %s\n", stream_name(stream), text);
        if (--lines->left == 0)
                atomic_store(&lines->cancelled, true);
        return 0;
}

/* ---- a site: the other hosts are this table once more ------------------------------------------------- */

typedef struct Other {
        const BatchCalls *calls;
        size_t i;
        BatchAnswer answer;
} Other;

static int pass_on(void *sink, RecordStream stream, sd_json_variant *record, Error *err) {
        const Other *other = sink;
        return other->calls->record(other->calls->userdata, other->i, stream, record) < 0
                       ? error_set(err, ERROR_CANCELLED, 0, "stopped")
                       : 0;
}

/* The question goes home as a record, and its answer comes back before record() returns. */
static BatchAnswer ask_home(void *sink, const char *message) {
        Other *other = sink;
        char id[32];
        auto_(sd_json_variant_unrefp) sd_json_variant *record = NULL;
        Error err = { 0 };
        other->answer = ANSWER_NOBODY;
        (void)snprintf(id, sizeof id, "%p", (void *)other);
        if (sd_json_build(&record, SD_JSON_BUILD_OBJECT(SD_JSON_BUILD_PAIR_STRING("Id", id),
                                                        SD_JSON_BUILD_PAIR_STRING("Message", message))) >= 0)
                (void)!pass_on(other, STREAM_PROMPT, record, &err);
        return other->answer;
}

static void answer(void *sink, const BatchCalls *calls, size_t i, const char *id, BatchAnswer said) {
        void *other = NULL;
        if (sscanf(id, "%p", &other) == 1)
                ((Other *)other)->answer = said;
}

static bool is_here(void *sink, const char *host) { return text_equal_nocase(host, "hv1"); }

static void run_there(const BatchCalls *calls, size_t i) {
        const BatchCall *call = &calls->list[i];
        Other other = { .calls = calls, .i = i };
        Batch *batch = NULL;
        ErrorRecord record = { 0 };
        Error why = { 0 };
        const BatchText text = { .text = call->text, .variables = call->variables, .role = ROLE_ADMINISTRATOR,
                                 .from_host = true };
        const BatchRun how = { .caller = "other", .ask = ask_home, .record = pass_on, .sink = &other };

        if (!text_starts_nocase(call->host, "hv"))
                (void)error_set(&why, ERROR_UNREACHABLE, 0, "nobody answers");
        else if (batch_new(&fixture_table, &text, &batch, &record) < 0) {
                sd_json_variant *json = record_json(&record);
                (void)calls->record(calls->userdata, i, STREAM_ERROR, json);
                (void)sd_json_variant_unref(json);
        } else
                (void)batch_run(batch, &how);
        batch_free(batch);
        calls->ended(calls->userdata, i, &why);
}

static void go(void *sink, const BatchCalls *calls) {
        if (calls->here)
                calls->here(calls->userdata);
        for (size_t i = 0; i < calls->count; i++)
                run_there(calls, i);
}

static const BatchElsewhere site = { .is_here = is_here, .run = go, .answer = answer };

static BatchAnswer say(void *sink, const char *message) {
        Lines *lines = sink;
        const char *all = "yYnN", *at = *lines->answers ? strchr(all, *lines->answers) : NULL;
        (void)fprintf(lines->to, "prompt: %s\n", message);
        if (!at)
                return ANSWER_NOBODY;
        lines->answers++;
        return (BatchAnswer)(at - all);
}

static char *run(const char *text, Role role, unsigned after, const BatchElsewhere *elsewhere, const char *answers) {
        char *result = NULL;
        size_t size = 0;
        Lines lines = { .to = open_memstream(&result, &size), .left = after, .answers = answers };
        Batch *batch = NULL;
        ErrorRecord record = { 0 };
        const BatchRun how = { .caller = "root", .cancelled = &lines.cancelled, .elsewhere = elsewhere,
                               .ask = answers ? say : NULL, .record = put, .sink = &lines };

        if (batch_new(&fixture_table, &(BatchText){ .text = text, .role = role }, &batch, &record) < 0)
                (void)fprintf(lines.to, "refused: %s: %s: %s", record.category, record.id, record.message);
        else
                (void)batch_run(batch, &how);
        batch_free(batch);
        (void)fclose(lines.to);
        return result;
}

char *fixture_run(const char *text, Role role) { return run(text, role, 0, NULL, NULL); }
char *fixture_run_cancelled(const char *text, unsigned after) { return run(text, ROLE_ADMINISTRATOR, after, NULL, NULL); }
char *fixture_run_on_site(const char *text) { return run(text, ROLE_ADMINISTRATOR, 0, &site, NULL); }
char *fixture_run_asked(const char *text, const char *answers) { return run(text, ROLE_ADMINISTRATOR, 0, &site, answers); }
