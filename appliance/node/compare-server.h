/* compare-server.h — how a file server is set so that machines can run on it: a table of findings and commands
 *
 * Text only: nothing is run.  The commands for Samba are typed on the file server, those for Windows too, in
 * PowerShell.  A share whose name would need quoting there gets none.
 */
#pragma once

#include "appliance/node/access-mend.h"
#include "migrate/compare-findings.h"

/* Nothing where @finding is not about the file server's settings. */
int compare_server_mend(const Finding *finding, Mend *mend, Error *err) FAILS;
/* The file @path has the attribute Read-only. */
int compare_server_attribute(const char *path, Mend *mend, Error *err) FAILS;
/* The lists allow it and the server does not: its own setting of the share. */
int compare_server_writable(const Unc *share, Mend *mend, Error *err) FAILS;
