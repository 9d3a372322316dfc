#include "appliance/node/moves.h"

#include <stdio.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/log.h"

#define LEFT_BEHIND                                                                                                \
        "holdfastd ended while the move ran and nothing of it is left; Get-VM shows where the virtual machine is"

static void end_job(Node *node, const char *id, JobState state, const char *reason) {
        Error err = { 0 };
        const LogField fields[] = { { "JOB", id }, { NULL, NULL } };
        if (jobs_end(node->jobs, id, state, reason, NULL, &err) < 0 && err.kind != ERROR_NOT_FOUND)
                log_write(LOG_WARNING, LOG_ID_MIGRATION, fields, "%s", err.text);
}

/* The destination has no job of that id. */
void moves_settled(void *userdata, const char *token, bool here, const char *result) {
        Node *node = userdata;
        Error err = { 0 };
        const LogField fields[] = { { "JOB", token }, { NULL, NULL } };
        if (jobs_settle(node->jobs, token, here ? JOB_FAILED : JOB_COMPLETED, result, &err) < 0 &&
            err.kind != ERROR_NOT_FOUND)
                log_write(LOG_WARNING, LOG_ID_MIGRATION, fields, "%s", err.text);
}

/* Jobs that no record in /run speaks of: the host was restarted, not only holdfastd. */
static void end_lost_jobs(Node *node) {
        Job *jobs = NULL;
        size_t count = 0;
        Error err = { 0 };

        if (jobs_left_running(node->jobs, &jobs, &count, &err) < 0) {
                log_write(LOG_WARNING, LOG_ID_MIGRATION, NULL, "%s", err.text);
                return;
        }
        for (size_t i = 0; i < count; i++) {
                char record[128];
                (void)snprintf(record, sizeof record, "/run/holdfast/move/%s", jobs[i].id);
                if (access(record, F_OK) < 0)
                        end_job(node, jobs[i].id, JOB_FAILED, LEFT_BEHIND);
        }
        jobs_list_free(jobs, count);
}

int moves_serve(Node *node, const Machine *machine, Error *err) {
        Directory *directory = NULL;

        if (node_serving(node))
                return 0;
        if (node_directory(node, &directory, err) < 0 || live_identity(node->live, machine, directory, err) < 0)
                return -1;
        if (!node->reconciled) {
                end_lost_jobs(node);
                live_reconcile(node->live);
                node->reconciled = true;
        }
        (void)pthread_mutex_lock(&node->lock);
        node->serving = true;
        (void)pthread_mutex_unlock(&node->lock);
        return 0;
}
