/* holdfastd: one event loop; commands come over varlink, work happens on pools, machines live in libvirt */
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/log.h"
#include "appliance/base/memory.h"
#include "appliance/node/config.h"
#include "appliance/node/interface.h"
#include "appliance/node/people.h"
#include "appliance/node/server.h"

#define JOBS_PATH "/var/lib/holdfast/jobs.db"

enum { READY_AFTER_US = 15 * 1000000 }; /* with or without an answer from a domain controller */

typedef struct Paths {
        const char *config, *jobs, *socket, *gateway, *people, *users;
} Paths;

static int catch_signals(sd_event *event, Error *err) {
        static const int signals[] = { SIGTERM, SIGINT };
        sigset_t mask;
        (void)sigemptyset(&mask);
        for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
                (void)sigaddset(&mask, signals[i]);
        /* Before the first thread starts, so that all of them leave signals to the loop. */
        int r = sigprocmask(SIG_BLOCK, &mask, NULL) < 0 ? -errno : 0;
        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(signals); i++)
                r = sd_event_add_signal(event, NULL, signals[i], NULL, NULL);   /* exits the loop */
        (void)signal(SIGPIPE, SIG_IGN);
        return r < 0 ? error_set(err, ERROR_INTERNAL, -r, "cannot wait for signals: %s", strerror(-r)) : 0;
}

static void ready(void *userdata) {
        (void)userdata;
        (void)sd_notify(0, "READY=1");
}

static int on_late(sd_event_source *source, uint64_t usec, void *userdata) {
        ready(userdata);
        return 0;
}

/* A host without the gateway's user has no gateway: it is managed on the spot. */
static int serve_gateway(Server *server, const char *socket, Error *err) {
        char buffer[16 * 1024];
        struct passwd user, *found = NULL;

        if (getpwnam_r(NODE_GATEWAY_USER, &user, buffer, sizeof buffer, &found) != 0 || !found)
                return 0;
        return server_listen_gateway(server, socket, user.pw_uid, user.pw_gid, err);
}

/* A host without their group has no people of the domain as users. */
static int serve_people(Node *node, Server *server, const Paths *paths, People **ret, Error *err) {
        char buffer[16 * 1024];
        struct group group, *found = NULL;

        if (getgrnam_r(NODE_PEOPLE_GROUP, &group, buffer, sizeof buffer, &found) != 0 || !found)
                return 0;
        if (server_listen_people(server, paths->people, group.gr_gid, err) < 0)
                return -1;
        return people_new(node, paths->users, group.gr_gid, ret, err);
}

static int serve(sd_event *event, const Paths *paths, Error *err) {
        Node *node = NULL;
        Server *server = NULL;
        People *people = NULL;

        int r = catch_signals(event, err);
        if (r == 0)
                r = node_new(event, paths->config, paths->jobs, &node, err);
        if (r == 0)
                r = server_new(node, paths->socket, &server, err);
        if (r == 0)
                r = serve_gateway(server, paths->gateway, err);
        if (r == 0)
                r = serve_people(node, server, paths, &people, err);
        if (r == 0)
                r = server_admit_hosts(server, err);
        if (r == 0)
                r = identity_start(node, ready, NULL, err);
        if (r == 0) {
                (void)sd_event_add_time_relative(event, NULL, CLOCK_MONOTONIC, READY_AFTER_US, 0, on_late, NULL);
                (void)sd_event_set_watchdog(event, true);
                log_write(LOG_INFO, LOG_ID_SERVICE, NULL, "holdfastd is up");
                int loop = sd_event_loop(event);
                if (loop < 0)
                        r = error_set(err, ERROR_INTERNAL, -loop, "the event loop failed: %s", strerror(-loop));
                (void)sd_notify(0, "STOPPING=1");
        }
        if (server)
                server_stop(server);
        node_free(node);                /* waits for handlers; they know that they are to stop */
        people_free(people);
        server_free(server);
        return r;
}

static int usage(FILE *to, int status) {
        (void)fprintf(to, "holdfastd [--config FILE] [--jobs FILE] [--socket PATH] [--gateway PATH] [--people PATH] [--users PATH]\n"
                          "The node service of Holdfast; started by holdfastd.service.\n");
        return status;
}

int main(int argc, char *argv[]) {
        static const struct option options[] = {
                { "config", required_argument, NULL, 'c' }, { "jobs", required_argument, NULL, 'j' },
                { "socket", required_argument, NULL, 's' }, { "gateway", required_argument, NULL, 'g' },
                { "people", required_argument, NULL, 'p' }, { "users", required_argument, NULL, 'u' }, { "help", no_argument, NULL, 'h' }, { 0 },
        };
        Paths paths = { NODE_CONFIG_PATH, JOBS_PATH, NODE_SOCKET, NODE_GATEWAY_SOCKET, NODE_PEOPLE_SOCKET,
                        NODE_USERS_SOCKET };
        auto_(sd_event_unrefp) sd_event *event = NULL;
        Error err = { 0 };

        for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) >= 0;) {
                if (c == 'h')
                        return usage(stdout, EXIT_SUCCESS);
                const char **to = c == 'c'   ? &paths.config
                                  : c == 'j' ? &paths.jobs
                                  : c == 's' ? &paths.socket
                                  : c == 'g' ? &paths.gateway
                                  : c == 'p' ? &paths.people
                                  : c == 'u' ? &paths.users
                                             : NULL;
                if (!to)
                        return usage(stderr, 2);
                *to = optarg;
        }
        if (optind < argc)
                return usage(stderr, 2);
        memory_setup();
        int r = sd_event_default(&event);
        if (r < 0 || serve(event, &paths, &err) < 0) {
                log_write(LOG_ERR, LOG_ID_SERVICE, NULL, "holdfastd stops: %s", r < 0 ? strerror(-r) : err.text);
                return EXIT_FAILURE;
        }
        return EXIT_SUCCESS;
}
