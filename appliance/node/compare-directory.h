/* compare-directory.h — what mends a finding in the domain itself, as its administrators type it
 */
#pragma once

#include "appliance/node/access-mend.h"
#include "migrate/compare-findings.h"

/* Commands for the directory go from the finding's remedy, where they stand in Windows' words, into @mend, which has them
 * for a domain of Samba's, too; other findings stay as they are. */
int compare_directory_mend(Finding *finding, Mend *mend, Error *err) FAILS;
