/* queue.h — guest requests on their way from nbdkit's threads to the one loop that owns the disk
 *
 * A thread fills a Request on its own stack, pushes it and sleeps until it is answered.  The loop is woken through
 * an eventfd only when it sleeps: while it works, a push costs a lock and no system call.
 */
#pragma once

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "appliance/base/error.h"
#include "smb/engine/smb.h"

typedef enum RequestKind {
        REQUEST_READ, REQUEST_WRITE, REQUEST_ZERO, REQUEST_TRIM, REQUEST_FLUSH, REQUEST_EXTENTS,
        REQUEST_READY,          /* answered when the disk has a size (in size), or has none and never will */
} RequestKind;

enum {
        REQUEST_WINDOW = 8,             /* parts of one request that are on the wire together */
        REQUEST_RANGES_MAX = 1024,      /* extents in one answer; the client asks again behind them */
};

typedef struct Request Request;

typedef struct RequestPart {            /* one SMB2 READ or WRITE of a request */
        Request *request;
        uint64_t at;                    /* counted from the request's offset */
        uint32_t size;
        bool busy;
} RequestPart;

struct Request {
        /* the thread's, read-only for the loop */
        RequestKind kind;
        bool fua;
        uint64_t offset, size;
        uint8_t *to;                    /* READ */
        const uint8_t *from;            /* WRITE */
        SmbRange *ranges;               /* EXTENTS: room for REQUEST_RANGES_MAX */
        /* the answer, valid after queue_call() */
        int error;                      /* errno, 0: done */
        Error why;                      /* the sentence when error is not 0; empty when there is none */
        size_t range_count;
        uint64_t covered;               /* EXTENTS: bytes from offset that the answer is about */
        /* the loop's */
        struct Drive *owner;
        Request *next;
        uint64_t sent;                  /* bytes handed to the engine so far */
        unsigned outstanding;
        uint64_t mark;                  /* FLUSH: the writes it covers */
        bool on_writer, again, flushing;
        RequestPart parts[REQUEST_WINDOW];
        /* both */
        sem_t answered;
};

typedef struct Queue {
        pthread_mutex_t lock;
        Request *first, **last;
        atomic_bool awake;              /* the loop will look again before it sleeps */
        bool closed;
        int fd;                         /* readable: there is something, and the loop slept */
} Queue;

int queue_init(Queue *queue, Error *err) FAILS;
void queue_done(Queue *queue);

/* Any thread: hands @request over and blocks until it is answered.  After queue_close() it is answered with
 * ESHUTDOWN at once. */
void queue_call(Queue *queue, Request *request);

/* ---- the loop's ---- */
/* Everything that waits, in order, linked by next.  NULL when nothing waits; then the loop may sleep and the next
 * push writes to the eventfd.  Call it before every sleep until it gives NULL. */
Request *queue_take(Queue *queue);
/* The loop is at work and will call queue_take() before it sleeps: pushes need not wake it. */
static inline void queue_is_awake(Queue *queue) {
        atomic_store_explicit(&queue->awake, true, memory_order_relaxed);
}
void queue_drain_wakeups(Queue *queue);
/* Refuses further pushes and answers what waits. */
void queue_close(Queue *queue);
void queue_answer(Request *request, int error);

/* Pure: the next part of a request of @size of which @sent is on its way, when one part may have @most bytes.
 * 0: nothing is left. */
uint32_t request_next_part(uint64_t size, uint64_t sent, uint32_t most);

/* A list of requests in order. */
typedef struct RequestList { Request *first, **last; } RequestList;
void list_init(RequestList *list);
void list_push(RequestList *list, Request *request);
Request *list_pop(RequestList *list);
