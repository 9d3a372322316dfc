/* nbd-state.h — what the three files of the NBD server share
 *
 *      nbd.c           sockets: accepting, receiving, sending, going away
 *      nbd-haggle.c    from the greeting to the first request
 *      nbd-serve.c     requests and their answers
 */
#pragma once

#include <sys/queue.h>

#include "smb/disk/nbd-wire.h"
#include "smb/disk/nbd.h"

typedef struct NbdConnection NbdConnection;

/* A request from its first byte to the last byte of its answer; also anything else that is sent.  Slots and their small
 * memories are used again, so steady I/O allocates nothing. */
typedef struct NbdSlot {
        Request request;
        NbdConnection *connection;
        TAILQ_ENTRY(NbdSlot) link;
        NbdRequest asked;
        int refused;                    /* errno: not for the backend */
        bool in_flight;
        uint8_t *memory;                /* NBD_SLOT_HEAD bytes, then @room bytes for data */
        size_t room, data_size;
        uint8_t *out;                   /* what is still to be sent, inside memory */
        size_t out_size;
} NbdSlot;

enum {
        NBD_ALLOCATION_ID = 1,          /* of base:allocation, on our wires */
        NBD_SLOT_HEAD = 32,             /* before the data: the head of its answer */
        NBD_SLOT_KEEPS = 256 * 1024,    /* a larger memory is given back after use */
};

typedef enum NbdState {
        NBD_GREETED,                    /* the client's flags come next */
        NBD_HAGGLING,
        NBD_AWAITING,                   /* an option waits until the disk is ready */
        NBD_SERVING,
        NBD_LEAVING,                    /* nothing is read any more; ends when everything is answered */
} NbdState;

struct NbdConnection {
        LIST_ENTRY(NbdConnection) link;
        Nbd *nbd;
        int fd;
        sd_event_source *io, *turn;
        NbdState state;
        bool broken;                    /* nothing can be sent any more */
        bool waits_for_room;            /* of the socket's sending */
        bool paused;                    /* not reading: enough is under way */
        bool hang_up;                   /* leave as soon as what is queued is sent */
        bool no_zeroes, fixed, structured, allocation;
        unsigned options;
        NbdOption option;               /* AWAITING: the one that waits */
        bool wants_block_size;
        NbdExport export;
        uint8_t *in;                    /* received, not yet taken: [in_start, in_end) */
        size_t in_start, in_end;
        NbdSlot *filling;               /* a WRITE whose data is on its way */
        size_t filled;
        unsigned in_flight;             /* taken and not yet answered */
        size_t bytes;                   /* of their data */
        TAILQ_HEAD(, NbdSlot) spare, out;
};

/* ---- nbd.c ---- */
/* A slot with room for @size bytes of data, or NULL. */
NbdSlot *slot_new(NbdConnection *c, size_t size);
void slot_drop(NbdSlot *slot);
static inline uint8_t *slot_data(NbdSlot *slot) { return slot->memory + NBD_SLOT_HEAD; }
/* The @size bytes at @from in it are sent with all else that is answered in this turn of the loop; then it is
 * dropped. */
void slot_send(NbdSlot *slot, uint8_t *from, size_t size);
/* Has the connection's turn come: take what had to wait, or go away. */
void nbd_turn(NbdConnection *c);
/* Reads no more; @why goes to the log, NULL: the client left as it should. */
void nbd_leave(NbdConnection *c, const Error *why);
void nbd_complain(NbdConnection *c, const Error *why);
void nbd_submit(NbdConnection *c, Request *request);

/* ---- nbd-haggle.c and nbd-serve.c: take what they can of the @size bytes at @data; how many, 0 when a whole word is
 * not there yet (or must not be taken now) ---- */
void haggle_begin(NbdConnection *c);
size_t haggle_take(NbdConnection *c, const uint8_t *data, size_t size);
size_t serve_take(NbdConnection *c, const uint8_t *data, size_t size);
/* The data of c->filling is complete. */
void serve_filled(NbdConnection *c);
