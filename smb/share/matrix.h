/* matrix.h — one cell of the access matrix: may this host do to this thing what VMs need, why not, and its mend
 *
 * Pure.  A cell knows three answers: what the descriptor says (access.h), what the file server told the host itself
 * (the proof), and what VMs need.  Where the first two differ the proof stands and the cell says that they differ.
 */
#pragma once

#include "smb/share/access.h"

typedef enum MatrixLayer { MATRIX_SHARE, MATRIX_FOLDER, MATRIX_FILE } MatrixLayer;
const char *matrix_layer_name(MatrixLayer layer);       /* "Share" … */
/* What running, moving and removing VMs takes. */
uint32_t matrix_needed(MatrixLayer layer);
/* What it takes to have it as a medium in a drive. */
#define MATRIX_NEEDED_MEDIUM ((uint32_t)(RIGHT_READ_DATA | RIGHT_READ_ATTRIBUTES))

typedef enum MatrixState { MATRIX_GRANTED, MATRIX_DENIED, MATRIX_UNCLEAR } MatrixState;
const char *matrix_state_name(MatrixState state);

typedef enum MatrixReason {
        MATRIX_NONE,                    /* granted */
        MATRIX_NO_ENTRY,                /* no entry is for the host or a group of it */
        MATRIX_TOO_LITTLE,              /* entries are, and grant less than is needed */
        MATRIX_DENY_ENTRY,              /* an entry denies it */
        MATRIX_OUTSIDE_GROUP,           /* granted to the hosts' group, and the host is not in it */
        MATRIX_NOT_INHERITED,           /* the folder above grants it to what lies in it; that did not arrive here */
        MATRIX_OWNER_ONLY,              /* the host owns it, and nothing else is granted to it */
        MATRIX_OLD_TICKET,              /* the directory has the host in the group, the server does not know yet */
        MATRIX_READ_ONLY,               /* the file has the attribute Read-only, and nothing else is in the way */
        MATRIX_SERVER_REFUSES,          /* the descriptor would allow it and the server does not */
        MATRIX_NOT_READABLE,            /* the descriptor could not be read, and the server refuses */
        MATRIX_CONDITIONAL,             /* hangs on what only the server can judge */
} MatrixReason;

const char *matrix_reason_name(MatrixReason reason);    /* "NoEntry" …; "" when granted */

enum { MATRIX_REMOVE_MAX = 16 };

typedef struct MatrixQuestion {
        MatrixLayer layer;
        uint32_t needed;                /* 0: matrix_needed() of the layer */
        bool read_only;                 /* it has the attribute */
        const Descriptor *descriptor;   /* NULL: could not be read */
        const Descriptor *parent;       /* of the folder it lies in; NULL: none, or not read */
        uint32_t parent_granted;        /* what that gives the host */
        const Token *token;             /* the host's, by the directory */
        const Sid *group;               /* of all hosts: whom a mend grants to */
        bool proven;                    /* the host itself was told: */
        uint32_t proof;
        uint32_t share_proof;           /* what the share lets it do; MxAc says nothing beyond that.  */
} MatrixQuestion;

typedef struct MatrixCell {
        MatrixState state;
        MatrixReason reason;
        uint32_t needed, missing;       /* missing ⊆ needed */
        uint32_t granted;               /* of needed, or all that is known */
        uint32_t computed;              /* by the descriptor alone */
        bool proven;                    /* granted is the server's word */
        bool differs;                   /* and the descriptor says otherwise about what is needed */
        int entry;                      /* of the list, that is responsible; -1: none */
        /* the mend */
        bool join_group;                /* put the host into the group */
        bool new_ticket;                /* its ticket is older than its membership; it takes a new one by itself */
        unsigned remove[MATRIX_REMOVE_MAX];     /* entries to take out, highest first */
        unsigned remove_count;
        bool grant;                     /* Modify for the group, or Read where no more is needed */
} MatrixCell;

void matrix_judge(const MatrixQuestion *question, MatrixCell *ret);

/* What MxAc of a file can show where the share lets the host do @share. */
uint32_t matrix_shown(uint32_t share);

/* The entry that a mend adds: Modify for @group, in a folder also for what lies in it. */
Ace matrix_grant_entry(MatrixLayer layer, const Sid *group);
/* Changes the list as @cell says.  ERROR_LIMIT. */
int matrix_mend(Descriptor *d, MatrixLayer layer, const Sid *group, const MatrixCell *cell, Error *err) FAILS;
