/* holdfast-gateway: WS-Management for remote administrators; holds no keytab, acts only for who signed in */
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "appliance/base/log.h"
#include "appliance/base/memory.h"
#include "appliance/gateway/calls.h"
#include "appliance/gateway/gateway.h"

#define NODE_GATEWAY_SOCKET "/run/holdfast/gateway"
#define STATE_FOLDER "/var/lib/holdfast-gateway"

enum { HTTPS_PORT = 5986 };

typedef struct Parts {
        Gateway gateway;
        Calls *calls;
} Parts;

/* In the order in which they use each other: connections abandon what waits, shells cancel what runs. */
static void parts_done(Parts *p) {
        for (size_t i = 0; i < ARRAY_SIZE(p->gateway.listeners); i++)
                listener_stop(&p->gateway.listeners[i]);
        (void)sd_event_source_disable_unref(p->gateway.sweep);
        (void)sd_event_source_disable_unref(p->gateway.memory);
        wsman_free(p->gateway.wsman);
        calls_free(p->calls);
        certificate_free(p->gateway.certificate);
        (void)sd_event_unref(p->gateway.event);
}

static int catch_signals(sd_event *event, Error *err) {
        static const int signals[] = { SIGTERM, SIGINT };
        int r = 0;
        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(signals); i++)
                r = sd_event_add_signal(event, NULL, signals[i] | SD_EVENT_SIGNAL_PROCMASK, NULL, NULL);
        (void)signal(SIGPIPE, SIG_IGN);
        return r < 0 ? error_set(err, ERROR_INTERNAL, -r, "cannot wait for signals: %s", strerror(-r)) : 0;
}

static bool is_https(int fd) {
        struct sockaddr_in6 address = { 0 };
        socklen_t size = sizeof address;
        /* the port is at the same place for both families */
        return getsockname(fd, (struct sockaddr *)&address, &size) == 0 && ntohs(address.sin6_port) == HTTPS_PORT;
}

/* The sockets come from systemd, so that this process needs no way to the network of its own. */
static int listen_all(Gateway *g, Error *err) {
        int count = sd_listen_fds(1);
        if (count < 1 || count > (int)ARRAY_SIZE(g->listeners))
                return error_set(err, ERROR_INVALID, 0,
                                 "one or two sockets are wanted from systemd, and there are %d; "
                                 "start holdfast-gateway-http.socket and holdfast-gateway-https.socket",
                                 count);
        for (int i = 0; i < count; i++) {
                int fd = SD_LISTEN_FDS_START + i;
                g->listeners[i] = (Listener){ .gateway = g, .tls = is_https(fd) };
                if (listener_start(&g->listeners[i], fd, err) < 0)
                        return -1;
        }
        return 0;
}

static int serve(const char *node, const char *state, Error *err) {
        auto_(parts_done) Parts p = { .gateway = { .node = node } };
        char host[256] = "localhost";

        int r = sd_event_default(&p.gateway.event);
        if (r < 0)
                return error_set(err, ERROR_INTERNAL, -r, "no event loop: %s", strerror(-r));
        (void)gethostname(host, sizeof host - 1);
        if (catch_signals(p.gateway.event, err) < 0 || memory_watch(p.gateway.event, &p.gateway.memory, err) < 0 ||
            certificate_load(state, host, &p.gateway.certificate, err) < 0 ||
            calls_new(p.gateway.event, node, &p.calls, err) < 0)
                return -1;
        const WsmanNode runner = calls_node(p.calls);
        if (wsman_new(p.gateway.event, &runner, &p.gateway.wsman, err) < 0 || listen_all(&p.gateway, err) < 0)
                return -1;
        (void)sd_event_set_watchdog(p.gateway.event, true);
        (void)sd_notify(0, "READY=1");
        log_write(LOG_INFO, LOG_ID_SERVICE, NULL, "holdfast-gateway is up");
        r = sd_event_loop(p.gateway.event);
        (void)sd_notify(0, "STOPPING=1");
        return r < 0 ? error_set(err, ERROR_INTERNAL, -r, "the event loop failed: %s", strerror(-r)) : 0;
}

static int usage(FILE *to, int status) {
        (void)fprintf(to, "holdfast-gateway [--node SOCKET] [--state FOLDER]\n"
                          "WinRM for Holdfast; started by holdfast-gateway.service.\n");
        return status;
}

int main(int argc, char *argv[]) {
        static const struct option options[] = { { "node", required_argument, NULL, 'n' },
                                                 { "state", required_argument, NULL, 's' },
                                                 { "help", no_argument, NULL, 'h' },
                                                 { 0 } };
        const char *node = NODE_GATEWAY_SOCKET, *state = STATE_FOLDER;
        Error err = { 0 };

        for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) >= 0;) {
                if (c == 'h')
                        return usage(stdout, EXIT_SUCCESS);
                const char **to = c == 'n' ? &node : c == 's' ? &state : NULL;
                if (!to)
                        return usage(stderr, 2);
                *to = optarg;
        }
        if (optind < argc)
                return usage(stderr, 2);
        memory_setup();
        if (serve(node, state, &err) < 0) {
                log_write(LOG_ERR, LOG_ID_SERVICE, NULL, "holdfast-gateway stops: %s", err.text);
                return EXIT_FAILURE;
        }
        return EXIT_SUCCESS;
}
