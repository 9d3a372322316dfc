/* connection.h — requests, credits, message ids, signing and sealing on one TCP connection
 *
 * Turns requests into protected messages as credits allow, matches replies in constant time, and
 * refuses every reply that is less protected than its request was.  Knows commands by number only;
 * what a reply means is its owner's.  Lives inside an SmbSession; the memory must last until
 * ops->release().
 */
#pragma once

#include <sys/queue.h>
#include <systemd/sd-event.h>

#include "smb/engine/seal.h"
#include "smb/engine/transport.h"
#include "smb/engine/wire.h"

enum {
        REQUEST_INLINE = 256,           /* encoded bytes that need no allocation of their own */
        CONNECTION_BUCKETS = 1024,
        CREDITS_TARGET = 4096,          /* what we try to own: 32 reads of 8 MiB, or 4096 small ones */
};

typedef struct Request Request;
typedef struct Connection Connection;

typedef struct Reply {
        WireHeader header;
        Span message;                   /* header included; of a placed read only its first 80 bytes */
        bool placed;                    /* the data of a READ is where the request wanted it */
        size_t placed_size;
} Reply;

/* Called once, with a reply or with an error.  The request is recycled afterwards. */
typedef void (*RequestDone)(Request *request, const Reply *reply, const Error *err);

/* What the owner of a request keeps in it (file.c, session.c). */
typedef struct RequestOwner {
        void *session;
        SmbFile *file;
        union {
                SmbDone done;
                SmbReadDone read;
                SmbDataDone data;
                SmbOpenDone open;
                SmbRangesDone ranges;
        } call;
        void *userdata;
        SmbOpenHow *how;                /* owned */
        uint64_t offset;
        uint32_t size, got;
} RequestOwner;

typedef enum RequestState { REQUEST_IDLE, REQUEST_WAITING, REQUEST_QUEUED, REQUEST_SENT } RequestState;

struct Request {
        TransportOut out;
        TAILQ_ENTRY(Request) link;
        Request *bucket_next;
        RequestState state;
        RequestDone done;
        RequestOwner owner;
        uint16_t command, charge;       /* charge: credits it costs, ≥ 1 */
        bool urgent;                    /* goes out also while the connection is held */
        bool must_sign;                 /* signed even where nothing else is */
        bool was_signed, was_sealed, pending;
        bool chainable;                 /* small, and may wait for others and go with them (chain.h) */
        uint8_t attempts;
        uint8_t chain_size;             /* requests in the message it was sent in */
        unsigned depth;                 /* chainable ones under way when it was sent, itself included */
        Request *chain_next;            /* while that message is queued */
        uint64_t message_id, extra_us, sent_us, deadline_us;
        uint8_t *hash;                  /* pre-authentication hash to take the request in, or NULL */
        Span payload;                   /* of a WRITE: sent from where it lies */
        uint8_t *into;                  /* of a READ: where the data goes */
        uint32_t into_size;
        uint8_t *plain, *sealed;        /* length prefix first; own memory when larger than the inline ones */
        size_t plain_room, plain_size;  /* plain_size: of the encoded message, without prefix */
        uint8_t plain_inline[WIRE_LENGTH_SIZE + REQUEST_INLINE];
        uint8_t sealed_inline[WIRE_LENGTH_SIZE + WIRE_TRANSFORM_SIZE + REQUEST_INLINE + SEAL_SIGNATURE_SIZE];
};

typedef struct ConnectionOps {
        void (*lease_break)(void *userdata, const WireLeaseBreak *lease_break);
        /* A request was answered with STATUS_NETWORK_SESSION_EXPIRED and waits; the connection is held. */
        void (*expired)(void *userdata);
        /* Gone; every request was answered.  Not called for connection_close(). */
        void (*lost)(void *userdata, const Error *why);
        /* Something was posted with connection_wake(). */
        void (*woken)(void *userdata);
        /* After connection_release(): nothing of the connection is on the stack any more. */
        void (*release)(void *userdata);
} ConnectionOps;

typedef enum Protect { PROTECT_NOTHING, PROTECT_SIGN, PROTECT_SEAL } Protect;

typedef struct Buffer Buffer;
TAILQ_HEAD(RequestList, Request);

typedef struct ChainPolicy {            /* chain.h */
        bool refused;                   /* the server does not take them */
        unsigned in_flight;             /* chainable requests that the server works on, as far as we know */
        unsigned slow;                  /* turns in a row that took long */
        uint64_t slow_at_us;            /* when the last of them was noticed */
        uint64_t pause_until_us;
} ChainPolicy;

struct Connection {
        Transport transport;
        sd_event *event;
        sd_event_source *turn, *timer;
        const ConnectionOps *ops;
        void *userdata;
        const char *peer;               /* host name for errors */
        uint64_t timeout_us;
        bool open, held, released;
        unsigned depth;                 /* turns of the loop on the stack */
        /* negotiated */
        Protect protect;
        Seal *seal;                     /* NULL until the session has keys */
        bool large_mtu;
        uint64_t session_id;
        uint32_t tree_id;
        /* credits */
        uint64_t next_id;
        uint32_t credits, credits_out;  /* free; in requests under way */
        unsigned begs;                  /* ECHOs sent only to get credits */
        struct RequestList urgent, waiting, active, ending;
        ChainPolicy chains;
        Request *buckets[CONNECTION_BUCKETS];
        Request *spare;
        unsigned spare_count;
        Buffer *buffers[32];            /* by power of two */
        size_t buffer_bytes;
};

int connection_init(Connection *c, sd_event *event, const ConnectionOps *ops, void *userdata, Error *err) FAILS;
int connection_start(Connection *c, int consumed_fd, Error *err) FAILS;
/* Answers everything with ERROR_CANCELLED and closes. */
void connection_close(Connection *c);
/* Answers everything, closes, calls ops->lost: for what we refuse to go on with. */
void connection_lose(Connection *c, const Error *why);
/* Closes, and calls ops->release as soon as no turn is on the stack: now, or at its end. */
void connection_release(Connection *c);
/* Frees all memory; only in ops->release. */
void connection_done(Connection *c);

/* A request whose encoded form takes at most @size bytes; *w stands at its first byte.  NULL and
 * *err when memory is gone.  Give it to connection_submit() or request_drop(). */
Request *request_new(Connection *c, uint16_t command, size_t size, Writer *w, Error *err);
void request_drop(Connection *c, Request *r);
/* Takes the request over, also on failure (then done is not called).  @w: the encoded message.
 * @transfer: the larger of the bytes it sends and asks for, beyond headers; decides the charge. */
int connection_submit(Connection *c, Request *r, const Writer *w, size_t transfer, Error *err) FAILS;
/* Holding keeps everything but urgent requests waiting. */
void connection_hold(Connection *c, bool hold);
/* Has ops->woken called from the loop. */
void connection_wake(Connection *c);
/* Brackets of a turn of the loop for callbacks from elsewhere. */
void connection_enter(Connection *c);
void connection_leave(Connection *c);
