#include "appliance/node/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/command/syntax.h"
#include "appliance/node/interface.h"
#include "appliance/node/run.h"
#include "appliance/node/runspaces.h"
#include "appliance/node/signin.h"
#include "auth/person.h"

enum {
        CLIENTS_MAX = 128,              /* one per command, and one per session of SSH */
        PEOPLE_CLIENTS_MAX = 256,
        PERSON_CLIENTS_MAX = 32,        /* of one of them */
        GATEWAY_CLIENTS_MAX = 1024,     /* one per HTTP connection that signed in, per shell, per command */
        HOST_CLIENTS_MAX = 64,          /* conversations of other hosts */
        WIDTH_MAX = 1000,
};

typedef struct Link {                   /* a caller */
        struct Link *next;
        sd_varlink *varlink;            /* borrowed: connections hold themselves */
        bool gateway, people;           /* came over the gateway's socket, or over that of people of the domain */
        uint32_t uid;                   /* of such a person, by the kernel's word; 0: nobody's */
        char *host;                     /* another host speaks: its name, proven by the channel; or NULL */
        Run *run;                       /* or NULL */
        SignIn *signin;                 /* or NULL */
        Runspace *runspace;             /* that it holds; or NULL */
        bool holds;                     /* by Hold, until it ends; else only while its run lasts, and a little longer */
} Link;

struct Server {
        Node *node;
        sd_varlink_server *varlink;
        sd_varlink_server *gateway;     /* or NULL */
        sd_varlink_server *people;      /* or NULL */
        sd_varlink_server *hosts;       /* or NULL */
        uid_t gateway_uid;
        sd_event_source *after;         /* runs after every turn of the loop: callers may have read */
        Link *links;
        Runspaces runspaces;
};

static int on_connect(sd_varlink_server *varlink, sd_varlink *link, void *userdata) {
        Server *server = userdata;
        Link *new = calloc(1, sizeof *new);
        if (!new)
                return -ENOMEM;
        *new = (Link){ .next = server->links, .varlink = link, .gateway = varlink == server->gateway,
                       .people = varlink == server->people };
        uint32_t rid;
        uid_t uid;
        if (new->people && sd_varlink_get_peer_uid(link, &uid) >= 0 && person_rid(uid, &rid))
                new->uid = uid;
        server->links = new;
        return 0;
}

/* Who only ran something may want to keep the jobs, and says so on another connection. */
static void leave(Server *server, Link *link) {
        Runspace *left = take_ptr(link->runspace);
        if (link->holds)
                runspaces_leave(&server->runspaces, left);
        else
                runspaces_linger(&server->runspaces, left);
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
                for (const Link *l = server->links; signin_handle(gone->signin) && l; l = l->next)
                        if (l->run)
                                run_sign_out(l->run, signin_handle(gone->signin));
                signin_release(gone->signin);
                leave(server, gone);
                free(gone->host);
                return;
        }
}

/* A session that a Run named: its connection may be kept for anybody's next command. */
static void stop_holding(Server *server, Link *link) {
        if (!link->holds)
                leave(server, link);
}

static void on_ended(void *userdata, Run *run) {
        Server *server = userdata;
        for (Link *l = server->links; l; l = l->next)
                if (l->run == run) {
                        l->run = NULL;
                        stop_holding(server, l);
                }
}

static int on_turn(sd_event_source *source, void *userdata) {
        Server *server = userdata;
        for (Link *l = server->links; l; l = l->next)
                if (l->run)
                        run_breathe(l->run);
        return 0;
}

static Link *find_link(Server *server, const sd_varlink *link) {
        Link *l = server->links;
        while (l && l->varlink != link)
                l = l->next;
        return l;
}

/* An account of the domain by its SID, or by the number it has here when it came by SSH; root's sessions are root's, whoever
 * he is elsewhere.  @caller all zero: whoever it belongs to, by its secret alone. */
static int hold(Server *server, Link *link, const char *id, const SignInCaller *caller, Error *err) {
        Runspace *held = NULL;
        char person[16];

        (void)snprintf(person, sizeof person, "%u", link->uid);
        const char *owner = link->people ? person : caller->sid ? caller->sid : caller->name;
        if (runspaces_hold(&server->runspaces, id, owner, &held, err) < 0)
                return -1;
        leave(server, link);
        link->runspace = held;
        return 0;
}

static int start(Server *server, const RunRequest *request) {
        Error err = { 0 };
        Link *l = find_link(server, request->link);
        if (!l || l->run) /* a Run at a time; libsystemd reads the next call only when this one has ended */
                return -EBUSY;
        if (run_start(request, &l->run, &err) < 0)
                return sd_varlink_errorb(request->link, "io.holdfast.Node.Busy",
                                         SD_JSON_BUILD_OBJECT(SD_JSON_BUILD_PAIR_STRING("Message", err.text)));
        return 0;
}

static bool is_gateway(const Server *server, const Link *link) {
        uid_t uid;
        return link->gateway && sd_varlink_get_peer_uid(link->varlink, &uid) >= 0 &&
               (uid == server->gateway_uid || uid == 0);        /* the socket's mode says so too */
}

/* Who calls: root on its own socket as himself, anybody who comes through the gateway by the handle of his sign-in.
 * Non-zero: answered, or a negative errno. */
static int find_caller(Server *server, sd_varlink *link, const char *session, SignInCaller *ret) {
        const Link *own = find_link(server, link);
        uid_t uid;

        if (own && (own->host || own->people))
                return sd_varlink_error(link, SD_VARLINK_ERROR_PERMISSION_DENIED, NULL);
        if (own && own->gateway) {
                if (!is_gateway(server, own))
                        return sd_varlink_error(link, SD_VARLINK_ERROR_PERMISSION_DENIED, NULL);
                for (const Link *l = server->links; session && l; l = l->next)
                        if (signin_caller(l->signin, session, ret))
                                return 0;
                return sd_varlink_error(link, "io.holdfast.Node.SessionUnknown", NULL);
        }
        int r = sd_varlink_get_peer_uid(link, &uid);
        if (r < 0)
                return r;
        if (uid != 0 || session)        /* the socket's mode says so too */
                return sd_varlink_error(link, SD_VARLINK_ERROR_PERMISSION_DENIED, NULL);
        *ret = (SignInCaller){ .name = "root", .role = ROLE_ADMINISTRATOR };
        return 0;
}

/* Only over a channel: there the host is proven, and who he vouches for is judged on a pool thread. */
static int run_for_host(Server *server, sd_varlink *link, const char *text, sd_json_variant *variables,
                        sd_json_variant *vouched, bool interactive) {
        const Link *own = find_link(server, link);
        VouchClaim claim;
        Error err = { 0 };

        if (!own || !own->host)
                return sd_varlink_error(link, SD_VARLINK_ERROR_PERMISSION_DENIED, NULL);
        if (vouch_parse(vouched, &claim, &err) < 0)
                return sd_varlink_error_invalid_parameter_name(link, "Vouched");
        const RunRequest request = { .node = server->node, .link = link, .text = text, .variables = variables,
                                     .caller = "", .claim = &claim, .host = own->host, .role = ROLE_READER,
                                     .interactive = interactive, .ended = on_ended, .userdata = server };
        return start(server, &request);
}

/* Who that is and what he may do is judged on a pool thread.  He comes from an address: nothing else stands in the
 * journal as one. */
static int run_for_person(const Link *own, const char *origin, const char *session, RunRequest *request) {
        struct in6_addr address;

        if (own->uid == 0 || session)
                return sd_varlink_error(own->varlink, SD_VARLINK_ERROR_PERMISSION_DENIED, NULL);
        if (!origin || (inet_pton(AF_INET, origin, &address) != 1 && inet_pton(AF_INET6, origin, &address) != 1))
                return sd_varlink_error_invalid_parameter_name(own->varlink, "Origin");
        request->uid = own->uid;
        request->caller = "";
        request->origin = origin;
        request->role = ROLE_READER;
        return 0;
}

/* io.holdfast.Node.Run */
static int on_run(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags, void *userdata) {
        Server *server = userdata;
        struct {
                const char *pipeline;
                uint64_t width;
                sd_json_variant *secrets, *variables, *input;
                const char *session;
                sd_json_variant *vouched;
                bool interactive;
                const char *origin;
                const char *runspace;
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
                { "Session", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string, 5 * sizeof(void *),
                  SD_JSON_NULLABLE },
                { "Vouched", SD_JSON_VARIANT_OBJECT, sd_json_dispatch_variant_noref, 6 * sizeof(void *),
                  SD_JSON_NULLABLE },
                { "Interactive", SD_JSON_VARIANT_BOOLEAN, sd_json_dispatch_stdbool, 7 * sizeof(void *), SD_JSON_NULLABLE },
                { "Origin", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string, 8 * sizeof(void *), SD_JSON_NULLABLE },
                { "Runspace", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string, 9 * sizeof(void *),
                  SD_JSON_NULLABLE },
                { 0 },
        };

        int r = sd_varlink_dispatch(link, parameters, fields, &p);
        if (r != 0)
                return r;
        if (strlen(p.pipeline) > SYNTAX_TEXT_MAX || p.width > WIDTH_MAX)
                return sd_varlink_error_invalid_parameter_name(link, p.width > WIDTH_MAX ? "Width" : "Pipeline");
        if (p.vouched)
                return run_for_host(server, link, p.pipeline, p.variables, p.vouched, p.interactive);
        SignInCaller caller = { 0 };
        RunRequest request = { .node = server->node, .link = link, .text = p.pipeline,
                               .variables = p.variables, .input = p.input, .secrets = p.secrets,
                               .width = (unsigned)p.width, .interactive = p.interactive,
                               .ended = on_ended, .userdata = server };
        Link *own = find_link(server, link);
        bool person = own && own->people;
        Error err = { 0 };
        if (!person && p.origin)
                return sd_varlink_error_invalid_parameter_name(link, "Origin");
        r = person ? run_for_person(own, p.origin, p.session, &request) : find_caller(server, link, p.session, &caller);
        if (r != 0)
                return r;
        if (!person) {
                request.caller = caller.name;
                request.session = caller.handle;
                request.ends_us = caller.ends_us;
                request.sid = caller.sid;
                request.origin = caller.origin;
                request.role = caller.role;
        }
        if (p.runspace) {
                if (!own || own->run || hold(server, own, p.runspace, &caller, &err) < 0)
                        return sd_varlink_error_invalid_parameter_name(link, "Runspace");
                request.jobs = runspace_jobs(own->runspace);
        }
        r = start(server, &request);
        if (own && !own->run)
                stop_holding(server, own);
        return r;
}

/* io.holdfast.Node.Hold */
static int on_hold(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags, void *userdata) {
        Server *server = userdata;
        struct {
                const char *runspace;
        } p = { 0 };
        static const sd_json_dispatch_field fields[] = {
                { "Runspace", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string, 0, SD_JSON_MANDATORY },
                { 0 },
        };
        Link *own = find_link(server, link);
        SignInCaller caller = { 0 };
        Error err = { 0 };

        int r = sd_varlink_dispatch(link, parameters, fields, &p);
        if (r == 0 && own && own->people && own->uid == 0)
                return sd_varlink_error(link, SD_VARLINK_ERROR_PERMISSION_DENIED, NULL);
        bool gateway = own && is_gateway(server, own);  /* whose sign-in may have ended since; it knows the secret */
        if (r == 0 && !gateway && !(own && own->people))
                r = find_caller(server, link, NULL, &caller);
        if (r != 0)
                return r;
        if (!own || own->run || hold(server, own, p.runspace, &caller, &err) < 0)
                return sd_varlink_error_invalid_parameter_name(link, "Runspace");
        own->holds = true;
        return sd_varlink_replyb(link, SD_JSON_BUILD_OBJECT(
                SD_JSON_BUILD_PAIR_BOOLEAN("Jobs", background_any(runspace_jobs(own->runspace)))));
}

/* Came the same way: the id of a question is a secret of that way. */
static bool is_same_way(const Link *a, const Link *b) {
        bool hosts = a->host && b->host ? strcmp(a->host, b->host) == 0 : !a->host && !b->host;
        return hosts && a->gateway == b->gateway && a->people == b->people && a->uid == b->uid;
}

/* io.holdfast.Node.Answer */
static int on_answer(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags, void *userdata) {
        Server *server = userdata;
        struct {
                const char *id;
                int64_t choice;
        } p = { 0 };
        static const sd_json_dispatch_field fields[] = {
                { "Id", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string, 0, SD_JSON_MANDATORY },
                { "Choice", _SD_JSON_VARIANT_TYPE_INVALID, sd_json_dispatch_int64, sizeof(void *), SD_JSON_MANDATORY },
                { 0 },
        };
        const Link *own = find_link(server, link);
        bool silent = flags & SD_VARLINK_METHOD_ONEWAY, known = false;

        int r = sd_varlink_dispatch(link, parameters, fields, &p);
        if (r != 0)
                return r;
        if (!own || p.choice < ANSWER_NOBODY || p.choice > ANSWER_NO_TO_ALL)
                return silent ? 0 : sd_varlink_error_invalid_parameter_name(link, "Choice");
        for (const Link *l = server->links; l && !known; l = l->next)
                known = l->run && is_same_way(own, l) && run_answer(l->run, p.id, (BatchAnswer)p.choice);
        if (silent)
                return 0;
        return known ? sd_varlink_reply(link, NULL) : sd_varlink_error(link, "io.holdfast.Node.QuestionUnknown", NULL);
}

/* io.holdfast.Node.SignIn */
static int on_sign_in(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
                      void *userdata) {
        Server *server = userdata;
        SignInRequest p = { .node = server->node, .link = link };
        static const sd_json_dispatch_field fields[] = {
                { "Token", SD_JSON_VARIANT_STRING, sd_json_dispatch_variant_noref, offsetof(SignInRequest, token),
                  SD_JSON_MANDATORY },
                { "Binding", SD_JSON_VARIANT_STRING, sd_json_dispatch_variant_noref, offsetof(SignInRequest, binding),
                  SD_JSON_NULLABLE },
                { "Origin", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string, offsetof(SignInRequest, origin),
                  SD_JSON_MANDATORY },
                { 0 },
        };
        Link *l = find_link(server, link);

        int r = sd_varlink_dispatch(link, parameters, fields, &p);
        if (r != 0)
                return r;
        if (!l || !is_gateway(server, l))
                return sd_varlink_error(link, SD_VARLINK_ERROR_PERMISSION_DENIED, NULL);
        return signin_step(&l->signin, &p);
}

static int make_varlink(Server *server, const char *address, mode_t mode, unsigned clients, sd_varlink_server **ret,
                        Error *err) {
        bool root_only = mode == 0600;
        sd_varlink_server *varlink = NULL;
        int r = sd_varlink_server_new(&varlink, (root_only ? SD_VARLINK_SERVER_ROOT_ONLY : 0) |
                                                        SD_VARLINK_SERVER_INPUT_SENSITIVE |
                                                        SD_VARLINK_SERVER_INHERIT_USERDATA);
        *ret = varlink;
        if (r >= 0) {
                (void)sd_varlink_server_set_userdata(varlink, server);
                r = sd_varlink_server_set_info(varlink, "Holdfast", "holdfastd", "0.1.0", "https://holdfast.example/");
        }
        if (r >= 0)
                r = sd_varlink_server_add_interface(varlink, &vl_interface_io_holdfast_Node);
        if (r >= 0)
                r = sd_varlink_server_bind_method_many(varlink, "io.holdfast.Node.Run", on_run,
                                                       "io.holdfast.Node.Answer", on_answer,
                                                       "io.holdfast.Node.Hold", on_hold,
                                                       "io.holdfast.Node.SignIn", on_sign_in);
        if (r >= 0)
                r = sd_varlink_server_bind_connect(varlink, on_connect);
        if (r >= 0)
                r = sd_varlink_server_bind_disconnect(varlink, on_disconnect);
        if (r >= 0)
                r = sd_varlink_server_set_connections_max(varlink, clients);
        if (r >= 0)
                r = sd_varlink_server_set_connections_per_uid_max(varlink, clients);
        if (r >= 0)
                r = sd_varlink_server_attach_event(varlink, server->node->event, 0);
        if (r >= 0 && address)
                r = sd_varlink_server_listen_address(varlink, address, mode);
        return r < 0 ? error_set(err, ERROR_INTERNAL, -r, "cannot listen on %s: %s", address ? address : "port 6600",
                                 strerror(-r))
                     : 0;
}

int server_listen_gateway(Server *server, const char *address, uid_t uid, gid_t gid, Error *err) {
        server->gateway_uid = uid;
        if (make_varlink(server, address, 0660, GATEWAY_CLIENTS_MAX, &server->gateway, err) < 0)
                return -1;
        if (lchown(address, 0, gid) < 0)
                return error_set(err, ERROR_INTERNAL, errno, "cannot give %s to the gateway", address);
        return 0;
}

int server_listen_people(Server *server, const char *address, gid_t gid, Error *err) {
        if (make_varlink(server, address, 0660, PEOPLE_CLIENTS_MAX, &server->people, err) < 0)
                return -1;
        if (sd_varlink_server_set_connections_per_uid_max(server->people, PERSON_CLIENTS_MAX) < 0)
                return error_oom(err);
        if (lchown(address, 0, gid) < 0)
                return error_set(err, ERROR_INTERNAL, errno, "cannot give %s to people of the domain", address);
        return 0;
}

/* On the loop. */
static void admit(void *userdata, const char *host, int consumed_fd) {
        Server *server = userdata;
        auto_free char *name = strdup(host);
        sd_varlink *varlink = NULL;

        if (!name || sd_varlink_server_add_connection(server->hosts, consumed_fd, &varlink) < 0) {
                (void)close(consumed_fd);       /* too many: the other host sees that the conversation ended */
                return;
        }
        if (on_connect(server->hosts, varlink, server) < 0) /* which the library calls for listening sockets only */
                (void)sd_varlink_close(varlink);
        else
                find_link(server, varlink)->host = take_ptr(name);
}

int server_admit_hosts(Server *server, Error *err) {
        if (make_varlink(server, NULL, 0600, HOST_CLIENTS_MAX, &server->hosts, err) < 0)
                return -1;
        server->node->admit_userdata = server;
        server->node->admit = admit;
        return 0;
}

int server_new(Node *node, const char *address, Server **ret, Error *err) {
        Server *server = calloc(1, sizeof *server);
        if (!server)
                return error_oom(err);
        server->node = node;
        server->runspaces = (Runspaces){ .event = node->event, .all = &node->jobs_kept };
        int r = make_varlink(server, address, 0600, CLIENTS_MAX, &server->varlink, err);
        if (r == 0 && sd_event_add_post(node->event, &server->after, on_turn, server) < 0)
                r = error_oom(err);
        if (r < 0) {
                server_free(server);
                return -1;
        }
        *ret = server;
        return 0;
}

void server_stop(Server *server) {
        for (Link *l = server->links; l; l = l->next) {
                if (l->run)
                        run_cancel(l->run);
                runspaces_leave(&server->runspaces, take_ptr(l->runspace));     /* their jobs count in the node */
        }
        runspaces_end(&server->runspaces);
}

void server_free(Server *server) {
        if (!server)
                return;
        while (server->links)
                (void)sd_varlink_close(server->links->varlink);         /* on_disconnect() frees the link */
        (void)sd_event_source_disable_unref(server->after);
        (void)sd_varlink_server_unref(server->gateway);
        (void)sd_varlink_server_unref(server->people);
        (void)sd_varlink_server_unref(server->hosts);
        (void)sd_varlink_server_unref(server->varlink);
        free(server);
}
