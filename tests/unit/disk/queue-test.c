#include "tests/unit/test.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

#include "smb/disk/queue.h"

static void test_parts(void **unused) {
        (void)unused;
        static const struct {
                const char *why;
                uint64_t size;
                uint32_t most;
                unsigned parts;
                uint32_t last;
        } rows[] = {
                { "small", 512, 1 << 20, 1, 512 },
                { "exactly one", 1 << 20, 1 << 20, 1, 1 << 20 },
                { "one byte more", (1 << 20) + 1, 1 << 20, 2, 1 },
                { "nothing", 0, 1 << 20, 0, 0 },
                { "QEMU's largest", 32 << 20, 8 << 20, 4, 8 << 20 },
                { "nbdkit's largest", 64 << 20, 65536, 1024, 65536 },
                { "beyond 32 bits", 5ULL << 30, 1 << 20, 5120, 1 << 20 },
        };
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                uint64_t sent = 0;
                uint32_t part, last = 0;
                unsigned n = 0;
                while ((part = request_next_part(rows[i].size, sent, rows[i].most)) > 0) {
                        assert_true(part <= rows[i].most);
                        sent += part;
                        last = part;
                        n++;
                }
                if (sent != rows[i].size || n != rows[i].parts || last != rows[i].last)
                        fail_msg("%s: %u parts, last %u", rows[i].why, n, last);
        }
}

static void test_list(void **unused) {
        (void)unused;
        static Request r[3];
        RequestList list;
        list_init(&list);
        assert_null(list_pop(&list));
        for (int round = 0; round < 2; round++) {
                for (int i = 0; i < 3; i++)
                        list_push(&list, &r[i]);
                for (int i = 0; i < 3; i++)
                        assert_ptr_equal(list_pop(&list), &r[i]);
                assert_null(list_pop(&list));
        }
}

enum { THREADS = 8, ROUNDS = 2000 };

static void *caller(void *userdata) {
        Queue *queue = userdata;
        for (uint64_t i = 0; i < ROUNDS; i++) {
                Request r = { .kind = REQUEST_READ, .offset = i, .size = 1 };
                queue_call(queue, &r);
                if (r.error != (int)(i % 7))
                        return queue;
        }
        return NULL;
}

/* Threads call, the loop sleeps on the eventfd in between: every call is answered with its own answer. */
static void test_calls(void **unused) {
        (void)unused;
        Queue queue;
        Error err = { 0 };
        pthread_t threads[THREADS];
        unsigned answered = 0, sleeps = 0;

        assert_int_equal(queue_init(&queue, &err), 0);
        for (int i = 0; i < THREADS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, caller, &queue), 0);
        while (answered < THREADS * ROUNDS) {
                Request *r = queue_take(&queue);
                if (!r) {
                        uint64_t count;
                        fd_set set;
                        FD_ZERO(&set);
                        FD_SET(queue.fd, &set);
                        struct timeval patience = { .tv_sec = 30 };
                        assert_int_equal(select(queue.fd + 1, &set, NULL, NULL, &patience), 1);
                        assert_int_equal(read(queue.fd, &count, sizeof count), sizeof count);
                        sleeps++;
                }
                for (Request *next; r; r = next) {
                        next = r->next;
                        queue_answer(r, (int)(r->offset % 7));
                        answered++;
                }
        }
        for (int i = 0; i < THREADS; i++) {
                void *wrong;
                assert_int_equal(pthread_join(threads[i], &wrong), 0);
                assert_null(wrong);
        }
        assert_true(sleeps <= THREADS * ROUNDS);
        queue_done(&queue);
}

static void *one_call(void *userdata) {
        Request r = { .kind = REQUEST_FLUSH };
        queue_call(userdata, &r);
        return (void *)(intptr_t)r.error;
}

/* A closed queue answers at once, what waited and what comes. */
static void test_close(void **unused) {
        (void)unused;
        Queue queue;
        Error err = { 0 };
        pthread_t thread;
        void *result;
        uint64_t count;

        assert_int_equal(queue_init(&queue, &err), 0);
        assert_null(queue_take(&queue));
        assert_int_equal(pthread_create(&thread, NULL, one_call, &queue), 0);
        fd_set set;
        FD_ZERO(&set);
        FD_SET(queue.fd, &set);
        assert_int_equal(select(queue.fd + 1, &set, NULL, NULL, &(struct timeval){ .tv_sec = 30 }), 1);
        queue_drain_wakeups(&queue);
        assert_int_equal(read(queue.fd, &count, sizeof count), -1);    /* one wake-up, and it was drained */
        queue_close(&queue);
        assert_int_equal(pthread_join(thread, &result), 0);
        assert_int_equal((intptr_t)result, ESHUTDOWN);
        assert_int_equal((intptr_t)one_call(&queue), ESHUTDOWN);
        queue_done(&queue);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_parts), cmocka_unit_test(test_list), cmocka_unit_test(test_calls),
                cmocka_unit_test(test_close),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
