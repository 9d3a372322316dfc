#include "appliance/node/job-target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/object.h"

typedef struct Selection {
        Invocation *invocation;
        const char *parameter;          /* of what is looked for: Id, Name, InstanceId, Job, State */
        sd_json_variant *wanted;        /* one value of it */
        char text[RECORD_NAME_MAX];     /* the same, for people */
} Selection;

static bool is_wanted(const Selection *s, sd_json_variant *job) {
        if (strcmp(s->parameter, "Id") == 0)
                return object_unsigned(job, "Id", 0) == sd_json_variant_unsigned(s->wanted);
        if (strcmp(s->parameter, "Name") == 0)
                return text_matches_wildcard(object_string(job, "Name"), sd_json_variant_string(s->wanted));
        if (strcmp(s->parameter, "State") == 0)
                return text_equal_nocase(object_string(job, "State"), sd_json_variant_string(s->wanted));
        const char *instance = strcmp(s->parameter, "Job") == 0 ? object_string(s->wanted, "InstanceId")
                                                                : sd_json_variant_string(s->wanted);
        return instance && text_equal_nocase(object_string(job, "InstanceId"), instance);
}

static void not_found(const Selection *s) {
        bool name = strcmp(s->parameter, "Name") == 0, id = strcmp(s->parameter, "Id") == 0;
        Error why = { 0 };

        if (strcmp(s->parameter, "State") == 0 || (name && text_has_wildcard(s->text)))
                return;
        if (name)
                (void)error_set(&why, ERROR_NOT_FOUND, 0, "The command cannot find the job because the job name %s was not "
                                "found. Verify the value of the Name parameter, and then try the command again.", s->text);
        else
                (void)error_set(&why, ERROR_NOT_FOUND, 0, "The command cannot find a job with the %s %s. Verify the value of "
                                "the %s parameter and then try the command again.", id ? "job ID" : "instance ID", s->text,
                                s->parameter);
        invocation_error(s->invocation, &why, s->text,
                         name ? "JobWithSpecifiedNameNotFound" :
                         id ? "JobWithSpecifiedSessionIdNotFound" : "JobWithSpecifiedInstanceIdNotFound");
}

typedef int (*Act)(Invocation *invocation, uint32_t id, Error *err);

/* @selection NULL: all of them. */
static int act_on(Invocation *invocation, const Selection *selection, Act act, Error *err) {
        Background *jobs = invocation_jobs(invocation);
        auto_free uint32_t *ids = NULL;
        size_t count = 0;
        bool any = false;

        if (jobs && background_list(jobs, &ids, &count, err) < 0)
                return -1;
        for (size_t i = 0; i < count; i++) {
                auto_(sd_json_variant_unrefp) sd_json_variant *job = NULL;
                Error gone = { 0 };
                if (selection && (background_object(jobs, ids[i], &job, &gone) < 0 || !is_wanted(selection, job)))
                        continue;
                any = true;
                if (act(invocation, ids[i], err) < 0)
                        return -1;
        }
        if (selection && !any)
                not_found(selection);
        return 0;
}

static void name_selection(Selection *s) {
        const char *name = sd_json_variant_is_object(s->wanted) ? object_string(s->wanted, "InstanceId") : NULL;

        if (name)
                (void)snprintf(s->text, sizeof s->text, "%s", name);
        else
                object_display(s->wanted, s->text, sizeof s->text);
        text_mend(s->text);
}

int job_targets(Invocation *invocation, Act act, Error *err) {
        static const char *const parameters[] = { "Job", "Id", "Name", "InstanceId", "State" };
        bool named = false;

        for (size_t p = 0; p < ARRAY_SIZE(parameters); p++)
                for (size_t i = 0; i < invocation_count(invocation, parameters[p]); i++) {
                        Selection s = { .invocation = invocation, .parameter = parameters[p],
                                        .wanted = invocation_item(invocation, parameters[p], i) };
                        named = true;
                        name_selection(&s);
                        if (act_on(invocation, &s, act, err) < 0)
                                return -1;
                }
        return named ? 0 : act_on(invocation, NULL, act, err);
}

int job_emit(Invocation *invocation, uint32_t id, Error *err) {
        sd_json_variant *object = NULL;

        if (background_object(invocation_jobs(invocation), id, &object, err) < 0)
                return err->kind == ERROR_NOT_FOUND ? 0 : -1;
        return invocation_emit(invocation, object, err);
}

bool job_running(Invocation *invocation, uint32_t id) {
        BackgroundState state;
        Error gone = { 0 };
        return background_state(invocation_jobs(invocation), id, &state, &gone) == 0 && !background_ended(state);
}

int job_wait_end(Invocation *invocation, uint32_t id, Error *err) {
        uint64_t seen = 0;

        while (job_running(invocation, id)) {
                if (invocation_cancelled(invocation))
                        return error_set(err, ERROR_CANCELLED, 0, "the pipeline has been stopped");
                background_wait(invocation_jobs(invocation), &seen, JOB_LOOK_MS);
        }
        return 0;
}
