/* sddl.h — security descriptors as text: O:BAG:DAD:PAI(A;OICI;FA;;;S-1-5-21-…) ([MS-DTYP] 2.5.1)
 *
 * The notation of Get-Acl | Select Sddl, Set-Acl, sharesec and samba-tool ntacl.  Pure.  Conditional and attribute
 * entries have no text here: a descriptor with them is refused (ERROR_UNSUPPORTED), never shortened.
 */
#pragma once

#include "smb/share/descriptor.h"

enum { SDDL_TEXT_MAX = 256 * 1024, SDDL_ACE_TEXT_MAX = 400 };

/* The caller frees *ret.  @domain: whose "DA" is Domain Admins; NULL: only numbers for what belongs to a domain. */
int sddl_format(const Descriptor *d, const Sid *domain, char **ret, Error *err) FAILS;
/* One entry, "(A;OICI;FA;;;BA)"; what has no text as "(type 9; conditional)". */
void sddl_ace_text(const Ace *ace, const Sid *domain, char to[static SDDL_ACE_TEXT_MAX]);

/* ERROR_INVALID names the place.  Blanks between parts are allowed, as Windows does. */
int sddl_parse(const char *text, const Sid *domain, Descriptor *ret, Error *err) FAILS;
