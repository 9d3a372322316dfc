/* gateway.h — the parts of holdfast-gateway and what they share
 *
 *      main ─▶ listener (5985, 5986) ─▶ connection ─▶ request ─▶ caller, seal, wsman
 *
 * One sd-event loop owns everything.  Limits that a stranger meets are here.
 */
#pragma once

#include <microhttpd.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

#include "appliance/gateway/caller.h"
#include "appliance/gateway/certificate.h"
#include "appliance/wsman/wsman.h"

enum {                                  /* limits, and what happens */
        GATEWAY_CONNECTIONS_MAX = 512,  /* per port: not accepted until one ends */
        GATEWAY_CONNECTIONS_ADDRESS_MAX = 256,  /* per port and address: closed at once */
        GATEWAY_HEADER_MAX = 96 * 1024, /* of one request; a token of a member of many groups has 64 KiB: closed */
        GATEWAY_BODY_MAX = 528 * 1024,   /* an envelope and the framing of its encryption: 413 */
        GATEWAY_STRANGER_BODY_MAX = 64 * 1024,  /* of a body that comes with a token: closed */
        GATEWAY_SIGN_IN_S = 30,         /* from connecting to being signed in: closed */
        GATEWAY_WIRE_S = 60,            /* for a request's body, and for taking its answer: closed */
        GATEWAY_IDLE_S = 15 * 60,       /* between requests: closed */
};

typedef struct Gateway Gateway;
typedef struct Connection Connection;
typedef struct Request Request;

typedef struct Listener {
        Gateway *gateway;
        bool tls;
        struct MHD_Daemon *daemon;
        sd_event_source *io, *timer, *again;
} Listener;

struct Gateway {
        sd_event *event;
        const char *node;               /* holdfastd's socket for us */
        Certificate *certificate;
        Wsman *wsman;
        Listener listeners[2];          /* 5985, 5986 */
        Connection *connections;
        sd_event_source *sweep;         /* on while there are connections */
        sd_event_source *memory;
};

struct Connection {
        Connection *next, *previous;
        Listener *listener;
        struct MHD_Connection *http;
        int fd;
        char origin[80];
        Caller *caller;                 /* or NULL; bound to this connection */
        Caller *former;                 /* or NULL: of the sign-in before; what it asked for may be on its way to holdfastd */
        Request *request;               /* or NULL: between requests */
        uint64_t since_us;              /* accepted, or the last request begun or ended */
        bool told;                      /* was signed in once */
};

/* ---- listener.c ------------------------------------------------------------------------------------- */
int listener_start(Listener *listener, int consumed_fd, Error *err) FAILS;
void listener_stop(Listener *listener);
/* Something of this listener can go on: a request was answered, or bytes came. */
void listener_run_soon(Listener *listener);

/* ---- connection.c ----------------------------------------------------------------------------------- */
/* For libmicrohttpd: a connection begins or ends. */
void connection_notify(void *userdata, struct MHD_Connection *http, void **state,
                       enum MHD_ConnectionNotificationCode code);
Connection *connection_of(struct MHD_Connection *http);

/* ---- request.c -------------------------------------------------------------------------------------- */
enum MHD_Result request_step(void *userdata, struct MHD_Connection *http, const char *url, const char *method,
                             const char *version, const char *upload, size_t *upload_size, void **state);
void request_completed(void *userdata, struct MHD_Connection *http, void **state,
                       enum MHD_RequestTerminationCode code);
/* Its answer need not be waited for any more: the client is gone, or we stop. */
void request_give_up(Request *request);
/* Whether its bytes, or those of its answer, are on their way: the client's turn. */
bool request_is_on_the_wire(const Request *request);
