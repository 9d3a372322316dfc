#include "auth/directory-sids.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/clock.h"
#include "appliance/base/text.h"
#include "auth/directory-internal.h"

static void token_forget(DirectoryToken *t) {
        free(t->sids);
        *t = (DirectoryToken){ 0 };
}

void directory_forget_sids(Directory *d) {
        for (size_t i = 0; i < DIRECTORY_TOKENS_MAX; i++)
                token_forget(&d->tokens[i]);
        memset(d->names, 0, sizeof d->names);
}

/* ---- groups ------------------------------------------------------------------------------------------ */

typedef struct Found {
        char dn[LDAP_LINK_DN_MAX];
        unsigned count;
        DirectorySid *sids;
        size_t sid_count;
} Found;

static void found_done(Found *f) {
        free(f->sids);
}

static int take_sid(void *userdata, const uint8_t *data, size_t size, Error *err) {
        Found *f = userdata;

        if (size > DIRECTORY_SID_MAX)
                return error_set(err, ERROR_PROTOCOL, 0, "the directory sent a damaged SID");
        if (f->sid_count == DIRECTORY_TOKEN_MAX)
                return error_set(err, ERROR_LIMIT, 0, "an account is in more than %d groups; take it out of some",
                                 DIRECTORY_TOKEN_MAX);
        DirectorySid *to = &f->sids[f->sid_count++];
        memcpy(to->bytes, data, size);
        to->size = size;
        return 0;
}

static int take_account(void *userdata, const LdapEntry *entry, Error *err) {
        Found *f = userdata;

        f->count++;
        f->sid_count = 0;
        if (strlen(ldap_entry_dn(entry)) >= sizeof f->dn)
                return error_set(err, ERROR_PROTOCOL, 0, "the directory's answer about a computer is damaged");
        (void)snprintf(f->dn, sizeof f->dn, "%s", ldap_entry_dn(entry));
        return ldap_entry_each(entry, "objectSid", take_sid, f, err);
}

static int take_groups(void *userdata, const LdapEntry *entry, Error *err) {
        Found *f = userdata;

        f->sid_count = f->sid_count > 0 ? 1 : 0; /* a second try begins anew */
        return ldap_entry_each(entry, "tokenGroups", take_sid, f, err);
}

/* 2: disabled, [MS-ADTS] 2.2.16; what else must be so follows, and a bracket */
#define ENABLED_USERS "(&(objectCategory=person)(objectClass=user)(!(userAccountControl:1.2.840.113556.1.4.803:=2))"

enum { FILTER_MAX = 3 * MACHINE_NAME_MAX + 3 * DIRECTORY_SID_MAX + 160 };

/* Whose groups. */
typedef struct Who {
        char key[MACHINE_NAME_MAX];     /* in the cache */
        char filter[FILTER_MAX];
        char shown[MACHINE_NAME_MAX + 16];
} Who;

static int who_computer(const char *account, Who *ret, Error *err) {
        char escaped[3 * MACHINE_NAME_MAX];

        if (ldap_link_escape(account, escaped, sizeof escaped, err) < 0)
                return -1;
        (void)snprintf(ret->key, sizeof ret->key, "%s", account);
        (void)snprintf(ret->filter, sizeof ret->filter, "(&(objectCategory=computer)(sAMAccountName=%s))", escaped);
        (void)snprintf(ret->shown, sizeof ret->shown, "computer %s", ret->key);
        return 0;
}

/* As bytes: every directory understands those. */
static void escape_sid(const DirectorySid *sid, char to[static 3 * DIRECTORY_SID_MAX + 1]) {
        to[0] = '\0';
        for (size_t i = 0; i < sid->size && i < DIRECTORY_SID_MAX; i++)
                (void)snprintf(to + 3 * i, 4, "\\%02x", sid->bytes[i]);
}

static void who_user(const DirectorySid *sid, Who *ret) {
        char escaped[3 * DIRECTORY_SID_MAX + 1];

        escape_sid(sid, escaped);
        (void)snprintf(ret->key, sizeof ret->key, "user %s", escaped);
        (void)snprintf(ret->filter, sizeof ret->filter, ENABLED_USERS "(objectSid=%s))", escaped);
        (void)snprintf(ret->shown, sizeof ret->shown, "enabled user of that identity");
}

static int look_up(Directory *d, const Who *whose, Found *f, Error *err) {
        static const char *const sid[] = { "objectSid", NULL }, *const groups[] = { "tokenGroups", NULL };
        const LdapQuery who = { NULL, false, whose->filter, sid, 2 };

        if (directory_ask(d, &who, take_account, f, err) < 0)
                return -1;
        if (f->count == 0 || f->sid_count != 1)
                return error_set(err, ERROR_NOT_FOUND, 0, "the domain %s has no %s; check the name",
                                 d->machine.domain, whose->shown);
        const LdapQuery token = { f->dn, true, "(objectClass=*)", groups, 1 };
        if (directory_ask(d, &token, take_groups, f, err) < 0)
                return -1;
        /* every account has a primary group: none at all means that it may not be seen */
        if (f->sid_count < 2)
                return error_set(err, ERROR_DENIED, 0,
                                 "the domain %s does not let this host read the groups of the %s; put "
                                 "%s into 'Windows Authorization Access Group'",
                                 d->machine.domain, whose->shown, d->machine.account);
        return 0;
}

static DirectoryToken *token_of(Directory *d, const char *account) {
        DirectoryToken *oldest = &d->tokens[0];

        for (size_t i = 0; i < DIRECTORY_TOKENS_MAX; i++) {
                if (text_equal_nocase(d->tokens[i].account, account))
                        return &d->tokens[i];
                if (d->tokens[i].until_us < oldest->until_us)
                        oldest = &d->tokens[i];
        }
        token_forget(oldest);
        return oldest;
}

static int need_token(Directory *d, const Who *who, DirectoryToken **ret, Error *err) {
        auto_(found_done) Found f = { .sids = malloc(DIRECTORY_TOKEN_MAX * sizeof *f.sids) };
        DirectoryToken *t = token_of(d, who->key);

        if (!f.sids)
                return error_oom(err);
        if (t->until_us <= clock_us(CLOCK_BOOTTIME)) {
                if (look_up(d, who, &f, err) < 0)
                        return -1;
                token_forget(t);
                (void)snprintf(t->account, sizeof t->account, "%s", who->key);
                t->sids = take_ptr(f.sids);
                t->count = f.sid_count;
                t->until_us = clock_us(CLOCK_BOOTTIME) + DIRECTORY_CACHE_US;
        }
        *ret = t;
        return 0;
}

static int groups_of(Directory *d, const Who *who, bool again, DirectorySid **ret, size_t *ret_count, Error *err) {
        DirectoryToken *t;
        DirectorySid *copy = NULL;

        (void)pthread_mutex_lock(&d->lock);
        if (again)
                token_of(d, who->key)->until_us = 0;
        int r = need_token(d, who, &t, err);
        if (r == 0 && !(copy = calloc(t->count, sizeof *copy)))
                r = error_oom(err);
        if (r == 0) {
                memcpy(copy, t->sids, t->count * sizeof *copy);
                *ret = copy;
                *ret_count = t->count;
        }
        (void)pthread_mutex_unlock(&d->lock);
        return r;
}

int directory_groups(Directory *d, const char *account, bool again, DirectorySid **ret, size_t *ret_count,
                     Error *err) {
        Who who = { 0 };
        return who_computer(account, &who, err) < 0 ? -1 : groups_of(d, &who, again, ret, ret_count, err);
}

int directory_user_groups(Directory *d, const DirectorySid *sid, DirectorySid **ret, size_t *ret_count, Error *err) {
        Who who = { 0 };
        who_user(sid, &who);
        return groups_of(d, &who, false, ret, ret_count, err);
}

/* ---- one person --------------------------------------------------------------------------------------- */

static int take_one(void *userdata, const LdapEntry *entry, Error *err) {
        uint8_t bytes[SID_BYTES_MAX];
        size_t size = 0;
        bool there = ldap_entry_bytes(entry, "objectSid", bytes, sizeof bytes, &size);
        Reader r = reader_of(bytes, size);

        return there && sid_read(&r, userdata) && reader_done(&r)
                       ? 0
                       : error_set(err, ERROR_PROTOCOL, 0, "the directory's answer about an account is damaged");
}

int directory_user(Directory *d, const char *account, Sid *ret, Error *err) {
        static const char *const attributes[] = { "objectSid", NULL };
        char escaped[3 * MACHINE_NAME_MAX], filter[FILTER_MAX];
        Sid sid = { 0 };

        if (ldap_link_escape(account, escaped, sizeof escaped, err) < 0)
                return -1;
        (void)snprintf(filter, sizeof filter, ENABLED_USERS "(sAMAccountName=%s))", escaped);
        const LdapQuery query = { NULL, false, filter, attributes, 2 };
        (void)pthread_mutex_lock(&d->lock);
        int r = directory_ask(d, &query, take_one, &sid, err);
        (void)pthread_mutex_unlock(&d->lock);
        if (r < 0)
                return -1;
        if (sid.count == 0)
                return error_set(err, ERROR_NOT_FOUND, 0, "the domain %s has no enabled user '%.64s'",
                                 d->machine.domain, account);
        *ret = sid;
        return 0;
}

int directory_domain_sid(Directory *d, Sid *ret, Error *err) {
        static const char *const attributes[] = { "objectSid", NULL };
        const LdapQuery query = { NULL, true, "(objectClass=domainDNS)", attributes, 1 };
        int r = 0;

        (void)pthread_mutex_lock(&d->lock);
        if (d->domain_sid.count == 0)
                r = directory_ask(d, &query, take_one, &d->domain_sid, err);
        Sid sid = d->domain_sid;
        (void)pthread_mutex_unlock(&d->lock);
        if (r < 0)
                return -1;
        if (sid.count == 0)
                return error_set(err, ERROR_PROTOCOL, 0, "the directory does not say which domain it is");
        *ret = sid;
        return 0;
}

/* ---- names --------------------------------------------------------------------------------------------- */

typedef struct Named {
        char account[DIRECTORY_PRINCIPAL_MAX / 2], short_name[DIRECTORY_SHORT_MAX];
} Named;

static int take_account_name(void *userdata, const LdapEntry *entry, Error *err) {
        Named *named = userdata;

        (void)ldap_entry_text(entry, "sAMAccountName", named->account, sizeof named->account);
        return 0;
}

static int take_short_name(void *userdata, const LdapEntry *entry, Error *err) {
        Named *named = userdata;

        (void)ldap_entry_text(entry, "nETBIOSName", named->short_name, sizeof named->short_name);
        return 0;
}

/* What stands before the backslash.  It lies where the forest keeps its domains; in a child domain that is not
 * below our own name, and then the bare account name has to do. */
static void need_short_name(Directory *d) {
        static const char *const attributes[] = { "nETBIOSName", NULL };
        char base[LDAP_LINK_DN_MAX + 64], dn[3 * LDAP_LINK_DN_MAX], filter[sizeof dn + 64];
        Named named = { 0 };
        Error ignored;

        if (d->short_name_until_us > clock_us(CLOCK_BOOTTIME) || !d->link ||
            ldap_link_escape(ldap_link_base(d->link), dn, sizeof dn, &ignored) < 0)
                return;
        (void)snprintf(base, sizeof base, "CN=Partitions,CN=Configuration,%s", ldap_link_base(d->link));
        (void)snprintf(filter, sizeof filter, "(&(objectClass=crossRef)(nCName=%s))", dn);
        const LdapQuery query = { base, false, filter, attributes, 4 };
        if (directory_ask(d, &query, take_short_name, &named, &ignored) < 0)
                named.short_name[0] = '\0';
        memcpy(d->short_name, named.short_name, sizeof d->short_name);
        d->short_name_until_us = clock_us(CLOCK_BOOTTIME) + DIRECTORY_CACHE_US;
}

static int ask_name(Directory *d, const DirectorySid *sid, char to[static DIRECTORY_PRINCIPAL_MAX], Error *err) {
        static const char *const attributes[] = { "sAMAccountName", NULL };
        Named named = { 0 };
        char filter[3 * DIRECTORY_SID_MAX + 32] = "(objectSid=";
        size_t at = strlen(filter);

        for (size_t i = 0; i < sid->size; i++)
                at += (size_t)snprintf(filter + at, sizeof filter - at, "\\%02x", sid->bytes[i]);
        (void)snprintf(filter + at, sizeof filter - at, ")");
        const LdapQuery query = { NULL, false, filter, attributes, 2 };
        if (directory_ask(d, &query, take_account_name, &named, err) < 0)
                return -1;
        need_short_name(d);
        if (named.account[0])
                (void)snprintf(to, DIRECTORY_PRINCIPAL_MAX, "%s%s%s", d->short_name, d->short_name[0] ? "\\" : "",
                               named.account);
        return 0;
}

static DirectoryName *name_of(Directory *d, const DirectorySid *sid) {
        DirectoryName *oldest = &d->names[0];

        for (size_t i = 0; i < DIRECTORY_NAMES_MAX; i++) {
                DirectoryName *n = &d->names[i];
                if (n->sid.size == sid->size && memcmp(n->sid.bytes, sid->bytes, sid->size) == 0)
                        return n;
                if (n->until_us < oldest->until_us)
                        oldest = n;
        }
        oldest->until_us = 0;
        return oldest;
}

int directory_sid_name(Directory *d, const DirectorySid *sid, char to[static DIRECTORY_PRINCIPAL_MAX], Error *err) {
        char name[DIRECTORY_PRINCIPAL_MAX] = "";
        int r = 0;

        if (sid->size > DIRECTORY_SID_MAX)
                return error_set(err, ERROR_INVALID, 0, "a SID is too long");
        (void)pthread_mutex_lock(&d->lock);
        DirectoryName *n = name_of(d, sid);
        if (n->until_us <= clock_us(CLOCK_BOOTTIME)) {
                r = ask_name(d, sid, name, err);
                if (r == 0) {
                        n->sid = *sid;
                        memcpy(n->name, name, sizeof n->name);
                        n->until_us = clock_us(CLOCK_BOOTTIME) + DIRECTORY_CACHE_US;
                }
        }
        if (r == 0)
                memcpy(name, n->name, sizeof name);
        (void)pthread_mutex_unlock(&d->lock);
        if (r == 0 && !*name)
                return error_set(err, ERROR_NOT_FOUND, 0, "the domain %s has nothing with this SID",
                                 d->machine.domain);
        if (r == 0)
                memcpy(to, name, sizeof name);
        return r;
}

int directory_fabric_sid(Directory *d, DirectorySid *ret, Error *err) {
        (void)pthread_mutex_lock(&d->lock);
        int r = directory_need_group(d, err);
        if (r == 0) {
                ret->size = d->group.sid_size;
                memcpy(ret->bytes, d->group.sid, d->group.sid_size);
        }
        (void)pthread_mutex_unlock(&d->lock);
        return r;
}
