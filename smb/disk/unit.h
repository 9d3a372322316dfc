/* unit.h — starting and stopping one systemd unit and waiting for it
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "appliance/base/error.h"

/* Blocks until systemd has finished the job, @timeout_us at most.  A unit that did not come up is ERROR_INTERNAL
 * with the command that shows its journal. */
int unit_start(const char *unit, uint64_t timeout_us, Error *err) FAILS;
/* A unit that does not run is success. */
int unit_stop(const char *unit, uint64_t timeout_us, Error *err) FAILS;
int unit_is_running(const char *unit, bool *ret, Error *err) FAILS;
