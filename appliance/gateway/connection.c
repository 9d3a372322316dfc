/* TCP connections: who they come from, how long they may take, who has signed in on them. */
#include "appliance/gateway/gateway.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "appliance/base/clock.h"

enum { SWEEP_US = 1000000 };

Connection *connection_of(struct MHD_Connection *http) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(http, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
        return info ? info->socket_context : NULL;
}

static bool is_overdue(const Connection *c, uint64_t now) {
        uint64_t s = (now - c->since_us) / 1000000;
        if (!c->told)
                return s >= GATEWAY_SIGN_IN_S;
        if (c->request)
                return request_is_on_the_wire(c->request) && s >= GATEWAY_WIRE_S;
        return s >= GATEWAY_IDLE_S;
}

/* libmicrohttpd learns of it like of a client that went away. */
static int on_sweep(sd_event_source *source, uint64_t usec, void *userdata) {
        Gateway *g = userdata;
        uint64_t now = clock_us(CLOCK_MONOTONIC);

        for (Connection *c = g->connections; c; c = c->next)
                if (is_overdue(c, now))
                        (void)shutdown(c->fd, SHUT_RDWR);
        if (!g->connections)
                return 0;
        (void)sd_event_source_set_time_relative(source, SWEEP_US);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static void begin_sweep(Gateway *g) {
        int enabled = SD_EVENT_OFF;
        if (!g->sweep) {
                (void)sd_event_add_time_relative(g->event, &g->sweep, CLOCK_MONOTONIC, SWEEP_US, SWEEP_US / 4,
                                                 on_sweep, g);
                return;
        }
        (void)sd_event_source_get_enabled(g->sweep, &enabled);
        if (enabled != SD_EVENT_OFF)
                return;
        (void)sd_event_source_set_time_relative(g->sweep, SWEEP_US);
        (void)sd_event_source_set_enabled(g->sweep, SD_EVENT_ONESHOT);
}

static socklen_t address_size(const struct sockaddr *address) {
        return address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

static void take_origin(Connection *c) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(c->http, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
        char host[64] = "?";

        if (info && info->client_addr)
                (void)getnameinfo(info->client_addr, address_size(info->client_addr), host, sizeof host, NULL, 0,
                                  NI_NUMERICHOST);
        (void)snprintf(c->origin, sizeof c->origin, "%s", strncmp(host, "::ffff:", 7) == 0 ? host + 7 : host);
}

static void begin(Listener *listener, struct MHD_Connection *http, void **state) {
        const union MHD_ConnectionInfo *fd = MHD_get_connection_info(http, MHD_CONNECTION_INFO_CONNECTION_FD);
        Connection *c = calloc(1, sizeof *c);

        *state = c;
        if (!c || !fd)
                return; /* request_step() refuses it */
        Gateway *g = listener->gateway;
        *c = (Connection){ .next = g->connections,
                           .listener = listener,
                           .http = http,
                           .fd = fd->connect_fd,
                           .since_us = clock_us(CLOCK_MONOTONIC) };
        if (c->next)
                c->next->previous = c;
        g->connections = c;
        take_origin(c);
        begin_sweep(g);
}

static void end(Connection *c) {
        if (!c)
                return;
        if (c->previous)
                c->previous->next = c->next;
        else if (c->listener)
                c->listener->gateway->connections = c->next;
        if (c->next)
                c->next->previous = c->previous;
        caller_free(c->caller);
        caller_free(c->former);
        free(c);
}

void connection_notify(void *userdata, struct MHD_Connection *http, void **state,
                       enum MHD_ConnectionNotificationCode code) {
        if (code == MHD_CONNECTION_NOTIFY_STARTED)
                begin(userdata, http, state);
        else
                end(*state);
}
