/* host-internal.h — what the parts of the VM host share; nobody else includes it
 *
 * Lock order: connect_lock before lock.  Neither is held while the share or a disk process is asked; lock is not
 * held while libvirt is asked.
 */
#pragma once

#include <pthread.h>

#include "migrate/host.h"
#include "migrate/ledger.h"

enum {
        CLAIMS_MAX = 256, LISTENERS_MAX = 4, SAMPLES_MAX = 1024, KNOWN_MAX = 1024,
        EVENTS_USED = 3,                        /* kinds of libvirt events we listen to, beside one of QEMU's */
};

typedef struct Claim {
        bool used;
        VmClaim what;
        char id[UUID_TEXT_SIZE], name[VM_NAME_SIZE];
        unsigned disk_count;
        char disks[VM_FILES_MAX][DISK_ID_SIZE];
} Claim;

typedef struct Sample {                         /* for CPUUsage: what a machine had used when last asked */
        char id[UUID_TEXT_SIZE];
        uint64_t processor_time_ns, at_us;
} Sample;

/* Which writing of its files a definition is from; host-known.c. */
typedef struct HostStampFile {
        uint64_t inode;
        int64_t size_bytes, seconds, nanoseconds;
} HostStampFile;
typedef struct HostStamp {
        bool given;                             /* else nothing can be said */
        uint8_t id[VIR_UUID_BUFLEN];
        unsigned runs;                          /* libvirt's number of this run; -1: off */
        HostStampFile defined, running;
} HostStamp;

typedef struct HostKnown HostKnown;
typedef struct HostOpening HostOpening;

typedef struct DiskIds {
        char (*list)[DISK_ID_SIZE];
        size_t count;
} DiskIds;

struct VmHost {
        VmHostConfig config;                    /* host: under lock */

        pthread_mutex_t lock;                   /* guards what is below, to the next remark */
        pthread_cond_t claims_changed;          /* CLOCK_MONOTONIC */
        Claim claims[CLAIMS_MAX];
        struct { void (*call)(void *userdata, const VmEvent *event); void *userdata; } listeners[LISTENERS_MAX];
        unsigned listener_count;
        Sample samples[SAMPLES_MAX];
        unsigned sample_next;
        HostKnown *known[KNOWN_MAX];
        unsigned known_next;
        bool stopping, settle_wanted;
        DiskIds owed;                           /* disks whose ledger could not be written */
        pthread_cond_t keeper_wake;             /* CLOCK_MONOTONIC */

        pthread_mutex_t connect_lock;           /* guards what is below, to the next remark */
        virConnectPtr connection;
        HostOpening *opening;                   /* a connection being made, perhaps in vain */
        int callbacks[EVENTS_USED], qemu_callback;

        /* set once, at the beginning or by their own part */
        int stop_timer;                         /* wakes libvirt's event loop for the last time */
        bool events_stopping;                   /* atomic */
        bool has_event_thread, has_keeper;
        pthread_t event_thread, keeper;
};

/* Scope guards of libvirt's references. */
static inline void domain_freep(virDomainPtr *domain) {
        if (*domain)
                (void)virDomainFree(*domain);
}
static inline void connection_freep(virConnectPtr *connection) {
        if (*connection)
                (void)virConnectClose(*connection);
}

/* ---- host.c ---- */
int host_cond_init(pthread_cond_t *cond);       /* on CLOCK_MONOTONIC; an errno, or 0 */

/* ---- host-connect.c ---- */
void host_connect_end(VmHost *host);

/* ---- host-events.c ---- */
int host_events_start(VmHost *host, Error *err) FAILS;
void host_events_stop(VmHost *host);
int host_events_register(VmHost *host, virConnectPtr connection, Error *err) FAILS;
void host_events_unregister(VmHost *host, virConnectPtr connection);
void host_tell(VmHost *host, const VmEvent *event);

/* ---- host-keeper.c ---- */
int host_keeper_start(VmHost *host, Error *err) FAILS;
void host_keeper_stop(VmHost *host);
void host_keeper_wake(VmHost *host);            /* cheap, any thread */
/* The machine of that disk is off and its ledger could not say so: to be said as soon as the share answers. */
void host_keeper_owe(VmHost *host, const char *disk_id);

/* The disks that the domain XML of a machine names by their sockets, whatever else it says; at most VM_FILES_MAX. */
unsigned host_disks_named(const char *xml, DiskName *ret);
/* The running machine of this host that uses one of @disks; "" when none does. */
int host_disk_user(VmHost *host, const DiskName *disks, unsigned disk_count, char ret_name[static VM_NAME_SIZE],
                   Error *err) FAILS;

/* ---- host-claim.c ---- */
/* Claims one disk for the keeper; false when somebody has it. */
bool host_claim_settle(VmHost *host, const char *disk_id);
void host_unclaim_quietly(VmHost *host, const char *id);        /* without waking the keeper */
/* What is going on with a machine, for people; "" when nothing.  Gives the VmClaim, or -1. */
int host_claim_text(VmHost *host, const char *id, char claim[static 64], char status[static 96]);

/* ---- host-find.c ---- */
/* The domains of ours; each entry and the array are the caller's (host_domains_free). */
typedef struct Domains {
        virDomainPtr *list;
        size_t count;
} Domains;
int host_domains(VmHost *host, unsigned flags, Domains *ret, Error *err) FAILS;
void host_domains_freep(Domains *domains);
/* The definition libvirt holds: @flags VIR_DOMAIN_XML_INACTIVE or 0.  ERROR_PROTOCOL: not ours. */
int host_definition(virDomainPtr domain, unsigned flags, VmDefinition *ret, Error *err) FAILS;
int host_no_such_machine(const char *name_or_id, Error *err);

/* ---- host-known.c ---- */
/* Before the machine is read: what is read afterwards is not older than that. */
void host_stamp(const VmHost *host, virDomainPtr domain, HostStamp *ret);
/* False: it has to be read. */
bool host_recall(VmHost *host, const HostStamp *stamp, VmDefinition *ret, uint64_t *ret_started_us);
void host_remember(VmHost *host, const HostStamp *stamp, const VmDefinition *definition, uint64_t started_us);
void host_known_end(VmHost *host);

/* ---- host-power.c ---- */
#define WRONG_STATE "The operation cannot be performed while the virtual machine is in its current state."
/* Claims the machine with its disks, as libvirt knows them now. */
int host_claim_running(VmHost *host, VmClaim what, const char *name_or_id, VmInfo *ret_info, virDomainPtr *ret,
                       Error *err) FAILS;
/* When it was switched on, for Uptime: now.  Without it that is not shown, and the machine runs all the same. */
void host_mark_started(virDomainPtr domain);
/* The machine as the share has it now: what is there counts, another host may have changed it.  ERROR_CONFLICT when it
 * is another machine by now.  @ret_text (may be NULL): the file itself; the caller frees it. */
int host_read_file(const VmDefinition *known, VmDefinition *ret, char **ret_text, Error *err) FAILS;
/* ERROR_NOT_FOUND names the first switch that this host lacks. */
int host_check_switches(const VmDefinition *definition, Error *err) FAILS;
/* Stops the disk processes of a machine that is off, but for those another one runs with, and takes our name out of
 * its ledger. */
int host_release(VmHost *host, const VmDefinition *definition, Error *err) FAILS;
/* Takes our name, and only ours, out of the ledger in @folder. */
int host_clear_ledger(VmHost *host, const char *folder, Error *err) FAILS;

/* ---- host-save.c ---- */
/* The saved machine of @definition runs again, its state file stays. */
int host_restore(VmHost *host, const VmDefinition *definition, const VmWait *wait, Error *err) FAILS;
/* ERROR_CONFLICT unless this host holds every disk for writing. */
int host_check_owner(const VmDefinition *definition, Error *err) FAILS;
/* ERROR_CONFLICT when a disk was written after what @ledger says was saved; call it when nobody else can write them. */
int host_check_saved_disks(const VmDefinition *definition, const Ledger *ledger, Error *err) FAILS;

/* ---- host-edit.c ---- */
/* A running domain learns what its definition says and it can take at once. */
int host_apply_live(virDomainPtr domain, const VmDefinition *definition, Error *err) FAILS;

/* ---- host-capability.c ---- */
/* Whether machines run emulated here; ERROR_UNSUPPORTED when they would have to and must not. */
int host_emulated(VmHost *host, virConnectPtr connection, bool *ret, Error *err) FAILS;

/* ---- device-adapter.c ---- */
/* An address that no machine of this host has. */
int host_new_mac(VmHost *host, char to[static VM_MAC_SIZE], Error *err) FAILS;

/* ---- host-life.c ---- */
/* Gives libvirt the persistent domain of @definition, replacing the one of the same id. */
int host_define(VmHost *host, const VmDefinition *definition, Error *err) FAILS;
/* ERROR_CONFLICT when this host knows a machine of its id or its name. */
int host_must_be_new(VmHost *host, const VmDefinition *definition, Error *err) FAILS;
/* A .vm file on a share whose disks are there, too. */
int host_read_import(const char *unc_file, VmDefinition *ret, Error *err) FAILS;
