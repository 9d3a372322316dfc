/* leave.h — the end of a membership
 *
 * The credential is tried before anything changes.  Then our DNS record goes, with our own ticket, then the account, by
 * adcli with the credential (or it is disabled), and last the key and the tickets of this host.  When the account cannot be deleted the
 * record comes back, and this host stays a member.
 */
#pragma once

#include <stdbool.h>

#include "auth/machine.h"

/* @user, @password: somebody who may delete the account; the password goes to adcli's standard input alone.
 * @keep: the account stays, disabled, with its groups and its SID; @user may write it then.
 * @ret_note: what is left to do, or "".  Blocks up to two minutes.  ERROR_DENIED: credential, rights. */
int leave_domain(const Machine *machine, const char *user, const char *password, bool keep,
                 char ret_note[static ERROR_TEXT_MAX], Error *err) FAILS;
/* What adcli's last @line about a deletion means; 0: the account is gone already. */
int leave_explain(const Machine *machine, const char *user, int status, const char *line, Error *err) FAILS;
