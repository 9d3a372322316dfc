/* The jobs of a session: numbers, states, what is kept and what is not, and whose they are. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/command/object.h"
#include "appliance/node/background.h"
#include "appliance/node/runspaces.h"

static const BatchJob what = { .shown = "Start-VM -Name web01", .location = "localhost" };

static Background *session(atomic_size_t *all) {
        Background *b = NULL;
        Error err = { 0 };
        assert_int_equal(background_new(all, &b, &err), 0);
        return b;
}

static BackgroundJob *begin(Background *b) {
        BackgroundJob *job = NULL;
        Error err = { 0 };
        if (background_begin(b, &what, &job, &err) < 0)
                fail_msg("%s", err.text);
        return job;
}

static void say(BackgroundJob *job, RecordStream stream, const char *text) {
        auto_(sd_json_variant_unrefp) sd_json_variant *record = NULL;
        if (stream == STREAM_ERROR || stream == STREAM_PROGRESS)
                assert_true(sd_json_build(&record, SD_JSON_BUILD_OBJECT(SD_JSON_BUILD_PAIR_STRING("Message", text))) >= 0);
        else
                assert_true(sd_json_variant_new_string(&record, text) >= 0);
        background_record(job, stream, record);
}

static void is_state(Background *b, uint32_t id, const char *state, const char *name, bool more) {
        auto_(sd_json_variant_unrefp) sd_json_variant *object = NULL;
        Error err = { 0 };
        assert_int_equal(background_object(b, id, &object, &err), 0);
        assert_string_equal(object_string(object, "State"), state);
        assert_string_equal(object_string(object, "Name"), name);
        assert_int_equal(sd_json_variant_boolean(object_property(object, "HasMoreData")), more);
}

/* How many records there were; the first and the last as text. */
static size_t receive(Background *b, uint32_t id, bool keep, char first[static 200], char last[static 200]) {
        BackgroundRecord *records = NULL;
        size_t count = 0;
        Error err = { 0 };

        assert_int_equal(background_receive(b, id, keep, &records, &count, &err), 0);
        (void)snprintf(first, 200, "%.199s", count ? records[0].json : "");
        (void)snprintf(last, 200, "%.199s", count ? records[count - 1].json : "");
        background_records_free(records, count);
        return count;
}

static void test_life(void **state) {
        atomic_size_t all = 0;
        Background *b = session(&all);
        BackgroundJob *done = begin(b), *failed = begin(b), *stopped = begin(b);
        char first[200], last[200];
        Error err = { 0 };

        assert_int_equal(background_id(done), 1);
        assert_int_equal(background_id(stopped), 3);
        is_state(b, 1, "Running", "Job1", true);
        assert_int_equal(background_remove(b, 1, &err), -1);
        assert_int_equal(err.kind, ERROR_CONFLICT);
        say(done, STREAM_OUTPUT, "one");
        say(done, STREAM_WARNING, "careful");
        background_end(done, false);
        is_state(b, 1, "Completed", "Job1", true);
        assert_int_equal(receive(b, 1, true, first, last), 2);
        assert_int_equal(receive(b, 1, false, first, last), 2);
        assert_string_equal(first, "\"one\"");
        assert_string_equal(last, "\"careful\"");
        assert_int_equal(receive(b, 1, false, first, last), 0);
        is_state(b, 1, "Completed", "Job1", false);

        say(failed, STREAM_ERROR, "no such machine");
        background_end(failed, false);
        is_state(b, 2, "Failed", "Job2", true);

        assert_false(atomic_load(background_stop_flag(stopped)));
        assert_int_equal(background_stop(b, 3, &err), 0);
        assert_true(atomic_load(background_stop_flag(stopped)));
        is_state(b, 3, "Stopping", "Job3", true);
        background_end(stopped, true);
        is_state(b, 3, "Stopped", "Job3", false);

        assert_int_equal(background_remove(b, 1, &err), 0);
        assert_int_equal(background_stop(b, 1, &err), -1);
        assert_int_equal(err.kind, ERROR_NOT_FOUND);
        background_end(begin(b), false);
        is_state(b, 4, "Completed", "Job4", false);     /* numbers are not given twice */
        background_unref(b);
        assert_int_equal(atomic_load(&all), 0);
}

/* One that was stopped too late came to its end. */
static void test_too_late(void **state) {
        atomic_size_t all = 0;
        Background *b = session(&all);
        BackgroundJob *job = begin(b);
        Error err = { 0 };

        assert_int_equal(background_stop(b, 1, &err), 0);
        background_end(job, false);
        is_state(b, 1, "Completed", "Job1", false);
        background_unref(b);
}

static void test_progress(void **state) {
        atomic_size_t all = 0;
        Background *b = session(&all);
        BackgroundJob *job = begin(b);
        char first[200], last[200];

        for (int i = 0; i < 100; i++)
                say(job, STREAM_PROGRESS, i < 99 ? "on the way" : "there");
        say(job, STREAM_OUTPUT, "one");
        say(job, STREAM_PROGRESS, "again");
        assert_int_equal(receive(b, 1, false, first, last), 3);
        assert_string_equal(first, "{\"Message\":\"there\"}");
        assert_string_equal(last, "{\"Message\":\"again\"}");
        background_end(job, false);
        background_unref(b);
        assert_int_equal(atomic_load(&all), 0);
}

/* A job that says much to nobody: so much and no more, errors not among what is lost, and it is told. */
static void test_bounds(void **state) {
        atomic_size_t all = 0;
        Background *b = session(&all);
        BackgroundJob *job = begin(b);
        char text[1001], first[200], last[200];

        memset(text, 'x', sizeof text - 1);
        text[sizeof text - 1] = '\0';
        for (int i = 0; i < 100000; i++)
                say(job, STREAM_OUTPUT, text);
        say(job, STREAM_ERROR, "the end");
        assert_in_range(atomic_load(&all), BACKGROUND_KEPT_MAX / 2, BACKGROUND_KEPT_MAX + BACKGROUND_KEPT_MAX / 8);
        background_end(job, false);
        size_t count = receive(b, 1, false, first, last);
        assert_in_range(count, 900, 1100);
        if (!strstr(last, "more records of this job were not kept"))
                fail_msg("%s", last);
        assert_int_equal(atomic_load(&all), 0);
        assert_int_equal(receive(b, 1, false, first, last), 0); /* told once */
        background_unref(b);
}

/* All sessions of a host together. */
static void test_bounds_of_all(void **state) {
        atomic_size_t all = BACKGROUND_ALL_MAX - 500;
        Background *b = session(&all);
        BackgroundJob *job = begin(b);
        char first[200], last[200];

        for (int i = 0; i < 100; i++)
                say(job, STREAM_OUTPUT, "0123456789");
        assert_in_range(atomic_load(&all), BACKGROUND_ALL_MAX - 500, BACKGROUND_ALL_MAX);
        assert_in_range(receive(b, 1, false, first, last), 2, 10);
        background_end(job, false);
        background_unref(b);
        assert_int_equal(atomic_load(&all), BACKGROUND_ALL_MAX - 500);
}

static void test_too_many(void **state) {
        atomic_size_t all = 0;
        Background *b = session(&all);
        BackgroundJob *job = NULL;
        Error err = { 0 };

        for (int i = 0; i < BACKGROUND_JOBS_MAX; i++)
                background_end(begin(b), false);
        assert_int_equal(background_begin(b, &what, &job, &err), -1);
        assert_int_equal(err.kind, ERROR_LIMIT);
        assert_int_equal(background_remove(b, 50, &err), 0);
        background_end(begin(b), false);
        background_unref(b);
}

/* A session ends: its jobs are told, nothing begins, and the last of them takes the session with it. */
static void test_close(void **state) {
        atomic_size_t all = 0;
        Background *b = session(&all);
        BackgroundJob *running = begin(b), *other = NULL;
        Error err = { 0 };

        background_end(begin(b), false);
        say(running, STREAM_OUTPUT, "kept for nobody");
        assert_int_equal(background_close(b), 1);
        assert_true(atomic_load(background_stop_flag(running)));
        assert_int_equal(background_begin(b, &what, &other, &err), -1);
        background_unref(b);
        say(running, STREAM_OUTPUT, "it is still there for its job");
        background_end(running, true);
        assert_int_equal(atomic_load(&all), 0);
}

static void test_runspaces(void **state) {
        static const char id[] = "0123456789abcdef0123456789abcdef", other_id[] = "fedcba9876543210fedcba9876543210";
        atomic_size_t all = 0;
        Runspaces list = { .all = &all };
        Runspace *first = NULL, *again = NULL, *other = NULL, *none = NULL;
        Error err = { 0 };

        assert_int_equal(runspaces_hold(&list, id, "S-1-5-21-1", &first, &err), 0);
        assert_int_equal(runspaces_hold(&list, id, "S-1-5-21-1", &again, &err), 0);
        assert_ptr_equal(first, again);
        assert_int_equal(runspaces_hold(&list, id, "S-1-5-21-2", &none, &err), -1);
        assert_int_equal(err.kind, ERROR_DENIED);
        assert_int_equal(runspaces_hold(&list, other_id, NULL, &none, &err), -1);       /* whose it is: nobody's yet */
        assert_int_equal(err.kind, ERROR_NOT_FOUND);
        assert_int_equal(runspaces_hold(&list, id, NULL, &again, &err), 0);
        assert_ptr_equal(first, again);
        runspaces_leave(&list, again);
        assert_int_equal(runspaces_hold(&list, "1", "S-1-5-21-2", &none, &err), -1);
        assert_int_equal(err.kind, ERROR_INVALID);
        assert_int_equal(runspaces_hold(&list, other_id, "S-1-5-21-1", &other, &err), 0);
        assert_ptr_not_equal(runspace_jobs(first), runspace_jobs(other));

        BackgroundJob *job = begin(runspace_jobs(first));
        runspaces_leave(&list, first);
        assert_false(atomic_load(background_stop_flag(job)));
        runspaces_leave(&list, again);
        assert_true(atomic_load(background_stop_flag(job)));
        background_end(job, true);
        assert_int_equal(runspaces_hold(&list, id, "S-1-5-21-2", &first, &err), 0);     /* it is free again */
        runspaces_leave(&list, first);
        runspaces_leave(&list, other);
        runspaces_leave(&list, NULL);
        assert_null(list.first);
}

/* With jobs it waits for somebody who keeps them, but not for ever. */
static void test_linger(void **state) {
        static const char id[] = "0123456789abcdef0123456789abcdef";
        atomic_size_t all = 0;
        auto_(sd_event_unrefp) sd_event *event = NULL;
        Error err = { 0 };

        assert_return_code(sd_event_new(&event), 0);
        Runspaces list = { .event = event, .all = &all };
        Runspace *r = NULL, *again = NULL;
        assert_int_equal(runspaces_hold(&list, id, "S-1-5-21-1", &r, &err), 0);
        runspaces_linger(&list, r);     /* nothing to keep */
        assert_null(list.first);

        assert_int_equal(runspaces_hold(&list, id, "S-1-5-21-1", &r, &err), 0);
        BackgroundJob *job = begin(runspace_jobs(r));
        runspaces_linger(&list, r);
        assert_int_equal(runspaces_hold(&list, id, "S-1-5-21-2", &again, &err), -1);    /* still whose it was */
        assert_int_equal(runspaces_hold(&list, id, "S-1-5-21-1", &again, &err), 0);
        assert_ptr_equal(r, again);
        assert_int_equal(sd_event_run(event, (RUNSPACE_LINGER_MS + 500) * UINT64_C(1000)), 0);
        assert_false(atomic_load(background_stop_flag(job)));
        runspaces_linger(&list, again);
        assert_int_equal(sd_event_run(event, (RUNSPACE_LINGER_MS - 500) * UINT64_C(1000)), 0);
        assert_false(atomic_load(background_stop_flag(job)));
        assert_int_equal(sd_event_run(event, 5000 * UINT64_C(1000)), 1);
        assert_true(atomic_load(background_stop_flag(job)));
        assert_null(list.first);
        background_end(job, true);

        assert_int_equal(runspaces_hold(&list, id, "S-1-5-21-1", &r, &err), 0);
        background_end(begin(runspace_jobs(r)), false);
        runspaces_linger(&list, r);
        runspaces_end(&list);
        assert_null(list.first);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_life),     cmocka_unit_test(test_linger),    cmocka_unit_test(test_too_late), cmocka_unit_test(test_progress),
                cmocka_unit_test(test_bounds),   cmocka_unit_test(test_bounds_of_all),
                cmocka_unit_test(test_too_many), cmocka_unit_test(test_close),
                cmocka_unit_test(test_runspaces),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
