#include "appliance/base/memory.h"

#include <malloc.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

enum { ARENAS = 2 };

void memory_setup(void) {
        /* Not the thresholds for large blocks: a move's buffers would then be mapped and unmapped for every piece. */
        (void)mallopt(M_ARENA_MAX, ARENAS);
}

static int on_idle(sd_event_source *source, uint64_t usec, void *userdata) {
        (void)malloc_trim(0);
        return 0;
}

int memory_watch(sd_event *event, sd_event_source **ret, Error *err) {
        int r = sd_event_add_time_relative(event, ret, CLOCK_MONOTONIC, MEMORY_IDLE_US, MEMORY_IDLE_US, on_idle, NULL);
        if (r < 0)
                return error_set(err, ERROR_INTERNAL, -r, "cannot make a timer: %s", strerror(-r));
        return 0;
}

void memory_used(sd_event_source *source) {
        if (!source)
                return;
        (void)sd_event_source_set_time_relative(source, MEMORY_IDLE_US);
        (void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}
