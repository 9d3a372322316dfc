/* elsewhere.h — a command that is to run on other hosts: -ComputerName, and objects that say where they are from
 *
 * A row whose parameter has PARAMETER_COMPUTERS runs on each host it names, side by side; a parameter with
 * PARAMETER_PLACED takes objects, each of which is for the host that its ComputerName names (Hyper-V's objects know
 * their host, too).  What goes to another host is the command as text with its values as variables; what comes back
 * are records, and they go on through this pipeline like those of this host.  How a host is reached is
 * BatchRun.elsewhere's business.
 */
#pragma once

#include "appliance/command/invocation.h"

enum { ELSEWHERE_HOSTS_MAX = 64 };      /* of one command */

/* Runs the command where it belongs; for invocation_call(). */
int elsewhere_run(Invocation *invocation, Error *err) FAILS;
/* Whether @command may come from another host at all. */
bool elsewhere_can(const Command *command);
int elsewhere_refuse(const Command *command, ErrorRecord *record);

/* An object of another host, as it goes on here: with the ComputerName it came from.  A new reference; NULL when memory
 * is gone. */
sd_json_variant *elsewhere_object(sd_json_variant *object, const char *host);
