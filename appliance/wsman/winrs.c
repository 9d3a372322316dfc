/* WinRS: a command is a line of text, its output is text ([MS-WSMV] 3.1.4.1.30). */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/text.h"
#include "appliance/command/object.h"
#include "appliance/command/view.h"
#include "appliance/wsman/commandline.h"
#include "appliance/wsman/shell.h"
#include "appliance/wsman/xpress.h"

#define STATE_URI WSMAN_SHELL_URI "/CommandState/"
#define CLIXML_BEGIN                                                                                               \
        "#< CLIXML\r\n<Objs Version=\"1.1.0.1\" xmlns=\"http://schemas.microsoft.com/powershell/2004/04\">"

enum { PAGE_MAX = 1000, OUTPUT_STREAMS = 2 }; /* objects held back for one table */

typedef struct Output { /* bytes for the client */
        char *data;
        size_t size, room, taken;
} Output;

typedef struct WinrsCommand WinrsCommand;
struct WinrsCommand {
        WinrsCommand *next;
        Shell *shell;
        char id[WSMAN_ID_MAX];
        void *call; /* at holdfastd; NULL when it has ended */
        bool powershell, done, paused, broken;
        bool fetched;             /* the client knows its end */
        unsigned exit_code, held; /* held: objects in the view */
        bool exits;               /* the text said "exit N": … */
        int32_t exits_with;
        Output out, err;
        View *view;
        char *view_text; /* what the view wrote */
        size_t view_size;
        FILE *view_file;
};

typedef struct Winrs {
        WinrsCommand *commands;
        unsigned count;
} Winrs;

/* ---- output --------------------------------------------------------------------------------------- */

static void put(WinrsCommand *c, Output *o, const char *data, size_t size) {
        if (size == 0)
                return;
        if (o->room - o->size < size) {
                size_t room = 2 * o->room + size + 1024;
                char *more = realloc(o->data, room);
                if (!more) {
                        c->broken = true;
                        return;
                }
                o->data = more;
                o->room = room;
        }
        memcpy(o->data + o->size, data, size);
        o->size += size;
}

/* Windows' line ends; names that hold escape sequences do not reach the client's terminal as such. */
static void put_lines(WinrsCommand *c, Output *o, const char *text, size_t size) {
        while (size > 0) {
                const char *end = memchr(text, '\n', size);
                size_t n = end ? (size_t)(end - text) : size;
                put(c, o, text, n);
                for (size_t i = o->size - (c->broken ? 0 : n); i < o->size; i++)
                        if ((unsigned char)o->data[i] < ' ' && o->data[i] != '\t')
                                o->data[i] = '?';
                if (!end)
                        return;
                put(c, o, "\r\n", 2);
                text = end + 1;
                size -= n + 1;
        }
}

static int flush_view(WinrsCommand *c) {
        Error err = { 0 };
        if (view_flush(c->view, &err) < 0 || fflush(c->view_file) != 0)
                return -1;
        put_lines(c, &c->out, c->view_text, c->view_size);
        rewind(c->view_file);
        c->held = 0;
        return c->broken ? -1 : 0;
}

/* PowerShell writes its errors as CLIXML when it is not at a terminal: one string a line, line ends escaped. */
static void put_clixml(WinrsCommand *c, const char *text) {
        auto_(xml_writer_done) XmlWriter w = { 0 };
        if (c->err.size == 0)
                xml_write(&w, CLIXML_BEGIN);
        while (*text) {
                size_t n = strcspn(text, "\n");
                auto_free char *line = strndup(text, n);
                xml_write(&w, "<S S=\"Error\">");
                if (line)
                        xml_write_text(&w, line);
                xml_write(&w, "_x000D__x000A_</S>");
                text += n + (text[n] == '\n');
        }
        if (w.failed)
                c->broken = true;
        else
                put(c, &c->err, w.text, w.size);
}

static void put_error(WinrsCommand *c, const char *text) {
        if (c->powershell)
                put_clixml(c, text);
        else
                put_lines(c, &c->err, text, strlen(text));
}

static const char *field(sd_json_variant *record, const char *name) {
        const char *text = object_string(record, name);
        return text ? text : "";
}

static void show_error(WinrsCommand *c, sd_json_variant *record) {
        const char *activity = field(record, "Activity"), *exception = strrchr(field(record, "Exception"), '.');
        const char *target = field(record, "TargetName");

        exception = exception ? exception + 1 : field(record, "Exception");
        auto_free char *text = text_format("%s%s%s\n    + CategoryInfo          : %s: (%s%s) [%s], %s\n"
                                           "    + FullyQualifiedErrorId : %s\n\n",
                                           activity, *activity ? " : " : "", field(record, "Message"),
                                           field(record, "Category"), target, *target ? ":String" : ":", activity,
                                           exception, field(record, "FullyQualifiedErrorId"));
        if (text)
                put_error(c, text);
        else
                c->broken = true;
}

static void show_text(WinrsCommand *c, const char *prefix, sd_json_variant *value) {
        const char *text = sd_json_variant_is_string(value) ? sd_json_variant_string(value) : "";
        put(c, &c->out, prefix, strlen(prefix));
        put_lines(c, &c->out, text, strlen(text));
        put(c, &c->out, "\r\n", 2);
}

static void hold_back(WinrsCommand *c) {
        size_t unsent = c->out.size - c->out.taken + c->err.size - c->err.taken;
        bool full = unsent > WSMAN_UNSENT_MAX;
        if (full == c->paused || !c->call)
                return;
        c->paused = full;
        c->shell->wsman->node.pause(c->shell->wsman->node.userdata, c->call, full);
}

/* What a process would end with. */
static void take_exit(WinrsCommand *c, sd_json_variant *state) {
        sd_json_variant *code = object_property(state, "Exit");
        if (!code || !sd_json_variant_is_integer(code))
                return;
        c->exits = true;
        c->exits_with = (int32_t)sd_json_variant_integer(code);
}

static void on_record(void *userdata, RecordStream stream, sd_json_variant *value) {
        WinrsCommand *c = userdata;
        Error err = { 0 };

        switch (stream) {
        case STREAM_OUTPUT:
                if (view_add(c->view, value, &err) < 0 || (++c->held >= PAGE_MAX && flush_view(c) < 0))
                        c->broken = true;
                break;
        case STREAM_ERROR:
                (void)!flush_view(c);
                show_error(c, value);
                break;
        case STREAM_WARNING:
                (void)!flush_view(c);
                show_text(c, "WARNING: ", value);
                break;
        case STREAM_VERBOSE:
                (void)!flush_view(c);
                show_text(c, "VERBOSE: ", value);
                break;
        case STREAM_INFORMATION:
                (void)!flush_view(c);
                show_text(c, "", value);
                break;
        case STREAM_STATE:
                take_exit(c, value);
                return;
        case STREAM_PROGRESS: /* text has no place for it */
        case STREAM_PROMPT:
        case STREAM_COUNT:
        default:
                return;
        }
        hold_back(c);
        shell_wake(c->shell);
}

static void finish(WinrsCommand *c, unsigned exit_code) {
        if (flush_view(c) < 0 || c->broken) {
                c->broken = false;
                put_error(c, "There is not enough memory for the output of this command.\n");
                exit_code = 1;
        }
        if (c->powershell && c->err.size > 0)
                put(c, &c->err, "</Objs>", 7);
        c->exit_code = exit_code;
        c->done = true;
        shell_wake(c->shell);
}

static void on_needs(void *userdata, sd_json_variant *needs) {
        WinrsCommand *c = userdata;
        c->call = NULL;
        put_error(c,
                  "A parameter of this command takes a password, and a command line has no safe place for one. Use "
                  "PowerShell remoting (Invoke-Command), or the holdfast command on the host.\n");
        finish(c, 1);
}

static void on_ended(void *userdata, const WsmanEnd *end) {
        WinrsCommand *c = userdata;
        c->call = NULL;
        if (end->failure.kind != ERROR_NONE) {
                put_error(c, end->failure.text);
                put_error(c, "\n");
        }
        bool failed = end->failure.kind != ERROR_NONE;
        finish(c, c->exits && !failed ? (unsigned)c->exits_with : end->had_errors || failed ? 1 : 0);
}

/* ---- commands ------------------------------------------------------------------------------------- */

static void command_free(WinrsCommand *c) {
        const WsmanNode *node = &c->shell->wsman->node;
        if (c->call)
                node->cancel(node->userdata, c->call);
        view_free(c->view);
        if (c->view_file)
                (void)fclose(c->view_file);
        free(c->view_text);
        free(c->out.data);
        free(c->err.data);
        free(c);
}

static WinrsCommand *find(Shell *shell, const char *id, WsmanFault *fault) {
        const Winrs *winrs = shell->inside;
        for (WinrsCommand *c = winrs->commands; c; c = c->next)
                if (strcasecmp(c->id, id) == 0)
                        return c;
        (void)fault_set(fault, FAULT_SELECTORS, "There is no command '%.60s' in this shell.", id);
        return NULL;
}

static int make(Shell *shell, const Envelope *envelope, WinrsCommand **ret, WsmanFault *fault) {
        WinrsCommand *c = calloc(1, sizeof *c);
        const char *wanted = xml_attribute(envelope->body, "CommandId");
        char id[UUID_TEXT_SIZE];
        Error err = { 0 };

        if (!c || text_uuid(id, &err) < 0) {
                free(c);
                return fault_set(fault, FAULT_INTERNAL, "There is not enough memory for another command.");
        }
        c->shell = shell;
        for (char *p = id; *p; p++)
                *p = (char)toupper((unsigned char)*p);
        bool plain = wanted && *wanted && strlen(wanted) < sizeof c->id &&
                     strspn(wanted, "0123456789abcdefABCDEF-{}") == strlen(wanted);
        (void)snprintf(c->id, sizeof c->id, "%s", plain ? wanted : id);
        c->view_file = open_memstream(&c->view_text, &c->view_size);
        if (!c->view_file || view_new(c->view_file, 0, VIEW_DEFAULT, NULL, &c->view, &err) < 0) {
                command_free(c);
                return fault_set(fault, FAULT_INTERNAL, "There is not enough memory for another command.");
        }
        *ret = c;
        return 0;
}

/* Command and Arguments, joined as Windows joins them. */
static char *join(const Envelope *envelope) {
        XmlWriter w = { 0 };
        xml_write(&w, envelope_body_text(envelope, NS_SHELL, "Command"));
        for (const XmlElement *a = xml_child(envelope->tree, envelope->body, NS_SHELL, "Arguments"); a;
             a = xml_next(envelope->tree, a, NS_SHELL, "Arguments")) {
                xml_write(&w, " ");
                xml_write(&w, a->text);
        }
        if (w.failed)
                xml_writer_done(&w);
        return w.text;
}

/* What cannot be understood ends like a command that does not exist: on standard error, with exit code 1. */
static void start(WinrsCommand *c, const Envelope *envelope) {
        const WsmanNode *node = &c->shell->wsman->node;
        const WsmanEvents events = { .record = on_record, .needs = on_needs, .ended = on_ended, .userdata = c };
        auto_free char *line = join(envelope);
        CommandLine parsed = { 0 };
        Error err = { 0 };

        int r = line ? commandline_parse(line, &parsed, &err) : error_oom(&err);
        c->powershell = parsed.powershell;
        if (r == 0) {
                const WsmanWork work = { .session = c->shell->session, .text = parsed.text };
                r = node->run(node->userdata, &work, &events, &c->call, &err);
        }
        if (r < 0) {
                put_error(c, err.text);
                put_error(c, "\n");
                finish(c, 1);
        }
        if (parsed.text)
                explicit_bzero(parsed.text, strlen(parsed.text));
        free(parsed.text);
}

static void forget(Winrs *winrs, WinrsCommand *gone) {
        for (WinrsCommand **at = &winrs->commands; *at; at = &(*at)->next)
                if (*at == gone) {
                        *at = gone->next;
                        winrs->count--;
                        break;
                }
        command_free(gone);
}

/* Commands that ended, and whose client knows it, make room for new ones. */
static bool has_room(Winrs *winrs) {
        WinrsCommand *c = winrs->commands;
        if (winrs->count < WSMAN_COMMANDS_MAX)
                return true;
        while (c && !c->fetched)
                c = c->next;
        if (c)
                forget(winrs, c);
        return c != NULL;
}

static int winrs_command(Shell *shell, const Envelope *envelope, char ret_id[static WSMAN_ID_MAX],
                         WsmanFault *fault) {
        Winrs *winrs = shell->inside;
        WinrsCommand *c = NULL;

        if (!envelope->body || strcmp(envelope->body->name, "CommandLine") != 0)
                return fault_set(fault, FAULT_SCHEMA, "Command wants a CommandLine in its body.");
        if (!has_room(winrs))
                return fault_set(fault, FAULT_QUOTA_COMMANDS,
                                 "This shell has %d commands already; end one of them with Signal.",
                                 WSMAN_COMMANDS_MAX);
        if (make(shell, envelope, &c, fault) < 0)
                return -1;
        c->next = winrs->commands;
        winrs->commands = c;
        winrs->count++;
        memcpy(ret_id, c->id, sizeof c->id);
        start(c, envelope);
        return 0;
}

static bool ends_with(const char *text, const char *end) {
        size_t a = strlen(text), b = strlen(end);
        return a >= b && strcmp(text + a - b, end) == 0;
}

static int winrs_signal(Shell *shell, const char *command, const char *code, WsmanFault *fault) {
        WinrsCommand *c = find(shell, command, fault);
        if (!c)
                return -1;
        if (ends_with(code, "/signal/terminate")) {
                forget(shell->inside, c);
                shell_wake(shell); /* whoever waits for it learns that it is gone */
                return 0;
        }
        if (!ends_with(code, "/signal/ctrl_c") && !ends_with(code, "/signal/ctrl_break"))
                return fault_set(fault, FAULT_PARAMETER, "The signal '%.100s' is not known.", code);
        if (c->call) {
                const WsmanNode *node = &shell->wsman->node;
                node->cancel(node->userdata, take_ptr(c->call));
                finish(c, 0xC000013A); /* STATUS_CONTROL_C_EXIT, [MS-ERREF] 2.3.1 */
        }
        return 0;
}

/* Commands read nothing; what clients send all the same is their end of input, and is taken. */
static int winrs_send(Shell *shell, const Envelope *envelope, WsmanFault *fault) {
        const XmlElement *stream = xml_child(envelope->tree, envelope->body, NS_SHELL, "Stream");
        const char *command = xml_attribute(stream, "CommandId");
        return find(shell, command ? command : "", fault) ? 0 : -1;
}

/* ---- Receive -------------------------------------------------------------------------------------- */

static size_t take(XmlWriter *w, const WinrsCommand *c, const char *name, Output *o, size_t room) {
        size_t n = o->size - o->taken;
        n = n < room ? n : room;
        n = n < XPRESS_BLOCK_MAX ? n : XPRESS_BLOCK_MAX;
        if (n == 0)
                return 0;
        shell_write_stream(c->shell, w, name, c->id, o->data + o->taken, n);
        o->taken += n;
        if (o->taken == o->size)
                o->taken = o->size = 0;
        return n;
}

static int winrs_receive(Shell *shell, const char *command, size_t room, XmlWriter *w, WsmanFault *fault) {
        static const char *const names[OUTPUT_STREAMS] = { "stdout", "stderr" };
        if (!*command)
                return fault_set(fault, FAULT_PARAMETER, "A Receive of this shell must name a command.");
        WinrsCommand *c = find(shell, command, fault);
        if (!c)
                return -1;
        Output *outputs[OUTPUT_STREAMS] = { &c->out, &c->err };
        size_t sent = 0;
        /* CLIXML is whole only at the end, and it is short */
        for (unsigned i = 0; i < OUTPUT_STREAMS; i++)
                if (i == 0 || !c->powershell || c->done)
                        sent += take(w, c, names[i], outputs[i], room - sent);
        hold_back(c);
        bool all = c->done && c->out.size == 0 && c->err.size == 0;
        if (sent == 0 && !all)
                return 0;
        c->fetched = all;
        for (unsigned i = 0; all && i < OUTPUT_STREAMS; i++)
                xml_writef(w, "<rsp:Stream Name=\"%s\" CommandId=\"%s\" End=\"true\"/>", names[i], c->id);
        xml_writef(w, "<rsp:CommandState CommandId=\"%s\" State=\"" STATE_URI "%s\"", c->id,
                   all ? "Done" : "Running");
        if (all)
                xml_writef(w, "><rsp:ExitCode>%u</rsp:ExitCode></rsp:CommandState>", c->exit_code);
        else
                xml_write(w, "/>");
        return 1;
}

/* ---- the kind ------------------------------------------------------------------------------------- */

/* There are no processes here that would have an environment or a folder: who counts on them must know. */
static int winrs_open(Shell *shell, const Envelope *envelope, WsmanFault *fault) {
        static const char *const refused[] = { "Environment", "WorkingDirectory" };
        for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
                if (xml_child(envelope->tree, envelope->body, NS_SHELL, refused[i]))
                        return fault_set(fault, FAULT_UNSUPPORTED, "%s is not supported by the shells of this service.",
                                         refused[i]);
        shell->inside = calloc(1, sizeof(Winrs));
        return shell->inside ? 0
                             : fault_set(fault, FAULT_INTERNAL, "There is not enough memory for another shell.");
}

static void winrs_close(Shell *shell) {
        Winrs *winrs = shell->inside;
        while (winrs->commands)
                forget(winrs, winrs->commands);
        free(winrs);
        shell->inside = NULL;
}

const ShellKind winrs_kind = {
        .input = "stdin",
        .output = "stdout stderr",
        .open = winrs_open,
        .close = winrs_close,
        .command = winrs_command,
        .send = winrs_send,
        .signal = winrs_signal,
        .receive = winrs_receive,
};
