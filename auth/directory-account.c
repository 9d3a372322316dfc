#include "auth/directory-account.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/text.h"
#include "auth/directory-internal.h"

enum { ACCOUNT_DISABLED = 0x2 };        /* MS-ADTS 2.2.16 ADS_UF_ACCOUNTDISABLE */

typedef struct Seen {
        DirectoryAccount *account;
        unsigned count;
} Seen;

static int take_spn(void *userdata, const uint8_t *data, size_t size, Error *err) {
        DirectoryAccount *a = userdata;

        if (size == 0 || size >= DIRECTORY_SPN_MAX || memchr(data, '\0', size) || a->spn_count == DIRECTORY_SPNS_MAX)
                return 0;       /* no name of ours */
        memcpy(a->spns[a->spn_count], data, size);
        a->spns[a->spn_count++][size] = '\0';
        return 0;
}

static int take_account(void *userdata, const LdapEntry *entry, Error *err) {
        Seen *seen = userdata;
        DirectoryAccount *a = seen->account;
        char control[16], version[16];

        *a = (DirectoryAccount){ 0 };
        seen->count++;
        if (strlen(ldap_entry_dn(entry)) >= sizeof a->dn ||
            !ldap_entry_text(entry, "sAMAccountName", a->account, sizeof a->account) ||
            !ldap_entry_text(entry, "userAccountControl", control, sizeof control))
                return error_set(err, ERROR_PROTOCOL, 0, "the directory's answer about a computer is damaged");
        memcpy(a->dn, ldap_entry_dn(entry), strlen(ldap_entry_dn(entry)) + 1);
        (void)ldap_entry_text(entry, "dNSHostName", a->host, sizeof a->host);
        a->enabled = !(strtoul(control, NULL, 10) & ACCOUNT_DISABLED);
        if (ldap_entry_text(entry, "msDS-KeyVersionNumber", version, sizeof version))
                a->key_version = (unsigned)strtoul(version, NULL, 10);
        return ldap_entry_each(entry, "servicePrincipalName", take_spn, a, err);
}

int directory_account(Directory *d, const char *account, DirectoryAccount *ret, Error *err) {
        static const char *const attributes[] = { "sAMAccountName", "dNSHostName", "userAccountControl",
                                                  "msDS-KeyVersionNumber", "servicePrincipalName", NULL };
        char escaped[3 * MACHINE_NAME_MAX], filter[sizeof escaped + 64];
        Seen seen = { .account = ret };

        if (ldap_link_escape(account, escaped, sizeof escaped, err) < 0)
                return -1;
        (void)snprintf(filter, sizeof filter, "(&(objectCategory=computer)(sAMAccountName=%s))", escaped);
        const LdapQuery query = { NULL, false, filter, attributes, 2 };
        (void)pthread_mutex_lock(&d->lock);
        int r = directory_ask(d, &query, take_account, &seen, err);
        (void)pthread_mutex_unlock(&d->lock);
        if (r < 0)
                return -1;
        return seen.count > 0 ? 0 : error_set(err, ERROR_NOT_FOUND, 0, "the domain %s has no computer %s; check the name",
                                              d->machine.domain, account);
}

bool directory_account_has(const DirectoryAccount *account, const char *spn) {
        for (size_t i = 0; i < account->spn_count; i++)
                if (text_equal_nocase(account->spns[i], spn))
                        return true;
        return false;
}

static int take_holder(void *userdata, const LdapEntry *entry, Error *err) {
        (void)ldap_entry_text(entry, "sAMAccountName", userdata, MACHINE_NAME_MAX);
        return 0;
}

int directory_spn_holder(Directory *d, const char *spn, char ret[static MACHINE_NAME_MAX], Error *err) {
        static const char *const attributes[] = { "sAMAccountName", NULL };
        char escaped[3 * DIRECTORY_SPN_MAX], filter[sizeof escaped + 64];

        ret[0] = '\0';
        if (ldap_link_escape(spn, escaped, sizeof escaped, err) < 0)
                return -1;
        (void)snprintf(filter, sizeof filter, "(servicePrincipalName=%s)", escaped);
        const LdapQuery query = { NULL, false, filter, attributes, 16 };
        (void)pthread_mutex_lock(&d->lock);
        int r = directory_ask(d, &query, take_holder, ret, err);
        (void)pthread_mutex_unlock(&d->lock);
        return r;
}

/* ---- writing ------------------------------------------------------------------------------------------- */

typedef int Write(LdapLink *link, const char *dn, const char *attribute, const char *value, Error *err);

static int pass(void *userdata, const LdapEntry *entry, Error *err) { return 0; }

/* A question first: it renews a connection that has died, and the change itself is sent only once. */
static int write_own(Directory *d, const DirectoryAccount *own, Write *write, const char *attribute, const char *value,
                     Error *err) {
        static const char *const none[] = { "1.1", NULL };
        const LdapQuery there = { own->dn, true, "(objectClass=*)", none, 1 };

        (void)pthread_mutex_lock(&d->lock);
        int r = directory_ask(d, &there, pass, NULL, err);
        if (r == 0)
                r = write(d->link, own->dn, attribute, value, err);
        (void)pthread_mutex_unlock(&d->lock);
        return r;
}

int directory_add_spn(Directory *d, const DirectoryAccount *own, const char *spn, Error *err) {
        return write_own(d, own, ldap_link_add_value, "servicePrincipalName", spn, err);
}

int directory_set_host(Directory *d, const DirectoryAccount *own, const char *host, Error *err) {
        return write_own(d, own, ldap_link_set_value, "dNSHostName", host, err);
}
