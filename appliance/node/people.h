/* people.h — people of the domain as users of this host: sshd asks by NSS, nss-systemd asks here
 *
 * io.systemd.UserDatabase on a unix socket for root alone.  Known is who is in one of the groups that give a role;
 * nothing is stored, and a name without a domain or a number outside the range (auth/person.h) is answered at once,
 * without the directory: root and every local user come in whatever state the domain is in.  A question about a person
 * ends after PEOPLE_WAIT_US, with or without the directory's answer.
 */
#pragma once

#include <sys/types.h>

#include "appliance/node/node-internal.h"
#include "appliance/node/vouch.h"

#define PEOPLE_SERVICE "io.holdfast.People"     /* the socket's name, as the interface wants it */
#define PEOPLE_WAIT_US (4 * 1000000ULL)

typedef struct People People;

/* Everybody's group on this host is @gid.  On the loop. */
int people_new(Node *node, const char *address, gid_t gid, People **ret, Error *err) FAILS;
void people_free(People *people);       /* after node_free(); accepts NULL */

/* Whose number @uid is here, by the directory.  Blocks.  Errors as vouch_account(). */
int people_judge(Node *node, uint32_t uid, char ret_name[static VOUCH_NAME_MAX], char ret_sid[static SID_TEXT_MAX],
                 Role *ret_role, Error *err) FAILS;
