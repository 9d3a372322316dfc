#include <string.h>

#include "migrate/channel-internal.h"
#include "migrate/channel-message.h"

static void unrefp(sd_json_variant **v) {
        (void)sd_json_variant_unref(*v);
}

static int serve_call(Worker *worker, char **ret, Error *err) {
        const ChannelHandlers *handlers = &worker->channel->handlers;
        auto_free char *method = NULL;
        auto_(unrefp) sd_json_variant *parameters = NULL, *reply = NULL;

        if (message_call_parse((Span){ worker->payload, worker->size }, &method, &parameters, err) < 0)
                return -1;
        if (!handlers->call)
                return error_set(err, ERROR_UNSUPPORTED, 0, "this node serves no calls");
        if (handlers->call(handlers->userdata, worker->channel, method, parameters, &reply, err) < 0)
                return -1;
        return message_value(reply, ret, err);
}

static int serve_open(Worker *worker, Error *err) {
        const ChannelHandlers *handlers = &worker->channel->handlers;
        char service[SERVICE_MAX + 1];

        if (memchr(worker->payload, 0, worker->size))
                return error_set(err, ERROR_PROTOCOL, 0, "the name of a service holds a zero byte");
        (void)memcpy(service, worker->payload, worker->size);   /* ≤ 255: the shape of FRAME_OPEN */
        service[worker->size] = '\0';
        if (!handlers->stream)
                return error_set(err, ERROR_UNSUPPORTED, 0, "this node serves no streams");
        return handlers->stream(handlers->userdata, worker->channel, service, &worker->fd, err);
}

static void *work(void *userdata) {
        Worker *worker = userdata;
        Channel *channel = worker->channel;
        auto_free char *reply = NULL;
        Error ignored;

        if (worker->type == FRAME_OPEN)
                (void)!serve_open(worker, &worker->error);
        else if (serve_call(worker, &reply, &worker->error) == 0)
                (void)!channel_post(channel, FRAME_REPLY, worker->id, reply, strlen(reply), &ignored);
        (void)pthread_mutex_lock(&channel->lock);
        worker->state = WORKER_FINISHED;
        (void)pthread_mutex_unlock(&channel->lock);
        channel_wake(channel);
        return NULL;
}

static int refuse(Channel *channel, uint32_t id, const Error *why, Error *err) {
        auto_free char *text = message_error(why);
        if (!text)
                return error_oom(err);
        return channel_write(channel, FRAME_ERROR, id, text, strlen(text), err);
}

static Worker *free_worker(Channel *channel) {
        Worker *found = NULL;
        (void)pthread_mutex_lock(&channel->lock);
        for (size_t i = 0; i < WORKERS_MAX && !found; i++)
                if (channel->workers[i].state == WORKER_FREE)
                        found = &channel->workers[i];
        (void)pthread_mutex_unlock(&channel->lock);
        return found;   /* only this thread makes a free one running */
}

int channel_work(Channel *channel, const Frame *frame, Error *err) {
        Worker *worker = free_worker(channel);
        Error why;

        if (frame->type == FRAME_OPEN && stream_find(channel, frame->stream))
                return error_set(err, ERROR_PROTOCOL, 0, "stream %u was opened twice", frame->stream);
        if (!worker || (frame->type == FRAME_OPEN && !stream_new(channel, frame->stream))) {
                (void)error_set(&why, ERROR_LIMIT, 0, "the host is busy with %d requests of this channel",
                                worker ? STREAMS_MAX : WORKERS_MAX);
                return refuse(channel, frame->stream, &why, err);
        }
        *worker = (Worker){ .state = WORKER_RUNNING, .channel = channel, .id = frame->stream, .fd = -1,
                            .type = frame->type, .size = frame->payload.size };
        worker->payload = malloc(frame->payload.size);
        if (worker->payload)
                (void)memcpy(worker->payload, frame->payload.data, frame->payload.size);
        if (!worker->payload || pthread_create(&worker->thread, NULL, work, worker) != 0) {
                free(worker->payload);
                *worker = (Worker){ 0 };
                if (frame->type == FRAME_OPEN)
                        stream_drop(stream_find(channel, frame->stream));
                (void)error_set(&why, ERROR_LIMIT, 0, "the host has no memory or threads left for this request");
                return refuse(channel, frame->stream, &why, err);
        }
        return 0;
}

/* What a finished worker brings: a stream's local side, or an error to be sent. */
static int collect(Channel *channel, Worker *worker, bool ended, Error *err) {
        Stream *stream = worker->type == FRAME_OPEN ? stream_find(channel, worker->id) : NULL;

        if (ended || (worker->type == FRAME_OPEN && !stream)) {
                if (worker->fd >= 0)
                        (void)close(worker->fd);
                return 0;
        }
        if (worker->error.kind != ERROR_NONE) {
                if (stream)
                        stream_drop(stream);
                return refuse(channel, worker->id, &worker->error, err);
        }
        if (!stream)
                return 0;
        stream_attach(stream, worker->fd);
        return channel_write(channel, FRAME_OPENED, worker->id, "", 0, err);
}

int channel_reap(Channel *channel, bool all, Error *err) {
        int r = 0;

        for (size_t i = 0; i < WORKERS_MAX; i++) {
                Worker *worker = &channel->workers[i];

                (void)pthread_mutex_lock(&channel->lock);
                int state = worker->state;
                (void)pthread_mutex_unlock(&channel->lock);
                if (state == WORKER_FREE || (state == WORKER_RUNNING && !all))
                        continue;
                (void)pthread_join(worker->thread, NULL);
                if (r == 0)
                        r = collect(channel, worker, all, err);
                else if (worker->fd >= 0)
                        (void)close(worker->fd);
                free(worker->payload);
                *worker = (Worker){ 0 };
        }
        return r;
}
