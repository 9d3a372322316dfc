/* log.h — what an operator may want to act on, to the journal
 *
 * Only the edge (holdfastd, gateway) logs.  Control characters in values from outside are taken out here, so that
 * no name can forge a line; never pass secrets.
 */
#pragma once

#include <stdarg.h>
#include <syslog.h>

/* Catalogue of MESSAGE_ID. */
#define LOG_ID_COMMAND "5e1f0ac1cf7c4a1a9f3b6f6f3f0c6a01"       /* a command ran: USER, COMMAND, RESULT */
#define LOG_ID_IDENTITY "8b8d0f5f5d0c4a0e8a3c3a0b6bde2d02"      /* the machine account: PRINCIPAL */
#define LOG_ID_SERVICE "c4d7b8f41a0b4b0f9dfd5a5f7d1f9e03"       /* holdfastd started or stops */
#define LOG_ID_MACHINE "2f6de0a9b0f14c1ab6f0f5b3e60f0e04"       /* something happened to a VM: VM, VM_ID */
#define LOG_ID_MIGRATION "a0c3a5de9a9c46c8a2b8b66d6d0b1a05"     /* a move began or ended: JOB, VM, PEER */
#define LOG_ID_SIGNIN "71d0c8c4a3f04e6bb0a9d2a6c5e70b06"        /* a remote caller signed in or was refused: USER, FROM */

typedef struct LogField {
        const char *name;               /* "VM", "JOB", "PEER", "ERROR_KIND" … */
        const char *value;              /* NULL: left out */
} LogField;

enum { LOG_FIELDS_MAX = 12, LOG_TEXT_MAX = 1024 };

/* @priority LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO.  @fields ends with a NULL name, or is NULL. */
void log_write(int priority, const char *message_id, const LogField *fields, const char *fmt, ...)
        __attribute__((nonnull(4), format(printf, 4, 5)));
