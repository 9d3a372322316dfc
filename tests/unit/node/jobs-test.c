#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>
#include <sqlite3.h>
#include <sys/wait.h>

#include "appliance/base/cleanup.h"
#include "appliance/node/jobs.h"

typedef struct Store {
        char folder[64], path[96];
        Jobs *jobs;
} Store;

static void open_store(Store *s) {
        Error err = { 0 };
        if (jobs_open(s->path, &s->jobs, &err) < 0)
                fail_msg("%s", err.text);
}

static int setup(void **state) {
        Store *s = calloc(1, sizeof *s);
        (void)snprintf(s->folder, sizeof s->folder, "/tmp/holdfast-jobs-XXXXXX");
        if (!s || !mkdtemp(s->folder))
                return -1;
        (void)snprintf(s->path, sizeof s->path, "%s/jobs.db", s->folder);
        open_store(s);
        *state = s;
        return 0;
}

static int teardown(void **state) {
        static const char *const names[] = { "jobs.db", "jobs.db-wal", "jobs.db-shm" };
        Store *s = *state;
        jobs_close(s->jobs);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                char path[160];
                (void)snprintf(path, sizeof path, "%s/%s", s->folder, names[i]);
                (void)unlink(path);
        }
        (void)rmdir(s->folder);
        free(s);
        return 0;
}

static Job job_of(const char *vm, const char *vm_id) {
        Job job = {
                .kind = "LiveMigration", .source = "hv1", .destination = "hv2", .caller = "root", .phase = "Compare"
        };
        (void)snprintf(job.vm_name, sizeof job.vm_name, "%s", vm);
        (void)snprintf(job.vm_id, sizeof job.vm_id, "%s", vm_id);
        return job;
}

static void start(Jobs *jobs, Job *job) {
        Error err = { 0 };
        if (jobs_start(jobs, job, &err) < 0)
                fail_msg("%s", err.text);
}

static void test_life(void **state) {
        Jobs *jobs = ((Store *)*state)->jobs;
        Job job = job_of("web01", "id-1"), *list = NULL;
        size_t count = 0;
        Error err = { 0 };

        start(jobs, &job);
        assert_int_equal(strlen(job.id), UUID_TEXT_SIZE - 1);
        assert_true(job.started_us > 0);
        assert_int_equal(jobs_progress(jobs, job.id, "Transfer", 40, &err), 0);
        assert_int_equal(jobs_progress(jobs, job.id, "Transfer", 41, &err), 0);
        assert_int_equal(jobs_list(jobs, 10, &list, &count, &err), 0);
        assert_int_equal(count, 1);
        assert_int_equal(list[0].percent, 41);
        assert_string_equal(list[0].phase, "Transfer");
        assert_int_equal(list[0].state, JOB_RUNNING);
        assert_null(list[0].receipt);
        jobs_list_free(list, count);

        assert_int_equal(jobs_end(jobs, job.id, JOB_COMPLETED, NULL, "{\"Result\":\"ok\"}", &err), 0);
        assert_int_equal(jobs_list(jobs, 10, &list, &count, &err), 0);
        assert_int_equal(list[0].percent, 100);
        assert_int_equal(list[0].state, JOB_COMPLETED);
        assert_true(list[0].ended_us >= list[0].started_us);
        assert_string_equal(list[0].receipt, "{\"Result\":\"ok\"}");
        jobs_list_free(list, count);
        /* An end is final. */
        assert_int_equal(jobs_end(jobs, job.id, JOB_FAILED, "late", NULL, &err), -1);
        assert_int_equal(err.kind, ERROR_NOT_FOUND);
        assert_int_equal(jobs_progress(jobs, job.id, "Switch", 1, &err), -1);
}

static void test_one_per_machine(void **state) {
        Jobs *jobs = ((Store *)*state)->jobs;
        Job one = job_of("web01", "id-1"), again = job_of("web01", "id-1"), other = job_of("web02", "id-2");
        Error err = { 0 };

        start(jobs, &one);
        assert_int_equal(jobs_start(jobs, &again, &err), -1);
        assert_int_equal(err.kind, ERROR_CONFLICT);
        assert_non_null(strstr(err.text, "\"web01\""));
        assert_string_equal(again.id, "");
        start(jobs, &other);
        assert_int_equal(jobs_end(jobs, one.id, JOB_FAILED, "x", NULL, &err), 0);
        start(jobs, &again);
}

static void test_cancel(void **state) {
        Jobs *jobs = ((Store *)*state)->jobs;
        Job job = job_of("web01", "id-1");
        Error err = { 0 };

        assert_int_equal(jobs_cancel(jobs, "web01", &err), -1);
        assert_int_equal(err.kind, ERROR_NOT_FOUND);
        start(jobs, &job);
        assert_false(jobs_cancelled(jobs, job.id));
        assert_int_equal(jobs_cancel(jobs, "WEB01", &err), 0);
        assert_true(jobs_cancelled(jobs, job.id));
        assert_int_equal(jobs_end(jobs, job.id, JOB_CANCELLED, "cancelled", NULL, &err), 0);
        assert_false(jobs_cancelled(jobs, job.id));
        assert_int_equal(jobs_cancel(jobs, "web01", &err), -1);
}

/* A move that failed in doubt gets the end it had; one that ended otherwise keeps its own. */
static void test_settle(void **state) {
        Jobs *jobs = ((Store *)*state)->jobs;
        Job doubt = job_of("web01", "id-1"), running = job_of("web02", "id-2"), done = job_of("web03", "id-3");
        Error err = { 0 };
        Job *list = NULL;
        size_t count = 0;

        start(jobs, &doubt);
        assert_int_equal(jobs_end(jobs, doubt.id, JOB_FAILED, "hv2 does not answer", NULL, &err), 0);
        assert_int_equal(jobs_settle(jobs, doubt.id, JOB_COMPLETED, "the machine has moved", &err), 0);
        start(jobs, &running);
        assert_int_equal(jobs_settle(jobs, running.id, JOB_FAILED, "the machine runs here", &err), 0);
        start(jobs, &done);
        assert_int_equal(jobs_end(jobs, done.id, JOB_CANCELLED, "cancelled", NULL, &err), 0);
        assert_int_equal(jobs_settle(jobs, done.id, JOB_COMPLETED, "no", &err), -1);
        assert_int_equal(err.kind, ERROR_NOT_FOUND);
        assert_int_equal(jobs_list(jobs, 10, &list, &count, &err), 0);
        assert_int_equal(count, 3);
        assert_string_equal(list[0].reason, "cancelled");
        assert_int_equal(list[1].state, JOB_FAILED);
        assert_string_equal(list[1].reason, "the machine runs here");
        assert_int_equal(list[2].state, JOB_COMPLETED);
        assert_int_equal(list[2].percent, 100);
        assert_string_equal(list[2].reason, "hv2 does not answer; then: the machine has moved");
        jobs_list_free(list, count);
}

/* The process dies right behind jobs_start() and jobs_progress(): the next one knows of the job. */
static void test_crash(void **state) {
        Store *s = *state;
        Job *list = NULL;
        size_t count = 0;
        Error err = { 0 };

        jobs_close(s->jobs);
        s->jobs = NULL;
        pid_t child = fork();
        if (child == 0) {
                Jobs *jobs = NULL;
                Job job = job_of("web01", "id-1"), done = job_of("db01", "id-2");
                if (jobs_open(s->path, &jobs, &err) < 0 || jobs_start(jobs, &job, &err) < 0 ||
                    jobs_progress(jobs, job.id, "Prepare", 7, &err) < 0 || jobs_start(jobs, &done, &err) < 0 ||
                    jobs_end(jobs, done.id, JOB_COMPLETED, NULL, NULL, &err) < 0)
                        _exit(1);
                _exit(0);               /* without closing: what is not in the file is lost */
        }
        int status = 1;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);

        open_store(s);
        assert_int_equal(jobs_left_running(s->jobs, &list, &count, &err), 0);
        assert_int_equal(count, 1);
        assert_string_equal(list[0].vm_name, "web01");
        assert_string_equal(list[0].phase, "Prepare");
        Job again = job_of("web01", "id-1");
        assert_int_equal(jobs_start(s->jobs, &again, &err), -1);        /* until somebody says what became of it */
        assert_int_equal(err.kind, ERROR_CONFLICT);
        assert_int_equal(jobs_end(s->jobs, list[0].id, JOB_FAILED, "holdfastd ended", NULL, &err), 0);
        jobs_list_free(list, count);
        start(s->jobs, &again);
        /* A job of this process is not left over. */
        assert_int_equal(jobs_left_running(s->jobs, &list, &count, &err), 0);
        assert_int_equal(count, 0);
        jobs_list_free(list, count);
}

static void test_order(void **state) {
        Jobs *jobs = ((Store *)*state)->jobs;
        Job *list = NULL;
        size_t count = 0;
        Error err = { 0 };

        for (int i = 0; i < 5; i++) {
                char vm[8];
                (void)snprintf(vm, sizeof vm, "vm%d", i);
                Job job = job_of(vm, vm);
                start(jobs, &job);
        }
        assert_int_equal(jobs_list(jobs, 3, &list, &count, &err), 0);
        assert_int_equal(count, 3);
        assert_string_equal(list[0].vm_name, "vm4");
        assert_string_equal(list[2].vm_name, "vm2");
        jobs_list_free(list, count);
}

static void test_newer_schema(void **state) {
        Store *s = *state;
        sqlite3 *db = NULL;
        Jobs *jobs = NULL;
        Error err = { 0 };

        assert_int_equal(sqlite3_open(s->path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL), SQLITE_OK);
        (void)sqlite3_close(db);
        assert_int_equal(jobs_open(s->path, &jobs, &err), -1);
        assert_int_equal(err.kind, ERROR_UNSUPPORTED);
}

static void test_no_folder(void **state) {
        Jobs *jobs = NULL;
        Error err = { 0 };
        assert_int_equal(jobs_open("/nonexistent/jobs.db", &jobs, &err), -1);
        assert_non_null(strstr(err.text, "/nonexistent/jobs.db"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_life, setup, teardown),
                cmocka_unit_test_setup_teardown(test_one_per_machine, setup, teardown),
                cmocka_unit_test_setup_teardown(test_settle, setup, teardown),
                cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
                cmocka_unit_test_setup_teardown(test_crash, setup, teardown),
                cmocka_unit_test_setup_teardown(test_order, setup, teardown),
                cmocka_unit_test_setup_teardown(test_newer_schema, setup, teardown),
                cmocka_unit_test(test_no_folder),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
