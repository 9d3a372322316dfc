/* wsman.h — WS-Management shells, without HTTP and without sockets ([MS-WSMV] 3.1)
 *
 *      gateway ─envelope─▶ wsman_request() ─▶ shell (WinRS, PSRP) ─WsmanNode.run()─▶ holdfastd
 *         ▲                                        │ records
 *         └───── WsmanAnswer, now or later ◀───────┘
 *
 * One Wsman per process, on one event loop.  A shell belongs to the account (SID) that made it and outlives the
 * connection it was made on; what runs in it runs with the sign-in of the request that started it.  Who the caller
 * is and what he may do is holdfastd's to say, not ours.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>
#include <systemd/sd-json.h>

#include "appliance/base/error.h"
#include "appliance/command/batch.h"

enum {                             /* limits, and what happens */
       WSMAN_SHELLS_MAX = 256,     /* of everybody: refused, 2150859173 */
       WSMAN_SHELLS_USER_MAX = 30, /* of one account, MaxShellsPerUser: refused, 2150859173 */
       WSMAN_COMMANDS_MAX = 32,    /* of one shell: refused, 2150859174 */
       WSMAN_MEMORY_MAX = 192 * 1024 * 1024, /* bytes in use, mostly output that nobody fetches: no new shells and
                                               * commands until it is less, 2150859174 */
       WSMAN_WAITS_MAX = 64,       /* Receives waiting in one shell: refused, 2150859174 */
       WSMAN_IDLE_S = 2 * 3600,    /* IdleTimeout; a client may ask for less or up to … */
       WSMAN_IDLE_LEAST_S = 60,
       WSMAN_IDLE_MOST_S = 12 * 3600,
       WSMAN_UNSENT_MAX = 1024 * 1024, /* bytes of output not fetched yet: the command waits */
};

typedef struct WsmanCaller { /* borrowed */
        const char *user;    /* "LAB\\anna" */
        const char *sid;
        const char *session; /* holdfastd's handle */
        const char *origin;  /* address */
} WsmanCaller;

/* ---- who runs commands ---------------------------------------------------------------------------- */

typedef struct WsmanWork {                            /* borrowed */
        const char *session, *text;                   /* Run's Session and Pipeline */
        sd_json_variant *variables, *input, *secrets; /* or NULL */
        unsigned width;
        bool interactive; /* the client's user can be asked */
        void **runspace;  /* what the node keeps for the session that this belongs to, NULL at first; or NULL: for none */
} WsmanWork;

typedef struct WsmanEnd {
        bool had_errors, refused;
        Error failure; /* kind ERROR_NONE: it came to its end */
} WsmanEnd;

typedef struct WsmanEvents {
        void (*record)(void *userdata, RecordStream stream, sd_json_variant *value);
        /* Nothing ran: these passwords are missing.  The call has ended. */
        void (*needs)(void *userdata, sd_json_variant *needs);
        void (*ended)(void *userdata, const WsmanEnd *end);
        void *userdata;
} WsmanEvents;

typedef struct WsmanNode {
        /* Returns at once; events come later, never from inside.  @ret_call lives until ended(), needs() or cancel(). */
        int (*run)(void *userdata, const WsmanWork *work, const WsmanEvents *events, void **ret_call, Error *err);
        void (*cancel)(void *userdata, void *call); /* no more events */
        void (*pause)(void *userdata, void *call, bool paused);
        /* To the STREAM_PROMPT record of that id. */
        void (*answer)(void *userdata, void *call, const char *id, BatchAnswer answer);
        /* The session is over; what was kept for it in WsmanWork.runspace.  May be NULL. */
        void (*release)(void *userdata, void *runspace);
        void *userdata;
} WsmanNode;

/* ---- requests ------------------------------------------------------------------------------------- */

typedef struct Wsman Wsman;
typedef struct WsmanWait WsmanWait; /* a Receive that waits for output */

int wsman_new(sd_event *event, const WsmanNode *node, Wsman **ret, Error *err) FAILS;
void wsman_free(Wsman *wsman); /* ends every shell; what waits is not answered; accepts NULL */

/* @status 200 or 500; @text, @size bytes, is borrowed. */
typedef void (*WsmanAnswer)(void *userdata, unsigned status, const char *text, size_t size);

/* Serves one envelope.  @answer is called exactly once, now or (then *ret_wait is set) later, unless it is abandoned. */
void wsman_request(Wsman *wsman, const WsmanCaller *caller, const void *xml, size_t size, WsmanAnswer answer,
                   void *userdata, WsmanWait **ret_wait);
/* The connection is gone. */
void wsman_abandon(WsmanWait *wait);
unsigned wsman_shell_count(const Wsman *wsman);
