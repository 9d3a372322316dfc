#include "appliance/base/pool.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"

typedef struct Item {
        struct Item *next;
        PoolWork work;
        PoolDone done;
        void *userdata;
} Item;

typedef struct Queue {
        Item *first, **last;
} Queue;

struct Pool {
        pthread_mutex_t lock;           /* guards everything below it */
        pthread_cond_t wake;
        Queue waiting, finished;
        unsigned waiting_count, queue_max;
        bool stopping;
        /* loop's thread only */
        pthread_t threads[64];
        unsigned thread_count;
        int fd;                         /* eventfd: finished is not empty */
        sd_event_source *source;
};

static void queue_push(Queue *q, Item *item) {
        item->next = NULL;
        *q->last = item;
        q->last = &item->next;
}

static Item *queue_pop(Queue *q) {
        Item *item = q->first;
        if (item && !(q->first = item->next))
                q->last = &q->first;
        return item;
}

static void post_locked(Pool *pool, Item *item) {
        queue_push(&pool->finished, item);
        uint64_t one = 1;
        (void)!write(pool->fd, &one, sizeof one); /* cannot block before 2^64 - 2 unread posts */
}

static void *run(void *userdata) {
        Pool *pool = userdata;

        (void)pthread_mutex_lock(&pool->lock);
        for (;;) {
                while (!pool->waiting.first && !pool->stopping)
                        (void)pthread_cond_wait(&pool->wake, &pool->lock);
                if (pool->stopping)
                        break;
                Item *item = queue_pop(&pool->waiting);
                pool->waiting_count--;
                (void)pthread_mutex_unlock(&pool->lock);
                item->work(item->userdata);
                (void)pthread_mutex_lock(&pool->lock);
                post_locked(pool, item);
        }
        (void)pthread_mutex_unlock(&pool->lock);
        return NULL;
}

static void deliver(Pool *pool) {
        for (;;) {
                (void)pthread_mutex_lock(&pool->lock);
                Item *item = queue_pop(&pool->finished);
                (void)pthread_mutex_unlock(&pool->lock);
                if (!item)
                        return;
                if (item->done)
                        item->done(item->userdata);
                free(item);
        }
}

static int on_finished(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        (void)source;
        (void)revents;
        uint64_t count;
        (void)!read(fd, &count, sizeof count);
        deliver(userdata);
        return 0;
}

DEFINE_FREEP(Pool, pool_free);

int pool_new(sd_event *event, unsigned threads, unsigned queue_max, Pool **ret, Error *err) {
        assert(threads >= 1 && threads <= 64);
        auto_(pool_freep) Pool *pool = calloc(1, sizeof *pool);
        if (!pool)
                return error_oom(err);
        (void)pthread_mutex_init(&pool->lock, NULL);
        (void)pthread_cond_init(&pool->wake, NULL);
        pool->waiting.last = &pool->waiting.first;
        pool->finished.last = &pool->finished.first;
        pool->queue_max = queue_max;
        pool->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (pool->fd < 0)
                return error_set(err, ERROR_INTERNAL, errno, "cannot make an event descriptor: %m");
        int r = sd_event_add_io(event, &pool->source, pool->fd, EPOLLIN, on_finished, pool);
        if (r < 0)
                return error_set(err, ERROR_INTERNAL, -r, "cannot watch the thread pool");
        for (; pool->thread_count < threads; pool->thread_count++) {
                r = pthread_create(&pool->threads[pool->thread_count], NULL, run, pool);
                if (r != 0)
                        return error_set(err, ERROR_LIMIT, r, "cannot start a worker thread");
        }
        *ret = take_ptr(pool);
        return 0;
}

void pool_free(Pool *pool) {
        if (!pool)
                return;
        (void)pthread_mutex_lock(&pool->lock);
        pool->stopping = true;
        (void)pthread_cond_broadcast(&pool->wake);
        (void)pthread_mutex_unlock(&pool->lock);
        for (unsigned i = 0; i < pool->thread_count; i++)
                (void)pthread_join(pool->threads[i], NULL);
        for (Item *item; (item = queue_pop(&pool->waiting));)
                queue_push(&pool->finished, item);
        deliver(pool);
        (void)sd_event_source_disable_unref(pool->source);
        cleanup_closep(&pool->fd);
        (void)pthread_cond_destroy(&pool->wake);
        (void)pthread_mutex_destroy(&pool->lock);
        free(pool);
}

static int enqueue(Pool *pool, PoolWork work, PoolDone done, void *userdata, Error *err) {
        Item *item = calloc(1, sizeof *item);
        if (!item)
                return error_oom(err);
        *item = (Item){ .work = work, .done = done, .userdata = userdata };

        (void)pthread_mutex_lock(&pool->lock);
        bool full = work && (pool->stopping || pool->waiting_count >= pool->queue_max);
        if (!full && work) {
                queue_push(&pool->waiting, item);
                pool->waiting_count++;
                (void)pthread_cond_signal(&pool->wake);
        } else if (!full) {
                post_locked(pool, item);
        }
        (void)pthread_mutex_unlock(&pool->lock);
        if (!full)
                return 0;
        free(item);
        return error_set(err, ERROR_LIMIT, 0, "too much work is waiting already (%u jobs); try again later",
                         pool->queue_max);
}

int pool_run(Pool *pool, PoolWork work, PoolDone done, void *userdata, Error *err) {
        assert(work);
        return enqueue(pool, work, done, userdata, err);
}

int pool_post(Pool *pool, PoolDone fn, void *userdata, Error *err) {
        assert(fn);
        return enqueue(pool, NULL, fn, userdata, err);
}
