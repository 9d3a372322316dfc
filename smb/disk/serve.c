#include "smb/disk/serve.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>

#include "appliance/base/cleanup.h"
#include "smb/disk/control.h"
#include "smb/disk/drive.h"

/* One per change of ownership: `journalctl MESSAGE_ID=…` is the history of a disk. */
#define OWNERSHIP_MESSAGE_ID "7c0a5be2d19f4c64a4f4b4d2a9a8d3f1"

struct Serve {
        DiskConfig config;
        Queue *queue;
        pthread_t thread;
        bool has_thread;
        int stop_fd;
        sem_t started;
        Error start_error;              /* written before `started`, read after it */
        /* the thread's */
        sd_event *event;
        Drive *drive;
        Control *control;
        OwnState told;
};

static void on_changed(void *userdata) {
        Serve *s = userdata;
        DriveFacts f;
        char unc[UNC_TEXT_MAX + 1];

        control_changed(s->control);
        drive_facts(s->drive, &f);
        if (f.own.state == s->told && f.own.state != OWN_NONE)
                return;
        s->told = f.own.state;
        unc_text(&s->config.unc, unc);
        const char *state = ownership_state_name(f.own.state);
        (void)sd_notifyf(0, "STATUS=%s, epoch %llu", state, (unsigned long long)f.own.epoch);
        (void)sd_journal_send("MESSAGE=%s: %s, epoch %llu%s%s", unc, state, (unsigned long long)f.own.epoch,
                              *f.reason.text ? ": " : "", f.reason.text, "MESSAGE_ID=" OWNERSHIP_MESSAGE_ID,
                              "PRIORITY=%d", f.reason.kind == ERROR_NONE ? 6 : 3, "DISK=%s", unc, "STATE=%s", state,
                              "EPOCH=%llu", (unsigned long long)f.own.epoch, "ERROR_KIND=%s",
                              error_kind_name(f.reason.kind), "CAUSE=0x%08X", (unsigned)f.reason.cause, NULL);
}

static void on_stopped(void *userdata, const Error *err) {
        Serve *s = userdata;
        (void)sd_event_exit(s->event, 0);
}

static int on_stop(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Serve *s = userdata;
        (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
        (void)sd_notify(0, "STOPPING=1");
        drive_stop(s->drive, on_stopped, s);
        return 0;
}

static int prepare(Serve *s, Error *err) {
        int r = sd_event_new(&s->event);
        if (r < 0)
                return error_set(err, ERROR_INTERNAL, -r, "cannot make an event loop");
        r = sd_event_add_io(s->event, NULL, s->stop_fd, EPOLLIN, on_stop, s);
        if (r < 0)
                return error_set(err, ERROR_INTERNAL, -r, "cannot watch for the end");
        if (drive_new(s->event, &s->config, s->queue, &s->drive, err) < 0)
                return -1;
        if (*s->config.control_socket &&
            control_new(s->event, s->config.control_socket, s->drive, &s->control, err) < 0)
                return -1;
        drive_on_change(s->drive, on_changed, s);
        return 0;
}

static void *run(void *userdata) {
        Serve *s = userdata;

        if (prepare(s, &s->start_error) == 0) {
                (void)sd_notify(0, "READY=1");
                (void)sem_post(&s->started);
                (void)sd_event_loop(s->event);
        } else {
                (void)sem_post(&s->started);
        }
        queue_close(s->queue);
        control_free(s->control);
        drive_free(s->drive);
        s->event = sd_event_unref(s->event);
        return NULL;
}

DEFINE_FREEP(Serve, serve_free);

int serve_start(const DiskConfig *config, Queue *queue, Serve **ret, Error *err) {
        auto_(serve_freep) Serve *s = calloc(1, sizeof *s);
        if (!s)
                return error_oom(err);
        s->config = *config;
        s->queue = queue;
        (void)sem_init(&s->started, 0, 0);
        s->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (s->stop_fd < 0)
                return error_set(err, ERROR_INTERNAL, errno, "cannot make an event descriptor: %m");
        int r = pthread_create(&s->thread, NULL, run, s);
        if (r != 0)
                return error_set(err, ERROR_LIMIT, r, "cannot start a thread");
        s->has_thread = true;
        while (sem_wait(&s->started) < 0 && errno == EINTR)
                ;
        if (s->start_error.kind != ERROR_NONE) {
                *err = s->start_error;
                return -1;
        }
        *ret = take_ptr(s);
        return 0;
}

void serve_request_stop(Serve *s) {
        uint64_t one = 1;
        (void)!write(s->stop_fd, &one, sizeof one);
}

void serve_free(Serve *s) {
        if (!s)
                return;
        if (s->has_thread) {
                serve_request_stop(s);
                (void)pthread_join(s->thread, NULL);
        }
        cleanup_closep(&s->stop_fd);
        (void)sem_destroy(&s->started);
        free(s);
}
