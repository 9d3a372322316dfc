#include "appliance/psrp/runspace.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/object.h"
#include "appliance/psrp/host.h"

enum { DEFAULT_WIDTH = 120 };

void console_clear(Console *console) {
        view_free(console->view);
        if (console->to)
                (void)fclose(console->to);
        free(console->text);
        *console = (Console){ 0 };
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
        c->text[c->size] = '\0'; /* behind it stands what an earlier turn wrote */
        if (whole)
                output_string(p, c->text);
        for (char *at = c->text; !whole && *at;) {
                size_t size = strcspn(at, "\n");
                bool more = at[size] != '\0';
                at[size] = '\0';
                if (p->request.output == REQUEST_CONSOLE)
                        host_line(&p->sender, HOST_WRITE_LINE, at);
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

static const char *text_of(sd_json_variant *object, const char *name) {
        const char *text = object ? object_string(object, name) : NULL;
        return text ? text : "";
}

static void write_error(Pipeline *p, const char *activity, const char *message, const char *category,
                        const char *id) {
        auto_free char *text =
                text_format("%s%s%s\n    + CategoryInfo          : %s\n    + FullyQualifiedErrorId : %s", activity,
                            *activity ? " : " : "", message, category, id);
        if (text)
                host_line(&p->sender, HOST_WRITE_ERROR_LINE, text);
        else
                p->pool->broken = true;
}

static void show_error(Pipeline *p, sd_json_variant *record) {
        const char *target = text_of(record, "TargetName"), *exception = text_of(record, "Exception");
        const char *dot = strrchr(exception, '.');
        char category[RECORD_TARGET_MAX + 3 * RECORD_NAME_MAX];

        (void)snprintf(category, sizeof category, "%s: (%s%s) [%s], %s", text_of(record, "Category"), target,
                       *target ? ":String" : ":", text_of(record, "Activity"), dot ? dot + 1 : exception);
        write_error(p, text_of(record, "Activity"), text_of(record, "Message"), category,
                    text_of(record, "FullyQualifiedErrorId"));
}

/* An error record as the client has it: what failed a pipeline comes back to be shown. */
static void show_foreign_error(Pipeline *p, sd_json_variant *record) {
        sd_json_variant *exception = object_property(record, "Exception");
        write_error(p, text_of(record, "ErrorCategory_Activity"), text_of(exception, "Message"),
                    text_of(record, "ErrorCategory_Message"), text_of(record, "FullyQualifiedErrorId"));
}

void console_show(Pipeline *p, sd_json_variant *object) {
        if (p->request.output == REQUEST_NOTHING)
                return;
        if (p->request.output == REQUEST_CONSOLE && strcmp(object_type(object), "ErrorRecord") == 0)
                show_foreign_error(p, object);
        else
                console_add(p, STREAM_OUTPUT, object);
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
                message_error(&p->sender, record, false);
        else
                pipeline_say(p, stream, text);
}

void console_flush(Pipeline *p) {
        Error err = { 0 };
        if (!p->console.view)
                return;
        if (view_flush(p->console.view, &err) < 0)
                p->pool->broken = true;
        drain(p, false);
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
