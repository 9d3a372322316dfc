/* Get-Job, Wait-Job, Stop-Job, Remove-Job */
#include "appliance/node/job-commands.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "appliance/base/cleanup.h"
#include "appliance/command/object.h"
#include "appliance/node/job-target.h"

/* Sets of a command about jobs that are named; @more: what each takes besides. */
#define JOB_SETS(more)                                                                                             \
        (const ParameterSet[]){ { "SessionIdParameterSet", "Id", "Id", more },                                     \
                                { "JobParameterSet", "Job", "Job", more },                                         \
                                { "NameParameterSet", "Name", "Name", more },                                      \
                                { "InstanceIdParameterSet", "InstanceId", "InstanceId", more },                    \
                                { "StateParameterSet", "State", "State", more },                                   \
                                { .name = NULL } }

/* ---- Get-Job ---- */

static int get_job(Invocation *invocation, Error *err) { return job_targets(invocation, job_emit, err); }

const Command command_get_job = {
        .name = "Get-Job", .module = JOB_MODULE, .aliases = "gjb",
        .synopsis = "Gets the jobs that -AsJob began in this session.",
        .role = ROLE_READER, .output = JOB_TYPE,
        .parameters = (const Parameter[]){ PARAMETER_JOB_IDS, PARAMETER_JOB_NAMES, PARAMETER_JOB_INSTANCES,
                                           PARAMETER_JOB_STATE, { .name = NULL } },
        .sets = (const ParameterSet[]){ { "SessionIdParameterSet", NULL, "Id", NULL },
                                        { "NameParameterSet", "Name", "Name", NULL },
                                        { "InstanceIdParameterSet", "InstanceId", "InstanceId", NULL },
                                        { "StateParameterSet", "State", "State", NULL },
                                        { .name = NULL } },
        .refused = "Command,Filter,IncludeChildJob,ChildJobState,HasMoreData,Before,After,Newest",
        .run = get_job,
};

/* ---- Wait-Job: everything that comes in first, then all of it together ---- */

static int collect_job(Invocation *invocation, uint32_t id, Error *err) {
        auto_(sd_json_variant_unrefp) sd_json_variant *number = NULL;
        if (sd_json_variant_new_unsigned(&number, id) < 0)
                return error_oom(err);
        return invocation_collect(invocation, number, err);
}

static int wait_job(Invocation *invocation, Error *err) { return job_targets(invocation, collect_job, err); }

static uint64_t now_s(void) {
        struct timespec ts;
        (void)clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t)ts.tv_sec;
}

/* How many of the jobs have ended; what has not yet come out does. */
static int emit_ended(Invocation *invocation, sd_json_variant **ids, size_t count, bool *out, size_t *ret_ended, Error *err) {
        bool any = invocation_switch(invocation, "Any");

        *ret_ended = 0;
        for (size_t i = 0; i < count; i++) {
                uint32_t id = (uint32_t)sd_json_variant_unsigned(ids[i]);
                if (job_running(invocation, id))
                        continue;
                (*ret_ended)++;
                if (!out[i] && job_emit(invocation, id, err) < 0)
                        return -1;
                out[i] = true;
                if (any)
                        break;
        }
        return 0;
}

static int wait_job_end(Invocation *invocation, Error *err) {
        size_t count, ended = 0;
        sd_json_variant **ids = invocation_collected(invocation, &count);
        auto_free bool *out = calloc(count + 1, sizeof *out);
        int64_t timeout = -1;
        sd_json_variant *limit = invocation_value(invocation, "Timeout");
        uint64_t begin = now_s(), seen = 0;

        if (!out)
                return error_oom(err);
        if (limit)
                timeout = sd_json_variant_integer(limit);
        for (;;) {
                if (emit_ended(invocation, ids, count, out, &ended, err) < 0)
                        return -1;
                if (ended == count || (ended > 0 && invocation_switch(invocation, "Any")))
                        return 0;
                if (invocation_cancelled(invocation))
                        return error_set(err, ERROR_CANCELLED, 0, "the pipeline has been stopped");
                if (timeout >= 0 && now_s() - begin >= (uint64_t)timeout)
                        return 0;       /* as in PowerShell: what has not ended is just not among what comes out */
                background_wait(invocation_jobs(invocation), &seen, JOB_LOOK_MS);
        }
}

const Command command_wait_job = {
        .name = "Wait-Job", .module = JOB_MODULE, .aliases = "wjb",
        .synopsis = "Waits until jobs of this session have ended, and returns those that have.",
        .role = ROLE_READER, .output = JOB_TYPE,
        .parameters = (const Parameter[]){
                PARAMETER_JOB_IDS, PARAMETER_JOB_NAMES, PARAMETER_JOB_INSTANCES, PARAMETER_JOB_STATE, PARAMETER_JOBS,
                { "Any", "SwitchParameter", NULL, 0, NULL, "One of them is enough." },
                { "Timeout", "Int32", "TimeoutSec", 0, NULL, "Seconds to wait at most; -1, or nothing: until the end." },
                { .name = NULL } },
        .sets = JOB_SETS("Any,Timeout"),
        .refused = "Force,Filter",
        .run = wait_job, .end = wait_job_end,
};

/* ---- Stop-Job ---- */

static int name_of(Invocation *invocation, uint32_t id, char to[static BACKGROUND_NAME_SIZE], Error *err) {
        auto_(sd_json_variant_unrefp) sd_json_variant *job = NULL;
        if (background_object(invocation_jobs(invocation), id, &job, err) < 0)
                return -1;
        (void)snprintf(to, BACKGROUND_NAME_SIZE, "%s", object_string(job, "Name"));
        return 0;
}

/* Both commands: told to stop, and then it is over: what it did is undone, or was past undoing. */
static int stop_and_wait(Invocation *invocation, uint32_t id, Error *err) {
        if (background_stop(invocation_jobs(invocation), id, err) < 0)
                return err->kind == ERROR_NOT_FOUND ? 0 : -1;
        return job_wait_end(invocation, id, err);
}

static int stop_one(Invocation *invocation, uint32_t id, Error *err) {
        char name[BACKGROUND_NAME_SIZE];

        if (name_of(invocation, id, name, err) < 0)
                return err->kind == ERROR_NOT_FOUND ? 0 : -1;
        if (!invocation_should_process(invocation, name, "Stop-Job"))
                return 0;
        if (stop_and_wait(invocation, id, err) < 0)
                return -1;
        return invocation_switch(invocation, "PassThru") ? job_emit(invocation, id, err) : 0;
}

static int stop_job(Invocation *invocation, Error *err) { return job_targets(invocation, stop_one, err); }

const Command command_stop_job = {
        .name = "Stop-Job", .module = JOB_MODULE, .aliases = "spjb",
        .synopsis = "Stops jobs of this session and waits until they have undone what can be undone.",
        .role = ROLE_READER, .confirm = true, .output = JOB_TYPE,
        .parameters = (const Parameter[]){
                PARAMETER_JOB_IDS, PARAMETER_JOB_NAMES, PARAMETER_JOB_INSTANCES, PARAMETER_JOB_STATE, PARAMETER_JOBS,
                { "PassThru", "SwitchParameter", NULL, 0, NULL, "Returns the jobs." }, { .name = NULL } },
        .sets = JOB_SETS("PassThru"),
        .refused = "Filter",
        .run = stop_job,
};

/* ---- Remove-Job ---- */

static int remove_one(Invocation *invocation, uint32_t id, Error *err) {
        char name[BACKGROUND_NAME_SIZE];
        Error why = { 0 };

        if (name_of(invocation, id, name, err) < 0)
                return err->kind == ERROR_NOT_FOUND ? 0 : -1;
        if (!invocation_should_process(invocation, name, "Remove-Job"))
                return 0;
        if (invocation_switch(invocation, "Force") && stop_and_wait(invocation, id, err) < 0)
                return -1;
        if (background_remove(invocation_jobs(invocation), id, &why) < 0 && why.kind != ERROR_NOT_FOUND)
                invocation_error(invocation, &why, name, "InvalidOperation");
        return 0;
}

static int remove_job(Invocation *invocation, Error *err) { return job_targets(invocation, remove_one, err); }

const Command command_remove_job = {
        .name = "Remove-Job", .module = JOB_MODULE, .aliases = "rjb",
        .synopsis = "Forgets jobs of this session that have ended, and what they said.",
        .role = ROLE_READER, .confirm = true,
        .parameters = (const Parameter[]){
                PARAMETER_JOB_IDS, PARAMETER_JOB_NAMES, PARAMETER_JOB_INSTANCES, PARAMETER_JOB_STATE, PARAMETER_JOBS,
                { "Force", "SwitchParameter", "F", 0, NULL, "Stops what runs, and waits for its end." }, { .name = NULL } },
        .sets = JOB_SETS("Force"),
        .refused = "Filter,Command",
        .run = remove_job,
};
