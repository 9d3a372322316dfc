/* clock.h — the time, as everybody here counts it */
#pragma once

#include <stdint.h>
#include <time.h>

/* Microseconds: of CLOCK_REALTIME since 1970, UTC; of CLOCK_MONOTONIC and CLOCK_BOOTTIME (which counts while the host is
 * suspended, too) since a moment of this boot. */
static inline uint64_t clock_us(clockid_t clock) {
        struct timespec now = { 0 };
        (void)clock_gettime(clock, &now);
        return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}
