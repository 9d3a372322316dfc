#include "appliance/psrp/runspace.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/command/object.h"

enum { DEFAULT_WIDTH = 120, NO_REPLY = -100, WRITE_LINE = 16, WRITE_ERROR_LINE = 18, WRITE_VERBOSE_LINE = 21,
       WRITE_WARNING_LINE = 22 };

void console_clear(Console *console) {
        view_free(console->view);
        if (console->to)
                (void)fclose(console->to);
        free(console->text);
        *console = (Console){ 0 };
}

/* A call of the client's host that is not answered ([MS-PSRP] 2.2.3.17). */
static void call_host(Pipeline *p, int32_t method, const char *name, const char *text) {
        Clixml c;
        if (message_begin(&p->sender, &c) < 0)
                return;
        clixml_object(&c, NULL, NULL);
        clixml_open(&c, "MS");
        clixml_i64(&c, "ci", NO_REPLY);
        clixml_enum(&c, "mi", "System.Management.Automation.Remoting.RemoteHostMethodId", name, method);
        clixml_object(&c, "mp", "System.Collections.ArrayList,System.Object");
        clixml_open(&c, "LST");
        clixml_string(&c, NULL, text);
        clixml_close(&c, "LST");
        clixml_object_end(&c);
        clixml_close(&c, "MS");
        clixml_object_end(&c);
        message_send(&p->sender, MESSAGE_PIPELINE_HOST_CALL, &c);
}

static void output_string(Pipeline *p, const char *text) {
        auto_(sd_json_variant_unrefp) sd_json_variant *value = NULL;
        if (sd_json_variant_new_string(&value, text) < 0)
                p->pool->broken = true;
        else
                message_output(&p->sender, value);
}

/* Everything that is written goes out, line by line or whole; the stream is used again from its start. */
static void drain(Pipeline *p, bool last) {
        Console *c = &p->console;
        bool whole = p->request.output == REQUEST_STRING;

        if (fflush(c->to) != 0 || !c->text) {
                p->pool->broken = true;
                return;
        }
        if (whole && !last)
                return;
        c->text[c->size] = '\0';        /* behind it stands what an earlier turn wrote */
        if (whole)
                output_string(p, c->text);
        for (char *at = c->text; !whole && *at;) {
                size_t size = strcspn(at, "\n");
                bool more = at[size] != '\0';
                at[size] = '\0';
                if (p->request.output == REQUEST_CONSOLE)
                        call_host(p, WRITE_LINE, "WriteLine2", at);
                else
                        output_string(p, at);
                at += size + more;
        }
        rewind(c->to);
}

static bool opened(Pipeline *p) {
        Console *c = &p->console;
        Error err = { 0 };
        unsigned width = p->request.width ? p->request.width : DEFAULT_WIDTH;

        if (c->view)
                return true;
        c->to = open_memstream(&c->text, &c->size);
        if (c->to && view_new(c->to, width, VIEW_DEFAULT, NULL, &c->view, &err) == 0)
                return true;
        p->pool->broken = true;
        return false;
}

static void show_error(Pipeline *p, sd_json_variant *record) {
        const char *activity = object_string(record, "Activity"), *message = object_string(record, "Message"),
                   *category = object_string(record, "Category"), *id = object_string(record, "FullyQualifiedErrorId"),
                   *target = object_string(record, "TargetName"), *exception = object_string(record, "Exception");
        const char *dot = exception ? strrchr(exception, '.') : NULL;
        char text[RECORD_MESSAGE_MAX + 2 * RECORD_ID_MAX + RECORD_TARGET_MAX + 512];

        (void)snprintf(text, sizeof text,
                       "%s%s%s\n    + CategoryInfo          : %s: (%s%s) [%s], %s\n    + FullyQualifiedErrorId : %s",
                       activity ? activity : "", activity && *activity ? " : " : "", message ? message : "",
                       category ? category : "NotSpecified", target ? target : "", target && *target ? ":String" : ":",
                       activity ? activity : "", dot ? dot + 1 : exception ? exception : "", id ? id : "");
        call_host(p, WRITE_ERROR_LINE, "WriteErrorLine", text);
}

void console_add(Pipeline *p, RecordStream stream, sd_json_variant *record) {
        const char *text = sd_json_variant_is_string(record) ? sd_json_variant_string(record) : "";
        bool console = p->request.output == REQUEST_CONSOLE;
        Error err = { 0 };

        if (!opened(p))
                return;
        if (stream == STREAM_OUTPUT) {
                if (view_add(p->console.view, record, &err) < 0)
                        p->pool->broken = true;
                else
                        drain(p, false);
                return;
        }
        /* What came before it stands before it. */
        if (view_flush(p->console.view, &err) < 0)
                p->pool->broken = true;
        drain(p, false);
        if (stream == STREAM_ERROR && console)
                show_error(p, record);
        else if (stream == STREAM_ERROR)
                message_error(&p->sender, record);
        else if (stream == STREAM_WARNING && console)
                call_host(p, WRITE_WARNING_LINE, "WriteWarningLine", text);
        else if (stream == STREAM_VERBOSE && console)
                call_host(p, WRITE_VERBOSE_LINE, "WriteVerboseLine", text);
        else if (console)
                call_host(p, WRITE_LINE, "WriteLine2", text);
        else
                message_text(&p->sender, stream == STREAM_WARNING ? MESSAGE_WARNING_RECORD : MESSAGE_VERBOSE_RECORD, text);
}

void console_end(Pipeline *p) {
        Error err = { 0 };
        if (!p->console.view)
                return;
        if (view_flush(p->console.view, &err) < 0)
                p->pool->broken = true;
        drain(p, true);
        console_clear(&p->console);
}
