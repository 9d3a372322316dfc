/* contexts.h — create contexts ([MS-SMB2] 2.2.13.2): what a CREATE asks for beyond the file */
#pragma once

#include "appliance/base/bytes.h"
#include "appliance/base/error.h"
#include "smb/engine/smb.h"

/* Appends the chain that @how asks for; nothing at all when it asks for none. */
void contexts_encode(Writer *w, const SmbOpenHow *how, uint16_t dialect);

/* Fills what the server answered into lease, durable, maximal access and disk id of @opened.
 * Unknown contexts are skipped; a chain that leaves the buffer, loops or is longer than the number
 * of contexts there are is ERROR_PROTOCOL. */
int contexts_decode(Span contexts, const SmbOpenHow *how, SmbOpened *opened, Error *err) FAILS;
