/* ldap-link.h — one connection to a domain controller: bound with the machine's ticket, and sealed
 *
 * The only place that calls libldap and translates its errors.  Never a simple bind, no referrals, no
 * connection below a seal of 56 bits (AES tickets give 256).  One thread at a time.  libldap writes to
 * its socket without MSG_NOSIGNAL: the process must ignore SIGPIPE.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/error.h"
#include "auth/machine.h"

enum {
        LDAP_LINK_DN_MAX = 1024,
        LDAP_LINK_TIMEOUT_S = 5,        /* for connecting, and for each answer */
        LDAP_LINK_OPEN_S = 20,          /* after this no further controller is tried */
        LDAP_LINK_AWAY_S = 30,          /* to a controller of another site: then it is looked whether ours is back */
        LDAP_LINK_VALUES_MAX = 4096,    /* values of one attribute that are looked at */
};

typedef struct LdapLink LdapLink;

/* Tries the domain controllers that answer, those of our site first (locate_nearest()), until one lets us in. */
int ldap_link_open(const Machine *machine, LdapLink **ret, Error *err) FAILS;
/* The same as whoever's tickets are in @ccache ("MEMORY:…", auth/visitor.h). */
int ldap_link_open_as(const Machine *machine, const char *ccache, LdapLink **ret, Error *err) FAILS;
void ldap_link_close(LdapLink *link);           /* accepts NULL */
DEFINE_FREEP(LdapLink, ldap_link_close);

/* The domain's naming context, "DC=lab,DC=test", and the controller's name. */
const char *ldap_link_base(const LdapLink *link);
const char *ldap_link_server(const LdapLink *link);
/* It leads to another site and is old enough to ask whether a controller of ours is back: close it and open one anew. */
bool ldap_link_is_past(const LdapLink *link);
/* Bits of encryption of the SASL layer. */
unsigned ldap_link_seal(const LdapLink *link);

typedef struct LdapEntry LdapEntry;             /* valid during the callback only */

/* First value as text (bounded, no NUL inside), or false. */
bool ldap_entry_text(const LdapEntry *entry, const char *attribute, char *to, size_t size);
/* Whether @value is among the values of @attribute; @ret_any: there was any value at all. */
bool ldap_entry_has(const LdapEntry *entry, const char *attribute, const void *value, size_t size, bool *ret_any);
/* First value as bytes; false when absent or longer than @size. */
bool ldap_entry_bytes(const LdapEntry *entry, const char *attribute, uint8_t *to, size_t size, size_t *ret_size);
/* Every value as bytes, at most LDAP_LINK_VALUES_MAX; @each returns -1 with *err to stop. */
int ldap_entry_each(const LdapEntry *entry, const char *attribute,
                    int (*each)(void *userdata, const uint8_t *data, size_t size, Error *err), void *userdata,
                    Error *err) FAILS;
const char *ldap_entry_dn(const LdapEntry *entry);

typedef struct LdapQuery {
        const char *base;               /* NULL: the domain */
        bool only_base;                 /* the base object itself instead of all below it */
        const char *filter;
        const char *const *attributes;  /* ends with NULL */
        size_t max;                     /* entries; more is ERROR_LIMIT */
} LdapQuery;

/* Runs @query in pages, calling @each for every entry.  @each returns -1 with *err to stop.
 * ERROR_UNREACHABLE and ERROR_TIMEOUT mean that the link is dead: close it. */
int ldap_link_search(LdapLink *link, const LdapQuery *query,
                     int (*each)(void *userdata, const LdapEntry *entry, Error *err), void *userdata,
                     Error *err) FAILS;

/* One value more of @attribute; 0 also when it has that value.  ERROR_DENIED: not ours to write; ERROR_CONFLICT: the
 * domain has a rule against it, such as another account with that name.  @dn is not escaped here. */
int ldap_link_add_value(LdapLink *link, const char *dn, const char *attribute, const char *value, Error *err) FAILS;
/* @value instead of whatever @attribute has.  Errors as above. */
int ldap_link_set_value(LdapLink *link, const char *dn, const char *attribute, const char *value, Error *err) FAILS;
/* 0 also when there is no such entry.  @dn is not escaped here. */
int ldap_link_delete(LdapLink *link, const char *dn, Error *err) FAILS;

/* Escapes @text for a filter (RFC 4515 3).  ERROR_LIMIT when it does not fit. */
int ldap_link_escape(const char *text, char *to, size_t size, Error *err) FAILS;

/* What a domain controller tells anybody (rootDSE), before any credential is sent. */
typedef struct LdapRoot {
        char base[LDAP_LINK_DN_MAX];            /* defaultNamingContext */
        char server[MACHINE_NAME_MAX];          /* dnsHostName */
        int64_t time_s;                         /* currentTime, seconds since 1970 */
} LdapRoot;

int ldap_link_root(const char *host, LdapRoot *ret, Error *err) FAILS;
/* "20261123080000.0Z" → seconds since 1970; false when it is no such time. */
bool ldap_link_time(const char *text, int64_t *ret);
