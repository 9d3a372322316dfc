/* scratch.h — a folder in /run for one conversation with one domain controller
 *
 * It holds tickets of its own, and a krb5.conf that knows no other controller: after an account or its key was changed
 * every other one may lag behind.
 */
#pragma once

#include "appliance/base/error.h"

typedef struct Scratch {
        char folder[32], ccache[48], conf[48];
} Scratch;

int scratch_make(Scratch *scratch, const char *domain, const char *server, Error *err) FAILS;
void scratch_done(Scratch *scratch);
/* When the process starts: what an earlier one left. */
void scratch_clean_up(void);
