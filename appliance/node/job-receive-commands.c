/* Receive-Job */
#include "appliance/node/job-commands.h"

#include "appliance/base/cleanup.h"
#include "appliance/command/invocation.h"
#include "appliance/node/job-target.h"

typedef struct Received {
        BackgroundRecord *list;
        size_t count;
} Received;

static void received_done(Received *received) { background_records_free(received->list, received->count); }

/* In the order in which it was said; each goes its own way, as if it were said now. */
static int replay(Invocation *invocation, const Received *received, Error *err) {
        for (size_t i = 0; i < received->count; i++) {
                auto_(sd_json_variant_unrefp) sd_json_variant *record = NULL;
                if (sd_json_parse(received->list[i].json, 0, &record, NULL, NULL) < 0)
                        return error_oom(err);
                if (invocation_replay(invocation, received->list[i].stream, record, err) < 0)
                        return -1;
        }
        return 0;
}

/* What there is now. */
static int receive_now(Invocation *invocation, uint32_t id, Error *err) {
        auto_(received_done) Received received = { 0 };

        if (background_receive(invocation_jobs(invocation), id, invocation_switch(invocation, "Keep"), &received.list,
                               &received.count, err) < 0)
                return err->kind == ERROR_NOT_FOUND ? 0 : -1;
        return replay(invocation, &received, err);
}

/* -Wait: what there is and what comes, until the end. */
static int receive_one(Invocation *invocation, uint32_t id, Error *err) {
        Background *jobs = invocation_jobs(invocation);
        bool waits = invocation_switch(invocation, "Wait"), keeps = invocation_switch(invocation, "Keep");
        uint64_t seen = 0;

        if (waits && keeps && job_wait_end(invocation, id, err) < 0)    /* all of it once, when it is complete */
                return -1;
        for (bool more = waits && !keeps; more;) {
                more = job_running(invocation, id);     /* before: what it says last is received, too */
                if (receive_now(invocation, id, err) < 0)
                        return -1;
                if (more && invocation_cancelled(invocation))
                        return error_set(err, ERROR_CANCELLED, 0, "the pipeline has been stopped");
                if (more)
                        background_wait(jobs, &seen, JOB_LOOK_MS);
        }
        if ((!waits || keeps) && receive_now(invocation, id, err) < 0)
                return -1;
        if (!invocation_switch(invocation, "AutoRemoveJob"))
                return 0;
        return background_remove(jobs, id, err) < 0 && err->kind != ERROR_NOT_FOUND ? -1 : 0;
}

static int receive_job(Invocation *invocation, Error *err) {
        if (invocation_switch(invocation, "AutoRemoveJob") && !invocation_switch(invocation, "Wait"))
                return error_set(err, ERROR_INVALID, 0, "The AutoRemoveJob parameter cannot be used without the Wait "
                                 "parameter.");
        return job_targets(invocation, receive_one, err);
}

#define HOW "Keep,Wait,AutoRemoveJob"

const Command command_receive_job = {
        .name = "Receive-Job", .module = JOB_MODULE, .aliases = "rcjb",
        .synopsis = "Gets what jobs of this session have said since it was got last: objects, errors, warnings, progress.",
        .role = ROLE_READER,
        .parameters = (const Parameter[]){
                PARAMETER_JOBS, PARAMETER_JOB_IDS, PARAMETER_JOB_NAMES, PARAMETER_JOB_INSTANCES,
                { "Keep", "SwitchParameter", NULL, 0, NULL, "It can be got once more." },
                { "Wait", "SwitchParameter", NULL, 0, NULL, "Until the job has ended, as it comes." },
                { "AutoRemoveJob", "SwitchParameter", NULL, 0, NULL, "Forgets the job afterwards; with -Wait." },
                { .name = NULL } },
        .sets = (const ParameterSet[]){ { "Location", "Job", "Job", HOW },
                                        { "SessionIdParameterSet", "Id", "Id", HOW },
                                        { "NameParameterSet", "Name", "Name", HOW },
                                        { "InstanceIdParameterSet", "InstanceId", "InstanceId", HOW },
                                        { .name = NULL } },
        .refused = "ComputerName,Location,Session,NoRecurse,Force,WriteEvents,WriteJobInResults",
        .run = receive_job,
};
