/* shell.h — the inside of a shell: its life, who waits for it, and what a kind of shell must do
 */
#pragma once

#include "appliance/wsman/envelope.h"
#include "appliance/wsman/wsman.h"

enum { SHELL_NAME_MAX = 256, SHELL_SID_MAX = 192, SHELL_SESSION_MAX = 80, SHELL_ORIGIN_MAX = 80 };

typedef struct Shell Shell;

typedef struct ShellKind {
        const char *input, *output;     /* names of streams */
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
} ShellKind;

extern const ShellKind winrs_kind;

struct Shell {
        Shell *next;
        Wsman *wsman;
        const ShellKind *kind;
        void *inside;                   /* the kind's own */
        char id[WSMAN_ID_MAX], resource[SHELL_NAME_MAX], name[SHELL_NAME_MAX];
        char sid[SHELL_SID_MAX], user[SHELL_NAME_MAX], origin[SHELL_ORIGIN_MAX];
        char session[SHELL_SESSION_MAX];        /* of the last request: what runs now runs with it */
        unsigned idle_s;
        sd_event_source *idle, *wake;
        WsmanWait *waits;
        bool compressed;
};

struct Wsman {
        sd_event *event;
        WsmanNode node;
        Shell *shells;
        unsigned count;
};

/* There is output; @done: nothing more will come, so that nobody need wait. */
void shell_wake(Shell *shell, bool done);

/* The timer behind shell_wake(); negative errno. */
int wait_prepare(Shell *shell);
/* Answers a Receive, or keeps it until there is something or its time is over. */
void wait_receive(Shell *shell, const Envelope *envelope, WsmanAnswer answer, void *userdata, WsmanWait **ret_wait);
/* Everybody who waits gets the fault. */
void wait_end_all(Shell *shell, WsmanFaultKind kind, const char *text);
void wait_free_all(Shell *shell);
