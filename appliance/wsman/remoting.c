/* PowerShell remoting shells: WS-Man carries the fragments of appliance/psrp ([MS-PSRP] 3.1.5.3, 4). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/psrp/psrp.h"
#include "appliance/wsman/shell.h"

#define STATE_URI WSMAN_SHELL_URI "/CommandState/"

typedef struct RemotingRun RemotingRun;

typedef struct Remoting {
        Shell *shell;
        PsrpPool *pool;
        RemotingRun *runs;
        void *runspace;         /* the node's, of this session */
} Remoting;

struct RemotingRun { /* a Run at holdfastd */
        RemotingRun *next;
        Remoting *remoting;
        uint64_t run; /* the engine's number */
        void *call;
};

/* ---- the engine runs work ------------------------------------------------------------------------- */

static RemotingRun *find_run(Remoting *remoting, uint64_t run) {
        RemotingRun *r = remoting->runs;
        while (r && r->run != run)
                r = r->next;
        return r;
}

static void forget_run(RemotingRun *gone) {
        for (RemotingRun **at = &gone->remoting->runs; *at; at = &(*at)->next)
                if (*at == gone) {
                        *at = gone->next;
                        break;
                }
        free(gone);
}

static void on_record(void *userdata, RecordStream stream, sd_json_variant *value) {
        RemotingRun *r = userdata;
        psrp_record(r->remoting->pool, r->run, stream, value);
}

static void on_needs(void *userdata, sd_json_variant *needs) {
        RemotingRun *r = userdata;
        PsrpPool *pool = r->remoting->pool;
        uint64_t run = r->run;
        forget_run(r);
        psrp_secrets_needed(pool, run, needs);
}

static void on_ended(void *userdata, const WsmanEnd *end) {
        RemotingRun *r = userdata;
        PsrpPool *pool = r->remoting->pool;
        uint64_t run = r->run;
        const PsrpEnd ended = { .refused = end->refused, .failure = end->failure };
        forget_run(r);
        psrp_ended(pool, run, &ended);
}

static int start_run(void *userdata, PsrpPool *pool, uint64_t run, const PsrpWork *work, Error *err) {
        Remoting *remoting = userdata;
        const WsmanNode *node = &remoting->shell->wsman->node;
        RemotingRun *r = calloc(1, sizeof *r);
        const WsmanEvents events = { .record = on_record, .needs = on_needs, .ended = on_ended, .userdata = r };
        const WsmanWork what = { .session = remoting->shell->session,
                                 .text = work->text,
                                 .variables = work->variables,
                                 .input = work->input,
                                 .secrets = work->secrets,
                                 .width = work->width,
                                 .interactive = work->interactive,
                                 .runspace = &remoting->runspace };

        if (!r)
                return error_oom(err);
        *r = (RemotingRun){ .next = remoting->runs, .remoting = remoting, .run = run };
        remoting->runs = r;
        if (node->run(node->userdata, &what, &events, &r->call, err) < 0) {
                forget_run(r);
                return -1;
        }
        return 0;
}

static void cancel_run(void *userdata, PsrpPool *pool, uint64_t run) {
        Remoting *remoting = userdata;
        const WsmanNode *node = &remoting->shell->wsman->node;
        RemotingRun *r = find_run(remoting, run);
        if (!r)
                return;
        node->cancel(node->userdata, r->call);
        forget_run(r);
}

static void pause_run(void *userdata, PsrpPool *pool, uint64_t run, bool paused) {
        Remoting *remoting = userdata;
        const WsmanNode *node = &remoting->shell->wsman->node;
        const RemotingRun *r = find_run(remoting, run);
        if (r)
                node->pause(node->userdata, r->call, paused);
}

static void answer_run(void *userdata, PsrpPool *pool, uint64_t run, const char *id, BatchAnswer answer) {
        Remoting *remoting = userdata;
        const WsmanNode *node = &remoting->shell->wsman->node;
        const RemotingRun *r = find_run(remoting, run);
        if (r && node->answer)
                node->answer(node->userdata, r->call, id, answer);
}

static void on_ready(void *userdata, const PsrpGuid *pipeline) {
        Remoting *remoting = userdata;
        shell_wake(remoting->shell);
}

/* ---- from the client ------------------------------------------------------------------------------ */

/* @pipeline NULL: the pool. */
static int feed(Shell *shell, const PsrpGuid *pipeline, PsrpStream stream, const void *data, size_t size,
                WsmanFault *fault) {
        Remoting *remoting = shell->inside;
        Error err = { 0 };

        if (psrp_receive(remoting->pool, pipeline, stream, data, size, &err) == 0)
                return 0;
        if (err.kind == ERROR_NOT_FOUND)
                return fault_set(fault, FAULT_SELECTORS, "%s", err.text);
        shell->broken = true;
        return fault_set(fault, FAULT_INTERNAL, "%s", err.text);
}

/* What Create and Command carry besides is never compressed. */
static int feed_text(Shell *shell, const PsrpGuid *pipeline, const char *base64, WsmanFault *fault) {
        auto_free uint8_t *data = NULL;
        size_t size = 0;
        Error err = { 0 };

        if (xml_read_base64(base64, &data, &size, &err) < 0)
                return fault_set(fault, FAULT_SCHEMA, "%s", err.text);
        return feed(shell, pipeline, PSRP_STDIN, data, size, fault);
}

static int feed_stream(Shell *shell, const PsrpGuid *pipeline, PsrpStream stream, const XmlElement *element,
                       WsmanFault *fault) {
        auto_free uint8_t *data = NULL;
        size_t size = 0;

        if (shell_read_stream(shell, element, &data, &size, fault) < 0)
                return -1;
        return feed(shell, pipeline, stream, data, size, fault);
}

static int read_guid(const char *text, PsrpGuid *ret, WsmanFault *fault) {
        Error err = { 0 };
        return psrp_guid_parse(text, ret, &err) < 0 ? fault_set(fault, FAULT_SELECTORS, "%s", err.text) : 0;
}

static void remoting_close(Shell *shell) {
        Remoting *remoting = shell->inside;
        const WsmanNode *node = &shell->wsman->node;

        psrp_pool_free(remoting->pool); /* cancels what runs */
        if (remoting->runspace)
                node->release(node->userdata, remoting->runspace);
        free(remoting);
        shell->inside = NULL;
}

static int remoting_open(Shell *shell, const Envelope *envelope, WsmanFault *fault) {
        Remoting *remoting = calloc(1, sizeof *remoting);
        const XmlElement *creation = xml_child(envelope->tree, envelope->body, NS_POWERSHELL, "creationXml");
        Error err = { 0 };

        if (!remoting)
                return fault_set(fault, FAULT_INTERNAL, "There is not enough memory for another shell.");
        remoting->shell = shell;
        const PsrpTransport transport = { .ready = on_ready, .userdata = remoting };
        const PsrpRunner runner = {
                .run = start_run, .cancel = cancel_run, .pause = pause_run, .answer = answer_run, .userdata = remoting
        };
        if (psrp_pool_new(&transport, &runner, &remoting->pool, &err) < 0) {
                free(remoting);
                return fault_set(fault, FAULT_INTERNAL, "%s", err.text);
        }
        shell->inside = remoting;
        if (!creation)
                return fault_set(fault, FAULT_SCHEMA, "A PowerShell shell wants creationXml.");
        return feed_text(shell, NULL, creation->text, fault);
}

/* Some clients never say that they are done with a pipeline: those whose end was fetched make room for new ones. */
static bool make_room(Remoting *remoting) {
        PsrpGuid guid;
        for (size_t i = 0; psrp_pipeline_at(remoting->pool, i, &guid); i++)
                if (psrp_pipeline_state(remoting->pool, &guid) == PSRP_DONE) {
                        psrp_pipeline_close(remoting->pool, &guid);
                        return true;
                }
        return false;
}

static int open_pipeline(Remoting *remoting, const PsrpGuid *guid, Error *err) {
        int r = psrp_pipeline_open(remoting->pool, guid, err);
        if (r < 0 && err->kind == ERROR_LIMIT && make_room(remoting))
                r = psrp_pipeline_open(remoting->pool, guid, err);
        return r;
}

static int remoting_command(Shell *shell, const Envelope *envelope, char ret_id[static WSMAN_ID_MAX],
                            WsmanFault *fault) {
        Remoting *remoting = shell->inside;
        const char *id = xml_attribute(envelope->body, "CommandId");
        const XmlElement *arguments = xml_child(envelope->tree, envelope->body, NS_SHELL, "Arguments");
        PsrpGuid guid;
        Error err = { 0 };

        if (!id || strlen(id) >= WSMAN_ID_MAX || !arguments)
                return fault_set(fault, FAULT_SCHEMA,
                                 "A command of a PowerShell shell wants CommandId and Arguments.");
        if (read_guid(id, &guid, fault) < 0)
                return -1;
        if (open_pipeline(remoting, &guid, &err) < 0)
                return fault_set(fault, err.kind == ERROR_LIMIT ? FAULT_QUOTA_COMMANDS : FAULT_PARAMETER, "%s",
                                 err.text);
        (void)snprintf(ret_id, WSMAN_ID_MAX, "%s", id);
        return feed_text(shell, &guid, arguments->text, fault);
}

static int remoting_send(Shell *shell, const Envelope *envelope, WsmanFault *fault) {
        const XmlElement *stream = xml_child(envelope->tree, envelope->body, NS_SHELL, "Stream");

        if (!stream)
                return fault_set(fault, FAULT_SCHEMA, "Send wants a Stream.");
        for (; stream; stream = xml_next(envelope->tree, stream, NS_SHELL, "Stream")) {
                const char *name = xml_attribute(stream, "Name"), *command = xml_attribute(stream, "CommandId");
                PsrpGuid guid;
                bool answers = name && strcmp(name, "pr") == 0;

                if (!name || (!answers && strcmp(name, "stdin") != 0))
                        return fault_set(fault, FAULT_PARAMETER, "There is no stream '%.40s'.", name ? name : "");
                if (command && read_guid(command, &guid, fault) < 0)
                        return -1;
                if (feed_stream(shell, command ? &guid : NULL, answers ? PSRP_PROMPT_RESPONSE : PSRP_STDIN, stream,
                                fault) < 0)
                        return -1;
        }
        return 0;
}

/* Clients spell the stop in several ways, "crtl_c" among them. */
static int remoting_signal(Shell *shell, const char *command, const char *code, WsmanFault *fault) {
        static const char *const stops[] = { "ctrl_c", "crtl_c", "ctrl_break" };
        Remoting *remoting = shell->inside;
        const char *name = strrchr(code, '/');
        PsrpGuid guid;

        if (read_guid(command, &guid, fault) < 0)
                return -1;
        for (size_t i = 0; name && i < ARRAY_SIZE(stops); i++)
                if (strcmp(name + 1, stops[i]) == 0) {
                        psrp_pipeline_stop(remoting->pool, &guid);
                        return 0;
                }
        if (!name || strcmp(name + 1, "terminate") != 0)
                return fault_set(fault, FAULT_PARAMETER, "The signal '%.100s' is not known.", code);
        psrp_pipeline_close(remoting->pool, &guid);
        shell_wake(shell); /* whoever waits for it learns that it is gone */
        return 0;
}

static int remoting_connect(Shell *shell, const Envelope *envelope, XmlWriter *w, WsmanFault *fault) {
        Remoting *remoting = shell->inside;
        const XmlElement *connect = xml_child(envelope->tree, envelope->body, NS_POWERSHELL, "connectXml");
        auto_free uint8_t *data = NULL, *reply = NULL;
        size_t size = 0, reply_size = 0;
        Error err = { 0 };

        xml_write(w, "<rsp:ConnectResponse>");
        if (connect) {
                if (xml_read_base64(connect->text, &data, &size, &err) < 0 ||
                    psrp_connect(remoting->pool, data, size, &reply, &reply_size, &err) < 0)
                        return fault_set(fault, FAULT_INTERNAL, "%s", err.text);
                xml_writef(w, "<pwsh:connectResponseXml xmlns:pwsh=\"%s\">", xml_namespaces[NS_POWERSHELL].uri);
                xml_write_base64(w, reply, reply_size);
                xml_write(w, "</pwsh:connectResponseXml>");
        }
        xml_write(w, "</rsp:ConnectResponse>");
        return 0;
}

/* ---- to the client -------------------------------------------------------------------------------- */

/* One fragment to a Stream: some clients take the whole element as one. */
static bool write_fragments(Remoting *remoting, const PsrpGuid *pipeline, const char *command, size_t room,
                            XmlWriter *w) {
        uint8_t data[PSRP_FRAGMENT_MAX];
        bool any = false;

        while (room > PSRP_FRAGMENT_HEAD) {
                size_t n = psrp_take(remoting->pool, pipeline, data, room < sizeof data ? room : sizeof data);
                if (n == 0)
                        break;
                shell_write_stream(remoting->shell, w, "stdout", command, data, n);
                room -= n;
                any = true;
        }
        return any;
}

static int remoting_receive(Shell *shell, const char *command, size_t room, XmlWriter *w, WsmanFault *fault) {
        Remoting *remoting = shell->inside;
        PsrpGuid guid;

        if (!*command)
                return write_fragments(remoting, NULL, command, room, w);
        if (read_guid(command, &guid, fault) < 0) /* so it can be written as it is */
                return -1;
        if (psrp_pipeline_state(remoting->pool, &guid) == PSRP_NONE)
                return fault_set(fault, FAULT_SELECTORS, "There is no command '%.60s' in this shell.", command);
        bool any = write_fragments(remoting, &guid, command, room, w);
        if (psrp_pipeline_state(remoting->pool, &guid) != PSRP_DONE)
                return any;
        xml_writef(w,
                   "<rsp:CommandState CommandId=\"%s\" State=\"" STATE_URI "Done\"><rsp:ExitCode>0</rsp:ExitCode>"
                   "</rsp:CommandState>",
                   command);
        return 1;
}

static void remoting_commands(Shell *shell, XmlWriter *w) {
        Remoting *remoting = shell->inside;
        char text[PSRP_GUID_TEXT];
        PsrpGuid guid;

        for (size_t i = 0; psrp_pipeline_at(remoting->pool, i, &guid); i++) {
                psrp_guid_text(&guid, text);
                xml_writef(
                        w,
                        "<rsp:Command><rsp:ShellId>%s</rsp:ShellId><rsp:CommandId>%s</rsp:CommandId><rsp:State>%s"
                        "</rsp:State></rsp:Command>",
                        shell->id, text,
                        psrp_pipeline_state(remoting->pool, &guid) == PSRP_DONE ? "Done" : "Running");
        }
}

const ShellKind remoting_kind = {
        .input = "stdin pr",
        .output = "stdout",
        .open = remoting_open,
        .close = remoting_close,
        .command = remoting_command,
        .send = remoting_send,
        .signal = remoting_signal,
        .receive = remoting_receive,
        .connect = remoting_connect,
        .commands = remoting_commands,
};
