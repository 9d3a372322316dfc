/* standing.h — how this host stands in its domain, as the domain and the DNS see it
 *
 * Facts only: what they mean, and what mends them, is for who asks.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "auth/directory-account.h"
#include "auth/locate.h"

typedef struct Standing {
        char controller[LOCATE_HOST_MAX];       /* whose clock was read; "": none answered */
        int64_t ahead_s;                        /* our clock against it */

        bool dns_answered;
        char own[LOCATE_ADDRESS_MAX];           /* our address towards the controllers; "" not known */
        LocateAddresses in_dns;                 /* of our own name */
        bool dns_right;                         /* one of them is ours */

        bool asked;                             /* the directory answered: what follows is known */
        Error why_not;                          /* when it did not */
        bool enabled, in_fabric, fabric_there;
        unsigned key_version, key_version_there;        /* in the keytab, and in the domain; 0: not told */
        unsigned spns_missing;
        char spn[DIRECTORY_SPN_MAX];            /* the first of them */
        char spn_holder[MACHINE_NAME_MAX];      /* the account that has it instead, or "" */
} Standing;

/* Asks a controller's clock (no credential), the DNS and the directory.  Always ends; blocks up to ~30 s when nobody
 * answers, some 20 ms when all do.  With a clock that Kerberos refuses the directory is not asked. */
void standing_look(const Machine *machine, Directory *directory, Standing *ret);
