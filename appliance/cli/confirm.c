#include "appliance/cli/confirm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/cell.h"

enum { LINE_MAX_BYTES = 256, ID_MAX_BYTES = 80 };

struct Confirm {
        int tty;
        sd_event_source *source;
        char id[ID_MAX_BYTES];
        char line[LINE_MAX_BYTES];
        size_t size;
        void (*answered)(void *userdata, const char *id, BatchAnswer answer);
        void *userdata;
};

static const struct { const char *letter, *label, *help; } choices[] = {
        [ANSWER_YES] = { "y", "Yes", "Continue with only the next step of the operation." },
        [ANSWER_YES_TO_ALL] = { "a", "Yes to All", "Continue with all the steps of the operation." },
        [ANSWER_NO] = { "n", "No", "Skip this operation and proceed with the next operation." },
        [ANSWER_NO_TO_ALL] = { "l", "No to All", "Skip this operation and all subsequent operations." },
};

bool confirm_possible(void) { return isatty(STDIN_FILENO) && isatty(STDERR_FILENO); }

void confirm_free(Confirm *c) {
        if (!c)
                return;
        (void)sd_event_source_disable_unref(c->source);
        if (c->tty >= 0)
                (void)close(c->tty);
        free(c);
}

static void offer(const Confirm *c) {
        (void)dprintf(c->tty, "[Y] Yes  [A] Yes to All  [N] No  [L] No to All  [?] Help (default is \"Y\"): ");
}

static void finish(Confirm *c, BatchAnswer answer) {
        (void)sd_event_source_set_enabled(c->source, SD_EVENT_OFF);
        c->answered(c->userdata, c->id, answer);
}

static void take_line(Confirm *c) {
        c->line[c->size] = '\0';
        c->size = 0;
        if (!*c->line) {
                finish(c, ANSWER_YES);
                return;
        }
        for (size_t i = 0; i < ARRAY_SIZE(choices); i++)
                if (text_equal_nocase(c->line, choices[i].letter) || text_equal_nocase(c->line, choices[i].label)) {
                        finish(c, (BatchAnswer)i);
                        return;
                }
        for (size_t i = 0; strcmp(c->line, "?") == 0 && i < ARRAY_SIZE(choices); i++)
                (void)dprintf(c->tty, "%c - %s\n", choices[i].letter[0] - 'a' + 'A', choices[i].help);
        offer(c);
}

static int on_key(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Confirm *c = userdata;
        char ch;
        ssize_t n = read(fd, &ch, 1);

        if (n < 0 && (errno == EINTR || errno == EAGAIN))
                return 0;
        if (n <= 0)
                finish(c, ANSWER_NOBODY);
        else if (ch == '\n')
                take_line(c);
        else if (c->size + 1 < sizeof c->line)
                c->line[c->size++] = ch;
        return 0;
}

static int prepare(Confirm **at, sd_event *event, Error *err) {
        if (*at)
                return 0;
        Confirm *c = calloc(1, sizeof *c);
        if (!c)
                return error_oom(err);
        c->tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
        int r = c->tty < 0 ? -errno : sd_event_add_io(event, &c->source, c->tty, EPOLLIN, on_key, c);
        if (r < 0) {
                confirm_free(c);
                return error_set(err, ERROR_INTERNAL, -r, "the terminal cannot be asked: %s", strerror(-r));
        }
        *at = c;
        return 0;
}

/* What stands in a question may come from another host: line breaks stay, other control characters are shown. */
static void show(const Confirm *c, const char *message) {
        while (*message) {
                size_t size = strcspn(message, "\n");
                auto_free char *line = strndup(message, size);
                auto_(cell_clear) Cell cell = { 0 };
                Error ignored = { 0 };
                if (line && cell_text(line, &cell, &ignored) == 0)
                        (void)dprintf(c->tty, "%s\n", cell.text);
                message += size + (message[size] == '\n');
        }
}

int confirm_ask(Confirm **at, sd_event *event, const char *id, const char *message,
                void (*answered)(void *userdata, const char *id, BatchAnswer answer), void *userdata, Error *err) {
        if (prepare(at, event, err) < 0)
                return -1;
        Confirm *c = *at;
        (void)snprintf(c->id, sizeof c->id, "%s", id);
        c->size = 0;
        c->answered = answered;
        c->userdata = userdata;
        (void)dprintf(c->tty, "\nConfirm\n");
        show(c, message);
        offer(c);
        return sd_event_source_set_enabled(c->source, SD_EVENT_ON) < 0 ? error_oom(err) : 0;
}
