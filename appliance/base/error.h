/* error.h — the one way in which anything in Holdfast fails
 *
 * An Error is caller-owned, of fixed size and never allocated: it can be filled when memory is
 * gone, stored in a job row, sent over a socket, and needs no free.  It is filled exactly when a
 * function returns -1 (or NULL, where a header says so).  Callers branch on kind, never on text.
 */
#pragma once

#include <stdarg.h>

typedef enum ErrorKind {
        ERROR_NONE,
        ERROR_INVALID,          /* the caller's input is wrong */
        ERROR_NOT_FOUND,        /* the thing named does not exist */
        ERROR_DENIED,           /* somebody with the authority said no */
        ERROR_CONFLICT,         /* somebody else holds it, or it is in the wrong state */
        ERROR_UNREACHABLE,      /* no answer, or the way there is broken */
        ERROR_TIMEOUT,          /* an answer did not come in time */
        ERROR_CANCELLED,        /* somebody asked us to stop */
        ERROR_UNSUPPORTED,      /* the other side, or we, cannot do that */
        ERROR_PROTOCOL,         /* a peer sent what it must not send */
        ERROR_LIMIT,            /* a bound of ours was reached */
        ERROR_INTERNAL,         /* our own failure, or the operating system's */
        ERROR_KIND_COUNT,
} ErrorKind;

enum { ERROR_TEXT_MAX = 512 };

typedef struct Error {
        ErrorKind kind;
        int cause;                      /* errno, NTSTATUS, krb5 code …; 0 when none */
        char text[ERROR_TEXT_MAX];      /* one sentence, outermost context first */
} Error;

#define FAILS __attribute__((warn_unused_result))

/* Fill *err and return -1, so that `return error_set(…);` reads as one act.  A text that is too
 * long is cut at a character boundary, and it is always valid UTF-8: bytes that are none are left
 * out.  @fmt must not name secrets.  Saves and restores errno. */
int error_set(Error *err, ErrorKind kind, int cause, const char *fmt, ...)
        __attribute__((nonnull(1, 4), format(printf, 4, 5)));

/* Put "clause: " in front of the text of a filled error; kind and cause stay.  Returns -1. */
int error_wrap(Error *err, const char *fmt, ...)
        __attribute__((nonnull(1, 2), format(printf, 2, 3)));

/* Out of memory; returns -1. */
int error_oom(Error *err) __attribute__((nonnull(1)));

/* The kind's name, e.g. "NotFound"; never NULL.  The inverse gives ERROR_INTERNAL for names it
 * does not know, so a newer peer's errors stay errors. */
const char *error_kind_name(ErrorKind kind);
ErrorKind error_kind_from_name(const char *name);
