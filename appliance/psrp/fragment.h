/* fragment.h — fragments ↔ messages ([MS-PSRP] 2.2.4, 2.2.1), in bounded memory
 *
 * A FragmentReader takes bytes that are cut anywhere and gives whole messages.  An Outbox holds messages and cuts
 * them into fragments of the size that the transport has room for when it asks.
 */
#pragma once

#include <stdbool.h>

#include "appliance/base/bytes.h"
#include "appliance/psrp/psrp.h"

enum { MESSAGE_HEAD = 40 };             /* bytes in front of a message's CLIXML */

typedef struct Message {
        uint32_t destination;           /* 1 client, 2 server */
        uint32_t type;                  /* message.h */
        PsrpGuid pool, pipeline;
        const char *data;               /* UTF-8 CLIXML without byte order mark; inside the reader until its next call */
        size_t size;
} Message;

typedef struct FragmentReader {         /* zeroed: ready */
        uint8_t head[PSRP_FRAGMENT_HEAD];
        size_t head_size;               /* bytes of the current fragment's head */
        size_t blob_left;               /* bytes of its blob still to come */
        bool inside, last;              /* of a message; this fragment ends it */
        uint64_t object, next;          /* the message's id, the fragment number that must come */
        uint8_t *data;
        size_t size, room;
} FragmentReader;

/* Takes from *bytes what it can use.  1: *ret is a message, call again; 0: all bytes are taken; -1: ERROR_PROTOCOL,
 * ERROR_LIMIT or ERROR_INTERNAL, and the reader is of no more use. */
int fragment_read(FragmentReader *reader, Span *bytes, Message *ret, Error *err) FAILS;
void fragment_reader_clear(FragmentReader *reader);

typedef struct OutMessage OutMessage;

typedef struct Outbox {                 /* zeroed: empty */
        OutMessage *first, **tail;
        size_t bytes;                   /* not yet taken */
} Outbox;

/* Appends a message to the client.  @object: its id, unique for this sender; a zero @pipeline is the pool. */
int outbox_put(Outbox *outbox, uint64_t object, uint32_t type, const PsrpGuid *pool, const PsrpGuid *pipeline,
               const char *clixml, size_t size, Error *err) FAILS;
/* One fragment of at most @size (> PSRP_FRAGMENT_HEAD) bytes; 0: empty. */
size_t outbox_take(Outbox *outbox, void *to, size_t size);
void outbox_clear(Outbox *outbox);
