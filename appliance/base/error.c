#include "appliance/base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "appliance/base/text.h"

enum { CHARACTER_MAX = 4 };     /* bytes of one in UTF-8 */

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

/* snprintf cuts inside a UTF-8 character, at the end or where a precision (%.300s) says so, and what others told us
 * need not be UTF-8; the journal, JSON and XML refuse the whole text then.  Such bytes are left out. */
static void keep_characters(char *text) {
        size_t left = strlen(text), kept = 0;

        for (const char *from = text; left > 0;) {
                size_t n = 1;
                while (n <= CHARACTER_MAX && n <= left && !text_is_utf8(from, n))
                        n++;
                bool whole = n <= CHARACTER_MAX && n <= left;
                if (whole)
                        (void)memmove(text + kept, from, n);
                else
                        n = 1;
                kept += whole ? n : 0;
                from += n;
                left -= n;
        }
        text[kept] = '\0';
}

int error_set(Error *err, ErrorKind kind, int cause, const char *fmt, ...) {
        int saved = errno;
        va_list ap;

        err->kind = kind;
        err->cause = cause;
        va_start(ap, fmt);
        (void)vsnprintf(err->text, sizeof err->text, fmt, ap);
        va_end(ap);
        keep_characters(err->text);
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
        (void)snprintf(err->text, sizeof err->text, "%.*s: %s", ERROR_TEXT_MAX / 2, clause, inner);
        keep_characters(err->text);
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
