/* ownership.h — who may write a disk: the life of one disk process as a table of (state, event) → (state, action)
 *
 * Pure: no I/O, no clock, no allocation.  Whoever drives it performs the action that comes back and reports the
 * outcome as the next event.  A pair that is not in the table is refused and changes nothing.
 *
 *      NONE → READER → TAKING → OWNER ⇄ ARMED → RELEASED → GIVING → GIVEN
 *                 ↖ refused ↙      ↘      ↘        ↘         ↘        ↘ take back (rule B) → TAKING
 *                                    ────────── LOST ─────────────
 *
 * The rules of the design that live here:
 *   A  there is one way to a write handle, OWN_OPEN_WRITER, and a refusal leads back to where we were;
 *   B  GIVEN and LOST lead to OWNER only by OWN_ON_TAKE_BACK, with the token of the migration that failed;
 *   C  only OWN_ON_GIVE with that token gives, or, once the node said that QEMU is inactivated, a lease break;
 *   D  OWN_UNPARK comes from OWN_ON_TAKEN and from nothing else, and no timeout is an event;
 *   E  nothing leads from LOST to a write handle by itself.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "appliance/base/error.h"

enum { OWNERSHIP_TOKEN_SIZE = 64 };     /* a UUID's text and some room */

typedef enum OwnState {
        OWN_NONE,               /* no handle yet */
        OWN_READER,             /* read handle; writes are parked */
        OWN_TAKING,             /* as READER; the exclusive open is under way */
        OWN_OWNER,
        OWN_ARMED,              /* owner with an outgoing migration */
        OWN_RELEASED,           /* ARMED, and QEMU will not write again unless the migration fails */
        OWN_GIVING,             /* refusing I/O; draining, flushing, closing */
        OWN_GIVEN,
        OWN_RETAKING,           /* as GIVEN; the exclusive open is under way */
        OWN_LOST,
        OWN_STATE_COUNT,
} OwnState;

typedef enum OwnEvent {
        OWN_ON_READER_UP,       /* the read handle is open */
        OWN_ON_ACQUIRE,         /* epoch */
        OWN_ON_TAKEN,           /* the exclusive open succeeded */
        OWN_ON_REFUSED,         /* it did not */
        OWN_ON_ARM,             /* token */
        OWN_ON_DISARM,          /* token */
        OWN_ON_RELEASE,         /* token */
        OWN_ON_GIVE,            /* token, epoch: the next one */
        OWN_ON_BREAK,           /* the server says that somebody else wants the file */
        OWN_ON_CLOSED,          /* drained, flushed and closed */
        OWN_ON_CLOSE_FAILED,    /* could not flush; the handle is still there */
        OWN_ON_GONE,            /* the server does not know our write handle any more */
        OWN_ON_TAKE_BACK,       /* token, epoch */
        OWN_EVENT_COUNT,
} OwnEvent;

typedef enum OwnAction {
        OWN_DO_NOTHING,
        OWN_OPEN_WRITER,        /* exclusive open; then ON_TAKEN or ON_REFUSED */
        OWN_UNPARK,             /* let parked and further writes go */
        OWN_KEEP,               /* acknowledge the lease break and keep the handle */
        OWN_CLOSE_WRITER,       /* refuse I/O, drain, flush, close; then ON_CLOSED, ON_CLOSE_FAILED or ON_GONE */
        OWN_FAIL_IO,            /* everything that waits and comes is answered with EIO */
        OWN_ACTION_COUNT,
} OwnAction;

typedef struct Ownership {
        OwnState state;
        uint64_t epoch;                 /* of the term we hold, held last, or are about to hold; 0: none */
        uint64_t floor;                 /* the highest epoch of any term this process knows of */
        uint64_t held, floor_before;    /* what both fall back to when the exclusive open is refused */
        bool dirty;                     /* set by the driver: writes were acknowledged and not flushed since */
        char token[OWNERSHIP_TOKEN_SIZE];       /* of the migration; empty: none */
} Ownership;

typedef struct OwnArgs {
        const char *token;              /* NULL where the event has none */
        uint64_t epoch;
} OwnArgs;

/* @ret_action is what must be done now.  Returns 0, or -1 with ERROR_CONFLICT (not in this state, not this
 * token) or ERROR_INVALID (an epoch that is not above all known ones, an impossible token); then @own is
 * as it was. */
int ownership_on(Ownership *own, OwnEvent event, const OwnArgs *args, OwnAction *ret_action, Error *err) FAILS;

/* What becomes of a guest's request in this state. */
typedef enum OwnGate {
        OWN_PASS,               /* send it */
        OWN_PARK,               /* keep it, neither fail nor forget it */
        OWN_REFUSE,             /* EIO */
} OwnGate;
OwnGate ownership_gate_read(const Ownership *own);
OwnGate ownership_gate_write(const Ownership *own);

const char *ownership_state_name(OwnState state);       /* "READER" …, never NULL */
