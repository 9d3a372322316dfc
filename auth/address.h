/* address.h — keeping this host's address in the domain's DNS
 */
#pragma once

#include "auth/locate.h"
#include "auth/machine.h"

/* Whether our address towards the domain's controllers is another than @known: then DNS is asked, and given it by secure
 * update with the machine's tickets where it has it not, and @known becomes it.  A static record of an administrator is
 * not replaced: the domain refuses that.  Sends nothing but a question to DNS when nothing changed.
 * @ret_set: a record was made.  Blocks up to ~30 s.  On failure @known stays, so that the next call tries again. */
int address_keep(const Machine *machine, char known[static LOCATE_ADDRESS_MAX], bool *ret_set, Error *err) FAILS;

/* The way back from @now to our name (dns-pointer.h); @before, if it is another address, no longer leads to us.
 * @ret_set as above.  Blocks up to ~60 s. */
int address_keep_pointer(const Machine *machine, const char *before, const char *now, bool *ret_set, Error *err) FAILS;
