/* host.c — making and ending the VM host; see host.h */
#include "migrate/host-internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "migrate/saved-stream.h"

int host_cond_init(pthread_cond_t *cond) {
        pthread_condattr_t attributes;

        int r = pthread_condattr_init(&attributes);
        if (r != 0)
                return r;
        (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        r = pthread_cond_init(cond, &attributes);
        (void)pthread_condattr_destroy(&attributes);
        return r;
}

int vmhost_new(const VmHostConfig *config, VmHost **ret, Error *err) {
        auto_free VmHost *made = calloc(1, sizeof *made);

        if (!made || host_cond_init(&made->claims_changed) != 0 || host_cond_init(&made->keeper_wake) != 0)
                return error_oom(err);
        (void)pthread_mutex_init(&made->lock, NULL);
        (void)pthread_mutex_init(&made->connect_lock, NULL);
        made->config = *config;
        made->settle_wanted = true;             /* whatever happened while nobody looked */

        saved_sweep();
        auto_(vmhost_freep) VmHost *host = take_ptr(made);
        if (host_events_start(host, err) < 0 || host_keeper_start(host, err) < 0)
                return -1;
        *ret = take_ptr(host);
        return 0;
}

void vmhost_free(VmHost *host) {
        if (!host)
                return;
        host_keeper_stop(host);
        host_connect_end(host);
        host_events_stop(host);
        host_known_end(host);
        (void)pthread_cond_destroy(&host->claims_changed);
        (void)pthread_cond_destroy(&host->keeper_wake);
        (void)pthread_mutex_destroy(&host->connect_lock);
        (void)pthread_mutex_destroy(&host->lock);
        free(host);
}

void vmhost_set_name(VmHost *host, const char *name) {
        (void)pthread_mutex_lock(&host->lock);
        (void)snprintf(host->config.host, sizeof host->config.host, "%s", name);
        (void)pthread_mutex_unlock(&host->lock);
}

void vmhost_name(VmHost *host, char ret[static MACHINE_NAME_MAX]) {
        (void)pthread_mutex_lock(&host->lock);
        (void)snprintf(ret, MACHINE_NAME_MAX, "%s", host->config.host);
        (void)pthread_mutex_unlock(&host->lock);
}
