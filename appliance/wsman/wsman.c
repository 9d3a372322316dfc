#include "appliance/wsman/wsman.h"

#include <ctype.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/text.h"
#include "appliance/wsman/shell.h"

enum { TRIM_AT = 32 * 1024 * 1024 };    /* bytes */

typedef struct Request {
        Wsman *wsman;
        const WsmanCaller *caller;
        Envelope envelope;
        XmlWriter reply; /* the body; what is around it stands already */
        WsmanFault fault;
} Request;

/* ---- shells --------------------------------------------------------------------------------------- */

static void shell_free(Shell *shell) {
        if (shell->inside)
                shell->kind->close(shell);
        wait_free_all(shell);
        (void)sd_event_source_disable_unref(shell->idle);
        (void)sd_event_source_disable_unref(shell->wake);
        (void)sd_event_source_disable_unref(shell->late);
        free(shell);
}

static void shell_end(Shell *shell, const char *why) {
        for (Shell **at = &shell->wsman->shells; *at; at = &(*at)->next)
                if (*at == shell) {
                        *at = shell->next;
                        shell->wsman->count--;
                        break;
                }
        wait_end_all(shell, FAULT_ABORTED, why);
        shell_free(shell);
        if (mallinfo2().fordblks > TRIM_AT)
                (void)malloc_trim(0);   /* what it held is worth giving back */
}

/* A shell is found only by the account that made it: to others it does not exist. */
static Shell *find_shell(Request *r) {
        for (Shell *s = r->wsman->shells; s; s = s->next)
                if (strcasecmp(s->id, r->envelope.shell) == 0 && strcmp(s->sid, r->caller->sid) == 0)
                        return s;
        (void)fault_set(
                &r->fault, FAULT_SELECTORS,
                "The WS-Management service cannot process the request because the request contained invalid "
                "selectors for the resource: there is no shell '%.60s'; it was deleted, was idle too long, or "
                "belongs to somebody else.",
                r->envelope.shell);
        return NULL;
}

/* For what needs a client that is there. */
static Shell *find_connected(Request *r) {
        Shell *shell = find_shell(r);
        if (!shell || !shell->disconnected)
                return shell;
        (void)fault_set(&r->fault, FAULT_INTERNAL, "The shell is disconnected; reconnect to it first.");
        return NULL;
}

static int on_idle(sd_event_source *source, uint64_t usec, void *userdata) {
        Shell *shell = userdata;
        if (shell->waits) { /* somebody still listens */
                (void)sd_event_source_set_time_relative(source, shell->idle_s * 1000000ULL);
                return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        }
        shell_end(shell, "The shell was idle too long.");
        return 0;
}

static void touch(Shell *shell, const WsmanCaller *caller) {
        (void)snprintf(shell->session, sizeof shell->session, "%s", caller->session);
        (void)sd_event_source_set_time_relative(shell->idle, shell->idle_s * 1000000ULL);
        (void)sd_event_source_set_enabled(shell->idle, SD_EVENT_ONESHOT);
}

static int check_quota(Request *r) {
        unsigned own = 0;
        for (const Shell *s = r->wsman->shells; s; s = s->next)
                own += strcmp(s->sid, r->caller->sid) == 0;
        if (own >= WSMAN_SHELLS_USER_MAX)
                return fault_set(
                        &r->fault, FAULT_QUOTA_SHELLS,
                        "The WS-Management service cannot process the request. This user is allowed a maximum "
                        "number of %d concurrent shells, which has been exceeded. Close existing shells.",
                        WSMAN_SHELLS_USER_MAX);
        if (r->wsman->count >= WSMAN_SHELLS_MAX)
                return fault_set(&r->fault, FAULT_QUOTA_SHELLS,
                                 "The WS-Management service cannot process the request. The maximum number of "
                                 "concurrent shells of this host, %d, has been exceeded.",
                                 WSMAN_SHELLS_MAX);
        return 0;
}

/* What shells and commands hold is bounded for each of them; this is the bound for all of them together. */
static int check_memory(Request *r) {
        struct mallinfo2 use = mallinfo2();
        if (use.uordblks + use.hblkhd <= WSMAN_MEMORY_MAX)
                return 0;
        return fault_set(&r->fault, FAULT_QUOTA_COMMANDS,
                         "The WS-Management service cannot process the request: this host holds too much output that "
                         "was not fetched. Fetch it, or delete shells that are not needed.");
}

static const ShellKind *find_kind(Request *r) {
        if (strcasecmp(r->envelope.resource, WSMAN_CMD_URI) == 0)
                return &winrs_kind;
        if (text_starts_nocase(r->envelope.resource, WSMAN_POWERSHELL_URI "Microsoft.PowerShell") ||
            text_starts_nocase(r->envelope.resource, WSMAN_POWERSHELL_URI "PowerShell."))
                return &remoting_kind;
        (void)fault_set(&r->fault, FAULT_RESOURCE, "The resource URI '%.200s' is not supported by this service.",
                        r->envelope.resource);
        return NULL;
}

static int take_idle(Request *r, unsigned *ret) {
        const char *text = envelope_body_text(&r->envelope, NS_SHELL, "IdleTimeOut");
        unsigned ms = WSMAN_IDLE_S * 1000U;
        if (*text && !duration_ms(text, WSMAN_IDLE_MOST_S * 1000U, &ms))
                return fault_set(&r->fault, FAULT_SCHEMA, "The IdleTimeOut '%.40s' is not a duration.", text);
        *ret = ms / 1000 < WSMAN_IDLE_LEAST_S ? WSMAN_IDLE_LEAST_S : ms / 1000;
        return 0;
}

/* The client's id (PSRP), or one of ours (WinRS); it becomes part of replies. */
static int take_id(Request *r, Shell *shell) {
        const char *wanted = xml_attribute(r->envelope.body, "ShellId");
        Error err = { 0 };
        char id[UUID_TEXT_SIZE];

        if (wanted && *wanted) {
                if (strlen(wanted) >= sizeof shell->id ||
                    strspn(wanted, "0123456789abcdefABCDEF-{}") != strlen(wanted))
                        return fault_set(&r->fault, FAULT_SCHEMA, "The ShellId '%.64s' is not a GUID.", wanted);
                (void)snprintf(shell->id, sizeof shell->id, "%s", wanted);
        } else {
                if (text_uuid(id, &err) < 0)
                        return fault_set(&r->fault, FAULT_INTERNAL, "%s", err.text);
                for (char *c = id; *c; c++)
                        *c = (char)toupper((unsigned char)*c);
                (void)snprintf(shell->id, sizeof shell->id, "%s", id);
        }
        for (const Shell *s = r->wsman->shells; s; s = s->next)
                if (strcasecmp(s->id, shell->id) == 0)
                        return fault_set(&r->fault, FAULT_PARAMETER,
                                         "There is a shell with the id '%.64s' already.", shell->id);
        return 0;
}

static Shell *make_shell(Request *r, const ShellKind *kind) {
        Shell *shell = calloc(1, sizeof *shell);
        if (!shell) {
                (void)fault_set(&r->fault, FAULT_INTERNAL, "There is not enough memory for another shell.");
                return NULL;
        }
        *shell = (Shell){ .wsman = r->wsman, .kind = kind, .compressed = r->envelope.compressed };
        (void)snprintf(shell->resource, sizeof shell->resource, "%s", r->envelope.resource);
        (void)snprintf(shell->sid, sizeof shell->sid, "%s", r->caller->sid);
        (void)snprintf(shell->user, sizeof shell->user, "%s", r->caller->user);
        (void)snprintf(shell->origin, sizeof shell->origin, "%s", r->caller->origin);
        const char *name = xml_attribute(r->envelope.body, "Name");
        (void)snprintf(shell->name, sizeof shell->name, "%s", name ? name : "");
        if (take_id(r, shell) < 0 || take_idle(r, &shell->idle_s) < 0) {
                free(shell);
                return NULL;
        }
        if (wait_prepare(shell) < 0 ||
            sd_event_add_time_relative(r->wsman->event, &shell->idle, CLOCK_MONOTONIC, shell->idle_s * 1000000ULL,
                                       1000000, on_idle, shell) < 0) {
                (void)fault_set(&r->fault, FAULT_INTERNAL, "There is not enough memory for another shell.");
                shell_free(shell);
                return NULL;
        }
        return shell;
}

/* ---- replies -------------------------------------------------------------------------------------- */

static void element(XmlWriter *w, const char *name, const char *text) {
        xml_writef(w, "<rsp:%s>", name);
        xml_write_text(w, text);
        xml_writef(w, "</rsp:%s>", name);
}

static void describe(XmlWriter *w, const Shell *shell) {
        xml_write(w, "<rsp:Shell xmlns:rsp=\"" WSMAN_SHELL_URI "\">");
        element(w, "ShellId", shell->id);
        if (shell->name[0])
                element(w, "Name", shell->name);
        element(w, "ResourceUri", shell->resource);
        element(w, "Owner", shell->user);
        element(w, "ClientIP", shell->origin);
        xml_writef(w, "<rsp:IdleTimeOut>PT%u.000S</rsp:IdleTimeOut>", shell->idle_s);
        element(w, "InputStreams", shell->kind->input);
        element(w, "OutputStreams", shell->kind->output);
        element(w, "CompressionMode", shell->compressed ? "XpressCompression" : "NoCompression");
        element(w, "State", shell->disconnected ? "Disconnected" : "Connected");
        xml_write(w, "</rsp:Shell>");
}

static int do_create(Request *r) {
        const ShellKind *kind = find_kind(r);
        if (!kind || check_quota(r) < 0 || check_memory(r) < 0)
                return -1;
        if (!r->envelope.body || r->envelope.body->ns != NS_SHELL || strcmp(r->envelope.body->name, "Shell") != 0)
                return fault_set(&r->fault, FAULT_SCHEMA, "Create wants a Shell in its body.");
        Shell *shell = make_shell(r, kind);
        if (!shell)
                return -1;
        touch(shell, r->caller);
        if (kind->open(shell, &r->envelope, &r->fault) < 0) {
                shell_free(shell);
                return -1;
        }
        shell->next = r->wsman->shells;
        r->wsman->shells = shell;
        r->wsman->count++;
        xml_write(&r->reply, "<x:ResourceCreated><a:Address>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/"
                             "anonymous</a:Address><a:ReferenceParameters><w:ResourceURI>");
        xml_write_text(&r->reply, shell->resource);
        xml_write(&r->reply, "</w:ResourceURI><w:SelectorSet><w:Selector Name=\"ShellId\">");
        xml_write_text(&r->reply, shell->id);
        xml_write(&r->reply, "</w:Selector></w:SelectorSet></a:ReferenceParameters></x:ResourceCreated>");
        describe(&r->reply, shell);
        return 0;
}

/* After the kind said no: a shell whose client cannot be served is over. */
static int give_up(Shell *shell) {
        if (shell->broken)
                shell_end(shell, "The shell ended because its client sent what cannot be served.");
        return -1;
}

static int do_delete(Request *r) {
        Shell *shell = find_shell(r);
        if (!shell)
                return -1;
        shell_end(shell, "The shell was deleted.");
        return 0;
}

static int do_command(Request *r) {
        Shell *shell = find_connected(r);
        char id[WSMAN_ID_MAX];

        if (!shell || check_memory(r) < 0)
                return -1;
        touch(shell, r->caller);
        if (shell->kind->command(shell, &r->envelope, id, &r->fault) < 0)
                return give_up(shell);
        xml_write(&r->reply, "<rsp:CommandResponse><rsp:CommandId>");
        xml_write_text(&r->reply, id);
        xml_write(&r->reply, "</rsp:CommandId></rsp:CommandResponse>");
        return 0;
}

static int do_send(Request *r) {
        Shell *shell = find_connected(r);
        if (!shell)
                return -1;
        touch(shell, r->caller);
        if (shell->kind->send(shell, &r->envelope, &r->fault) < 0)
                return give_up(shell);
        xml_write(&r->reply, "<rsp:SendResponse/>");
        return 0;
}

static int do_signal(Request *r) {
        Shell *shell = find_connected(r);
        const char *command = xml_attribute(r->envelope.body, "CommandId");
        char code[128];

        if (!shell)
                return -1;
        touch(shell, r->caller);
        (void)snprintf(code, sizeof code, "%s", envelope_body_text(&r->envelope, NS_SHELL, "Code"));
        for (char *c = code; *c; c++)
                *c = (char)tolower((unsigned char)*c);
        if (shell->kind->signal(shell, command ? command : "", code, &r->fault) < 0)
                return -1;
        xml_write(&r->reply, "<rsp:SignalResponse/>");
        return 0;
}

static int do_get(Request *r) {
        if (text_starts_nocase(r->envelope.resource, WSMAN_CONFIG_URI)) {
                xml_writef(&r->reply,
                           "<cfg:Config xmlns:cfg=\"%s\"><cfg:MaxEnvelopeSizekb>%d</cfg:MaxEnvelopeSizekb>"
                           "<cfg:MaxTimeoutms>%d</cfg:MaxTimeoutms></cfg:Config>",
                           WSMAN_CONFIG_URI, XML_DOCUMENT_MAX / 1024, WSMAN_TIMEOUT_MOST_MS);
                return 0;
        }
        if (!text_starts_nocase(r->envelope.resource, WSMAN_SHELL_URI))
                return fault_set(&r->fault, FAULT_RESOURCE,
                                 "The resource URI '%.200s' is not supported by this service.",
                                 r->envelope.resource);
        Shell *shell = find_shell(r);
        if (!shell)
                return -1;
        describe(&r->reply, shell);
        return 0;
}

/* The ShellId of a SelectorFilter, as clients ask for the commands of one shell. */
static const char *filtered_shell(const Request *r) {
        const XmlTree *tree = r->envelope.tree;
        const XmlElement *filter = xml_child(tree, r->envelope.body, NS_WSMAN, "Filter");
        const XmlElement *set = xml_child(tree, filter, NS_WSMAN, "SelectorSet");
        const XmlElement *selector = xml_child(tree, set, NS_WSMAN, "Selector");
        return selector ? selector->text : "";
}

static int do_enumerate(Request *r) {
        bool commands = strcasecmp(r->envelope.resource, WSMAN_SHELL_URI "/Command") == 0;
        if (!commands && strcasecmp(r->envelope.resource, WSMAN_SHELL_URI) != 0)
                return fault_set(&r->fault, FAULT_RESOURCE, "'%.200s' cannot be enumerated.", r->envelope.resource);
        xml_write(&r->reply, "<n:EnumerateResponse><n:EnumerationContext/><w:Items>");
        for (Shell *s = r->wsman->shells; s; s = s->next) {
                if (strcmp(s->sid, r->caller->sid) != 0)
                        continue;
                if (!commands)
                        describe(&r->reply, s);
                else if (strcasecmp(s->id, filtered_shell(r)) == 0 && s->kind->commands)
                        s->kind->commands(s, &r->reply);
        }
        xml_write(&r->reply, "</w:Items><w:EndOfSequence/></n:EnumerateResponse>");
        return 0;
}

static int do_identify(Request *r) {
        xml_writef(
                &r->reply,
                "<wsmid:IdentifyResponse xmlns:wsmid=\"%s\"><wsmid:ProtocolVersion>"
                "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd</"
                "wsmid:ProtocolVersion><wsmid:ProductVendor>Holdfast"
                "</wsmid:ProductVendor><wsmid:ProductVersion>0.1.0</wsmid:ProductVersion></wsmid:IdentifyResponse>",
                xml_namespaces[NS_IDENTITY].uri);
        return 0;
}

static int check_disconnectable(Request *r, const Shell *shell) {
        if (!shell)
                return -1;
        return shell->kind->connect ? 0
                                    : fault_set(&r->fault, FAULT_UNSUPPORTED,
                                                "A shell of this kind cannot be disconnected from.");
}

static int do_disconnect(Request *r) {
        Shell *shell = find_shell(r);
        unsigned idle_s = 0;

        if (check_disconnectable(r, shell) < 0)
                return -1;
        if (*envelope_body_text(&r->envelope, NS_SHELL, "IdleTimeOut")) {
                if (take_idle(r, &idle_s) < 0)
                        return -1;
                shell->idle_s = idle_s;
        }
        touch(shell, r->caller);
        shell->disconnected = true;
        wait_end_all(shell, FAULT_ABORTED, "The shell was disconnected.");
        xml_write(&r->reply, "<rsp:DisconnectResponse/>");
        return 0;
}

static int do_reconnect(Request *r) {
        Shell *shell = find_shell(r);
        if (check_disconnectable(r, shell) < 0)
                return -1;
        touch(shell, r->caller);
        shell->disconnected = false;
        xml_write(&r->reply, "<rsp:ReconnectResponse/>");
        return 0;
}

/* A new client takes over; the one before learns it from its next Receive. */
static int do_connect(Request *r) {
        Shell *shell = find_shell(r);
        if (check_disconnectable(r, shell) < 0)
                return -1;
        touch(shell, r->caller);
        if (shell->kind->connect(shell, &r->envelope, &r->reply, &r->fault) < 0)
                return -1;
        shell->disconnected = false;
        return 0;
}

static int (*const verbs[ACTION_COUNT])(Request *) = {
        [ACTION_IDENTIFY] = do_identify,   [ACTION_CREATE] = do_create,       [ACTION_GET] = do_get,
        [ACTION_DELETE] = do_delete,       [ACTION_ENUMERATE] = do_enumerate, [ACTION_COMMAND] = do_command,
        [ACTION_SEND] = do_send,           [ACTION_SIGNAL] = do_signal,       [ACTION_DISCONNECT] = do_disconnect,
        [ACTION_RECONNECT] = do_reconnect, [ACTION_CONNECT] = do_connect,
};

/* ---- the whole ------------------------------------------------------------------------------------ */

static void finish(Request *r, int result, WsmanAnswer answer, void *userdata) {
        reply_end(&r->reply);
        if (result == 0 && r->reply.failed)
                result = fault_set(&r->fault, FAULT_INTERNAL, "There is not enough memory for the reply.");
        if (result < 0) {
                xml_writer_done(&r->reply);
                reply_fault(&r->reply, &r->envelope, &r->fault);
        }
        answer(userdata, result < 0 ? 500 : 200, r->reply.failed ? "" : r->reply.text,
               r->reply.failed ? 0 : r->reply.size);
}

static void receive(Request *r, WsmanAnswer answer, void *userdata, WsmanWait **ret_wait) {
        Shell *shell = find_connected(r);
        if (!shell) {
                finish(r, -1, answer, userdata);
                return;
        }
        touch(shell, r->caller);
        wait_receive(shell, &r->envelope, answer, userdata, ret_wait);
}

static void request_done(Request *r) {
        xml_writer_done(&r->reply);
}

void wsman_request(Wsman *wsman, const WsmanCaller *caller, const void *xml, size_t size, WsmanAnswer answer,
                   void *userdata, WsmanWait **ret_wait) {
        auto_(xml_freep) XmlTree *tree = NULL;
        auto_(request_done) Request r = { .wsman = wsman,
                                          .caller = caller,
                                          .envelope = { .message_id = "", .resource = "", .shell = "" } };
        Error err = { 0 };

        *ret_wait = NULL;
        if (xml_parse(xml, size, &tree, &err) < 0) {
                finish(&r, fault_set(&r.fault, FAULT_SCHEMA, "%s", err.text), answer, userdata);
                return;
        }
        int result = envelope_read(tree, &r.envelope, &r.fault);
        if (result == 0 && r.envelope.action == ACTION_RECEIVE) {
                receive(&r, answer, userdata, ret_wait);
                return;
        }
        if (result == 0) {
                reply_begin(&r.reply, &r.envelope);
                result = verbs[r.envelope.action](&r);
        }
        finish(&r, result, answer, userdata);
}

int wsman_new(sd_event *event, const WsmanNode *node, Wsman **ret, Error *err) {
        Wsman *wsman = calloc(1, sizeof *wsman);
        if (!wsman)
                return error_oom(err);
        *wsman = (Wsman){ .event = sd_event_ref(event), .node = *node };
        *ret = wsman;
        return 0;
}

void wsman_free(Wsman *wsman) {
        if (!wsman)
                return;
        while (wsman->shells) {
                Shell *shell = wsman->shells;
                wsman->shells = shell->next;
                shell_free(shell);
        }
        (void)sd_event_unref(wsman->event);
        free(wsman);
}

unsigned wsman_shell_count(const Wsman *wsman) {
        return wsman->count;
}
