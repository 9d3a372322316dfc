#include "smb/share/access.h"

#include <stdlib.h>

#include "appliance/base/cleanup.h"

int token_add(Token *token, const Sid *sid, Error *err) {
        if (token_has(token, sid))
                return 0;
        if (token->count == TOKEN_SIDS_MAX)
                return error_set(err, ERROR_LIMIT, 0, "the account is in more than %d groups; take it out of some",
                                 TOKEN_SIDS_MAX);
        token->sids[token->count++] = *sid;
        return 0;
}

int token_add_network(Token *token, Error *err) {
        const Sid *const all[] = { &sid_everyone, &sid_network, &sid_authenticated_users, &sid_asserted };

        for (size_t i = 0; i < ARRAY_SIZE(all); i++)
                if (token_add(token, all[i], err) < 0)
                        return -1;
        token->perhaps[0] = sid_this_organization;
        token->perhaps[1] = sid_users;
        token->perhaps_count = 2;
        return 0;
}

bool token_has(const Token *token, const Sid *sid) {
        for (size_t i = 0; i < token->count; i++)
                if (sid_equal(&token->sids[i], sid))
                        return true;
        return false;
}

/* ---- one pass over the list ------------------------------------------------------------------------ */

/* How an entry counts. */
typedef enum Verdict { COUNTS_NOT, COUNTS_ALLOW, COUNTS_DENY, COUNTS_PERHAPS_ALLOW, COUNTS_PERHAPS_DENY } Verdict;

static const struct {
        uint8_t type;
        Verdict verdict;
} verdicts[] = {
        { ACE_ALLOW, COUNTS_ALLOW },
        { ACE_DENY, COUNTS_DENY },
        /* conditions and entries about objects inside an object: only who holds the object can judge them */
        { ACE_ALLOW_OBJECT, COUNTS_PERHAPS_ALLOW },
        { ACE_ALLOW_CALLBACK, COUNTS_PERHAPS_ALLOW },
        { ACE_ALLOW_CALLBACK_OBJECT, COUNTS_PERHAPS_ALLOW },
        { ACE_DENY_OBJECT, COUNTS_PERHAPS_DENY },
        { ACE_DENY_CALLBACK, COUNTS_PERHAPS_DENY },
        { ACE_DENY_CALLBACK_OBJECT, COUNTS_PERHAPS_DENY },
};

typedef struct Pass {
        const Descriptor *d;
        const Token *token;
        bool owner, owner_rights_entry; /* the token is the owner's; an entry speaks for owners */
} Pass;

typedef enum Concern { CONCERNS_NOT, CONCERNS_PERHAPS, CONCERNS } Concern;

static Concern concern_of(const Pass *pass, const Ace *ace) {
        if (ace->flags & ACE_INHERIT_ONLY || !ace->has_sid)
                return CONCERNS_NOT;
        if (sid_equal(&ace->sid, &sid_owner_rights))
                return pass->owner ? CONCERNS : CONCERNS_NOT;
        if (token_has(pass->token, &ace->sid))
                return CONCERNS;
        for (size_t i = 0; i < pass->token->perhaps_count; i++)
                if (sid_equal(&pass->token->perhaps[i], &ace->sid))
                        return CONCERNS_PERHAPS;
        return CONCERNS_NOT;
}

/* A type that did not exist when this was written may deny or allow anything to anybody. */
static bool is_unknown(const Ace *ace) {
        bool audits = ace->type == ACE_AUDIT || ace->type == ACE_AUDIT_OBJECT || ace->type == ACE_AUDIT_CALLBACK ||
                      ace->type == ACE_AUDIT_CALLBACK_OBJECT || ace->type >= ACE_LABEL;

        return !ace->has_sid && !audits && !(ace->flags & ACE_INHERIT_ONLY);
}

static Verdict verdict_of(const Pass *pass, const Ace *ace) {
        static const Verdict weaker[] = { [COUNTS_ALLOW] = COUNTS_PERHAPS_ALLOW,
                                          [COUNTS_DENY] = COUNTS_PERHAPS_DENY,
                                          [COUNTS_PERHAPS_ALLOW] = COUNTS_PERHAPS_ALLOW,
                                          [COUNTS_PERHAPS_DENY] = COUNTS_PERHAPS_DENY };
        Concern concern = concern_of(pass, ace);

        for (size_t i = 0; concern != CONCERNS_NOT && i < ARRAY_SIZE(verdicts); i++)
                if (verdicts[i].type == ace->type)
                        return concern == CONCERNS ? verdicts[i].verdict : weaker[verdicts[i].verdict];
        return COUNTS_NOT;
}

/* @kindly: what only the server can judge is taken in the token's favour, else against it. */
static uint32_t walk(const Pass *pass, bool kindly, int by[static ACCESS_BITS]) {
        uint32_t granted = 0, decided = 0;

        for (unsigned bit = 0; bit < ACCESS_BITS; bit++)
                by[bit] = ACCESS_BY_NOBODY;
        if (pass->owner && !pass->owner_rights_entry) {
                granted = decided = RIGHT_READ_CONTROL | RIGHT_WRITE_DAC;
                for (unsigned bit = 0; bit < ACCESS_BITS; bit++)
                        if (granted & 1u << bit)
                                by[bit] = ACCESS_BY_OWNERSHIP;
        }
        for (size_t i = 0; i < pass->d->dacl.count; i++) {
                const Ace *ace = &pass->d->dacl.aces[i];
                Verdict verdict = verdict_of(pass, ace);
                bool allows = verdict == COUNTS_ALLOW || (kindly && verdict == COUNTS_PERHAPS_ALLOW);
                bool denies = verdict == COUNTS_DENY || (!kindly && verdict == COUNTS_PERHAPS_DENY);
                if (!allows && !denies)
                        continue;
                uint32_t news = rights_map_generic(ace->mask) & ((1u << ACCESS_BITS) - 1) & ~decided;
                decided |= news;
                granted |= allows ? news : 0;
                for (unsigned bit = 0; bit < ACCESS_BITS; bit++)
                        if (news & 1u << bit)
                                by[bit] = (int)i;
        }
        return granted;
}

void access_compute(const Descriptor *d, const Token *token, Access *ret) {
        Pass pass = { .d = d, .token = token, .owner = d->has_owner && token_has(token, &d->owner) };
        int ignored[ACCESS_BITS];
        bool unknown = false;

        *ret = (Access){ 0 };
        if (!d->dacl.present || !d->dacl.list_given) {
                ret->granted = RIGHTS_FULL;
                for (unsigned bit = 0; bit < ACCESS_BITS; bit++)
                        ret->by[bit] = RIGHTS_FULL & 1u << bit ? ACCESS_BY_NO_LIST : ACCESS_BY_NOBODY;
                return;
        }
        for (size_t i = 0; i < d->dacl.count; i++) {
                const Ace *ace = &d->dacl.aces[i];
                pass.owner_rights_entry |=
                        ace->has_sid && !(ace->flags & ACE_INHERIT_ONLY) && sid_equal(&ace->sid, &sid_owner_rights);
                unknown |= is_unknown(ace);
        }
        ret->granted = walk(&pass, false, ret->by);
        ret->unclear = unknown ? RIGHTS_FULL : walk(&pass, true, ignored) & ~ret->granted;
        if (unknown)
                ret->granted = 0;
}

void access_add_parent(Access *access, uint32_t parent_granted) {
        static const struct {
                uint32_t in_parent, in_child;
        } gives[] = {
                { RIGHT_READ_DATA, RIGHT_READ_ATTRIBUTES }, /* ListDirectory */
                { RIGHT_DELETE_CHILD, RIGHT_DELETE },
        };

        for (size_t i = 0; i < ARRAY_SIZE(gives); i++) {
                if (!(parent_granted & gives[i].in_parent) || access->granted & gives[i].in_child)
                        continue;
                access->granted |= gives[i].in_child;
                access->unclear &= ~gives[i].in_child;
                for (unsigned bit = 0; bit < ACCESS_BITS; bit++)
                        if (gives[i].in_child == 1u << bit)
                                access->by[bit] = ACCESS_BY_PARENT;
        }
}
