#include "appliance/base/log.h"

#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "appliance/base/cleanup.h"

/* The message is ours, with values from outside in it: only line breaks and their like are dangerous. */
static void one_line(char *text) {
        for (; *text; text++)
                if ((unsigned char)*text < 0x20 || *text == 0x7F)
                        *text = ' ';
}

void log_write(int priority, const char *message_id, const LogField *fields, const char *fmt, ...) {
        char text[LOG_TEXT_MAX], lines[LOG_FIELDS_MAX + 3][LOG_TEXT_MAX + 64];
        struct iovec iov[LOG_FIELDS_MAX + 3];
        int n = 0;
        va_list ap;

        va_start(ap, fmt);
        (void)vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        one_line(text);
        if (access("/run/systemd/journal/socket", W_OK) < 0) {
                (void)fprintf(stderr, "<%d>%s\n", priority, text);
                return;
        }
        (void)snprintf(lines[n++], sizeof lines[0], "MESSAGE=%s", text);
        (void)snprintf(lines[n++], sizeof lines[0], "PRIORITY=%d", priority);
        if (message_id)
                (void)snprintf(lines[n++], sizeof lines[0], "MESSAGE_ID=%s", message_id);
        for (; fields && fields->name && n < (int)ARRAY_SIZE(lines); fields++) {
                if (!fields->value)
                        continue;
                /* quotes and backslashes stay: journalctl 'USER=LAB\anna' must find what was written */
                int head = snprintf(lines[n], sizeof lines[0], "%.60s=%.*s", fields->name, LOG_TEXT_MAX, fields->value);
                one_line(lines[n] + (head > 0 ? strcspn(lines[n], "=") : 0));
                n++;
        }
        for (int i = 0; i < n; i++)
                iov[i] = (struct iovec){ .iov_base = lines[i], .iov_len = strlen(lines[i]) };
        (void)sd_journal_sendv(iov, n);
}
