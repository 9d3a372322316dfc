/* request.h — what a guest wants of its disk: made by the NBD server, answered by the drive, both on one loop
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "appliance/base/error.h"
#include "smb/engine/smb.h"

typedef enum RequestKind {
        REQUEST_READ, REQUEST_WRITE, REQUEST_ZERO, REQUEST_TRIM, REQUEST_FLUSH, REQUEST_EXTENTS,
        REQUEST_READY,          /* answered when the disk has a size (in size), or has none and never will */
} RequestKind;

enum {
        REQUEST_WINDOW = 8,             /* parts of one request that are on the wire together */
        REQUEST_RANGES_MAX = 1024,      /* extents in one answer; the client asks again behind them */
};

typedef struct Request Request;

typedef struct RequestPart {            /* one SMB2 READ or WRITE of a request */
        Request *request;
        uint64_t at;                    /* counted from the request's offset */
        uint32_t size;
        bool busy;
} RequestPart;

struct Request {
        /* the asker's; stays as it is, and so does the memory it names, until answered() */
        RequestKind kind;
        bool fua;
        bool fast;                      /* ZERO: fail with EOPNOTSUPP rather than write the zeroes one by one */
        uint64_t offset, size;
        uint8_t *to;                    /* READ */
        const uint8_t *from;            /* WRITE; NULL: zeroes */
        SmbRange *ranges;               /* EXTENTS: room for REQUEST_RANGES_MAX */
        const void *client;             /* who asks; see drive_withdraw() */
        void (*answered)(Request *request);     /* called once, perhaps before drive_submit() returns; must not
                                                 * call the drive */
        /* the answer */
        int error;                      /* errno, 0: done */
        Error why;                      /* the sentence when error is not 0; empty when there is none */
        size_t range_count;
        uint64_t covered;               /* EXTENTS: bytes from offset that the answer is about */
        /* the drive's */
        struct Drive *owner;
        Request *next;
        uint64_t sent;                  /* bytes handed to the engine so far */
        unsigned outstanding;
        uint64_t mark;                  /* FLUSH: the writes it covers */
        bool on_writer, again, flushing;
        RequestPart parts[REQUEST_WINDOW];
};

void request_answer(Request *request, int error);       /* the last thing done with it */

/* Pure: the next part of a request of @size of which @sent is on its way, when one part may have @most bytes.
 * 0: nothing is left. */
uint32_t request_next_part(uint64_t size, uint64_t sent, uint32_t most);

/* A list of requests in order. */
typedef struct RequestList { Request *first, **last; } RequestList;
void list_init(RequestList *list);
void list_push(RequestList *list, Request *request);
Request *list_pop(RequestList *list);
/* Moves those of @client to the end of @taken, in order. */
void list_withdraw(RequestList *list, const void *client, RequestList *taken);
