/* machine.h — this node's own account in the domain
 *
 * The keytab (/etc/krb5.keytab) is the only secret.  From it holdfastd keeps one credential cache
 * (MACHINE_CCACHE) fresh; disk processes and calls to the share read tickets from there and never see
 * the keytab.  No password is ever stored.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "appliance/base/error.h"

#define MACHINE_KEYTAB_PATH "/etc/krb5.keytab"
#define MACHINE_CCACHE_PATH "/run/holdfast/krb5/machine"
#define MACHINE_CCACHE "FILE:" MACHINE_CCACHE_PATH
#define MACHINE_CCACHE_GROUP "holdfast-disk"

enum { MACHINE_NAME_MAX = 256 };

typedef struct Machine {
        char realm[MACHINE_NAME_MAX];           /* LAB.TEST */
        char domain[MACHINE_NAME_MAX];          /* lab.test */
        char host[MACHINE_NAME_MAX];            /* hv1.lab.test, lower case */
        char account[MACHINE_NAME_MAX];         /* HV1$ */
        char principal[MACHINE_NAME_MAX];       /* HV1$@LAB.TEST */
        char keytab[MACHINE_NAME_MAX];          /* path of the file the names were read from */
        char ccache[MACHINE_NAME_MAX];          /* path of the credential cache kept fresh */
        char conf[MACHINE_NAME_MAX];            /* path of a krb5.conf; "": the system's */
        int64_t key_s;                          /* when the newest key came into the keytab, seconds since 1970 */
        unsigned key_version;                   /* the newest key's, as the domain counts them */
} Machine;

/* Who we are by the keytab.  ERROR_NOT_FOUND (with the Add-Computer sentence) when there is none. */
int machine_load(Machine *ret, Error *err) FAILS;
/* The same with other files than MACHINE_KEYTAB_PATH and MACHINE_CCACHE_PATH. */
int machine_load_from(const char *keytab, const char *ccache, Machine *ret, Error *err) FAILS;

/* A fresh TGT from the keytab into the cache (atomically, mode 0640 group holdfast-disk).
 * @ret_renew_us: realtime at which it should be called again (half of the lifetime).  Blocks on the
 * KDC.  ERROR_DENIED: the key is no longer the account's, the account is disabled or gone, or the
 * clock is more than 5 minutes off.  ERROR_UNREACHABLE: no domain controller answered. */
int machine_refresh(const Machine *machine, uint64_t *ret_renew_us, Error *err) FAILS;
/* Asks the KDC whether the keytab's key is (still) the account's; writes nothing.  Errors as above. */
int machine_check(const Machine *machine, Error *err) FAILS;
/* Refreshes only when the cache is missing, somebody else's or about to expire.  Errors as above. */
int machine_ensure(const Machine *machine, Error *err) FAILS;
/* Whether @host, which DNS calls a domain controller, is one: DNS is not signed, and any member can have a
 * key for ldap/ITS-NAME, but only writable controllers' tickets are marked ok-as-delegate (RFC 4120 2.8)
 * by default.  Blocks on the KDC unless the ticket is kept.  ERROR_DENIED when it is not. */
int machine_check_controller(const Machine *machine, const char *host, Error *err) FAILS;
