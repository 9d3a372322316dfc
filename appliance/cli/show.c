#include "appliance/cli/show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/command/cell.h"
#include "appliance/command/object.h"
#include "appliance/command/view.h"

enum { BAR_COLUMNS = 24 };

struct Show {
        bool json, bar;                 /* bar: standard error is a terminal */
        bool bar_shown;
        bool any;                       /* the JSON array has begun */
        View *view;
};

DEFINE_FREEP(Show, show_free);

unsigned show_width(void) {
        struct winsize size;
        if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
                return 0;
        return size.ws_col;
}

int show_new(bool json, Show **ret, Error *err) {
        auto_(show_freep) Show *show = calloc(1, sizeof *show);
        if (!show)
                return error_oom(err);
        show->json = json;
        show->bar = isatty(STDERR_FILENO) && !json;
        if (view_new(stdout, show_width(), VIEW_DEFAULT, NULL, &show->view, err) < 0)
                return -1;
        *ret = take_ptr(show);
        return 0;
}

void show_free(Show *show) {
        if (!show)
                return;
        view_free(show->view);
        free(show);
}

static void clear_bar(Show *show) {
        if (show->bar_shown)
                (void)fputs("\r\033[K", stderr);
        show->bar_shown = false;
}

static int put_json(FILE *to, sd_json_variant *value, Error *err) {
        auto_free char *text = NULL;
        if (sd_json_variant_format(value, 0, &text) < 0)
                return error_oom(err);
        (void)fputs(text, to);
        return 0;
}

static int show_json(Show *show, RecordStream stream, sd_json_variant *value, Error *err) {
        if (stream == STREAM_OUTPUT) {
                (void)fputs(show->any ? ",\n" : "[", stdout);
                show->any = true;
                return put_json(stdout, value, err);
        }
        (void)fprintf(stderr, "{\"Stream\":\"%s\",\"Value\":", stream_name(stream));
        int r = put_json(stderr, value, err);
        (void)fputs("}\n", stderr);
        return r;
}

static const char *field(sd_json_variant *record, const char *name) {
        const char *text = object_string(record, name);
        return text ? text : "";
}

/* Line breaks stay, other control characters are shown. */
static void put_safe(FILE *to, const char *text) {
        while (*text) {
                size_t size = strcspn(text, "\n");
                auto_free char *line = strndup(text, size);
                auto_(cell_clear) Cell cell = { 0 };
                Error err = { 0 };
                if (line && cell_text(line, &cell, &err) == 0)
                        (void)fputs(cell.text, to);
                text += size;
                if (*text)
                        (void)fputc(*text++, to);
        }
}

static void show_error(sd_json_variant *record) {
        const char *activity = field(record, "Activity"), *exception = strrchr(field(record, "Exception"), '.');
        const char *target = field(record, "TargetName");

        exception = exception ? exception + 1 : field(record, "Exception");
        if (*activity)
                (void)fprintf(stderr, "%s : ", activity);
        put_safe(stderr, field(record, "Message"));
        (void)fprintf(stderr, "\n    + CategoryInfo          : %s: (", field(record, "Category"));
        put_safe(stderr, target);
        (void)fprintf(stderr, "%s) [%s], %s\n", *target ? ":String" : ":", activity, exception);
        (void)fprintf(stderr, "    + FullyQualifiedErrorId : %s\n\n", field(record, "FullyQualifiedErrorId"));
}

static void show_progress(Show *show, sd_json_variant *record) {
        sd_json_variant *done = object_property(record, "Completed"),
                        *percent = object_property(record, "PercentComplete");
        clear_bar(show);
        if (!show->bar || (done && sd_json_variant_is_boolean(done) && sd_json_variant_boolean(done)))
                return;
        put_safe(stderr, field(record, "Activity"));
        int64_t part = percent && sd_json_variant_is_integer(percent) ? sd_json_variant_integer(percent) : -1;
        if (part >= 0 && part <= 100) {
                char bar[BAR_COLUMNS + 1];
                size_t full = (size_t)part * BAR_COLUMNS / 100;
                memset(bar, '.', BAR_COLUMNS);
                memset(bar, '#', full);
                bar[BAR_COLUMNS] = '\0';
                (void)fprintf(stderr, " [%s] %3d%%", bar, (int)part);
        }
        (void)fputc(' ', stderr);
        put_safe(stderr, field(record, "StatusDescription"));
        (void)fflush(stderr);
        show->bar_shown = true;
}

static void show_text(FILE *to, const char *prefix, sd_json_variant *value) {
        (void)fputs(prefix, to);
        put_safe(to, sd_json_variant_is_string(value) ? sd_json_variant_string(value) : "");
        (void)fputc('\n', to);
}

int show_record(Show *show, RecordStream stream, sd_json_variant *value, Error *err) {
        if (stream == STREAM_STATE || stream == STREAM_PROMPT)
                return 0;               /* there is no session that could keep it; confirm.c asks */
        if (show->json)
                return stream == STREAM_PROGRESS ? 0 : show_json(show, stream, value, err);
        if (stream != STREAM_PROGRESS)
                clear_bar(show);
        switch (stream) {
        case STREAM_OUTPUT:
                return view_add(show->view, value, err);
        case STREAM_ERROR:
                /* What came before it stands before it. */
                if (view_flush(show->view, err) < 0 || fflush(stdout) != 0)
                        return -1;
                show_error(value);
                return 0;
        case STREAM_WARNING:
                show_text(stderr, "WARNING: ", value);
                return 0;
        case STREAM_VERBOSE:
                show_text(stderr, "VERBOSE: ", value);
                return 0;
        case STREAM_INFORMATION:
                show_text(stdout, "", value);
                return 0;
        case STREAM_PROGRESS:
                show_progress(show, value);
                return 0;
        case STREAM_PROMPT:
        case STREAM_STATE:
        case STREAM_COUNT:
        default:
                return 0;
        }
}

int show_flush(Show *show, Error *err) {
        clear_bar(show);
        if (show->json)
                return 0;
        if (view_flush(show->view, err) < 0)
                return -1;
        (void)fflush(stdout);
        return 0;
}

int show_end(Show *show, Error *err) {
        clear_bar(show);
        if (show->json)
                (void)fputs(show->any ? "]\n" : "[]\n", stdout);
        else if (view_flush(show->view, err) < 0)
                return -1;
        if (fflush(stdout) != 0)
                return error_set(err, ERROR_INTERNAL, errno, "the result cannot be written: %m");
        return 0;
}
