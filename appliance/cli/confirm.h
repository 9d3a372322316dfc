/* confirm.h — a command asks whether it may go on: the question on the terminal, as PowerShell's console asks it
 */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "appliance/command/batch.h"

typedef struct Confirm Confirm;

/* Somebody sits at the terminal. */
bool confirm_possible(void);
/* Asks on /dev/tty, in @event's loop, again until the answer is one; then calls @answered once with @id and what was
 * said, ANSWER_NOBODY when the terminal is gone.  *at is kept from one question to the next; one at a time. */
int confirm_ask(Confirm **at, sd_event *event, const char *id, const char *message,
                void (*answered)(void *userdata, const char *id, BatchAnswer answer), void *userdata, Error *err) FAILS;
void confirm_free(Confirm *confirm);    /* accepts NULL */
