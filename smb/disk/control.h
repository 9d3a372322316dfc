/* control.h — the control socket of a disk process: varlink interface io.holdfast.Disk
 *
 * Translates; decides nothing.  Only root may connect: the socket has mode 0600 and the peer's user is taken
 * from the kernel besides.  `varlinkctl introspect …/control.sock io.holdfast.Disk` documents it.
 */
#pragma once

#include <systemd/sd-event.h>

#include "appliance/base/error.h"
#include "smb/disk/drive.h"

typedef struct Control Control;

#define CONTROL_INTERFACE "io.holdfast.Disk"
#define CONTROL_FAILED CONTROL_INTERFACE ".Failed"      /* {Kind, Cause, Text} of an Error */

/* Listens on @path.  @drive outlives it.  control_changed() is to be called after each change of the drive. */
int control_new(sd_event *event, const char *path, Drive *drive, Control **ret, Error *err) FAILS;
void control_free(Control *control);    /* accepts NULL; hangs up on everybody */
void control_changed(Control *control);

/* The state's name as Status gives it: the six of the design. */
const char *control_state_name(OwnState state);
