/* libmicrohttpd's loop inside ours: its epoll descriptor and its timeout are event sources. */
#include "appliance/gateway/gateway.h"

#include <string.h>
#include <sys/epoll.h>

#include "appliance/base/log.h"

#define PRIORITIES "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%SERVER_PRECEDENCE"

void listener_run_soon(Listener *l) {
        (void)sd_event_source_set_enabled(l->again, SD_EVENT_ONESHOT);
}

static void run(Listener *l) {
        (void)MHD_run(l->daemon);
        int64_t ms = MHD_get_timeout64s(l->daemon);
        if (ms <= 0) {
                (void)sd_event_source_set_enabled(l->timer, SD_EVENT_OFF);
                if (ms == 0)
                        listener_run_soon(l);
                return;
        }
        (void)sd_event_source_set_time_relative(l->timer, (uint64_t)ms * 1000);
        (void)sd_event_source_set_enabled(l->timer, SD_EVENT_ONESHOT);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        run(userdata);
        return 0;
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata) {
        run(userdata);
        return 0;
}

static int on_again(sd_event_source *source, void *userdata) {
        run(userdata);
        return 0;
}

static void complain(void *userdata, const char *fmt, va_list args) __attribute__((format(printf, 2, 0)));
static void complain(void *userdata, const char *fmt, va_list args) {
        char text[256];
        (void)vsnprintf(text, sizeof text, fmt, args);
        text[strcspn(text, "\n")] = '\0';
        log_write(LOG_DEBUG, LOG_ID_SERVICE, NULL, "http: %s", text);
}

static struct MHD_Daemon *start(Listener *l, int fd) {
        Certificate *c = l->gateway->certificate;
        const struct MHD_OptionItem tls[] = {
                { MHD_OPTION_HTTPS_MEM_KEY, 0, c->key },
                { MHD_OPTION_HTTPS_MEM_CERT, 0, c->chain },
                { MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)PRIORITIES },
                { MHD_OPTION_END, 0, NULL },
        };
        const struct MHD_OptionItem none[] = { { MHD_OPTION_END, 0, NULL } };
        unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | (l->tls ? MHD_USE_TLS : 0);

        return MHD_start_daemon(flags, 0, NULL, NULL, request_step, l, MHD_OPTION_EXTERNAL_LOGGER, complain, NULL,
                                MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_CONNECTION, connection_notify, l,
                                MHD_OPTION_NOTIFY_COMPLETED, request_completed, l, MHD_OPTION_CONNECTION_LIMIT,
                                (unsigned)GATEWAY_CONNECTIONS_MAX, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
                                (unsigned)GATEWAY_CONNECTIONS_ADDRESS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                                (size_t)GATEWAY_HEADER_MAX, MHD_OPTION_CLIENT_DISCIPLINE_LVL, 1, MHD_OPTION_ARRAY,
                                l->tls ? tls : none, MHD_OPTION_END);
}

int listener_start(Listener *l, int consumed_fd, Error *err) {
        l->daemon = start(l, consumed_fd);
        if (!l->daemon) {
                (void)close(consumed_fd);
                return error_set(err, ERROR_INTERNAL, 0, "the %s service cannot be started%s",
                                 l->tls ? "HTTPS" : "HTTP", l->tls ? "; check the certificate and key" : "");
        }
        const union MHD_DaemonInfo *info = MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_EPOLL_FD);
        sd_event *event = l->gateway->event;
        int r = info ? sd_event_add_io(event, &l->io, info->epoll_fd, EPOLLIN, on_io, l) : -EINVAL;
        if (r >= 0)
                r = sd_event_add_time(event, &l->timer, CLOCK_MONOTONIC, 0, 1000, on_time, l);
        if (r >= 0)
                r = sd_event_source_set_enabled(l->timer, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_defer(event, &l->again, on_again, l);
        return r < 0 ? error_set(err, ERROR_INTERNAL, -r, "the HTTP service cannot be watched: %s", strerror(-r))
                     : 0;
}

void listener_stop(Listener *l) {
        /* libmicrohttpd must not be stopped over suspended connections */
        for (Connection *c = l->daemon ? l->gateway->connections : NULL; c; c = c->next)
                if (c->listener == l && c->request)
                        request_give_up(c->request);
        l->io = sd_event_source_disable_unref(l->io);
        l->timer = sd_event_source_disable_unref(l->timer);
        l->again = sd_event_source_disable_unref(l->again);
        if (l->daemon) {
                (void)MHD_run(l->daemon);
                MHD_stop_daemon(l->daemon);
        }
        l->daemon = NULL;
}
