#include "auth/directory.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "appliance/base/clock.h"
#include "appliance/base/text.h"
#include "auth/directory-internal.h"

enum {
        FAILURE_US = 2 * 1000000,
        FILTER_MAX = 4 * MACHINE_NAME_MAX + LDAP_LINK_DN_MAX,
        ACCOUNT_DISABLED = 0x2,         /* MS-ADTS 2.2.16 ADS_UF_ACCOUNTDISABLE */
};

int directory_new(const Machine *machine, Directory **ret, Error *err) {
        Directory *d = calloc(1, sizeof *d);
        if (!d)
                return error_oom(err);
        d->machine = *machine;
        (void)pthread_mutex_init(&d->lock, NULL);
        *ret = d;
        return 0;
}

void directory_free(Directory *d) {
        if (!d)
                return;
        ldap_link_close(d->link);
        directory_forget_sids(d);
        (void)pthread_mutex_destroy(&d->lock);
        free(d);
}

/* ---- the cache --------------------------------------------------------------------------------------- */

static const DirectoryComputer *remembered(Directory *d, const char *key) {
        uint64_t now = clock_us(CLOCK_BOOTTIME);
        for (size_t i = 0; i < DIRECTORY_ANSWERS_MAX; i++)
                if (d->answers[i].until_us > now && text_equal_nocase(d->answers[i].key, key))
                        return &d->answers[i].computer;
        return NULL;
}

static void remember(Directory *d, const char *key, const DirectoryComputer *computer) {
        DirectoryAnswer *oldest = &d->answers[0];

        if (strlen(key) >= sizeof oldest->key)
                return;
        for (size_t i = 0; i < DIRECTORY_ANSWERS_MAX; i++) {
                DirectoryAnswer *a = &d->answers[i];
                if (text_equal_nocase(a->key, key)) {
                        oldest = a;
                        break;
                }
                if (a->until_us < oldest->until_us)
                        oldest = a;
        }
        (void)snprintf(oldest->key, sizeof oldest->key, "%s", key);
        oldest->computer = *computer;
        oldest->until_us = clock_us(CLOCK_BOOTTIME) + DIRECTORY_CACHE_US;
}

static void forget(Directory *d) {
        memset(d->answers, 0, sizeof d->answers);
        directory_forget_sids(d);
        d->group.until_us = 0;
        d->failure_until_us = 0;
}

/* ---- the wire ---------------------------------------------------------------------------------------- */

static int need_link(Directory *d, Error *err) {
        if (d->link && ldap_link_is_past(d->link)) {
                ldap_link_close(d->link);
                d->link = NULL;
        }
        if (d->link)
                return 0;
        if (d->failure_until_us > clock_us(CLOCK_BOOTTIME)) {
                *err = d->failure;
                return -1;
        }
        if (ldap_link_open(&d->machine, &d->link, err) == 0)
                return 0;
        d->failure = *err;
        d->failure_until_us = clock_us(CLOCK_BOOTTIME) + FAILURE_US;
        return -1;
}

/* A link may have died since the last question: the second try has a new one. */
int directory_ask(Directory *d, const LdapQuery *query, DirectoryEach *each, void *userdata, Error *err) {
        for (unsigned try = 0;; try++) {
                bool fresh = !d->link;
                if (need_link(d, err) < 0)
                        return -1;
                d->questions++;
                if (ldap_link_search(d->link, query, each, userdata, err) == 0)
                        return 0;
                bool broken =
                        err->kind == ERROR_UNREACHABLE || err->kind == ERROR_TIMEOUT || err->kind == ERROR_PROTOCOL;
                if (broken) {
                        ldap_link_close(d->link);
                        d->link = NULL;
                }
                if (!broken || fresh || try > 0)
                        return -1;
        }
}

static int take_group(void *userdata, const LdapEntry *entry, Error *err) {
        DirectoryFabric *group = userdata;
        if (strlen(ldap_entry_dn(entry)) >= sizeof group->dn ||
            !ldap_entry_bytes(entry, "objectSid", group->sid, sizeof group->sid, &group->sid_size))
                return error_set(err, ERROR_PROTOCOL, 0,
                                 "the directory's answer about the group '" DIRECTORY_FABRIC_GROUP "' is damaged");
        (void)snprintf(group->dn, sizeof group->dn, "%s", ldap_entry_dn(entry));
        return 0;
}

int directory_need_group(Directory *d, Error *err) {
        static const char *const attributes[] = { "objectSid", NULL };
        const LdapQuery query = {
                .filter = "(&(objectCategory=group)(sAMAccountName=" DIRECTORY_FABRIC_GROUP "))",
                .attributes = attributes,
                .max = 2,
        };
        DirectoryFabric found = { 0 };

        if (d->group.until_us > clock_us(CLOCK_BOOTTIME))
                return 0;
        if (directory_ask(d, &query, take_group, &found, err) < 0)
                return -1;
        if (!found.dn[0])
                return error_set(err, ERROR_NOT_FOUND, 0,
                                 "the domain %s has no group '" DIRECTORY_FABRIC_GROUP "'; an "
                                 "administrator makes it with: New-ADGroup '" DIRECTORY_FABRIC_GROUP
                                 "' -GroupScope Global",
                                 d->machine.domain);
        found.until_us = clock_us(CLOCK_BOOTTIME) + DIRECTORY_CACHE_US;
        d->group = found;
        return 0;
}

typedef struct Seen {
        const DirectoryFabric *group;
        DirectoryComputer computer;
        char dn[LDAP_LINK_DN_MAX];
        unsigned count;
        bool groups_readable;
} Seen;

static int take_computer(void *userdata, const LdapEntry *entry, Error *err) {
        Seen *seen = userdata;
        DirectoryComputer *c = &seen->computer;
        char control[16];

        seen->count++;
        if (strlen(ldap_entry_dn(entry)) >= sizeof seen->dn ||
            !ldap_entry_text(entry, "sAMAccountName", c->account, sizeof c->account) ||
            !ldap_entry_text(entry, "userAccountControl", control, sizeof control))
                return error_set(err, ERROR_PROTOCOL, 0, "the directory's answer about a computer is damaged");
        (void)snprintf(seen->dn, sizeof seen->dn, "%s", ldap_entry_dn(entry));
        (void)ldap_entry_text(entry, "dNSHostName", c->host, sizeof c->host);   /* absent before its first join */
        c->enabled = !(strtoul(control, NULL, 10) & ACCOUNT_DISABLED);
        return 0;
}

static int take_membership(void *userdata, const LdapEntry *entry, Error *err) {
        Seen *seen = userdata;
        seen->computer.in_fabric = ldap_entry_has(entry, "tokenGroups", seen->group->sid, seen->group->sid_size,
                                                  &seen->groups_readable);
        return 0;
}

static int take_match(void *userdata, const LdapEntry *entry, Error *err) {
        *(bool *)userdata = true;
        return 0;
}

/* tokenGroups is what the file server will see in the computer's ticket (nested groups and the primary
 * group included).  Where a domain does not let computers read it, the nesting rule of MS-ADTS
 * 3.1.1.3.4.4.3 answers for all but the primary group. */
static int membership(Directory *d, Seen *seen, Error *err) {
        static const char *const attributes[] = { "tokenGroups", NULL }, *const none[] = { "1.1", NULL };
        const LdapQuery token = { seen->dn, true, "(objectClass=*)", attributes, 1 };
        char dn[3 * LDAP_LINK_DN_MAX], filter[sizeof dn + 64];

        if (directory_ask(d, &token, take_membership, seen, err) < 0)
                return -1;
        if (seen->groups_readable)
                return 0;
        if (ldap_link_escape(d->group.dn, dn, sizeof dn, err) < 0)
                return -1;
        (void)snprintf(filter, sizeof filter, "(memberOf:1.2.840.113556.1.4.1941:=%s)", dn);
        const LdapQuery rule = { seen->dn, true, filter, none, 1 };
        return directory_ask(d, &rule, take_match, &seen->computer.in_fabric, err);
}

/* @filter picks one computer; @name is what the user called it. */
static int look_up(Directory *d, const char *filter, const char *name, DirectoryComputer *ret, Error *err) {
        static const char *const attributes[] = { "sAMAccountName", "dNSHostName", "userAccountControl", NULL };
        const LdapQuery query = { NULL, false, filter, attributes, 2 };
        Seen seen = { .group = &d->group };

        if (directory_need_group(d, err) < 0 || directory_ask(d, &query, take_computer, &seen, err) < 0)
                return -1;
        if (seen.count == 0)
                return error_set(err, ERROR_NOT_FOUND, 0,
                                 "the domain %s has no computer %s; check the name, and that "
                                 "the host has joined with: Add-Computer -DomainName %s",
                                 d->machine.domain, name, d->machine.domain);
        if (seen.count > 1)
                return error_set(err, ERROR_CONFLICT, 0, "the domain %s has more than one computer called %s; an "
                                 "administrator finds them with: setspn -X", d->machine.domain, name);
        if (membership(d, &seen, err) < 0)
                return -1;
        seen.computer.in_fabric = seen.computer.in_fabric && seen.computer.enabled;
        *ret = seen.computer;
        return 0;
}

/* ---- questions --------------------------------------------------------------------------------------- */

/* Names of accounts and hosts; anything else would only be escaped and not found. */
static int check_name(const char *name, const char *more, Error *err) {
        size_t n = strlen(name);
        char allowed[80];

        (void)snprintf(allowed, sizeof allowed,
                       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_%s", more);
        if (n == 0 || n > 253 || name[0] == '-' || strspn(name, allowed) != n)
                return error_set(err, ERROR_INVALID, 0, "'%.64s' is not the name of a computer", name);
        return 0;
}

static int account_filter(const char *account, char *filter, size_t size, Error *err) {
        char escaped[3 * MACHINE_NAME_MAX];

        if (check_name(account, "$.", err) < 0 || ldap_link_escape(account, escaped, sizeof escaped, err) < 0)
                return -1;
        (void)snprintf(filter, size, "(&(objectCategory=computer)(sAMAccountName=%s))", escaped);
        return 0;
}

static int host_filter(const char *host, char *filter, size_t size, Error *err) {
        char escaped[3 * MACHINE_NAME_MAX];

        if (check_name(host, ".", err) < 0 || ldap_link_escape(host, escaped, sizeof escaped, err) < 0)
                return -1;
        (void)snprintf(filter, size,
                       strchr(host, '.') ? "(&(objectCategory=computer)(servicePrincipalName=host/%s))"
                                         : "(&(objectCategory=computer)(sAMAccountName=%s$))",
                       escaped);
        return 0;
}

typedef int MakeFilter(const char *name, char *filter, size_t size, Error *err);

static int answer(Directory *d, MakeFilter *make, const char *name, bool again, DirectoryComputer *ret,
                  Error *err) {
        char filter[FILTER_MAX];

        if (make(name, filter, sizeof filter, err) < 0)
                return -1;
        (void)pthread_mutex_lock(&d->lock);
        const DirectoryComputer *known = again ? NULL : remembered(d, name);
        int r = 0;
        if (again)
                d->group.until_us = 0;
        if (known) {
                *ret = *known;
        } else {
                r = look_up(d, filter, name, ret, err);
                if (r == 0)
                        remember(d, name, ret);
        }
        (void)pthread_mutex_unlock(&d->lock);
        return r;
}

int directory_computer(Directory *d, const char *account, DirectoryComputer *ret, Error *err) {
        return answer(d, account_filter, account, false, ret, err);
}

int directory_computer_by_host(Directory *d, const char *host, DirectoryComputer *ret, Error *err) {
        return answer(d, host_filter, host, false, ret, err);
}

static int require(Directory *d, MakeFilter *make, const char *name, DirectoryComputer *ret, Error *err) {
        DirectoryComputer c;

        if (answer(d, make, name, false, &c, err) < 0)
                return -1;
        /* the administrator may have just mended it */
        if (!c.in_fabric && answer(d, make, name, true, &c, err) < 0)
                return -1;
        if (!c.enabled)
                return error_set(err, ERROR_DENIED, 0,
                                 "the computer account %s is disabled; an administrator enables it "
                                 "with: Enable-ADAccount '%s'",
                                 c.account, c.account);
        if (!c.in_fabric)
                return error_set(err, ERROR_DENIED, 0, "%s is not in the group '" DIRECTORY_FABRIC_GROUP "'; an "
                                 "administrator adds it with: Add-ADGroupMember '" DIRECTORY_FABRIC_GROUP "' %s",
                                 c.account, c.account);
        *ret = c;
        return 0;
}

int directory_require_fabric(Directory *d, const char *account, DirectoryComputer *ret, Error *err) {
        return require(d, account_filter, account, ret, err);
}

int directory_require_fabric_host(Directory *d, const char *host, DirectoryComputer *ret, Error *err) {
        return require(d, host_filter, host, ret, err);
}

int directory_in_fabric(Directory *d, const char *account, bool *ret, Error *err) {
        DirectoryComputer c;

        if (answer(d, account_filter, account, true, &c, err) < 0)
                return -1;
        *ret = c.in_fabric;
        return 0;
}

typedef struct List {
        DirectoryComputer *all;
        size_t count;
} List;

static int take_member(void *userdata, const LdapEntry *entry, Error *err) {
        List *list = userdata;
        Seen seen = { 0 };

        if (take_computer(&seen, entry, err) < 0)
                return -1;
        if (!seen.computer.enabled)
                return 0;
        for (size_t i = 0; i < list->count; i++)        /* a second try begins at the first page again */
                if (strcmp(list->all[i].account, seen.computer.account) == 0)
                        return 0;
        DirectoryComputer *more = reallocarray(list->all, list->count + 1, sizeof *more);
        if (!more)
                return error_oom(err);
        seen.computer.in_fabric = true;
        list->all = more;
        list->all[list->count++] = seen.computer;
        return 0;
}

int directory_fabric(Directory *d, DirectoryComputer **ret, size_t *ret_count, Error *err) {
        static const char *const attributes[] = { "sAMAccountName", "dNSHostName", "userAccountControl", NULL };
        char dn[3 * LDAP_LINK_DN_MAX], filter[sizeof dn + 96];
        List list = { 0 };

        (void)pthread_mutex_lock(&d->lock);
        int r = directory_need_group(d, err);
        if (r == 0)
                r = ldap_link_escape(d->group.dn, dn, sizeof dn, err);
        if (r == 0) {
                (void)snprintf(filter, sizeof filter,
                               "(&(objectCategory=computer)(memberOf:1.2.840.113556.1.4.1941:=%s))", dn);
                const LdapQuery query = { NULL, false, filter, attributes, DIRECTORY_FABRIC_MAX };
                r = directory_ask(d, &query, take_member, &list, err);
        }
        (void)pthread_mutex_unlock(&d->lock);
        if (r < 0) {
                free(list.all);
                return -1;
        }
        *ret = list.all;
        *ret_count = list.count;
        return 0;
}

static int take_sid(void *userdata, const LdapEntry *entry, Error *err) {
        uint8_t bytes[SID_BYTES_MAX];
        size_t size = 0;
        bool there = ldap_entry_bytes(entry, "objectSid", bytes, sizeof bytes, &size);
        Reader r = reader_of(bytes, size);
        if (!there || !sid_read(&r, userdata) || !reader_done(&r))
                return error_set(err, ERROR_PROTOCOL, 0, "the directory's answer about a group is damaged");
        return 0;
}

int directory_group(Directory *d, const char *name, Sid *ret, Error *err) {
        static const char *const attributes[] = { "objectSid", NULL };
        char escaped[3 * MACHINE_NAME_MAX], filter[FILTER_MAX];
        Sid sid = { 0 };

        if (ldap_link_escape(name, escaped, sizeof escaped, err) < 0)
                return -1;
        (void)snprintf(filter, sizeof filter, "(&(objectCategory=group)(sAMAccountName=%s))", escaped);
        const LdapQuery query = { NULL, false, filter, attributes, 2 };
        (void)pthread_mutex_lock(&d->lock);
        int r = directory_ask(d, &query, take_sid, &sid, err);
        (void)pthread_mutex_unlock(&d->lock);
        if (r < 0)
                return -1;
        if (sid.count == 0)
                return error_set(err, ERROR_NOT_FOUND, 0, "the domain %s has no group '%.64s'", d->machine.domain, name);
        *ret = sid;
        return 0;
}

void directory_forget(Directory *d) {
        (void)pthread_mutex_lock(&d->lock);
        forget(d);
        (void)pthread_mutex_unlock(&d->lock);
}

uint64_t directory_questions(Directory *d) {
        (void)pthread_mutex_lock(&d->lock);
        uint64_t n = d->questions;
        (void)pthread_mutex_unlock(&d->lock);
        return n;
}
