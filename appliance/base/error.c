#include "appliance/base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const kind_names[ERROR_KIND_COUNT] = {
        [ERROR_NONE] = "None",
        [ERROR_INVALID] = "Invalid",
        [ERROR_NOT_FOUND] = "NotFound",
        [ERROR_DENIED] = "Denied",
        [ERROR_CONFLICT] = "Conflict",
        [ERROR_UNREACHABLE] = "Unreachable",
        [ERROR_TIMEOUT] = "Timeout",
        [ERROR_CANCELLED] = "Cancelled",
        [ERROR_UNSUPPORTED] = "Unsupported",
        [ERROR_PROTOCOL] = "Protocol",
        [ERROR_LIMIT] = "Limit",
        [ERROR_INTERNAL] = "Internal",
};

/* snprintf may cut inside a UTF-8 character; the journal and JSON want whole ones. */
static void cut_at_character(char *text, int wanted) {
        if (wanted < ERROR_TEXT_MAX)
                return;
        size_t n = strlen(text), lead = n;
        while (lead > 0 && ((unsigned char)text[lead - 1] & 0xC0) == 0x80)
                lead--;
        if (lead > 0 && ((unsigned char)text[lead - 1] & 0xC0) == 0xC0)
                text[lead - 1] = '\0';
}

int error_set(Error *err, ErrorKind kind, int cause, const char *fmt, ...) {
        int saved = errno;
        va_list ap;

        err->kind = kind;
        err->cause = cause;
        va_start(ap, fmt);
        int n = vsnprintf(err->text, sizeof err->text, fmt, ap);
        va_end(ap);
        cut_at_character(err->text, n);
        errno = saved;
        return -1;
}

int error_wrap(Error *err, const char *fmt, ...) {
        int saved = errno;
        char inner[ERROR_TEXT_MAX], clause[ERROR_TEXT_MAX];
        va_list ap;

        (void)memcpy(inner, err->text, sizeof inner);
        va_start(ap, fmt);
        (void)vsnprintf(clause, sizeof clause, fmt, ap);
        va_end(ap);
        cut_at_character(err->text, snprintf(err->text, sizeof err->text, "%.*s: %s",
                                             ERROR_TEXT_MAX / 2, clause, inner));
        errno = saved;
        return -1;
}

int error_oom(Error *err) {
        return error_set(err, ERROR_LIMIT, ENOMEM, "out of memory");
}

const char *error_kind_name(ErrorKind kind) {
        if ((unsigned)kind >= ERROR_KIND_COUNT)
                kind = ERROR_INTERNAL;
        return kind_names[kind];
}

ErrorKind error_kind_from_name(const char *name) {
        for (ErrorKind k = ERROR_NONE; k < ERROR_KIND_COUNT; k++)
                if (name && strcmp(name, kind_names[k]) == 0)
                        return k;
        return ERROR_INTERNAL;
}
