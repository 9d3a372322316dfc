/* spn.h — the service principal names of this host: under which names others get tickets for it
 */
#pragma once

#include "auth/directory-account.h"

/* Each service under the short and the full name of the host ("host/HV1", "host/hv1.lab.test"). */
enum { SPN_COUNT = 12 };

void spn_name(const Machine *machine, unsigned i, char to[static DIRECTORY_SPN_MAX]);
/* How many of them @account lacks; @ret_first: the first such one, "" when none. */
unsigned spn_missing(const Machine *machine, const DirectoryAccount *account, char ret_first[static DIRECTORY_SPN_MAX]);

/* Gives this host's account the names that it lacks, and its full name where the directory has another; never takes one
 * away, and writes nothing but what a computer may write of itself.  Names that can be written are, also when one cannot.
 * @ret_added: how many.  Blocks on the directory.  ERROR_CONFLICT: another account has one of them, and which. */
int spn_keep(const Machine *machine, Directory *directory, unsigned *ret_added, Error *err) FAILS;
