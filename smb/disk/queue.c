#include "smb/disk/queue.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"

int queue_init(Queue *queue, Error *err) {
        *queue = (Queue){ .last = &queue->first };
        queue->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (queue->fd < 0)
                return error_set(err, ERROR_INTERNAL, errno, "cannot make an event descriptor: %m");
        (void)pthread_mutex_init(&queue->lock, NULL);
        return 0;
}

void queue_done(Queue *queue) {
        cleanup_closep(&queue->fd);
        queue->fd = -1;
        (void)pthread_mutex_destroy(&queue->lock);
}

void queue_call(Queue *queue, Request *request) {
        (void)sem_init(&request->answered, 0, 0);
        request->next = NULL;

        (void)pthread_mutex_lock(&queue->lock);
        bool closed = queue->closed, wake = !queue->awake;
        if (!closed) {
                *queue->last = request;
                queue->last = &request->next;
                queue->awake = true;
        }
        (void)pthread_mutex_unlock(&queue->lock);
        if (closed) {
                request->error = ESHUTDOWN;
                (void)sem_destroy(&request->answered);
                return;
        }
        uint64_t one = 1;
        if (wake)
                (void)!write(queue->fd, &one, sizeof one);      /* cannot block before 2^64 - 2 unread wake-ups */
        while (sem_wait(&request->answered) < 0 && errno == EINTR)
                ;
        (void)sem_destroy(&request->answered);
}

Request *queue_take(Queue *queue) {
        (void)pthread_mutex_lock(&queue->lock);
        Request *first = queue->first;
        queue->first = NULL;
        queue->last = &queue->first;
        queue->awake = first != NULL;
        (void)pthread_mutex_unlock(&queue->lock);
        return first;
}

void queue_drain_wakeups(Queue *queue) {
        uint64_t count;
        (void)!read(queue->fd, &count, sizeof count);
}

void queue_close(Queue *queue) {
        (void)pthread_mutex_lock(&queue->lock);
        queue->closed = true;
        (void)pthread_mutex_unlock(&queue->lock);
        for (Request *r = queue_take(queue), *next; r; r = next) {
                next = r->next;
                queue_answer(r, ESHUTDOWN);
        }
}

void queue_answer(Request *request, int error) {
        request->error = error;
        (void)sem_post(&request->answered);     /* after this the request is gone: it lay on the other's stack */
}

uint32_t request_next_part(uint64_t size, uint64_t sent, uint32_t most) {
        uint64_t left = size - sent;
        return left < most ? (uint32_t)left : most;
}

void list_init(RequestList *list) {
        list->first = NULL;
        list->last = &list->first;
}

void list_push(RequestList *list, Request *request) {
        request->next = NULL;
        *list->last = request;
        list->last = &request->next;
}

Request *list_pop(RequestList *list) {
        Request *request = list->first;
        if (request && !(list->first = request->next))
                list->last = &list->first;
        return request;
}
