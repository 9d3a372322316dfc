/* access-commands.h — rows about who may do what on a share
 */
#pragma once

#include "appliance/command/command.h"

extern const Command command_test_vmshare, command_grant_vmshareaccess;

/* One row for every cell of @path for the hosts of -ComputerName (this one, when there is none), and the negative
 * test.
 * @lister: a ticket to read lists with; NULL: this host's.  Emits; what fails for one host becomes an error record. */
int access_test(Invocation *invocation, const char *path, const char *lister, Error *err) FAILS;
