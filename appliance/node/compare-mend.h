/* compare-mend.h — what an administrator types to mend what Compare-VM has found
 *
 * A finding names the host's own command itself.  Here it gets what only the directory, the lists of permissions and
 * the kind of file server can tell: which entry refuses, and the commands for Windows, Samba and NetApp.
 */
#pragma once

#include "appliance/node/access-mend.h"
#include "appliance/node/node.h"
#include "migrate/compare-findings.h"
#include "migrate/definition.h"

typedef struct CompareMends {
        Mend each[FINDINGS_MAX];        /* by the finding's place in the list */
} CompareMends;

void compare_mends_done(CompareMends *mends);

/* Asks the directory and the file servers only where there is a finding about access.  What cannot be learned stays as
 * it was found.  Blocks. */
int compare_mend(Node *node, const VmDefinition *vm, Findings *findings, CompareMends *ret, Error *err) FAILS;
