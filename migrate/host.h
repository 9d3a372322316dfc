/* host.h — the virtual machines of this node: libvirt, their disks, their ledgers
 *
 * Owns one connection to qemu:///system (kept alive, reopened when libvirtd restarts), libvirt's event thread, and
 * a keeper thread that puts things in order whenever the world changed: a machine that is off has no disk process
 * and no ledger entry naming us.  Running machines are never touched by a restart of this process.
 *
 * All calls are thread-safe and block (libvirt, the share): pool threads only.  A machine is named by name (without
 * case) or id.  Who changes a machine claims it first, so that no two operations run on one machine or one disk.
 * Refuses to know: moves (migrate/live.h), commands, JSON over varlink.
 */
#pragma once

#include <libvirt/libvirt.h>
#include <stdbool.h>
#include <stdint.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/error.h"
#include "auth/machine.h"
#include "migrate/definition.h"
#include "migrate/processor.h"
#include "smb/disk/client.h"

typedef struct VmHost VmHost;

typedef struct VmHostConfig {
        bool allow_emulation;                   /* else a host without hardware virtualization runs nothing */
        char host[MACHINE_NAME_MAX];            /* hv1.lab.test: what the ledger says of us */
        const char *libvirt_uri;                /* for tests; NULL: qemu:///system.  Must outlive the process. */
        uint64_t libvirt_timeout_us;            /* for connecting to libvirt; 0: 15 s */
} VmHostConfig;

/* One per process: registers libvirt's event implementation.  libvirtd need not be up yet, and may hang: calls answer
 * ERROR_UNREACHABLE until it is, those that it leaves without an answer after 20 s. */
int vmhost_new(const VmHostConfig *config, VmHost **ret, Error *err) FAILS;
void vmhost_free(VmHost *host);                 /* leaves every machine running; accepts NULL */
DEFINE_FREEP(VmHost, vmhost_free);
/* After Add-Computer: our name. */
void vmhost_set_name(VmHost *host, const char *name);
void vmhost_name(VmHost *host, char ret[static MACHINE_NAME_MAX]);

/* ---- what happened ---------------------------------------------------------------------------- */

typedef enum VmEventKind {
        VM_EVENT_STARTED,
        VM_EVENT_STOPPED,
        VM_EVENT_CRASHED,
        VM_EVENT_SUSPENDED,
        VM_EVENT_RESUMED,
        VM_EVENT_DEFINED,
        VM_EVENT_UNDEFINED,
        VM_EVENT_DISK_ERROR,
        VM_EVENT_GUEST_REBOOTED,
        VM_EVENT_MIGRATED,      /* QEMU has sent all of it; a hint: vmhost_migration_complete() says so for certain */
        VM_EVENT_TROUBLE,       /* the keeper could not put something in order and tries again; text */
} VmEventKind;

typedef struct VmEvent {
        VmEventKind kind;
        int detail;                             /* libvirt's virDomainEvent…DetailType of the kind */
        char name[VM_NAME_SIZE], id[UUID_TEXT_SIZE];    /* "" where the event is about no machine */
        char text[ERROR_TEXT_MAX];              /* TROUBLE, DISK_ERROR: a sentence; else "" */
} VmEvent;

/* Called on libvirt's event thread or the keeper's: must not block and must not call libvirt or this host.  At
 * most 4 listeners, never removed before vmhost_free(). */
int vmhost_listen(VmHost *host, void (*listener)(void *userdata, const VmEvent *event), void *userdata,
                  Error *err) FAILS;

/* ---- finding ---------------------------------------------------------------------------------- */

typedef enum VmState {                          /* Hyper-V's numbers (VMState) */
        VM_OTHER = 1, VM_RUNNING = 2, VM_OFF = 3, VM_STOPPING = 4, VM_SAVED = 6, VM_PAUSED = 9, VM_STARTING = 10,
        VM_SAVING = 32773,
        VM_PAUSED_CRITICAL = 32787,             /* stopped itself on a disk error */
} VmState;
const char *vm_state_name(VmState state);       /* "Running" */

typedef struct VmInfo {
        VmDefinition definition;
        VmState state;
        bool active;                            /* has a QEMU process */
        char claim[64];                         /* "moving" …; "" when nobody holds it */
        char claim_status[96];                  /* Hyper-V style Status text of that, or "" */
        uint64_t memory_assigned_bytes;         /* 0 when off */
        bool has_cpu_usage;
        unsigned cpu_usage_percent; /* of the machine's processors, since last asked (or since its start) */
        uint64_t started_us;                    /* realtime of power-on; 0 unknown or off */
        uint64_t processor_time_ns;
} VmInfo;

/* Hyper-V's sentence and ERROR_NOT_FOUND when there is none. */
int vmhost_find(VmHost *host, const char *name_or_id, VmInfo *ret, Error *err) FAILS;
/* A machine of ours that this version cannot read, say after a newer one was here. */
typedef void (*VmUnreadable)(void *userdata, const char *name, const Error *why);
void vmhost_skip(void *userdata, const char *name, const Error *why);    /* for those who can do without it */
/* Only domains that carry our metadata, by name.  The caller frees *ret.  @unreadable: such machines are told and left out;
 * NULL: one is enough to fail, for those who must know of all. */
int vmhost_list(VmHost *host, VmUnreadable unreadable, void *userdata, VmInfo **ret, size_t *ret_count, Error *err) FAILS;
/* By id, by name, or by a name that differs in case only, in this order.  A reference: virDomainFree() it. */
int vmhost_domain(VmHost *host, const char *name_or_id, virDomainPtr *ret, Error *err) FAILS;
/* A reference: virConnectClose() it. */
int vmhost_connection(VmHost *host, virConnectPtr *ret, Error *err) FAILS;

/* ---- claims ----------------------------------------------------------------------------------- */

typedef enum VmClaim {
        VM_CLAIM_CREATE, VM_CLAIM_START, VM_CLAIM_STOP, VM_CLAIM_DEVICE, VM_CLAIM_EXPORT, VM_CLAIM_REMOVE,
        VM_CLAIM_DISK, VM_CLAIM_MOVE_OUT, VM_CLAIM_MOVE_IN, VM_CLAIM_SETTLE,
        VM_CLAIM_SAVE, VM_CLAIM_CHANGE,
} VmClaim;

/* Exclusive right to change a machine (by id; need not exist here yet) and its disks until vmhost_unclaim().  While
 * claimed, the keeper leaves machine, disk processes and ledger alone.  ERROR_CONFLICT says what is going on, e.g.
 * 'The virtual machine "web01" is being moved …'.  @disks NULL: none; at most VM_FILES_MAX, and the media of DVD
 * drives among them, or the keeper may end their disk processes. */
int vmhost_claim(VmHost *host, VmClaim what, const char *id, const char *name, const DiskName *disks,
                 unsigned disk_count, Error *err) FAILS;
/* The keeper looks at it once more.  Not claimed is fine. */
void vmhost_unclaim(VmHost *host, const char *id);

/* ---- life ------------------------------------------------------------------------------------- */

typedef struct VmWait {                         /* how a long call learns that its caller is gone */
        bool (*cancelled)(void *userdata);      /* NULL: never */
        void (*progress)(void *userdata, int percent);  /* of saving and restoring; often; or NULL */
        void *userdata;
} VmWait;

/* Makes the folder, the .vm file and the domain, or nothing.  @definition->id "" gets a new one.  ERROR_CONFLICT:
 * name taken here, or a machine of that name lies in the folder already. */
int vmhost_create(VmHost *host, VmDefinition *definition, Error *err) FAILS;
/* A .vm file on a share becomes a machine of this node, in place. */
int vmhost_import(VmHost *host, const char *unc_file, VmDefinition *ret, Error *err) FAILS;
/* Disk processes, exclusive opens, ledger, QEMU; all undone in reverse when one fails.  Running already is
 * success with *ret_changed false.  A saved machine goes on where it was; when that fails it is as saved as before.
 * @wait may be NULL: only restoring can be cancelled. */
int vmhost_start(VmHost *host, const char *name_or_id, const VmWait *wait, bool *ret_changed, Error *err) FAILS;
/* Power cut; disks are released when it returns. */
int vmhost_turn_off(VmHost *host, const char *name_or_id, bool *ret_changed, Error *err) FAILS;
/* Asks the guest; ERROR_TIMEOUT when it is not off after @timeout_us, with the machine still running. */
int vmhost_shut_down(VmHost *host, const char *name_or_id, uint64_t timeout_us, const VmWait *wait,
                     bool *ret_changed, Error *err) FAILS;
/* Memory goes to the share beside the machine's files, and it is off; any host may start it again.  Running or paused.
 * Saved already is success with *ret_changed false; when it fails, or is cancelled, the machine runs on. */
int vmhost_save(VmHost *host, const char *name_or_id, const VmWait *wait, bool *ret_changed, Error *err) FAILS;
/* The saved memory goes, as if the power had been cut when it was saved.  ERROR_CONFLICT when there is none. */
int vmhost_discard_saved(VmHost *host, const char *name_or_id, Error *err) FAILS;
/* The guest stands still, and goes on.  Being so already is success with *ret_changed false.  vmhost_resume() refuses a
 * machine whose disks this host does not hold: it may run elsewhere. */
int vmhost_suspend(VmHost *host, const char *name_or_id, bool *ret_changed, Error *err) FAILS;
int vmhost_resume(VmHost *host, const char *name_or_id, bool *ret_changed, Error *err) FAILS;
/* The reset button of a running machine. */
int vmhost_reset(VmHost *host, const char *name_or_id, Error *err) FAILS;

/* @edit changes anything but name, id and folder of what the share says of a machine now; its -1 ends it.  The result is
 * checked and stored on the share and here.  ERROR_CONFLICT when another host runs the machine by its ledger, or when
 * it runs or is saved and cannot take the change (notes, processor_weight and processor_maximum it can, at once). */
typedef int (*VmEdit)(void *userdata, VmDefinition *definition, Error *err);
int vmhost_edit(VmHost *host, const char *name_or_id, VmEdit edit, void *userdata, Error *err) FAILS;
/* Off only: the name is that of the .vm file.  The folder and all other files keep theirs. */
int vmhost_rename(VmHost *host, const char *name_or_id, const char *new_name, Error *err) FAILS;

/* Off or saved.  The domain and the .vm file go, disks stay.  *ret_kept: this host has forgotten it, but its file
 * stayed on the share; @ret_why is a sentence: another host runs it by the ledger, or the share refused us or did
 * not answer. */
int vmhost_remove(VmHost *host, const char *name_or_id, bool *ret_kept, char ret_why[static ERROR_TEXT_MAX],
                  Error *err) FAILS;
typedef struct VmExport {
        const char *folder;                     /* on a share: the copy lies in <folder>\<name> */
        const char *disks;                      /* folder of the disks of a vmhost_import_copy(); or NULL: in its own */
        bool new_id;                            /* of a vmhost_import_copy(): another machine, with addresses of its own */
        void (*progress)(void *userdata, int percent);  /* or NULL */
        void *userdata;
        VmWait wait;
} VmExport;
/* Off only.  Copies definition and disks; the copy has the same id, and is imported on a host that does not know it.
 * ERROR_CONFLICT when the folder exists; nothing is left of a copy that failed. */
int vmhost_export(VmHost *host, const char *name_or_id, const VmExport *ask, Error *err) FAILS;
/* The machine of a .vm file on a share, copied to another folder and known to this host there; what it was copied from stays
 * as it is.  ERROR_CONFLICT when that is in use or saved, when the folder or a disk exists, or when this host knows the
 * machine or its name; nothing is left of a copy that failed. */
int vmhost_import_copy(VmHost *host, const char *unc_file, const VmExport *ask, VmDefinition *ret, Error *err) FAILS;
/* Forgets an inactive domain, keeps every file: a leftover at a move's destination.  Not there is success. */
int vmhost_undefine(VmHost *host, const char *id, Error *err) FAILS;

/* ---- for moves -------------------------------------------------------------------------------- */

typedef struct VmCapabilities {
        bool hardware_virtualization;           /* KVM usable */
        bool emulation_allowed;
        bool machine_type;                      /* DEFINITION_MACHINE known to the emulator */
        bool cpu_model;                         /* definition_cpu() usable here */
        char cpu_vendor[32], cpu_model_name[64];        /* of the host, libvirt's names */
        char emulator[256];
        unsigned long libvirt_version, qemu_version;    /* major * 1000000 + minor * 1000 + release */
        unsigned processors;
        uint64_t memory_total_bytes, memory_free_bytes; /* free: including caches that can be dropped */
} VmCapabilities;
int vmhost_capabilities(VmHost *host, VmCapabilities *ret, Error *err) FAILS;
enum { PROCESSOR_MISSING_SIZE = 192 };
/* What QEMU can give a machine here; empty when it cannot run any that way. */
int vmhost_processor(VmHost *host, bool emulated, Processor *ret, Error *err) FAILS;
/* What of @wanted a machine cannot have here: names of features, or libvirt's reason; "" when it can have all. */
int vmhost_processor_misses(VmHost *host, bool emulated, const Processor *wanted,
                            char ret[static PROCESSOR_MISSING_SIZE], Error *err) FAILS;
/* The model nearest to what both this host and one with @theirs can give; "" when there is none. */
int vmhost_processor_common(VmHost *host, bool emulated, const Processor *theirs,
                            char ret_model[static PROCESSOR_NAME_SIZE], Error *err) FAILS;
/* True for a host bridge of that name. */
bool vmhost_switch_exists(const char *switch_name);
/* QEMU says that the outgoing migration is complete: paused, drained, inactivated, everything sent.  False while it
 * runs, when it failed and when there is none. */
int vmhost_migration_complete(virDomainPtr domain, bool *ret, Error *err) FAILS;
