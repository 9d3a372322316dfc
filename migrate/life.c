#include "migrate/life.h"

#include <stddef.h>

#include "appliance/base/cleanup.h"

static const struct {
        LifeState now;
        LifeEvent on;
        LifeState next;
} life[] = {
        { LIFE_COMPARE, LIFE_ON_COMPATIBLE, LIFE_PREPARE },
        { LIFE_COMPARE, LIFE_ON_ERROR, LIFE_FAILED },           /* nothing was changed */
        { LIFE_COMPARE, LIFE_ON_CANCEL, LIFE_FAILED },
        { LIFE_PREPARE, LIFE_ON_PREPARED, LIFE_TRANSFER },
        { LIFE_PREPARE, LIFE_ON_ERROR, LIFE_UNDO },
        { LIFE_PREPARE, LIFE_ON_CANCEL, LIFE_UNDO },
        { LIFE_TRANSFER, LIFE_ON_ASKED, LIFE_SWITCH },
        { LIFE_TRANSFER, LIFE_ON_ERROR, LIFE_UNDO },
        { LIFE_TRANSFER, LIFE_ON_CANCEL, LIFE_UNDO },
        { LIFE_SWITCH, LIFE_ON_OWNED, LIFE_CONFIRM },
        { LIFE_SWITCH, LIFE_ON_ERROR, LIFE_UNDO },              /* no cancel past here */
        { LIFE_UNDO, LIFE_ON_UNDONE, LIFE_FAILED },
        { LIFE_UNDO, LIFE_ON_OWNED, LIFE_CONFIRM },             /* it runs there after all */
        { LIFE_UNDO, LIFE_ON_SILENCE, LIFE_DOUBT },
        { LIFE_DOUBT, LIFE_ON_OWNED, LIFE_CONFIRM },
        { LIFE_DOUBT, LIFE_ON_UNDONE, LIFE_FAILED },
        { LIFE_CONFIRM, LIFE_ON_RELEASED, LIFE_DONE },
};

static const char *const state_names[LIFE_STATE_COUNT] = {
        [LIFE_COMPARE] = "Compare", [LIFE_PREPARE] = "Prepare", [LIFE_TRANSFER] = "Transfer",
        [LIFE_SWITCH] = "Switch", [LIFE_CONFIRM] = "Confirm", [LIFE_UNDO] = "Undo", [LIFE_DOUBT] = "Doubt",
        [LIFE_DONE] = "Done", [LIFE_FAILED] = "Failed",
};

static const char *const event_names[LIFE_EVENT_COUNT] = {
        [LIFE_ON_COMPATIBLE] = "compatible", [LIFE_ON_PREPARED] = "prepared", [LIFE_ON_ASKED] = "asked",
        [LIFE_ON_OWNED] = "owned", [LIFE_ON_RELEASED] = "released", [LIFE_ON_ERROR] = "error",
        [LIFE_ON_CANCEL] = "cancel", [LIFE_ON_UNDONE] = "undone", [LIFE_ON_SILENCE] = "silence",
};

int life_step(LifeState *state, LifeEvent event, Error *err) {
        for (size_t i = 0; i < ARRAY_SIZE(life); i++)
                if (life[i].now == *state && life[i].on == event) {
                        *state = life[i].next;
                        return 0;
                }
        return error_set(err, ERROR_CONFLICT, 0, "a move in its phase %s does not take the event \"%s\"",
                         life_name(*state), event < LIFE_EVENT_COUNT ? event_names[event] : "?");
}

const char *life_name(LifeState state) {
        return state < LIFE_STATE_COUNT ? state_names[state] : "?";
}
