#include "migrate/saved-stream.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "appliance/base/cleanup.h"
#include "migrate/saved.h"
#include "smb/share/link.h"

#define FOLDER "/run/holdfast/save"

enum { PIECE = 1 << 20, LOOK_MS = 200, FULL = 4096, PATH_SIZE = 128 };

/* ---- the FIFOs --------------------------------------------------------------------------------- */

typedef struct Pipes {
        char folder[PATH_SIZE], path[PATH_SIZE], tail_path[PATH_SIZE];
        int data;                       /* our end of the first */
        int tail;                       /* of the one that the path leads to as soon as the first is in use */
} Pipes;

static void pipes_close(Pipes *p) {
        if (p->data >= 0)
                (void)close(p->data);
        if (p->tail >= 0)
                (void)close(p->tail);
        p->data = p->tail = -1;
}

static void pipes_end(Pipes *p) {
        if (!*p->folder)
                return;
        (void)unlink(p->path);          /* first: who comes later finds nothing and does not wait for ever */
        (void)unlink(p->tail_path);
        pipes_close(p);
        (void)rmdir(p->folder);
}

static int make_fifo(const char *path, int flags, int *ret_fd, Error *err) {
        if (mkfifo(path, 0600) < 0)
                return error_set(err, ERROR_INTERNAL, errno, "cannot make %s: %m", path);
        *ret_fd = open(path, flags | O_NONBLOCK | O_CLOEXEC);
        return *ret_fd < 0 ? error_set(err, ERROR_INTERNAL, errno, "cannot open %s: %m", path) : 0;
}

static int make_pipes(const char *id, int flags, Pipes *p, Error *err) {
        *p = (Pipes){ .data = -1, .tail = -1 };
        (void)snprintf(p->path, sizeof p->path, "%s/%s/memory", FOLDER, id);
        (void)snprintf(p->tail_path, sizeof p->tail_path, "%s/%s/tail", FOLDER, id);
        char folder[PATH_SIZE];
        (void)snprintf(folder, sizeof folder, "%s/%s", FOLDER, id);
        if ((mkdir(FOLDER, 0700) < 0 && errno != EEXIST) || (mkdir(folder, 0700) < 0 && errno != EEXIST))
                return error_set(err, ERROR_INTERNAL, errno, "cannot make %s: %m", folder);
        (void)memcpy(p->folder, folder, sizeof p->folder);
        (void)unlink(p->path);
        (void)unlink(p->tail_path);
        return make_fifo(p->path, flags, &p->data, err);
}

/* Full to the last byte: what is written there next waits, and fails when our end closes. */
static int make_tail(Pipes *p, Error *err) {
        static const char full[FULL] = "";

        if (make_fifo(p->tail_path, O_RDWR, &p->tail, err) < 0)
                return -1;
        if (fcntl(p->tail, F_SETPIPE_SZ, FULL) != FULL || write(p->tail, full, FULL) != FULL ||
            write(p->tail, full, 1) >= 0)
                return error_set(err, ERROR_INTERNAL, errno, "a pipe of this kernel does not hold %d bytes", FULL);
        return 0;
}

void saved_sweep(void) {
        DIR *dir = opendir(FOLDER);

        for (const struct dirent *e; dir && (e = readdir(dir));) {
                static const char *const names[] = { "memory", "tail" };
                char path[sizeof FOLDER + sizeof e->d_name + 16];
                if (*e->d_name == '.')
                        continue;
                for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                        (void)snprintf(path, sizeof path, "%s/%s/%s", FOLDER, e->d_name, names[i]);
                        int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
                        (void)unlink(path);
                        if (fd >= 0)
                                (void)close(fd);
                }
                (void)snprintf(path, sizeof path, "%s/%s", FOLDER, e->d_name);
                (void)rmdir(path);
        }
        if (dir)
                (void)closedir(dir);
}

/* ---- libvirt, on its thread -------------------------------------------------------------------- */

typedef struct Work {
        SavedCall call;
        void *userdata;
        const char *path;
        pthread_t thread;
        bool begun;
        atomic_bool ended;
        int result;                     /* and error: once ended */
        Error error;
} Work;

static void *work_thread(void *userdata) {
        Work *work = userdata;
        work->result = work->call(work->userdata, work->path, &work->error);
        atomic_store(&work->ended, true);
        return NULL;
}

static int work_begin(Work *work, Error *err) {
        int r = pthread_create(&work->thread, NULL, work_thread, work);
        work->begun = r == 0;
        return r == 0 ? 0 : error_set(err, ERROR_LIMIT, r, "there are no threads left to save or restore a machine");
}

static int work_end(Work *work, Error *err) {
        if (!work->begun)
                return -1;
        (void)pthread_join(work->thread, NULL);
        work->begun = false;
        if (work->result < 0)
                *err = work->error;
        return work->result;
}

static int check_wait(const VmWait *wait, uint64_t done, uint64_t all, Error *err) {
        if (!wait)
                return 0;
        if (wait->cancelled && wait->cancelled(wait->userdata))
                return error_set(err, ERROR_CANCELLED, 0, "it was cancelled");
        if (wait->progress && all > 0)
                wait->progress(wait->userdata, (int)(done >= all ? 100 : done * 100 / all));
        return 0;
}

/* ---- saving ------------------------------------------------------------------------------------ */

typedef struct Store {
        Pipes pipes;
        ShareLink link;
        SmbFile *file;
        Work work;
        const VmWait *wait;
        uint64_t at, expected;
        bool begun;                     /* libvirt has opened the first FIFO */
        char first[SAVED_FIRST];
} Store;

static int create(Store *s, const char *unc, Error *err) {
        SmbOpenHow how = { .access = SMB_READ_DATA | SMB_WRITE_DATA | SMB_DELETE | SMB_READ_ATTRIBUTES |
                                     SMB_WRITE_ATTRIBUTES | SMB_SYNCHRONIZE,
                           .share = SMB_SHARE_NONE, .disposition = SMB_OVERWRITE_IF,
                           .options = SMB_OPTION_NON_DIRECTORY };

        if (share_link_begin(unc, &s->link, err) < 0)
                return -1;
        (void)snprintf(how.path, sizeof how.path, "%s", s->link.unc.path);
        return smb_sync_open(s->link.sync, &how, &s->file, NULL, err);
}

/* libvirt has opened the first FIFO, and opens the path a second time only when all of it was read. */
static int swap(Store *s, Error *err) {
        s->begun = true;
        (void)fcntl(s->pipes.data, F_SETPIPE_SZ, PIECE);
        return rename(s->pipes.tail_path, s->pipes.path) < 0
                       ? error_set(err, ERROR_INTERNAL, errno, "cannot rename %s: %m", s->pipes.tail_path)
                       : 0;
}

static int keep(Store *s, const char *data, size_t size, Error *err) {
        if (s->at < SAVED_FIRST) {
                size_t n = SAVED_FIRST - s->at < size ? SAVED_FIRST - s->at : size;
                (void)memcpy(s->first + s->at, data, n);
        }
        if (smb_sync_write(s->link.sync, s->file, s->at, data, size, err) < 0)
                return -1;
        s->at += size;
        return 0;
}

/* Until libvirt has closed the first FIFO. */
static int take(Store *s, Error *err) {
        auto_free char *piece = malloc(PIECE);

        if (!piece)
                return error_oom(err);
        for (;;) {
                struct pollfd p = { .fd = s->pipes.data, .events = POLLIN };
                int ready = poll(&p, 1, LOOK_MS);
                if (check_wait(s->wait, s->at, s->expected, err) < 0)
                        return -1;
                if (!s->begun && !(p.revents & POLLIN)) {
                        if (atomic_load(&s->work.ended))
                                return error_set(err, ERROR_INTERNAL, 0, "libvirt wrote nothing");
                        if (ready > 0)          /* opened and closed again */
                                (void)usleep(LOOK_MS * 100);
                        continue;
                }
                if (!s->begun && swap(s, err) < 0)
                        return -1;
                ssize_t got = read(s->pipes.data, piece, PIECE);
                if (got == 0)
                        return 0;
                if (got < 0 && errno != EAGAIN && errno != EINTR)
                        return error_set(err, ERROR_INTERNAL, errno, "the memory cannot be read: %m");
                if (got > 0 && keep(s, piece, (size_t)got, err) < 0)
                        return -1;
        }
}

/* On the disks of the file server, marked as complete: now libvirt may know. */
static int settle(Store *s, Error *err) {
        if (s->at < SAVED_FIRST)
                return error_set(err, ERROR_INTERNAL, 0, "libvirt wrote no saved state");
        if (saved_complete(s->first, err) < 0 ||
            smb_sync_write(s->link.sync, s->file, 0, s->first, SAVED_FIRST, err) < 0)
                return -1;
        return smb_sync_flush(s->link.sync, s->file, err);
}

static int let_go(Store *s, Error *err) {
        char full[FULL];

        if (read(s->pipes.tail, full, sizeof full) != (ssize_t)sizeof full)
                return error_set(err, ERROR_INTERNAL, errno, "a pipe lost its bytes");
        while (!atomic_load(&s->work.ended)) {
                struct pollfd p = { .fd = s->pipes.tail, .events = POLLIN };
                if (poll(&p, 1, LOOK_MS) > 0)
                        (void)!read(s->pipes.tail, full, sizeof full);
        }
        return 0;
}

static int store(Store *s, const char *id, const char *unc, Error *err) {
        Error late = { 0 };

        if (make_pipes(id, O_RDONLY, &s->pipes, err) < 0 || make_tail(&s->pipes, err) < 0 || create(s, unc, err) < 0 ||
            work_begin(&s->work, err) < 0)
                return -1;
        int r = take(s, err);
        if (r == 0)
                r = settle(s, err);
        if (r == 0)
                r = let_go(s, err);
        if (r < 0) {
                (void)unlink(s->pipes.path);
                pipes_close(&s->pipes);         /* whatever libvirt writes from now on fails */
        }
        /* When libvirt was the first to fail, its reason is the better one; cancelled is cancelled. */
        if (work_end(&s->work, &late) < 0 && (r == 0 || err->kind == ERROR_INTERNAL)) {
                *err = late;
                r = -1;
        }
        return r;
}

int saved_store(const char *id, const char *unc, uint64_t expected_bytes, SavedCall call, void *userdata,
                const VmWait *wait, Error *err) {
        auto_free Store *s = calloc(1, sizeof *s);
        Error ignored;

        if (!s)
                return error_oom(err);
        s->wait = wait;
        s->expected = expected_bytes;
        s->pipes.data = s->pipes.tail = -1;
        s->work = (Work){ .call = call, .userdata = userdata, .path = s->pipes.path };
        int r = store(s, id, unc, err);
        pipes_end(&s->pipes);
        if (s->file && r < 0)
                (void)!share_link_delete(&s->link, s->file, &ignored);
        else if (s->file)
                (void)!smb_sync_close(s->link.sync, s->file, &ignored); /* flushed already */
        share_link_end(&s->link);
        return r;
}

/* ---- restoring --------------------------------------------------------------------------------- */

typedef struct Fetch {
        Pipes pipes;
        ShareLink link;
        SmbFile *file;
        Work work;
        const VmWait *wait;
        uint64_t size;
        char *head;
        size_t head_size;
} Fetch;

static int open_file(Fetch *f, const char *unc, Error *err) {
        SmbOpenHow how = { .access = SMB_READ_DATA | SMB_READ_ATTRIBUTES | SMB_SYNCHRONIZE, .share = SMB_SHARE_NONE,
                           .disposition = SMB_OPEN, .options = SMB_OPTION_NON_DIRECTORY };
        SmbOpened opened;

        if (share_link_begin(unc, &f->link, err) < 0)
                return -1;
        (void)snprintf(how.path, sizeof how.path, "%s", f->link.unc.path);
        if (smb_sync_open(f->link.sync, &how, &f->file, &opened, err) < 0)
                return -1;
        f->size = opened.size_bytes;
        return 0;
}

static int read_exactly(Fetch *f, uint64_t at, void *to, size_t size, Error *err) {
        size_t got = 0;

        if (smb_sync_read(f->link.sync, f->file, at, to, size, &got, err) < 0)
                return -1;
        return got == size ? 0 : error_set(err, ERROR_PROTOCOL, 0, "the saved state cannot be used: it was cut off");
}

static int read_head(Fetch *f, const VmDefinition *d, bool emulated, const char *emulator, Error *err) {
        char first[SAVED_FIRST];

        if (read_exactly(f, 0, first, sizeof first, err) < 0 || saved_head_size(first, &f->head_size, err) < 0)
                return -1;
        f->head = malloc(f->head_size);
        if (!f->head)
                return error_oom(err);
        if (read_exactly(f, 0, f->head, f->head_size, err) < 0)
                return -1;
        return saved_check(f->head, f->head_size, d, emulated, emulator, err);
}

/* 1: libvirt has ended before it wanted all. */
static int give(Fetch *f, const char *data, size_t size, uint64_t done, Error *err) {
        for (size_t at = 0; at < size;) {
                struct pollfd p = { .fd = f->pipes.data, .events = POLLOUT };
                (void)poll(&p, 1, LOOK_MS);
                if (atomic_load(&f->work.ended))
                        return 1;
                if (check_wait(f->wait, done + at, f->size, err) < 0)
                        return -1;
                ssize_t n = write(f->pipes.data, data + at, size - at);
                if (n < 0 && errno != EAGAIN && errno != EINTR)
                        return error_set(err, ERROR_INTERNAL, errno, "the memory cannot be handed over: %m");
                at += n > 0 ? (size_t)n : 0;
        }
        return 0;
}

static int until_read(Fetch *f, Error *err) {
        for (int left = 1; left > 0;) {
                if (atomic_load(&f->work.ended))
                        return 1;
                if (check_wait(f->wait, 0, 0, err) < 0)
                        return -1;
                if (ioctl(f->pipes.data, FIONREAD, &left) < 0)
                        return error_set(err, ERROR_INTERNAL, errno, "a pipe does not say what it holds: %m");
                if (left > 0)
                        (void)usleep(1000);
        }
        return 0;
}

/* libvirt opens the path twice: it reads the head and closes it, then reads the head again and hands the rest to QEMU. */
static int feed(Fetch *f, Error *err) {
        auto_free char *piece = malloc(PIECE);

        if (!piece)
                return error_oom(err);
        int r = give(f, f->head, f->head_size, 0, err);
        if (r == 0)
                r = until_read(f, err);
        if (r == 0)
                r = give(f, f->head, f->head_size, 0, err);
        for (uint64_t at = f->head_size; r == 0 && at < f->size;) {
                size_t n = f->size - at < PIECE ? (size_t)(f->size - at) : PIECE;
                if (read_exactly(f, at, piece, n, err) < 0)
                        return -1;
                r = give(f, piece, n, at, err);
                at += n;
        }
        return r == 0 ? until_read(f, err) : r;
}

static int fetch(Fetch *f, const VmDefinition *d, const char *unc, bool emulated, const char *emulator, Error *err) {
        Error late = { 0 };

        /* Open for both: neither side ever waits for the other to open. */
        if (open_file(f, unc, err) < 0 || read_head(f, d, emulated, emulator, err) < 0 ||
            make_pipes(d->id, O_RDWR, &f->pipes, err) < 0)
                return -1;
        (void)fcntl(f->pipes.data, F_SETPIPE_SZ, PIECE);
        if (work_begin(&f->work, err) < 0)
                return -1;
        int r = feed(f, err);
        if (r < 0)
                (void)unlink(f->pipes.path);
        pipes_close(&f->pipes);                 /* a QEMU that wants more than there is sees the end */
        if (work_end(&f->work, &late) < 0) {
                if (r >= 0)
                        *err = late;
                return -1;
        }
        return 0;       /* it runs, and that is what counts */
}

int saved_fetch(const VmDefinition *d, const char *unc, bool emulated, const char *emulator, SavedCall call,
                void *userdata, const VmWait *wait, Error *err) {
        auto_free Fetch *f = calloc(1, sizeof *f);
        Error ignored;

        if (!f)
                return error_oom(err);
        f->wait = wait;
        f->pipes.data = f->pipes.tail = -1;
        f->work = (Work){ .call = call, .userdata = userdata, .path = f->pipes.path };
        int r = fetch(f, d, unc, emulated, emulator, err);
        pipes_end(&f->pipes);
        free(f->head);
        if (f->file)
                (void)!smb_sync_close(f->link.sync, f->file, &ignored);
        share_link_end(&f->link);
        return r;
}
