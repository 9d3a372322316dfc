#include "smb/share/matrix.h"

#include <stdlib.h>

#include "appliance/base/cleanup.h"

enum {
        /* Modify without ExecuteFile, which nothing of ours needs. */
        NEEDED_FILE = RIGHTS_CHANGE & ~RIGHT_EXECUTE,
        NEEDED_FOLDER = RIGHT_READ_DATA | RIGHT_WRITE_DATA | RIGHT_APPEND_DATA | RIGHT_READ_ATTRIBUTES |
                        RIGHT_READ_CONTROL | RIGHT_SYNCHRONIZE,
        ALL = (1 << ACCESS_BITS) - 1,
};

const char *matrix_layer_name(MatrixLayer layer) {
        static const char *const names[] = { "Share", "Folder", "File" };
        return names[layer];
}

const char *matrix_state_name(MatrixState state) {
        static const char *const names[] = { "Granted", "Denied", "Unclear" };
        return names[state];
}

const char *matrix_reason_name(MatrixReason reason) {
        static const char *const names[] = {
                [MATRIX_NONE] = "",
                [MATRIX_NO_ENTRY] = "NoEntry",
                [MATRIX_TOO_LITTLE] = "TooLittle",
                [MATRIX_DENY_ENTRY] = "DenyEntry",
                [MATRIX_OUTSIDE_GROUP] = "OutsideGroup",
                [MATRIX_NOT_INHERITED] = "NotInherited",
                [MATRIX_OWNER_ONLY] = "OwnerOnly",
                [MATRIX_OLD_TICKET] = "OldTicket",
                [MATRIX_READ_ONLY] = "ReadOnlyAttribute",
                [MATRIX_SERVER_REFUSES] = "ServerRefuses",
                [MATRIX_NOT_READABLE] = "NotReadable",
                [MATRIX_CONDITIONAL] = "Conditional",
        };
        return names[reason];
}

uint32_t matrix_needed(MatrixLayer layer) {
        return layer == MATRIX_FOLDER ? NEEDED_FOLDER : NEEDED_FILE;
}

/* On a share that lets nothing be written Samba takes all of FILE_GENERIC_WRITE and Delete out of MxAc, so also
 * ReadPermissions and Synchronize, which it does grant. */
uint32_t matrix_shown(uint32_t share) {
        return share & RIGHT_WRITE_DATA ? share : share & ~(rights_map_generic(RIGHT_GENERIC_WRITE) | RIGHT_DELETE);
}

/* ---- why not --------------------------------------------------------------------------------------- */

static bool is_deny(const Ace *ace) {
        return ace->type == ACE_DENY;
}

static bool is_effective(const Ace *ace) {
        return ace->has_sid && !(ace->flags & ACE_INHERIT_ONLY);
}

/* With entries left out and, maybe, one more group. */
typedef struct Trial {
        Descriptor d;
        Token *token;
} Trial;

static void trial_done(Trial *t) {
        free(t->d.dacl.aces);
        free(t->token);
}

static bool trial_begin(const MatrixQuestion *q, Trial *t) {
        const Acl *acl = &q->descriptor->dacl;

        t->d = *q->descriptor;
        t->d.dacl.aces = calloc(acl->count + 1, sizeof *acl->aces);
        t->token = malloc(sizeof *t->token);
        if (!t->d.dacl.aces || !t->token)
                return false;
        *t->token = *q->token;
        for (size_t i = 0; i < acl->count; i++)
                t->d.dacl.aces[i] = acl->aces[i];
        return true;
}

static uint32_t missing_in(const MatrixQuestion *q, const Descriptor *d, const Token *token, uint32_t missing) {
        Access access;

        access_compute(d, token, &access);
        access_add_parent(&access, q->parent_granted);
        return missing & ~access.granted;
}

/* Denials stand in the way one behind the other: taken out until none is left that decides about what is missing. */
static void take_out_denials(Trial *t, MatrixCell *cell) {
        unsigned taken[MATRIX_REMOVE_MAX], count = 0;
        bool again = true;

        while (again && count < MATRIX_REMOVE_MAX) {
                Access access;
                again = false;
                access_compute(&t->d, t->token, &access);
                for (unsigned bit = 0; bit < ACCESS_BITS && !again; bit++) {
                        int by = access.by[bit];
                        if (!(cell->missing & 1u << bit) || by < 0 || !is_deny(&t->d.dacl.aces[by]))
                                continue;
                        t->d.dacl.aces[by].flags |= ACE_INHERIT_ONLY; /* counts no more; keeps its place */
                        taken[count++] = (unsigned)by;
                        again = true;
                }
        }
        for (unsigned i = 0; i < count; i++) { /* highest first, so that places stay right while they go */
                unsigned at = cell->remove_count++;
                for (; at > 0 && cell->remove[at - 1] < taken[i]; at--)
                        cell->remove[at] = cell->remove[at - 1];
                cell->remove[at] = taken[i];
        }
        if (count > 0)
                cell->entry = (int)taken[0];
}

/* The first entry that counts for the host, or for the group. */
static int entry_for(const Descriptor *d, const Token *token) {
        for (size_t i = 0; i < d->dacl.count; i++)
                if (is_effective(&d->dacl.aces[i]) && token_has(token, &d->dacl.aces[i].sid))
                        return (int)i;
        return -1;
}

/* Somebody thought of the hosts here: an entry allows something to their group or to this host by name. */
static bool speaks_of(const MatrixQuestion *q) {
        for (size_t i = 0; i < q->descriptor->dacl.count; i++) {
                const Ace *ace = &q->descriptor->dacl.aces[i];
                if (ace->type == ACE_ALLOW && is_effective(ace) &&
                    (sid_equal(&ace->sid, q->group) || sid_equal(&ace->sid, &q->token->sids[0])))
                        return true;
        }
        return false;
}

/* Would the folder above have given it to what lies in it? */
static bool parent_would(const MatrixQuestion *q, const Token *token, uint32_t missing) {
        uint8_t wanted = q->layer == MATRIX_FOLDER ? ACE_CONTAINER_INHERIT : ACE_OBJECT_INHERIT;

        for (size_t i = 0; q->parent && i < q->parent->dacl.count; i++) {
                const Ace *ace = &q->parent->dacl.aces[i];
                if (ace->type == ACE_ALLOW && ace->flags & wanted && ace->has_sid && token_has(token, &ace->sid))
                        missing &= ~rights_map_generic(ace->mask);
        }
        return missing == 0;
}

static void explain(const MatrixQuestion *q, MatrixCell *cell) {
        auto_(trial_done) Trial t = { 0 };
        Error ignored;

        if (!trial_begin(q, &t)) {
                cell->reason = MATRIX_NO_ENTRY;
                cell->grant = true;
                return;
        }
        take_out_denials(&t, cell);
        uint32_t left = missing_in(q, &t.d, t.token, cell->missing);
        if (left && !token_has(q->token, q->group)) {
                cell->join_group = token_add(t.token, q->group, &ignored) == 0;
                left = missing_in(q, &t.d, t.token, cell->missing);
        }
        cell->grant = left != 0;
        if (cell->remove_count > 0) {
                cell->reason = MATRIX_DENY_ENTRY;
                return;
        }
        if (cell->join_group && !cell->grant) {
                cell->reason = MATRIX_OUTSIDE_GROUP;
                cell->entry = entry_for(q->descriptor, t.token);
                return;
        }
        cell->entry = entry_for(q->descriptor, q->token);
        Access access;
        access_compute(q->descriptor, q->token, &access);
        if (!speaks_of(q) && parent_would(q, t.token, left))
                cell->reason = MATRIX_NOT_INHERITED;
        else if (access.granted == (RIGHT_READ_CONTROL | RIGHT_WRITE_DAC) && access.by[17] == ACCESS_BY_OWNERSHIP)
                cell->reason = MATRIX_OWNER_ONLY;
        else
                cell->reason = cell->entry >= 0 ? MATRIX_TOO_LITTLE : MATRIX_NO_ENTRY;
}

/* The descriptor allows it, the server does not. */
static void explain_difference(const MatrixQuestion *q, MatrixCell *cell) {
        auto_(trial_done) Trial t = { 0 };
        Access access;

        /* it hides what a share that may only be read hides */
        if (q->read_only && q->layer == MATRIX_FILE && (cell->missing & matrix_shown(RIGHTS_READ)) == 0) {
                cell->reason = MATRIX_READ_ONLY;
                return;
        }
        cell->reason = MATRIX_SERVER_REFUSES;
        if (!token_has(q->token, q->group) || !trial_begin(q, &t))
                return;
        for (size_t i = 0; i < t.token->count; i++)
                if (sid_equal(&t.token->sids[i], q->group))
                        t.token->sids[i] = t.token->sids[--t.token->count];
        access_compute(&t.d, t.token, &access);
        access_add_parent(&access, q->parent_granted);
        /* without the group there would be just what the server grants; it shows attributes to anybody */
        if (((access.granted ^ cell->granted) & cell->needed & ~(uint32_t)RIGHT_READ_ATTRIBUTES) == 0) {
                cell->reason = MATRIX_OLD_TICKET;
                cell->new_ticket = true;
        }
}

void matrix_judge(const MatrixQuestion *q, MatrixCell *ret) {
        MatrixCell cell = { .needed = q->needed ?: matrix_needed(q->layer), .entry = -1, .proven = q->proven };
        Access access = { 0 };

        if (q->descriptor) {
                access_compute(q->descriptor, q->token, &access);
                access_add_parent(&access, q->parent_granted);
        }
        cell.computed = access.granted;
        /* what the share does not let through, MxAc cannot show of the file: there the descriptor is all there is */
        uint32_t shown = q->proven ? q->layer == MATRIX_SHARE ? ALL : q->share_proof & ALL : 0;
        cell.granted = (q->proof & shown) | (access.granted & ~shown);
        cell.missing = cell.needed & ~cell.granted;
        cell.differs = q->descriptor && (q->proof ^ access.granted) & shown & cell.needed & ~access.unclear;
        uint32_t unclear = cell.missing & access.unclear & ~shown;
        if (cell.missing == 0) {
                cell.state = MATRIX_GRANTED;
        } else if (!q->descriptor) {
                cell.state = q->proven ? MATRIX_DENIED : MATRIX_UNCLEAR;
                cell.reason = MATRIX_NOT_READABLE;
                cell.grant = cell.state == MATRIX_DENIED;
        } else if (unclear == cell.missing) {
                cell.state = MATRIX_UNCLEAR;
                cell.reason = MATRIX_CONDITIONAL;
        } else {
                cell.state = MATRIX_DENIED;
                if ((cell.missing & access.granted) == cell.missing)
                        explain_difference(q, &cell);
                else
                        explain(q, &cell);
        }
        *ret = cell;
}

/* ---- mending --------------------------------------------------------------------------------------- */

Ace matrix_grant_entry(MatrixLayer layer, const Sid *group) {
        return (Ace){ .type = ACE_ALLOW,
                      .has_sid = true,
                      .mask = RIGHTS_CHANGE,
                      .sid = *group,
                      .flags = layer == MATRIX_FOLDER ? ACE_OBJECT_INHERIT | ACE_CONTAINER_INHERIT : 0 };
}

int matrix_mend(Descriptor *d, MatrixLayer layer, const Sid *group, const MatrixCell *cell, Error *err) {
        Ace grant = matrix_grant_entry(layer, group);

        for (unsigned i = 0; i < cell->remove_count; i++)
                descriptor_remove(d, cell->remove[i]);
        return cell->grant ? descriptor_add(d, &grant, err) : 0;
}
