/* compare-access.h — what the file servers let this host do with the files of a machine, asked as itself
 *
 * Source and destination each ask for themselves, about the machine's folder, its definition and ledger, its disks and the media in its drives:
 * TREE_CONNECT MaximalAccess for the share, CREATE MxAc for each file, the read-only attribute, and the room there is.
 * Only opens, asks and closes; nothing is written.  Why something is refused, and the commands that mend it, only the
 * directory and the lists can tell: whoever shows the finding asks those (appliance/node/compare-mend.h).
 */
#pragma once

#include "appliance/base/cleanup.h"
#include "migrate/compare-findings.h"
#include "migrate/definition.h"
#include "smb/share/files.h"
#include "smb/share/matrix.h"
#include "smb/share/permissions.h"
#include "smb/share/space.h"

#define COMPARE_SPACE_MIN (16ULL << 20)    /* bytes: the record of a move, the log of a machine */

enum { ACCESS_WANTED_MAX = 3 + VM_FILES_MAX };

typedef enum WantedUse {
        WANTED_ALWAYS,                  /* missing is a finding */
        WANTED_MAYBE,                   /* a machine that never ran has none */
        WANTED_DISK,                    /* the same as always, and it may grow */
        WANTED_MEDIUM,                  /* only read, such as an ISO file in a drive */
} WantedUse;

typedef struct Wanted {
        Unc unc;
        MatrixLayer layer;              /* FOLDER or FILE */
        WantedUse use;
} Wanted;

/* The files of @definition, in the order in which they are asked about. */
int access_wanted(const VmDefinition *definition, Wanted to[static ACCESS_WANTED_MAX], size_t *ret_count,
                  Error *err) FAILS;

/* Judges what one share answered: @told[i] is about @wanted[i], all of them on that share.  Pure. */
void access_judge_share(const char *vm, const Wanted *wanted, const Permissions *told, Findings *findings);
/* The share could not be asked at all. */
void access_judge_refusal(const char *vm, const Unc *unc, const Error *why, Findings *findings);
/* @grow_bytes: what the disks there may still take.  Pure. */
void access_judge_space(const char *vm, const Unc *unc, const Space *space, uint64_t grow_bytes, Findings *findings);

typedef struct AccessLook AccessLook;
/* Asks on a thread of its own.  @host: ours, as in Findings. */
int access_look_begin(const VmDefinition *definition, const char *host, AccessLook **ret, Error *err) FAILS;
/* Waits and adds what was found, in place of what @findings says less exactly about the same files.  Accepts NULL.
 * @ret_link: NULL, or gets the connection to the share of the machine's folder (files_link_end() it), NULL if there is none. */
void access_look_end(AccessLook *look, Findings *findings, FilesLink **ret_link);
/* Waits and forgets.  Accepts NULL. */
void access_look_free(AccessLook *look);
DEFINE_FREEP(AccessLook, access_look_free);
