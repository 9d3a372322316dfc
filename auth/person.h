/* person.h — people of the domain as users of this host: their names as sshd is given them, and their numbers
 *
 * Pure.  A number is the last part of the account's SID plus PERSON_UID_BASE: the same on every host and after every
 * boot, stored nowhere, and of exactly one account of the domain.  systemd gives that range to nobody (UIDS-GIDS).
 *
 * A name always says its domain: LAB\anna, anna@lab.test, anna@LAB.  So it is never a local user's, and never what
 * libkrb5 makes of a ticket's name by itself, which an account of the domain can choose (appliance/ssh).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "appliance/base/error.h"
#include "appliance/base/sid.h"

enum {
        PERSON_UID_BASE = 0x70000000,
        PERSON_RID_MAX = 0x0ffdffff,    /* above begin systemd's numbers for foreign images */
        PERSON_ACCOUNT_MAX = 105,       /* bytes with the NUL; Windows allows users 20 characters */
        PERSON_DOMAIN_MAX = 256,
};

typedef struct PersonName {
        char account[PERSON_ACCOUNT_MAX];       /* sAMAccountName as it was typed */
        char domain[PERSON_DOMAIN_MAX];         /* "LAB" or "lab.test" as it was typed */
} PersonName;

/* False: it names nobody of a domain. */
bool person_parse(const char *text, PersonName *ret);
/* False: not of a domain, or its number is too large. */
bool person_uid(const Sid *sid, uint32_t *ret);
/* False: the number is not a person's. */
bool person_rid(uint32_t uid, uint32_t *ret);
