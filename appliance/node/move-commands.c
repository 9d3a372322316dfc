/* Move-VM, Compare-VM */
#include "appliance/node/move-commands.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/log.h"
#include "appliance/command/object.h"
#include "appliance/node/move-object.h"
#include "appliance/node/vm-object.h"
#include "appliance/node/vm-target.h"
#include "migrate/live.h"

#define STORAGE "IncludeStorage,DestinationStoragePath,VirtualMachinePath,SnapshotFilePath,SmartPagingFilePath,Vhds," \
                "ResourcePoolName,RetainVhdCopiesOnSource"
#define ELSEWHERE "DestinationCredential,DestinationCimSession,Credential,CimSession"
#define NAME_HELP "Names of virtual machines; wildcards are allowed."
#define REPORT_HELP "What Compare-VM returned: its virtual machine and its destination; all is looked at anew."
#define HOST_HELP "The host to move to, by its short or full name; its computer account must be in the fabric group."

enum { PROGRESS_STEP = 5 };     /* percent between two progress records: a caller who does not read costs nothing */

static void unrefp(sd_json_variant **v) { *v = sd_json_variant_unref(*v); }
static void mends_freep(CompareMends **mends) {
        if (*mends)
                compare_mends_done(*mends);
        free(*mends);
}

/* ---- what both are about ---- */

static const char *destination_of(const Invocation *invocation) {
        sd_json_variant *report = invocation_value(invocation, "CompatibilityReport");
        return report ? object_string(report, "Destination") ?: "" : invocation_string(invocation, "DestinationHost");
}

static int each_machine(Invocation *invocation, int (*act)(Invocation *invocation, const VmInfo *info, Error *err),
                        Error *err) {
        sd_json_variant *report = invocation_value(invocation, "CompatibilityReport");

        if (!report)
                return vm_targets(invocation, act, err);
        sd_json_variant *vm = object_property(report, "VM");
        const char *id = vm ? object_string(vm, "Id") : NULL, *operation = object_string(report, "OperationType");
        if (!id || !*destination_of(invocation) || (operation && strcmp(operation, "MoveVirtualMachine") != 0))
                return error_set(err, ERROR_INVALID, 0, "-CompatibilityReport wants a report of a move, as Compare-VM "
                                 "-DestinationHost returns it");
        return vm_target(invocation, id, act, err);
}

/* ---- Move-VM ---- */

typedef struct Move {
        Invocation *invocation;
        Jobs *jobs;
        const char *id, *vm;
        char activity[VM_NAME_SIZE + 64];
        int shown;
        char phase[32];
} Move;

static void on_progress(void *userdata, const char *phase, int percent) {
        Move *move = userdata;
        Error ignored;
        char status[96];

        (void)!jobs_progress(move->jobs, move->id, phase, percent, &ignored);
        if (strcmp(move->phase, phase) == 0 && percent < move->shown + PROGRESS_STEP)
                return;
        (void)snprintf(move->phase, sizeof move->phase, "%s", phase);
        move->shown = percent;
        (void)snprintf(status, sizeof status, "%s, %d%% completed", phase, percent);
        invocation_progress(move->invocation, move->activity, status, percent, false);
}

static bool on_cancelled(void *userdata) {
        Move *move = userdata;
        return invocation_cancelled(move->invocation) || jobs_cancelled(move->jobs, move->id);
}

static int begin(Invocation *invocation, const VmInfo *info, const char *destination, Job *job, Error *err) {
        Node *node = invocation_userdata(invocation);
        *job = (Job){ .kind = "Live", .phase = "Compare" };
        (void)snprintf(job->vm_name, sizeof job->vm_name, "%s", info->definition.name);
        (void)snprintf(job->vm_id, sizeof job->vm_id, "%s", info->definition.id);
        (void)snprintf(job->destination, sizeof job->destination, "%s", destination);
        (void)snprintf(job->caller, sizeof job->caller, "%s", invocation_caller(invocation));
        vmhost_name(vm_host_of(invocation), job->source);
        return jobs_start(node_jobs(node), job, err);
}

static void end(Jobs *jobs, const Job *job, int result, sd_json_variant *receipt, const Error *why) {
        const LogField fields[] = { { "JOB", job->id },
                                    { "VM", job->vm_name },
                                    { "PEER", job->destination },
                                    { "ERROR_KIND", result < 0 ? error_kind_name(why->kind) : NULL },
                                    { NULL, NULL } };
        JobState state = result == 0 ? JOB_COMPLETED : why->kind == ERROR_CANCELLED ? JOB_CANCELLED : JOB_FAILED;
        auto_free char *text = NULL;
        Error err = { 0 };

        if (receipt && sd_json_variant_format(receipt, 0, &text) < 0)
                text = NULL;
        if (jobs_end(jobs, job->id, state, result < 0 ? why->text : "", text, &err) < 0)
                log_write(LOG_WARNING, LOG_ID_MIGRATION, fields, "%s", err.text);
        if (result == 0)
                log_write(LOG_NOTICE, LOG_ID_MIGRATION, fields, "virtual machine %s moved to %s", job->vm_name,
                          job->destination);
        else
                log_write(LOG_WARNING, LOG_ID_MIGRATION, fields, "%s", why->text);
}

static int emit_moved(Invocation *invocation, const VmInfo *info, sd_json_variant *receipt, Error *err) {
        auto_(unrefp) sd_json_variant *report = NULL, *vm = NULL;
        sd_json_variant *host = sd_json_variant_by_key(receipt, "DestinationHost");

        if (move_report_object(receipt, &report, err) < 0 ||
            vm_object(info, sd_json_variant_string(host), &vm, err) < 0)
                return -1;
        if (sd_json_variant_set_field(&vm, "MigrationReport", report) < 0)
                return error_oom(err);
        return invocation_emit(invocation, take_ptr(vm), err);
}

static int emit_report(Invocation *invocation, const VmInfo *info, Findings *findings, Error *err) {
        auto_(mends_freep) CompareMends *mends = calloc(1, sizeof *mends);
        char host[MACHINE_NAME_MAX];
        sd_json_variant *object = NULL;

        if (!mends)
                return error_oom(err);
        vmhost_name(vm_host_of(invocation), host);
        if (compare_mend(invocation_userdata(invocation), &info->definition, findings, mends, err) < 0)
                return -1;
        for (size_t i = 0; i < findings->count; i++)
                if (findings->list[i].advice)
                        invocation_warning(invocation, "%s (%s)", findings->list[i].message, findings->list[i].evidence);
        if (move_compatibility_object(info, host, destination_of(invocation), findings, mends, &object, err) < 0)
                return -1;
        return invocation_emit(invocation, object, err);
}

static int move_one(Invocation *invocation, const VmInfo *info, Error *err) {
        Node *node = invocation_userdata(invocation);
        const char *destination = destination_of(invocation);
        auto_free Findings *findings = calloc(1, sizeof *findings);
        auto_(unrefp) sd_json_variant *receipt = NULL;
        Job job;

        if (!findings)
                return error_oom(err);
        if (!invocation_should_process(invocation, info->definition.name, "Move-VM"))
                return 0;
        if (begin(invocation, info, destination, &job, err) < 0)
                return -1;
        Move move = { .invocation = invocation, .jobs = node_jobs(node), .id = job.id, .shown = -PROGRESS_STEP };
        (void)snprintf(move.activity, sizeof move.activity, "Moving virtual machine %s to %s",
                       info->definition.name, destination);
        LiveMove request = { .token = job.id, .vm = info->definition.id, .destination = destination,
                             .bandwidth_mib_s = invocation_unsigned(invocation, "MaximumBandwidth", 0),
                             .progress = on_progress, .cancelled = on_cancelled, .userdata = &move };
        int r = live_move(node_live(node), &request, &receipt, findings, err);
        invocation_progress(invocation, move.activity, "", 100, true);
        end(node_jobs(node), &job, r, receipt, err);
        if (r < 0) {
                Error ignored;
                if (findings_block(findings) && invocation_switch(invocation, "Passthru"))
                        (void)!emit_report(invocation, info, findings, &ignored);
                return -1;
        }
        return invocation_switch(invocation, "Passthru") ? emit_moved(invocation, info, receipt, err) : 0;
}

static int move_vm(Invocation *invocation, Error *err) { return each_machine(invocation, move_one, err); }

const Command command_move_vm = {
        .name = "Move-VM",
        .module = "Hyper-V",
        .synopsis = "Moves a running virtual machine to another host; its files stay on their SMB share.",
        .role = ROLE_OPERATOR,
        .confirm = true, .as_job = true,
        .output = "Microsoft.HyperV.PowerShell.VirtualMachine",
        .parameters =
                (const Parameter[]){
                        { "Name", "String[]", "VMName", PARAMETER_PIPELINE_BY_VALUE | PARAMETER_WILDCARD, NULL,
                          NAME_HELP },
                        { "VM", "VirtualMachine[]", NULL, PARAMETER_PIPELINE_BY_VALUE | PARAMETER_PLACED, NULL,
                          "Virtual machines, as Get-VM returns them." },
                        { "DestinationHost", "String", NULL, 0, NULL, HOST_HELP },
                        { "CompatibilityReport", "VMCompatibilityReport", NULL, PARAMETER_PIPELINE_BY_VALUE | PARAMETER_PLACED, NULL,
                          REPORT_HELP },
                        { "Passthru", "SwitchParameter", NULL, 0, NULL,
                          "Returns the virtual machine with its MigrationReport, or what keeps it from moving." },
                        { "MaximumBandwidth", "UInt64", NULL, 0, NULL,
                          "MiB/s the memory may use; not a parameter of Hyper-V.  Without it there is no limit." },
                        PARAMETER_COMPUTER_NAME,
                        { .name = NULL } },
        .sets = (const ParameterSet[]){ { "NameSingleDestination", "Name,DestinationHost", "Name,DestinationHost",
                                          "Passthru,MaximumBandwidth,ComputerName" },
                                        { "VMSingleDestination", "VM,DestinationHost", "VM,DestinationHost",
                                          "Passthru,MaximumBandwidth" },
                                        { "CompatibilityReport", "CompatibilityReport", "CompatibilityReport",
                                          "Passthru,MaximumBandwidth" },
                                        { .name = NULL } },
        .refused = STORAGE ",RemoveSourceUnmanagedVhds," ELSEWHERE,
        .run = move_vm,
};

/* ---- Compare-VM ---- */

static int compare_one(Invocation *invocation, const VmInfo *info, Error *err) {
        Node *node = invocation_userdata(invocation);
        auto_free Findings *findings = calloc(1, sizeof *findings);

        if (!findings)
                return error_oom(err);
        if (!invocation_should_process(invocation, info->definition.name, "Compare-VM"))
                return 0;
        if (live_compare(node_live(node), info->definition.id, destination_of(invocation),
                         findings, err) < 0)
                return -1;
        return emit_report(invocation, info, findings, err);
}

static int compare_vm(Invocation *invocation, Error *err) { return each_machine(invocation, compare_one, err); }

const Command command_compare_vm = {
        .name = "Compare-VM", .module = "Hyper-V",
        .synopsis = "Says what would keep a virtual machine from moving to another host; changes nothing.",
        .role = ROLE_OPERATOR, .confirm = true, .as_job = true,
        .output = "Microsoft.HyperV.PowerShell.VMCompatibilityReport",
        .parameters = (const Parameter[]){
                { "Name", "String[]", "VMName", PARAMETER_PIPELINE_BY_VALUE | PARAMETER_WILDCARD, NULL, NAME_HELP },
                { "VM", "VirtualMachine[]", NULL, PARAMETER_PIPELINE_BY_VALUE | PARAMETER_PLACED, NULL,
                  "Virtual machines, as Get-VM returns them." },
                { "DestinationHost", "String", NULL, 0, NULL, HOST_HELP },
                { "CompatibilityReport", "VMCompatibilityReport", NULL, PARAMETER_PIPELINE_BY_VALUE | PARAMETER_PLACED, NULL, REPORT_HELP },
                PARAMETER_COMPUTER_NAME, { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "NameSingleDestination", "Name,DestinationHost", "Name,DestinationHost", "ComputerName" },
                { "VMSingleDestination", "VM,DestinationHost", "VM,DestinationHost", "" },
                { "CompatibilityReport", "CompatibilityReport", "CompatibilityReport", "" }, { .name = NULL } },
        .refused = STORAGE ",Path,Register,Copy,VhdDestinationPath,VhdSourcePath,GenerateNewId," ELSEWHERE,
        .run = compare_vm,
};
