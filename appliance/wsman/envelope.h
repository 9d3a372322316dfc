/* envelope.h — a WS-Management request, understood; replies and faults, written ([MS-WSMV], DSP0226)
 *
 * Pure.  To, ReplyTo and the client's locale are not judged: real clients send what does not fit.
 */
#pragma once

#include "appliance/wsman/xml.h"

#define WSMAN_SHELL_URI "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
#define WSMAN_CMD_URI WSMAN_SHELL_URI "/cmd"
#define WSMAN_CONFIG_URI "http://schemas.microsoft.com/wbem/wsman/1/config"
#define WSMAN_POWERSHELL_URI "http://schemas.microsoft.com/powershell/"

typedef enum WsmanAction {
        ACTION_IDENTIFY,
        ACTION_CREATE,
        ACTION_GET,
        ACTION_DELETE,
        ACTION_ENUMERATE,
        ACTION_COMMAND,
        ACTION_RECEIVE,
        ACTION_SEND,
        ACTION_SIGNAL,
        ACTION_DISCONNECT,
        ACTION_RECONNECT,
        ACTION_CONNECT,
        ACTION_COUNT,
} WsmanAction;

enum {
        WSMAN_ID_MAX = 64,            /* a GUID, with or without braces */
        WSMAN_TIMEOUT_MS = 60 * 1000, /* OperationTimeout when the client names none, [MS-WSMV] 2.2.4.17 */
        WSMAN_TIMEOUT_MOST_MS = 20 * 60 * 1000,
        WSMAN_ENVELOPE_LEAST = 32 * 1024, /* the least MaxEnvelopeSize we work with */
};

typedef struct Envelope { /* borrows from the tree */
        const XmlTree *tree;
        WsmanAction action;
        const char *message_id, *resource; /* "" when absent */
        const char *shell;                 /* selector ShellId, or "" */
        unsigned timeout_ms;
        size_t envelope_max;    /* what the client takes, at most XML_DOCUMENT_MAX */
        bool compressed;        /* asks for xpress */
        const XmlElement *body; /* the first element in Body, or NULL */
} Envelope;

/* The faults clients tell apart. */
typedef enum WsmanFaultKind {
        FAULT_NONE,
        FAULT_TIMED_OUT,
        FAULT_SELECTORS,
        FAULT_ACTION,
        FAULT_RESOURCE,
        FAULT_SCHEMA,
        FAULT_MUST_UNDERSTAND,
        FAULT_UNSUPPORTED,
        FAULT_DENIED,
        FAULT_QUOTA_SHELLS,
        FAULT_QUOTA_COMMANDS,
        FAULT_PARAMETER,
        FAULT_ABORTED,
        FAULT_INTERNAL,
        FAULT_COUNT,
} WsmanFaultKind;

enum { FAULT_TEXT_MAX = 640 };

typedef struct WsmanFault {
        WsmanFaultKind kind;
        char text[FAULT_TEXT_MAX];
} WsmanFault;

/* Fills *fault and returns -1. */
int fault_set(WsmanFault *fault, WsmanFaultKind kind, const char *fmt, ...)
        __attribute__((nonnull(1, 3), format(printf, 3, 4)));

/* @ret is filled as far as it was understood also on failure, so that the fault can name its request. */
int envelope_read(const XmlTree *tree, Envelope *ret, WsmanFault *fault) FAILS;
/* xs:duration such as PT20.5S or P0DT1H → milliseconds, at most @most; false when it is none. */
bool duration_ms(const char *text, unsigned most, unsigned *ret);
/* The first DesiredStream, Code … in the body: a child's text, trimmed; "" when there is none. */
const char *envelope_body_text(const Envelope *envelope, XmlNs ns, const char *name);

/* Everything up to and including <s:Body>; then the body is written, then reply_end(). */
void reply_begin(XmlWriter *w, const Envelope *envelope);
void reply_end(XmlWriter *w);
/* A whole fault document. */
void reply_fault(XmlWriter *w, const Envelope *envelope, const WsmanFault *fault);
