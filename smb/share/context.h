/* context.h — one libsmbclient context for one call, and its errors as sentences
 *
 * libsmbclient keeps some state for the whole process (its configuration, its protocol bounds, its debug level).
 * All of it is set once, before the first context, and never again; everything else hangs off the context.
 * smb.conf is not needed and where it exists it cannot lower what is set here.
 */
#pragma once

#include <libsmbclient.h>

#include "appliance/base/error.h"
#include "smb/share/unc.h"

enum { SHARE_URL_MAX = 6 + 3 * UNC_TEXT_MAX };     /* every byte may become %xx */

typedef struct ShareCall {
        SMBCCTX *context;
        Unc unc;
        char url[SHARE_URL_MAX + 1];
} ShareCall;

/* Parses @unc and makes a context that speaks SMB 3, sealed, as the machine account by Kerberos, or not at all.
 * Sends nothing yet. */
int share_call_begin(const char *unc, ShareCall *ret, Error *err) FAILS;
void share_call_end(ShareCall *call);   /* closes its connections; fine on a zeroed one */

/* The URL of @unc in the form libsmbclient wants. */
void share_url(const Unc *unc, char to[static SHARE_URL_MAX + 1]);

/* Translates libsmbclient's errno @number; @doing is "read", "list" …  Returns -1. */
int share_error(const Unc *unc, const char *doing, int number, Error *err);
