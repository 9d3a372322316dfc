#include "appliance/base/pool.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
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

enum { THREADS_MAX = 64 };

typedef struct Worker {
        Pool *pool;
        pthread_t thread;
        enum { WORKER_NONE, WORKER_RUNS, WORKER_ENDED } state;  /* ended: to be joined */
} Worker;

struct Pool {
        pthread_mutex_t lock;           /* guards everything below it, to the next remark */
        pthread_cond_t wake;            /* CLOCK_MONOTONIC */
        Queue waiting, finished;
        unsigned waiting_count, queue_max;
        Worker workers[THREADS_MAX];
        unsigned threads_max, running, idle, busy;      /* running: started and not ended */
        bool stopping;
        /* loop's thread only */
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

/* Locked.  False: nothing came for so long. */
static bool wait_for_work(Pool *pool) {
        struct timespec until;
        int r = 0;

        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += (time_t)(POOL_IDLE_US / 1000000);
        pool->idle++;
        while (!pool->waiting.first && !pool->stopping && r == 0)
                r = pthread_cond_timedwait(&pool->wake, &pool->lock, &until);
        pool->idle--;
        return pool->waiting.first || pool->stopping;
}

static void *run(void *userdata) {
        Worker *worker = userdata;
        Pool *pool = worker->pool;

        (void)pthread_mutex_lock(&pool->lock);
        while (wait_for_work(pool) && !pool->stopping) {
                Item *item = queue_pop(&pool->waiting);
                pool->waiting_count--;
                pool->busy++;
                (void)pthread_mutex_unlock(&pool->lock);
                item->work(item->userdata);
                (void)pthread_mutex_lock(&pool->lock);
                pool->busy--;
                post_locked(pool, item);
        }
        worker->state = WORKER_ENDED;
        pool->running--;
        (void)pthread_mutex_unlock(&pool->lock);
        return NULL;
}

/* Locked.  One more thread for what waits, if there may be one.  0 or an errno. */
static int grow(Pool *pool) {
        Worker *worker = pool->workers;

        if (pool->idle >= pool->waiting_count || pool->running == pool->threads_max)
                return 0;
        while (worker->state == WORKER_RUNS)
                worker++;               /* fewer run than there is room for */
        if (worker->state == WORKER_ENDED)
                (void)pthread_join(worker->thread, NULL);       /* it is past the lock: at once */
        *worker = (Worker){ .pool = pool };
        int r = pthread_create(&worker->thread, NULL, run, worker);
        if (r == 0) {
                worker->state = WORKER_RUNS;
                pool->running++;
        }
        return r;
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
        pthread_condattr_t attributes;

        assert(threads >= 1 && threads <= THREADS_MAX);
        auto_(pool_freep) Pool *pool = calloc(1, sizeof *pool);
        if (!pool)
                return error_oom(err);
        (void)pthread_mutex_init(&pool->lock, NULL);
        (void)pthread_condattr_init(&attributes);
        (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        (void)pthread_cond_init(&pool->wake, &attributes);
        (void)pthread_condattr_destroy(&attributes);
        pool->waiting.last = &pool->waiting.first;
        pool->finished.last = &pool->finished.first;
        pool->queue_max = queue_max;
        pool->threads_max = threads;
        pool->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (pool->fd < 0)
                return error_set(err, ERROR_INTERNAL, errno, "cannot make an event descriptor: %m");
        int r = sd_event_add_io(event, &pool->source, pool->fd, EPOLLIN, on_finished, pool);
        if (r < 0)
                return error_set(err, ERROR_INTERNAL, -r, "cannot watch the thread pool");
        *ret = take_ptr(pool);
        return 0;
}

/* Gives how many are at work. */
static unsigned stop(Pool *pool) {
        (void)pthread_mutex_lock(&pool->lock);
        pool->stopping = true;          /* from now on no worker begins */
        unsigned busy = pool->busy;
        (void)pthread_cond_broadcast(&pool->wake);
        (void)pthread_mutex_unlock(&pool->lock);
        return busy;
}

static void join(Pool *pool) {
        for (unsigned i = 0; i < THREADS_MAX; i++)
                if (pool->workers[i].thread)
                        (void)pthread_join(pool->workers[i].thread, NULL);
        for (Item *item; (item = queue_pop(&pool->waiting));)
                queue_push(&pool->finished, item);
}

static void destroy(Pool *pool) {
        (void)sd_event_source_disable_unref(pool->source);
        cleanup_closep(&pool->fd);
        (void)pthread_cond_destroy(&pool->wake);
        (void)pthread_mutex_destroy(&pool->lock);
        free(pool);
}

void pool_free(Pool *pool) {
        if (!pool)
                return;
        (void)stop(pool);
        join(pool);
        deliver(pool);
        destroy(pool);
}

typedef struct Leaving {
        Pool *pool;
        void (*then)(void *userdata);
        void *userdata;
} Leaving;

static void *leave(void *userdata) {
        Leaving *leaving = userdata;
        Pool *pool = leaving->pool;

        join(pool);
        for (Item *item; (item = queue_pop(&pool->finished));)
                free(item);
        destroy(pool);
        leaving->then(leaving->userdata);
        free(leaving);
        return NULL;
}

void pool_leave(Pool *pool, void (*then)(void *userdata), void *userdata) {
        Leaving *leaving = pool ? malloc(sizeof *leaving) : NULL;
        pthread_t thread;

        if (!leaving) {                 /* without memory it waits, after all */
                pool_free(pool);
                then(userdata);
                return;
        }
        *leaving = (Leaving){ pool, then, userdata };
        pool->source = sd_event_source_disable_unref(pool->source);     /* the loop's thread's */
        if (stop(pool) > 0 && pthread_create(&thread, NULL, leave, leaving) == 0)
                (void)pthread_detach(thread);
        else
                (void)leave(leaving);
}

static int refuse(const Pool *pool, int cause, Error *err) {
        if (cause)
                return error_set(err, ERROR_LIMIT, cause, "cannot start a worker thread");
        return error_set(err, ERROR_LIMIT, 0, "too much work is waiting already (%u jobs); try again later",
                         pool->queue_max);
}

static int enqueue(Pool *pool, PoolWork work, PoolDone done, void *userdata, Error *err) {
        Item *item = calloc(1, sizeof *item);
        int cause = 0;
        if (!item)
                return error_oom(err);
        *item = (Item){ .work = work, .done = done, .userdata = userdata };

        (void)pthread_mutex_lock(&pool->lock);
        bool full = pool->busy + pool->waiting_count >= pool->threads_max + pool->queue_max;
        bool refused = work && (pool->stopping || full);
        if (!refused && work) {
                pool->waiting_count++;
                cause = grow(pool);
                refused = pool->running == 0;   /* those that run will come to it */
                if (refused)
                        pool->waiting_count--;
                else
                        queue_push(&pool->waiting, item);
                (void)pthread_cond_signal(&pool->wake);
        } else if (!refused) {
                post_locked(pool, item);
        }
        (void)pthread_mutex_unlock(&pool->lock);
        if (!refused)
                return 0;
        free(item);
        return refuse(pool, cause, err);
}

int pool_run(Pool *pool, PoolWork work, PoolDone done, void *userdata, Error *err) {
        assert(work);
        return enqueue(pool, work, done, userdata, err);
}

int pool_post(Pool *pool, PoolDone fn, void *userdata, Error *err) {
        assert(fn);
        return enqueue(pool, NULL, fn, userdata, err);
}
