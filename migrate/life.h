/* life.h — the whole life of an outgoing move, as one table; pure
 *
 *      COMPARE ─▶ PREPARE ─▶ TRANSFER ─▶ SWITCH ─▶ CONFIRM ─▶ DONE
 *         │          │          │          │
 *         ▼          └────▶─────┴────▶── UNDO ─▶ FAILED          (runs on the source)
 *       FAILED                             │
 *                                          └──▶ DOUBT            (paused, until the other side is heard)
 *
 * SWITCH begins when the destination asks for the disks and the source agrees: from there on a cancel
 * comes too late, and only the destination's own statement brings the machine back (design §5 B).
 */
#pragma once

#include "appliance/base/error.h"

typedef enum LifeState {
        LIFE_COMPARE, LIFE_PREPARE, LIFE_TRANSFER, LIFE_SWITCH, LIFE_CONFIRM, LIFE_UNDO, LIFE_DOUBT,
        LIFE_DONE, LIFE_FAILED,
        LIFE_STATE_COUNT,
} LifeState;

typedef enum LifeEvent {
        LIFE_ON_COMPATIBLE,     /* both hosts have looked and found nothing */
        LIFE_ON_PREPARED,       /* disks armed, sockets there, the destination ready */
        LIFE_ON_ASKED,          /* the destination runs it and asks for the disks; QEMU says complete */
        LIFE_ON_OWNED,          /* the destination holds every write handle */
        LIFE_ON_RELEASED,       /* nothing of it is left here */
        LIFE_ON_ERROR,
        LIFE_ON_CANCEL,
        LIFE_ON_UNDONE,         /* it runs here, every disk is writable */
        LIFE_ON_SILENCE,        /* disks are given and nobody says what became of them */
        LIFE_EVENT_COUNT,
} LifeEvent;

/* ERROR_CONFLICT for a pair that is not in the table; *state is then untouched. */
int life_step(LifeState *state, LifeEvent event, Error *err) FAILS;
/* As Get-VMMigration shows it: "Compare", "Prepare", "Transfer", "Switch", "Confirm" … */
const char *life_name(LifeState state);
