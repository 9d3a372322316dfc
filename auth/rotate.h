/* rotate.h — a new password for this host's own account, so that at every moment some key in a file is the account's
 *
 * The new keytab is written first, beside the old one, with the old key in it too: tickets for this host that others
 * hold go on working.  Then the password is changed (RFC 3244), the new key proven to the same controller, and the new
 * keytab takes the old one's place.  Whatever happens in between, rotate_settle() finds out by asking the domain which
 * of the two keys is the account's.  The password itself is in memory only, and erased.
 */
#pragma once

#include "auth/machine.h"

#define ROTATE_SUFFIX ".rotating"

/* @server: a domain controller, or NULL.  Blocks up to a minute.  On failure the old key is still in use.
 * ERROR_DENIED: the domain refused it; ERROR_UNREACHABLE, ERROR_TIMEOUT. */
int rotate_password(const Machine *machine, const char *server, Error *err) FAILS;

/* Ends what a cut-off rotation left beside the keytab: 0 also when nothing is there.  Before the keytab is used.
 * ERROR_UNREACHABLE: cannot be known now, both stay. */
int rotate_settle(const Machine *machine, Error *err) FAILS;
