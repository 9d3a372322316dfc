/* note.h — events of other threads as journal lines, written by the loop
 */
#pragma once

#include "appliance/node/node-internal.h"

/* For vmhost_listen(): something happened to a machine.  @userdata is the Node. */
void note_machine(void *userdata, const VmEvent *event);
/* For LiveConfig.say. */
void note_move(void *userdata, bool warning, const char *token, const char *vm, const char *text);
