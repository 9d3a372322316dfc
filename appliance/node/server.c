#include "appliance/node/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/command/syntax.h"
#include "appliance/node/interface.h"
#include "appliance/node/run.h"

enum { CLIENTS_MAX = 64, WIDTH_MAX = 1000 };

typedef struct Link {                   /* a caller */
        struct Link *next;
        sd_varlink *varlink;            /* borrowed: connections hold themselves */
        Run *run;                       /* or NULL */
} Link;

struct Server {
        Node *node;
        sd_varlink_server *varlink;
        sd_event_source *after;         /* runs after every turn of the loop: callers may have read */
        Link *links;
};

static int on_connect(sd_varlink_server *varlink, sd_varlink *link, void *userdata) {
        Server *server = userdata;
        Link *new = calloc(1, sizeof *new);
        if (!new)
                return -ENOMEM;
        *new = (Link){ .next = server->links, .varlink = link };
        server->links = new;
        return 0;
}

static void on_disconnect(sd_varlink_server *varlink, sd_varlink *link, void *userdata) {
        Server *server = userdata;
        for (Link **at = &server->links; *at; at = &(*at)->next) {
                if ((*at)->varlink != link)
                        continue;
                auto_free Link *gone = *at;
                *at = gone->next;
                if (gone->run)
                        run_cancel(gone->run);
                return;
        }
}

static void on_ended(void *userdata, Run *run) {
        Server *server = userdata;
        for (Link *l = server->links; l; l = l->next)
                if (l->run == run)
                        l->run = NULL;
}

static int on_turn(sd_event_source *source, void *userdata) {
        Server *server = userdata;
        for (Link *l = server->links; l; l = l->next)
                if (l->run)
                        run_breathe(l->run);
        return 0;
}

static int start(Server *server, const RunRequest *request) {
        Error err = { 0 };
        Link *l = server->links;
        while (l && l->varlink != request->link)
                l = l->next;
        if (!l || l->run) /* a Run at a time; libsystemd reads the next call only when this one has ended */
                return -EBUSY;
        if (run_start(request, &l->run, &err) < 0)
                return sd_varlink_errorb(request->link, "io.holdfast.Node.Busy",
                                         SD_JSON_BUILD_OBJECT(SD_JSON_BUILD_PAIR_STRING("Message", err.text)));
        return 0;
}

/* io.holdfast.Node.Run */
static int on_run(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags, void *userdata) {
        Server *server = userdata;
        struct {
                const char *pipeline;
                uint64_t width;
                sd_json_variant *secrets, *variables, *input;
        } p = { 0 };
        static const sd_json_dispatch_field fields[] = {
                { "Pipeline", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string, 0, SD_JSON_MANDATORY },
                { "Width", _SD_JSON_VARIANT_TYPE_INVALID, sd_json_dispatch_uint64, sizeof(void *),
                  SD_JSON_NULLABLE },
                { "Secrets", SD_JSON_VARIANT_OBJECT, sd_json_dispatch_variant_noref, 2 * sizeof(void *),
                  SD_JSON_NULLABLE },
                { "Variables", SD_JSON_VARIANT_OBJECT, sd_json_dispatch_variant_noref, 3 * sizeof(void *),
                  SD_JSON_NULLABLE },
                { "Input", SD_JSON_VARIANT_ARRAY, sd_json_dispatch_variant_noref, 4 * sizeof(void *),
                  SD_JSON_NULLABLE },
                { 0 },
        };
        uid_t uid;
        char caller[64];

        int r = sd_varlink_dispatch(link, parameters, fields, &p);
        if (r != 0)
                return r;
        if (strlen(p.pipeline) > SYNTAX_TEXT_MAX || p.width > WIDTH_MAX)
                return sd_varlink_error_invalid_parameter_name(link, p.width > WIDTH_MAX ? "Width" : "Pipeline");
        r = sd_varlink_get_peer_uid(link, &uid);
        if (r < 0)
                return r;
        if (uid != 0)                   /* the socket's mode says so too */
                return sd_varlink_error(link, SD_VARLINK_ERROR_PERMISSION_DENIED, NULL);
        (void)snprintf(caller, sizeof caller, "root");
        const RunRequest request = { .node = server->node, .link = link, .text = p.pipeline,
                                     .variables = p.variables, .input = p.input, .secrets = p.secrets,
                                     .caller = caller, .role = ROLE_ADMINISTRATOR, .width = (unsigned)p.width,
                                     .ended = on_ended, .userdata = server };
        return start(server, &request);
}

static int make_varlink(Server *server, const char *address, Error *err) {
        int r = sd_varlink_server_new(&server->varlink, SD_VARLINK_SERVER_ROOT_ONLY |
                                                                SD_VARLINK_SERVER_INPUT_SENSITIVE |
                                                                SD_VARLINK_SERVER_INHERIT_USERDATA);
        if (r >= 0) {
                (void)sd_varlink_server_set_userdata(server->varlink, server);
                r = sd_varlink_server_set_info(server->varlink, "Holdfast", "holdfastd", "0.1.0",
                                               "https://holdfast.example/");
        }
        if (r >= 0)
                r = sd_varlink_server_add_interface(server->varlink, &vl_interface_io_holdfast_Node);
        if (r >= 0)
                r = sd_varlink_server_bind_method(server->varlink, "io.holdfast.Node.Run", on_run);
        if (r >= 0)
                r = sd_varlink_server_bind_connect(server->varlink, on_connect);
        if (r >= 0)
                r = sd_varlink_server_bind_disconnect(server->varlink, on_disconnect);
        if (r >= 0)
                r = sd_varlink_server_set_connections_max(server->varlink, CLIENTS_MAX);
        if (r >= 0)
                r = sd_varlink_server_set_connections_per_uid_max(server->varlink, CLIENTS_MAX);
        if (r >= 0)
                r = sd_varlink_server_attach_event(server->varlink, server->node->event, 0);
        if (r >= 0)
                r = sd_varlink_server_listen_address(server->varlink, address, 0600);
        if (r >= 0)
                r = sd_event_add_post(server->node->event, &server->after, on_turn, server);
        return r < 0 ? error_set(err, ERROR_INTERNAL, -r, "cannot listen on %s: %s", address, strerror(-r)) : 0;
}

int server_new(Node *node, const char *address, Server **ret, Error *err) {
        Server *server = calloc(1, sizeof *server);
        if (!server)
                return error_oom(err);
        server->node = node;
        if (make_varlink(server, address, err) < 0) {
                server_free(server);
                return -1;
        }
        *ret = server;
        return 0;
}

void server_stop(Server *server) {
        for (Link *l = server->links; l; l = l->next)
                if (l->run)
                        run_cancel(l->run);
}

void server_free(Server *server) {
        if (!server)
                return;
        while (server->links)
                (void)sd_varlink_close(server->links->varlink);         /* on_disconnect() frees the link */
        (void)sd_event_source_disable_unref(server->after);
        (void)sd_varlink_server_unref(server->varlink);
        free(server);
}
