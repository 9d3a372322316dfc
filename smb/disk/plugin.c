/* plugin.c — nbdkit's side of a disk process: NBD requests become Requests, nothing more
 *
 *      nbdkit -f -U nbd.sock nbdkit-holdfast-plugin.so config=config.json
 */
#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "appliance/base/cleanup.h"
#include "smb/disk/serve.h"

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

enum { PREFERRED_BLOCK = 4096, MAXIMUM_REQUEST = 32 * 1024 * 1024 };

/* nbdkit's callbacks before open() have no userdata: the one place where the plugin must keep its state in a
 * variable of the file. */
static struct Plugin {
        DiskConfig config;
        Queue queue;
        Serve *serve;
        pthread_t watcher;
        bool has_config, has_queue, has_watcher;
} plugin_state;

typedef struct Connection {
        Queue *queue;
        uint64_t size_bytes;
} Connection;

static int fail(const Error *err) {
        nbdkit_error("%s", err->text);
        return -1;
}

static void ensure_config(void) {
        if (!plugin_state.has_config)
                disk_config_init(&plugin_state.config);
        plugin_state.has_config = true;
}

static int holdfast_config(const char *key, const char *value) {
        Error err;
        ensure_config();
        return disk_config_set(&plugin_state.config, key, value, &err) < 0 ? fail(&err) : 0;
}

static int holdfast_config_complete(void) {
        Error err;
        ensure_config();
        return disk_config_check(&plugin_state.config, &err) < 0 ? fail(&err) : 0;
}

#define HELP \
        "config=FILE           JSON with Unc, ControlSocket, Protection, CCache\n" \
        "unc=\\\\\\\\HOST\\\\SHARE\\\\FILE  the disk\n" \
        "control-socket=PATH   varlink io.holdfast.Disk\n" \
        "nbd-socket=PATH       nbdkit's --unix socket, to be opened to the group\n" \
        "protection=encrypt    or sign, or server (as little as the server allows)\n" \
        "ccache=FILE:PATH      Kerberos credentials; default KRB5CCNAME\n" \
        "acquire=EPOCH         take the disk at once (benchmarks)"

/* A guest's parked write may block for ever, and nbdkit ends only when no callback runs: so somebody must tell the
 * loop that nbdkit was asked to end, and nbdkit_nanosleep() is how nbdkit tells. */
static void *watch_for_end(void *userdata) {
        while (nbdkit_nanosleep(86400, 0) == 0)
                ;
        serve_request_stop(userdata);
        return NULL;
}

static int holdfast_after_fork(void) {
        struct Plugin *p = &plugin_state;
        Error err;

        if (queue_init(&p->queue, &err) < 0)
                return fail(&err);
        p->has_queue = true;
        /* nbdkit sets its own umask, so its socket lets nobody but us connect: QEMU's group must, too. */
        if (*p->config.nbd_socket && chmod(p->config.nbd_socket, 0660) < 0) {
                nbdkit_error("cannot open %s to its group: %m", p->config.nbd_socket);
                return -1;
        }
        if (serve_start(&p->config, &p->queue, &p->serve, &err) < 0)
                return fail(&err);
        int r = pthread_create(&p->watcher, NULL, watch_for_end, p->serve);
        if (r != 0) {
                nbdkit_error("cannot start a thread: %s", strerror(r));
                return -1;
        }
        p->has_watcher = true;
        return 0;
}

static void holdfast_cleanup(void) {
        struct Plugin *p = &plugin_state;
        if (p->has_watcher)
                (void)pthread_join(p->watcher, NULL);
        serve_free(take_ptr(p->serve));
        if (p->has_queue)
                queue_done(&p->queue);
        p->has_queue = false;
}

/* ---- connections --------------------------------------------------------------------------------- */

static int ask(Connection *c, Request *r) {
        queue_call(c->queue, r);
        if (r->error == 0)
                return 0;
        if (*r->why.text)
                nbdkit_error("%s", r->why.text);
        nbdkit_set_error(r->error);
        errno = r->error;
        return -1;
}

static void *holdfast_open(int readonly) {
        auto_free Connection *c = calloc(1, sizeof *c);
        auto_free Request *r = calloc(1, sizeof *r);
        if (!c || !r)
                return NULL;
        c->queue = &plugin_state.queue;
        r->kind = REQUEST_READY;
        if (ask(c, r) < 0)
                return NULL;
        c->size_bytes = r->size;
        return take_ptr(c);
}

static void holdfast_close(void *handle) { free(handle); }

static int64_t holdfast_get_size(void *handle) { return (int64_t)((Connection *)handle)->size_bytes; }

static int yes(void *handle) { return 1; }
static int no(void *handle) { return 0; }

/* Writable from the start, also on a host that does not own the disk yet: its writes wait. */
static int holdfast_can_fua(void *handle) { return NBDKIT_FUA_NATIVE; }

static int holdfast_block_size(void *handle, uint32_t *minimum, uint32_t *preferred, uint32_t *maximum) {
        *minimum = 1;
        *preferred = PREFERRED_BLOCK;
        *maximum = MAXIMUM_REQUEST;
        return 0;
}

/* ---- requests ------------------------------------------------------------------------------------ */

static int holdfast_pread(void *handle, void *buffer, uint32_t count, uint64_t offset, uint32_t flags) {
        Request r = { .kind = REQUEST_READ, .to = buffer, .size = count, .offset = offset };
        return ask(handle, &r);
}

static int holdfast_pwrite(void *handle, const void *buffer, uint32_t count, uint64_t offset, uint32_t flags) {
        Request r = { .kind = REQUEST_WRITE, .from = buffer, .size = count, .offset = offset,
                      .fua = flags & NBDKIT_FLAG_FUA };
        return ask(handle, &r);
}

static int holdfast_flush(void *handle, uint32_t flags) {
        Request r = { .kind = REQUEST_FLUSH };
        return ask(handle, &r);
}

static int holdfast_trim(void *handle, uint32_t count, uint64_t offset, uint32_t flags) {
        Request r = { .kind = REQUEST_TRIM, .size = count, .offset = offset, .fua = flags & NBDKIT_FLAG_FUA };
        return ask(handle, &r);
}

/* EOPNOTSUPP, when the server cannot: nbdkit then writes zeroes through pwrite, except for a fast zero. */
static int holdfast_zero(void *handle, uint32_t count, uint64_t offset, uint32_t flags) {
        Request r = { .kind = REQUEST_ZERO, .size = count, .offset = offset, .fua = flags & NBDKIT_FLAG_FUA };
        queue_call(((Connection *)handle)->queue, &r);
        if (r.error != 0) {
                nbdkit_set_error(r.error);
                errno = r.error;
                return -1;
        }
        return 0;
}

/* Between and behind the ranges that have data there are holes, up to what the answer covers. */
static int add_extents(const Request *r, struct nbdkit_extents *extents) {
        uint64_t at = r->offset, end = r->offset + r->covered;

        for (size_t i = 0; i < r->range_count; i++) {
                uint64_t from = r->ranges[i].offset, to = from + r->ranges[i].size_bytes;
                if (from < at)
                        from = at;
                if (to > end)
                        to = end;
                if (to <= from)
                        continue;
                if (from > at &&
                    nbdkit_add_extent(extents, at, from - at, NBDKIT_EXTENT_HOLE | NBDKIT_EXTENT_ZERO) < 0)
                        return -1;
                if (nbdkit_add_extent(extents, from, to - from, 0) < 0)
                        return -1;
                at = to;
        }
        return end > at ? nbdkit_add_extent(extents, at, end - at, NBDKIT_EXTENT_HOLE | NBDKIT_EXTENT_ZERO) : 0;
}

static int holdfast_extents(void *handle, uint32_t count, uint64_t offset, uint32_t flags,
                            struct nbdkit_extents *extents) {
        auto_free SmbRange *ranges = calloc(REQUEST_RANGES_MAX, sizeof *ranges);
        if (!ranges) {
                nbdkit_error("out of memory");
                return -1;
        }
        Request r = { .kind = REQUEST_EXTENTS, .size = count, .offset = offset, .ranges = ranges };
        return ask(handle, &r) < 0 ? -1 : add_extents(&r, extents);
}

static struct nbdkit_plugin plugin = {
        .name = "holdfast",
        .longname = "Holdfast disk on an SMB 3 share",
        .version = "1",
        .config = holdfast_config,
        .config_complete = holdfast_config_complete,
        .config_help = HELP,
        .magic_config_key = "unc",
        .after_fork = holdfast_after_fork,
        .cleanup = holdfast_cleanup,
        .open = holdfast_open,
        .close = holdfast_close,
        .get_size = holdfast_get_size,
        .can_write = yes,
        .can_flush = yes,
        .can_trim = yes,
        .can_zero = yes,
        .can_fast_zero = yes,
        .can_extents = yes,
        .can_multi_conn = yes,
        .can_fua = holdfast_can_fua,
        .is_rotational = no,
        .block_size = holdfast_block_size,
        .pread = holdfast_pread,
        .pwrite = holdfast_pwrite,
        .flush = holdfast_flush,
        .trim = holdfast_trim,
        .zero = holdfast_zero,
        .extents = holdfast_extents,
        .errno_is_preserved = 1,
};

NBDKIT_REGISTER_PLUGIN(plugin)
