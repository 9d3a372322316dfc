/* host-connect.c — the connection to libvirt, and a libvirtd that does not answer; see host.h
 *
 * virConnectOpen() has no time-out: a libvirtd that was stopped, or hangs, keeps its caller for ever, and the
 * keepalive only watches connections that are open.  So it runs on a thread of its own.  One that takes too long is
 * left to itself, and what it brings after all is taken by the next caller; meanwhile nobody waits again.
 */
#include "migrate/host-internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "migrate/libvirt-error.h"

enum {
        OPEN_US = 15 * 1000000, /* the socket may have to start libvirtd first */
        /* A call that libvirtd does not answer ends after 5 s × (3 + 1): before systemd would kill us for not
         * stopping (TimeoutStopSec in holdfastd.service). */
        KEEPALIVE_S = 5, KEEPALIVE_COUNT = 3,
};

/* Shared by the thread and the host; the last of the two frees it. */
struct HostOpening {
        pthread_mutex_t lock;
        pthread_cond_t changed;         /* CLOCK_MONOTONIC */
        const char *uri;
        bool ended, left;               /* the thread has; the host has */
        virConnectPtr connection;       /* NULL after the end: see why */
        Error why;
        struct timespec deadline;
};

static void opening_free(HostOpening *opening) {
        if (opening->connection)
                (void)virConnectClose(opening->connection);
        (void)pthread_cond_destroy(&opening->changed);
        (void)pthread_mutex_destroy(&opening->lock);
        free(opening);
}

static void *open_thread(void *userdata) {
        HostOpening *opening = userdata;
        Error why = { 0 };

        virConnectPtr connection = virConnectOpen(opening->uri);
        if (!connection)
                (void)libvirt_error(&why, "libvirt on this host does not answer (see systemctl status libvirtd)");
        (void)pthread_mutex_lock(&opening->lock);
        opening->connection = connection;
        opening->why = why;
        opening->ended = true;
        bool left = opening->left;
        (void)pthread_cond_signal(&opening->changed);
        (void)pthread_mutex_unlock(&opening->lock);
        if (left)
                opening_free(opening);
        return NULL;
}

static int opening_start(VmHost *host, HostOpening **ret, Error *err) {
        HostOpening *opening = calloc(1, sizeof *opening);
        uint64_t us = host->config.libvirt_timeout_us ? host->config.libvirt_timeout_us : OPEN_US;
        pthread_t thread;

        if (!opening || host_cond_init(&opening->changed) != 0) {
                free(opening);
                return error_oom(err);
        }
        (void)pthread_mutex_init(&opening->lock, NULL);
        opening->uri = host->config.libvirt_uri ? host->config.libvirt_uri : "qemu:///system";
        (void)clock_gettime(CLOCK_MONOTONIC, &opening->deadline);
        us += (uint64_t)opening->deadline.tv_nsec / 1000;
        opening->deadline.tv_sec += (time_t)(us / 1000000);
        opening->deadline.tv_nsec = (long)(us % 1000000 * 1000);
        int r = pthread_create(&thread, NULL, open_thread, opening);
        if (r != 0) {
                opening_free(opening);
                return error_set(err, ERROR_LIMIT, r, "cannot start a thread to connect to libvirt");
        }
        (void)pthread_detach(thread);
        *ret = opening;
        return 0;
}

/* The host's part in it is over. */
static void opening_leave(HostOpening *opening) {
        (void)pthread_mutex_lock(&opening->lock);
        opening->left = true;
        bool ended = opening->ended;
        (void)pthread_mutex_unlock(&opening->lock);
        if (ended)
                opening_free(opening);
}

static int open_connection(VmHost *host, virConnectPtr *ret, Error *err) {
        if (!host->opening && opening_start(host, &host->opening, err) < 0)
                return -1;
        HostOpening *opening = host->opening;
        (void)pthread_mutex_lock(&opening->lock);
        while (!opening->ended)
                if (pthread_cond_timedwait(&opening->changed, &opening->lock, &opening->deadline) != 0)
                        break;
        bool ended = opening->ended;
        virConnectPtr connection = take_ptr(opening->connection);
        if (!connection)
                *err = opening->why;
        (void)pthread_mutex_unlock(&opening->lock);
        if (!ended)
                return error_set(err, ERROR_UNREACHABLE, 0,
                                 "libvirt on this host takes connections but does not answer; look at it with "
                                 "systemctl status libvirtd, and restart it if it hangs (machines run on)");
        opening_leave(take_ptr(host->opening));
        if (!connection) {
                err->kind = ERROR_UNREACHABLE;
                return -1;
        }
        *ret = connection;
        return 0;
}

static void drop_connection(VmHost *host) {
        if (!host->connection)
                return;
        host_events_unregister(host, host->connection);
        (void)virConnectClose(host->connection);
        host->connection = NULL;
}

static int connect_now(VmHost *host, Error *err) {
        drop_connection(host);
        if (open_connection(host, &host->connection, err) < 0)
                return -1;
        (void)virConnectSetKeepAlive(host->connection, KEEPALIVE_S, KEEPALIVE_COUNT);
        if (host_events_register(host, host->connection, err) < 0) {
                drop_connection(host);
                return -1;
        }
        host_keeper_wake(host);
        return 0;
}

int vmhost_connection(VmHost *host, virConnectPtr *ret, Error *err) {
        int r = 0;

        (void)pthread_mutex_lock(&host->connect_lock);
        if (!host->connection || virConnectIsAlive(host->connection) != 1)
                r = connect_now(host, err);
        if (r == 0) {
                (void)virConnectRef(host->connection);
                *ret = host->connection;
        }
        (void)pthread_mutex_unlock(&host->connect_lock);
        return r;
}

void host_connect_end(VmHost *host) {
        drop_connection(host);
        if (host->opening)
                opening_leave(take_ptr(host->opening));
}
