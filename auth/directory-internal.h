/* directory-internal.h — what the parts of the directory share (directory.c, directory-sids.c)
 */
#pragma once

#include <pthread.h>

#include "auth/directory-sids.h"
#include "auth/ldap-link.h"

enum {
        DIRECTORY_ANSWERS_MAX = 256,    /* kept; the oldest goes */
        DIRECTORY_TOKENS_MAX = 64,      /* accounts whose groups are kept */
        DIRECTORY_NAMES_MAX = 256,      /* names of SIDs */
        DIRECTORY_SHORT_MAX = 64,
};

typedef struct DirectoryAnswer {
        char key[MACHINE_NAME_MAX];     /* what was asked; "" = free */
        DirectoryComputer computer;
        uint64_t until_us;
} DirectoryAnswer;

typedef struct DirectoryFabric {
        char dn[LDAP_LINK_DN_MAX];
        uint8_t sid[DIRECTORY_SID_MAX];
        size_t sid_size;
        uint64_t until_us;
} DirectoryFabric;

typedef struct DirectoryToken {
        char account[MACHINE_NAME_MAX];
        DirectorySid *sids;
        size_t count;
        uint64_t until_us;
} DirectoryToken;

typedef struct DirectoryName {
        DirectorySid sid;
        char name[DIRECTORY_PRINCIPAL_MAX];     /* "": the domain has none */
        uint64_t until_us;
} DirectoryName;

struct Directory {
        pthread_mutex_t lock;           /* over everything below, and over the wire: one question at a time */
        Machine machine;
        LdapLink *link;
        DirectoryFabric group;
        DirectoryAnswer answers[DIRECTORY_ANSWERS_MAX];
        DirectoryToken tokens[DIRECTORY_TOKENS_MAX];
        DirectoryName names[DIRECTORY_NAMES_MAX];
        char short_name[DIRECTORY_SHORT_MAX];   /* of the domain, "LAB"; "" not known */
        uint64_t short_name_until_us;
        Sid domain_sid;                         /* no parts: not asked yet */
        uint64_t questions;
        Error failure;                  /* why there is no link … */
        uint64_t failure_until_us;      /* … said at once to those who waited for the lock meanwhile */
};

typedef int DirectoryEach(void *userdata, const LdapEntry *entry, Error *err);
/* With the lock held: one question, on a new connection when the old one has died. */
int directory_ask(Directory *d, const LdapQuery *query, DirectoryEach *each, void *userdata, Error *err) FAILS;
/* With the lock held: d->group is current. */
int directory_need_group(Directory *d, Error *err) FAILS;
void directory_forget_sids(Directory *d);
