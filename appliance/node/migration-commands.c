/* Get-VMMigration, Stop-VMMigration: names of ours, for Hyper-V has no way to look at or stop a move of a stand-alone host */
#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/object.h"
#include "appliance/node/move-commands.h"
#include "appliance/node/move-object.h"
#include "appliance/node/node.h"

enum { JOBS_SHOWN_MAX = 10000 };

typedef struct JobList {
        Job *list;
        size_t count;
} JobList;

static void job_list_freep(JobList *jobs) { jobs_list_free(jobs->list, jobs->count); }

static const char *item_name(sd_json_variant *item) {
        if (sd_json_variant_is_string(item))
                return sd_json_variant_string(item);
        return object_string(item, "Name") ?: "";
}

static bool wanted(const Invocation *invocation, const Job *job) {
        size_t names = invocation_count(invocation, "Name"), machines = invocation_count(invocation, "VM");
        const char *id = invocation_string(invocation, "Id");

        if (id)
                return text_equal_nocase(job->id, id);
        for (size_t i = 0; i < names; i++)
                if (text_matches_wildcard(job->vm_name, item_name(invocation_item(invocation, "Name", i))))
                        return true;
        for (size_t i = 0; i < machines; i++)
                if (text_equal_nocase(job->vm_name, item_name(invocation_item(invocation, "VM", i))))
                        return true;
        return names == 0 && machines == 0;
}

/* ---- Get-VMMigration ---- */

static int get_vmmigration(Invocation *invocation, Error *err) {
        Node *node = invocation_userdata(invocation);
        auto_(job_list_freep) JobList jobs = { 0 };

        if (jobs_list(node_jobs(node), JOBS_SHOWN_MAX, &jobs.list, &jobs.count, err) < 0)
                return -1;
        for (size_t i = 0; i < jobs.count; i++) {
                sd_json_variant *object = NULL;
                if (!wanted(invocation, &jobs.list[i]) ||
                    (invocation_switch(invocation, "Running") && jobs.list[i].state != JOB_RUNNING))
                        continue;
                if (move_job_object(&jobs.list[i], &object, err) < 0 ||
                    invocation_emit(invocation, object, err) < 0)
                        return -1;
        }
        return 0;
}

#define PARAMETER_NAMES(help) { "Name", "String[]", "VMName", PARAMETER_PIPELINE_BY_VALUE | PARAMETER_WILDCARD, NULL, help }
#define PARAMETER_VM { "VM", "VirtualMachine[]", NULL, PARAMETER_PIPELINE_BY_VALUE | PARAMETER_PLACED, NULL, \
                       "Virtual machines, as Get-VM returns them." }

const Command command_get_vmmigration = {
        .name = "Get-VMMigration", .module = "Hyper-V",
        .synopsis = "Gets the moves of this host, running and past, newest first.",
        .role = ROLE_READER,
        .output = "Microsoft.HyperV.PowerShell.VMMigrationJob",
        .parameters = (const Parameter[]){
                PARAMETER_NAMES("Names of virtual machines; wildcards are allowed."), PARAMETER_VM,
                { "Id", "Guid", NULL, 0, NULL, "Id of a move." },
                { "Running", "SwitchParameter", NULL, 0, NULL, "Only moves that have not ended." },
                PARAMETER_COMPUTER_NAME,
                { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "Name", "", "Name", "Running,ComputerName" }, { "VMObject", "VM", "VM", "Running" },
                { "Id", "Id", "", "ComputerName" },
                { .name = NULL } },
        .run = get_vmmigration,
};

/* ---- Stop-VMMigration ---- */

static int stop_one(Invocation *invocation, const char *name, Error *err) {
        Node *node = invocation_userdata(invocation);
        Error why = { 0 };

        if (!invocation_should_process(invocation, name, "Stop-VMMigration"))
                return 0;
        if (jobs_cancel(node_jobs(node), name, &why) < 0) {
                if (why.kind == ERROR_NOT_FOUND)
                        (void)error_set(&why, ERROR_NOT_FOUND, 0, "\"%s\" is not being moved from this host; "
                                        "Get-VMMigration -Running shows what is", name);
                invocation_error(invocation, &why, name, "InvalidState");
        }
        return 0;
}

static int stop_matching(Invocation *invocation, const char *pattern, Error *err) {
        Node *node = invocation_userdata(invocation);
        auto_(job_list_freep) JobList jobs = { 0 };

        if (jobs_list(node_jobs(node), JOBS_SHOWN_MAX, &jobs.list, &jobs.count, err) < 0)
                return -1;
        for (size_t i = 0; i < jobs.count; i++)
                if (jobs.list[i].state == JOB_RUNNING && text_matches_wildcard(jobs.list[i].vm_name, pattern) &&
                    stop_one(invocation, jobs.list[i].vm_name, err) < 0)
                        return -1;
        return 0;
}

static int stop_vmmigration(Invocation *invocation, Error *err) {
        size_t names = invocation_count(invocation, "Name"), machines = invocation_count(invocation, "VM");

        for (size_t i = 0; i < names; i++) {
                const char *name = item_name(invocation_item(invocation, "Name", i));
                if ((text_has_wildcard(name) ? stop_matching(invocation, name, err)
                                             : stop_one(invocation, name, err)) < 0)
                        return -1;
        }
        for (size_t i = 0; i < machines; i++)
                if (stop_one(invocation, item_name(invocation_item(invocation, "VM", i)), err) < 0)
                        return -1;
        return 0;
}

const Command command_stop_vmmigration = {
        .name = "Stop-VMMigration",
        .module = "Hyper-V",
        .synopsis = "Cancels a move; before the switch the virtual machine stays where it is, after it this comes "
                    "too late.",
        .role = ROLE_OPERATOR,
        .confirm = true,
        .parameters =
                (const Parameter[]){
                        PARAMETER_NAMES("Names of virtual machines that are being moved; wildcards are allowed."),
                        PARAMETER_VM,
                        PARAMETER_COMPUTER_NAME,
                        { .name = NULL } },
        .sets = (const ParameterSet[]){ { "Name", "Name", "Name", "ComputerName" },
                                        { "VMObject", "VM", "VM", "" },
                                        { .name = NULL } },
        .run = stop_vmmigration,
};
