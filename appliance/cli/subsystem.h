/* subsystem.h — holdfast psrp: PowerShell's SSH subsystem on standard input and output
 *
 * sshd starts it for `Subsystem powershell …`, as the user who signed in; holdfastd learns that from the socket.
 */
#pragma once

#include "appliance/base/error.h"

/* @address of holdfastd; @origin: where a person of the domain came from, NULL for root.  Serves one client until it goes away. */
int subsystem_run(const char *address, const char *origin, Error *err) FAILS;
