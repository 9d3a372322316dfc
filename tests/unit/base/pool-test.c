#include "tests/unit/test.h"

#include <semaphore.h>
#include <stdio.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/pool.h"

typedef struct Job {
        Pool *pool;
        sem_t *gate;
        int worked, done;
        int *total;
} Job;

static void work(void *userdata) {
        Job *job = userdata;
        if (job->gate)
                (void)sem_wait(job->gate);
        job->worked++;
}

static void done(void *userdata) {
        Job *job = userdata;
        job->done++;
        (*job->total)++;
}

static void test_every_job_is_done_once(void **state) {
        (void)state;
        sd_event *event;
        Pool *pool = NULL;
        Error err = { 0 };
        Job jobs[100] = { 0 };
        int total = 0;
        assert_true(sd_event_new(&event) >= 0);
        assert_int_equal(pool_new(event, 4, 100, &pool, &err), 0);
        for (int i = 0; i < 100; i++) {
                jobs[i].total = &total;
                assert_int_equal(pool_run(pool, work, done, &jobs[i], &err), 0);
        }
        while (total < 100)
                assert_true(sd_event_run(event, 5000000) > 0);
        for (int i = 0; i < 100; i++)
                assert_true(jobs[i].worked == 1 && jobs[i].done == 1);
        pool_free(pool);
        sd_event_unref(event);
}

static void test_full_queue_refuses(void **state) {
        (void)state;
        sd_event *event;
        Pool *pool = NULL;
        Error err = { 0 };
        Job jobs[8] = { 0 };
        int total = 0, taken = 0;
        sem_t gate;
        (void)sem_init(&gate, 0, 0);
        assert_true(sd_event_new(&event) >= 0);
        assert_int_equal(pool_new(event, 1, 2, &pool, &err), 0);
        for (int i = 0; i < 8; i++) {
                jobs[i] = (Job){ .gate = &gate, .total = &total };
                taken += pool_run(pool, work, done, &jobs[i], &err) == 0;
        }
        assert_int_equal(taken, 3);     /* one runs, two wait */
        assert_int_equal(err.kind, ERROR_LIMIT);
        for (int i = 0; i < 8; i++)
                (void)sem_post(&gate);
        pool_free(pool);                        /* running ones end, waiting ones get their done */
        assert_int_equal(total, taken);
        sd_event_unref(event);
        (void)sem_destroy(&gate);
}

static unsigned threads_here(void) {
        char line[128];
        unsigned n = 0;
        auto_file FILE *f = fopen("/proc/self/status", "re");
        assert_non_null(f);
        while (fgets(line, sizeof line, f))
                if (sscanf(line, "Threads: %u", &n) == 1)
                        break;
        return n;
}

/* Threads come with the work, no more than it takes, and go when there is none; then the pool works as before. */
static void test_threads_come_and_go(void **state) {
        (void)state;
        sd_event *event;
        Pool *pool = NULL;
        Error err = { 0 };
        Job jobs[32] = { 0 };
        int total = 0, wanted = 0;
        unsigned before = threads_here();
        sem_t gate;
        (void)sem_init(&gate, 0, 0);
        assert_true(sd_event_new(&event) >= 0);
        assert_int_equal(pool_new(event, 8, 32, &pool, &err), 0);
        assert_int_equal(threads_here(), before);
        for (unsigned round = 0; round < 2; round++) {
                for (int i = 0; i < 32; i++) {
                        jobs[i] = (Job){ .gate = i < 3 ? &gate : NULL, .total = &total };
                        if (i == 3)
                                assert_int_equal(threads_here(), before + 3);   /* each of three waits in its own */
                        assert_int_equal(pool_run(pool, work, done, &jobs[i], &err), 0);
                }
                assert_in_range(threads_here(), before + 3, before + 8);
                for (int i = 0; i < 3; i++)
                        (void)sem_post(&gate);
                for (wanted += 32; total < wanted;)
                        assert_true(sd_event_run(event, 5000000) > 0);
                for (unsigned i = 0; i < 100 && threads_here() > before; i++)
                        (void)usleep(POOL_IDLE_US / 50);
                assert_int_equal(threads_here(), before);
        }
        pool_free(pool);
        sd_event_unref(event);
        (void)sem_destroy(&gate);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_job_is_done_once),
                cmocka_unit_test(test_full_queue_refuses),
                cmocka_unit_test(test_threads_come_and_go),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
