/* ledger.h — <folder>\owner.json: which host runs a virtual machine, in which ownership term, since when
 *
 * Information for people and for messages, and the source of the next epoch.  It is never the lock: the lock is the
 * disk's write handle on the file server (design §5).  Reading and writing block on the share.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "appliance/base/error.h"
#include "auth/machine.h"
#include "smb/share/files.h"

enum { LEDGER_DISKS_SIZE = 16 * 34 + 1 };       /* each of VM_DISKS_MAX disks: two numbers of 16 digits */

typedef struct Ledger {
        char host[MACHINE_NAME_MAX];    /* hv1.lab.test; "" when nobody runs it */
        uint64_t epoch;                 /* of the last ownership term; 0 when there was none */
        uint64_t since_us;              /* realtime; 0 unknown */
        bool saved;                     /* nobody runs it, and its memory waits on the share (saved.h): true until somebody starts it */
        char saved_disks[LEDGER_DISKS_SIZE];    /* saved: how its disks stood then (host-save.c); "" unknown */
} Ledger;

/* A missing file is a ledger of zeros.  ERROR_PROTOCOL: it is there, but is not a ledger. */
int ledger_read(const char *folder, Ledger *ret, Error *err) FAILS;
/* Atomic; sets nothing itself. */
int ledger_write(const char *folder, const Ledger *ledger, Error *err) FAILS;
/* The same over a connection that is there already (files.h). */
int ledger_write_over(FilesLink *link, const char *folder, const Ledger *ledger, Error *err) FAILS;

/* Pure forms of the two.  The caller frees *ret. */
int ledger_decode(const char *json, size_t size, Ledger *ret, Error *err) FAILS;
int ledger_encode(const Ledger *ledger, char **ret, Error *err) FAILS;

/* max(last epoch + 1, realtime in µs): above every epoch this machine's disks had, also when the ledger was lost.
 * ERROR_INVALID when the last epoch leaves no room. */
int ledger_next_epoch(const Ledger *ledger, uint64_t *ret, Error *err) FAILS;
