/* shell.h — the inside of a shell: its life, who waits for it, and what a kind of shell must do
 */
#pragma once

#include "appliance/wsman/envelope.h"
#include "appliance/wsman/wsman.h"

enum { SHELL_NAME_MAX = 256, SHELL_SID_MAX = 192, SHELL_SESSION_MAX = 80, SHELL_ORIGIN_MAX = 80 };

typedef struct Shell Shell;

typedef struct ShellKind {
        const char *input, *output; /* names of streams */
        /* Makes shell->inside. */
        int (*open)(Shell *shell, const Envelope *envelope, WsmanFault *fault);
        void (*close)(Shell *shell);
        /* Starts a command; its id, the client's or ours, into @ret_id. */
        int (*command)(Shell *shell, const Envelope *envelope, char ret_id[static WSMAN_ID_MAX], WsmanFault *fault);
        int (*send)(Shell *shell, const Envelope *envelope, WsmanFault *fault);
        /* @code is lower case. */
        int (*signal)(Shell *shell, const char *command, const char *code, WsmanFault *fault);
        /* Writes what a Receive gets: 1, or 0 when there is nothing yet, -1 with a fault.  @room: bytes of data that
         * the reply may hold.  @command "": the shell's own streams. */
        int (*receive)(Shell *shell, const char *command, size_t room, XmlWriter *w, WsmanFault *fault);
        /* Another client takes over; writes the body of the reply.  NULL: cannot be disconnected from. */
        int (*connect)(Shell *shell, const Envelope *envelope, XmlWriter *w, WsmanFault *fault);
        void (*commands)(Shell *shell, XmlWriter *w); /* rsp:Command of each; may be NULL */
} ShellKind;

extern const ShellKind winrs_kind, remoting_kind;

struct Shell {
        Shell *next;
        Wsman *wsman;
        const ShellKind *kind;
        void *inside; /* the kind's own */
        char id[WSMAN_ID_MAX], resource[SHELL_NAME_MAX], name[SHELL_NAME_MAX];
        char sid[SHELL_SID_MAX], user[SHELL_NAME_MAX], origin[SHELL_ORIGIN_MAX];
        char session[SHELL_SESSION_MAX]; /* of the last request: what runs now runs with it */
        unsigned idle_s;
        sd_event_source *idle;
        sd_event_source *wake, *late; /* somebody who waits may be answered */
        WsmanWait *waits;
        bool compressed;   /* its streams, both ways */
        bool disconnected; /* until Reconnect or Connect */
        bool broken;       /* its client cannot be served: end it */
};

struct Wsman {
        sd_event *event;
        WsmanNode node;
        Shell *shells;
        unsigned count;
};

/* There is output, or an end: whoever waits is answered once what is under way has come together. */
void shell_wake(Shell *shell);

/* The sources behind shell_wake(); negative errno. */
int wait_prepare(Shell *shell);
/* A Stream of a reply around @size (at most XPRESS_BLOCK_MAX) bytes, compressed if the shell's are; @command "" for the
 * shell's own. */
void shell_write_stream(const Shell *shell, XmlWriter *w, const char *name, const char *command, const void *data,
                        size_t size);
/* The bytes of a Stream of a Send, which the caller frees. */
int shell_read_stream(const Shell *shell, const XmlElement *stream, uint8_t **ret, size_t *ret_size,
                      WsmanFault *fault) FAILS;

/* Answers a Receive, or keeps it until there is something or its time is over. */
void wait_receive(Shell *shell, const Envelope *envelope, WsmanAnswer answer, void *userdata, WsmanWait **ret_wait);
/* Everybody who waits gets the fault. */
void wait_end_all(Shell *shell, WsmanFaultKind kind, const char *text);
void wait_free_all(Shell *shell);
